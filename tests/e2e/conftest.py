"""A real server and a real browser. Each worker of pytest-xdist has its own server and its own data."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.person import Person

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENSHOTS = Path(__file__).parent / "screenshots"
CHROMIUM = Path("/usr/bin/chromium")
# As root Chromium refuses its sandbox; it sees nothing but our own pages here.
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]

Require = Callable[[str, object], None]


class Server:
    """The demo as `make demo` serves it, on a free port, with a new directory for its data."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.with_suffix(".log")

    def start(self) -> None:
        environment = {**os.environ, "PORT": str(self.port), "DATA": str(self.data), "WORKERS": "2"}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        with self.log.open("ab") as log:
            # A group of its own, so that what is killed is all of it and nothing else.
            self.running = subprocess.Popen(
                [sys.executable, str(ROOT / "demo/serve.py")],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self.running.stdout is not None
        for line in self.running.stdout:  # the address is printed when somebody listens there
            if self.url.encode() in line:
                return
        raise AssertionError(self.log.read_text())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if how is signal.SIGKILL:
            os.killpg(self.running.pid, how)
        else:
            self.running.send_signal(how)
        self.running.wait()
        assert self.running.stdout is not None
        self.running.stdout.read()  # it ends with the last of the server's processes, and so does their port
        self.running.stdout.close()

    def kill_and_start_again(self) -> None:
        self.stop(signal.SIGKILL)
        self.start()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("demo") / "data")
    server.start()
    yield server
    server.stop()
    # What the demo could not explain it would have logged.
    log = server.log.read_text()
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def chromium(require: Require) -> Iterator[Any]:
    """One browser for each module: Playwright's event loop must have ended before other tests use the ORM."""
    require("Chromium", CHROMIUM.exists())
    require("Playwright for Python", importlib.util.find_spec("playwright"))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_person(
    chromium: Any, server: Server, request: pytest.FixtureRequest, screenshots: Path
) -> Iterator[Callable[..., Person]]:
    """Make people: each with a browser profile of their own, and with JavaScript switched off."""
    contexts = []

    def make(*, hand: str = "mouse", javascript: bool = False, **options: Any) -> Person:
        options.setdefault("viewport", {"width": 1200, "height": 900})
        context = chromium.new_context(
            java_script_enabled=javascript, reduced_motion="reduce", base_url=server.url, **options
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        return Person(context.new_page(), hand)

    yield make
    if request.node.stash.get(failed, False):
        pages = [page for context in contexts for page in context.pages]
        for number, page in enumerate(pages):
            tell(page, screenshots / f"failed-{request.node.name}-{number}.png")
    for context in contexts:
        context.close()


failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Lets a test's fixtures know that it has failed."""
    report = yield
    item.stash[failed] = item.stash.get(failed, False) or report.failed
    return report


def tell(page: Any, picture: Path) -> None:
    """Print what a failed test's browser shows, and what it does not: the report has both."""
    print(f"\n{page.url}, pictured in {picture}:")
    try:
        page.screenshot(path=picture, full_page=True, timeout=5_000)
        print(page.evaluate(SHOWN))
    except Exception as error:  # the test's own failure is what matters
        print(f"It cannot be asked any more: {error}")


SHOWN = """() => {
  const boxless = [...document.querySelectorAll("main *, dialog *")].filter(each => {
    const box = each.getBoundingClientRect()
    const shown = each.checkVisibility() && (box.width || box.height)
    return !shown && each.textContent.trim() && !each.closest("option, details:not([open]) > :not(summary)")
  })
  const says = each => {
    const { display, visibility, contentVisibility, containerType } = getComputedStyle(each)
    return `<${each.localName} class="${each.className}">: ${display}, ${visibility}, ${contentVisibility}, `
      + `${containerType}, ${JSON.stringify(each.getBoundingClientRect())}`
  }
  const outermost = boxless.filter(each => !boxless.includes(each.parentElement))
  return [
    document.body.innerText.slice(0, 3000),
    `-- ${document.readyState}, ${document.visibilityState}, ${innerWidth} x ${innerHeight}; without a box:`,
    ...outermost.slice(0, 20).flatMap(each => [says(each), `  in ${says(each.parentElement)}`]),
  ].join("\\n")
}"""


@pytest.fixture(params=["mouse", "keyboard"])
def person(request: pytest.FixtureRequest, new_person: Callable[..., Person]) -> Person:
    """Somebody who uses the mouse; and again, somebody who has only a keyboard."""
    return new_person(hand=request.param)


@pytest.fixture
def visitor(new_person: Callable[..., Person]) -> Person:
    """Somebody, where it does not matter how they press a button."""
    return new_person()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where the pictures of the pages are left for people to look at; git ignores it."""
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """The sample pictures, in a directory where a test may put files beside them."""
    return Path(shutil.copytree(ROOT / "demo/samples", tmp_path / "samples"))
