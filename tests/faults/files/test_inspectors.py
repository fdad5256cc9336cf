"""Promise 17: an inspector that fails, hangs or says anything but yes refuses the file, for now; only a pass is a pass."""

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from greenroom.core.errors import NotChecked, Refused, UsageError
from greenroom.core.inspection import MOST_LATE, Inspection, inspect
from greenroom.forms import StagedFileField
from greenroom.images import not_blank
from tests.django.conftest import Browser, browser, media
from tests.faults.files.scanned import Daemon, scanner
from tests.faults.tally import Injected
from tests.images import pictures
from tests.pages import encode, errors_of, page_of
from tests.shop.models import Paper, Product

__all__ = ["browser", "media"]

pytestmark = pytest.mark.django_db(transaction=True)

LATER = "could not be checked just now, so it was not taken. Try again in a moment."
PICTURE = pictures.encoded(pictures.coded(120, 90), "png")
GUIDE = Path(__file__).parents[3] / "docs/how-to/inspectors.md"


@pytest.fixture(autouse=True)
def scanned(settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.faults.files.scanned"
    scanner.ask = lambda file, picture: None
    yield
    # Threads that a test has left behind have ended by now, or the next test would have fewer.
    for each in tuple(Inspection.late):
        each.join(10)
        assert not each.is_alive()


@contextlib.contextmanager
def impatient(settings: Any, *, really: bool = True) -> Iterator[None]:
    """Whoever hangs is not waited for as long as in life."""
    settings.GREENROOM = {"INSPECT_SECONDS": 0.3} if really else {}
    yield
    settings.GREENROOM = {}


def raising(error: BaseException) -> Callable[[Any, Any], Any]:
    def ask(file: Any, picture: Any) -> None:
        raise error

    return ask


def reads_for_ever(file: Any, picture: Any) -> None:
    while True:
        file.seek(0)
        file.read()


def too_late(file: Any, picture: Any) -> None:
    """It would say yes, after the end of its time."""
    while time.monotonic() < file.deadline:
        time.sleep(0.01)
    threading.Event().wait(0.3)


class TooLargeToScan(Exception):
    """A scanner's own word, which is none of ours."""


NO_VERDICT: dict[str, Callable[[Any, Any], Any]] = {
    "raises": raising(ValueError("broken")),
    "is out of memory": raising(MemoryError()),
    "is too deep in itself": raising(RecursionError()),
    "cannot reach its scanner": raising(ConnectionRefusedError()),
    "says it is too large to scan": raising(TooLargeToScan()),
    "ends its process, as it thinks": raising(SystemExit(0)),
    "is interrupted": raising(KeyboardInterrupt()),
    "stops an iteration": raising(StopIteration()),
    "returns False": lambda file, picture: False,
    "returns True": lambda file, picture: True,
    "returns what it found": lambda file, picture: "Eicar-Test-Signature FOUND",
    "returns its refusal": lambda file, picture: Refused(),
    "hangs while it reads": reads_for_ever,
    "answers too late": too_late,
}

LATE = ("hangs while it reads", "answers too late")

PLACES = {
    "one file": ("/paper/", "body", "title", ("tea.pdf", b"%PDF-1.4 tea")),
    "one picture": ("/product/", "photo", "name", ("tea.png", PICTURE)),
    "several files": ("/papers/", "papers", "title", ("tea.txt", b"Darjeeling")),
}


def saved() -> int:
    return Paper.objects.count() + Product.objects.count()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", NO_VERDICT)
def test_no_verdict_is_a_refusal_that_can_be_tried_again(
    browser: Browser, settings: Any, injected: Injected, place: str, kind: str
) -> None:
    url, field, text, file = PLACES[place]
    scanner.ask = NO_VERDICT[kind]
    with injected(17), impatient(settings, really=kind in LATE):
        answer = browser.fill(url, {text: "tea"}, {field: file})
        assert answer.status_code == 200
        assert errors_of(answer, field) == [f"“{file[0]}” {LATER}"]
        assert answer.context["form"].errors.as_data()[field][0].code == "not_checked"
        page = page_of(answer)
        assert page.names(field) == [file[0]], "nobody has to choose it again"
        again = browser.send(url, page)
        assert again.status_code == 200, "and asking again is asking again"
        assert saved() == 0
    scanner.ask = lambda file, picture: None
    assert browser.send(url, page_of(again)).status_code == 302
    assert saved() == 1


@pytest.mark.parametrize("kind", NO_VERDICT)
def test_a_view_without_a_form_answers_503(
    browser: Browser, settings: Any, injected: Injected, kind: str
) -> None:
    csrf = browser.get("/paper/")["csrfmiddlewaretoken"]
    body = encode([("csrfmiddlewaretoken", csrf), ("body", ("tea.bin", b"\x01\x02"))])
    scanner.ask = NO_VERDICT[kind]
    with injected(17), impatient(settings, really=kind in LATE):
        answer = browser.post_body("/direct/", body, HTTP_ACCEPT="application/json")
        assert answer.status_code == 503
        assert json.loads(answer.content)["code"] == "not_checked"
    scanner.ask = lambda file, picture: None
    assert browser.post_body("/direct/", body).json() == {"size": 2}


def test_a_picture_that_could_not_be_checked_keeps_its_crop(browser: Browser, injected: Injected) -> None:
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.png", PICTURE)}))
    scanner.ask = NO_VERDICT["raises"]
    crop = {"x": "8", "y": "6", "w": "40", "h": "30"}
    with injected(17):
        answer = browser.send(
            "/product/", page, {"name": "tea", **{f"photo-0-crop-{k}": v for k, v in crop.items()}}
        )
        page = page_of(answer)
        assert {part: page[f"photo-0-crop-{part}"] for part in crop} == crop
        assert len(page.images) == 1
    scanner.ask = lambda file, picture: None
    assert browser.send("/product/", page).status_code == 302
    assert (Product.objects.get().photo.width, Product.objects.get().photo.height) == (40, 30)


def test_a_pass_is_remembered_nowhere(browser: Browser, injected: Injected) -> None:
    asked = []
    scanner.ask = lambda file, picture: asked.append(file.read())
    page = page_of(browser.fill("/paper/", {"title": ""}, {"body": ("tea.txt", b"Darjeeling")}))
    assert asked == [b"Darjeeling"]
    scanner.ask = raising(TooLargeToScan())
    with injected(17):
        assert browser.send("/paper/", page, {"title": "tea"}).status_code == 200
        assert saved() == 0


def test_an_inspector_that_hangs_is_left_behind_and_they_are_few(
    browser: Browser, settings: Any, injected: Injected
) -> None:
    released = threading.Event()
    asked = []

    def hangs(file: Any, picture: Any) -> None:
        asked.append(file.name)
        released.wait(60)

    scanner.ask = hangs
    try:
        with injected(17, MOST_LATE + 1), impatient(settings):
            for number in range(MOST_LATE + 1):
                name = f"{number}.txt"
                answer = browser.fill("/paper/", {"title": "tea"}, {"body": (name, b"tea")})
                assert errors_of(answer, "body") == [f"“{name}” {LATER}"]
            assert asked == [f"{number}.txt" for number in range(MOST_LATE)], "no ninth thread is left behind"
            scanner.ask = lambda file, picture: None
            blocked = browser.send("/paper/", page_of(answer))
            assert errors_of(blocked, "body") == [f"“{name}” {LATER}"]
            assert saved() == 0
    finally:
        released.set()
    for each in tuple(Inspection.late):
        each.join(10)
    assert browser.send("/paper/", page_of(blocked)).status_code == 302


def test_the_stream_ends_with_the_deadline_and_so_does_its_reader(injected: Injected) -> None:
    seen = []

    def reads(file: Any, picture: Any) -> None:
        assert (file.size, file.name, file.read(3), file.tell()) == (5, "", b"Dar", 3)
        assert 0 < file.seconds_left() <= 0.2
        while True:
            try:
                file.seek(0)
            except TimeoutError:
                seen.append("over")
                raise

    with injected(17), pytest.raises(NotChecked):
        inspect(b"Darje", None, [reads], seconds=0.2)
    for each in tuple(Inspection.late):
        each.join(10)
    assert seen == ["over"]


def test_every_inspector_starts_at_the_first_byte_and_the_first_refusal_ends_it(injected: Injected) -> None:
    asked = []

    def first(file: Any, picture: Any) -> None:
        asked.append(file.read())

    with injected(17), pytest.raises(NotChecked):
        inspect(b"tea", None, [first, first, lambda file, picture: False, first])
    assert asked == [b"tea", b"tea"]


@pytest.mark.parametrize("inspector", [not_blank(), "not_blank"])
def test_what_cannot_judge_the_files_of_a_field_is_told_where_it_is_written(inspector: Any) -> None:
    with pytest.raises(UsageError, match="Got: "):
        StagedFileField(inspectors=[inspector])


def test_a_coroutine_is_no_verdict() -> None:
    async def asks(file: Any, picture: Any) -> None:
        raise AssertionError

    with pytest.raises(UsageError, match="not awaited"):
        StagedFileField(inspectors=[asks])


# -- the scanner of the documentation --------------------------------------------------------------


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    daemon = Daemon()
    yield daemon
    daemon.stop()


@pytest.fixture
def from_the_guide(daemon: Daemon) -> Any:
    """The scanner that the guide shows, word for word."""
    code = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[-1]
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102 - our own documentation
    return namespace["Scanner"](*daemon.address)


def test_the_guides_scanner_passes_what_is_clean(
    browser: Browser, daemon: Daemon, from_the_guide: Any
) -> None:
    scanner.ask = from_the_guide
    data = bytes(range(256)) * 1_000
    assert browser.fill("/paper/", {"title": "tea"}, {"body": ("tea.bin", data)}).status_code == 302
    assert daemon.got == data


def test_the_guides_scanner_refuses_what_is_not(
    browser: Browser, daemon: Daemon, from_the_guide: Any, injected: Injected
) -> None:
    scanner.ask = from_the_guide
    daemon.answer = b"stream: Eicar-Test-Signature FOUND\0"
    with injected(17):
        answer = browser.fill("/paper/", {"title": "tea"}, {"body": ("tea.bin", b"\x01")})
        assert errors_of(answer, "body") == [
            "“tea.bin” holds something harmful (Eicar-Test-Signature), so it was not taken."
        ]
        assert page_of(answer).names("body") == [], "that verdict is final"


@pytest.mark.parametrize(
    ("answer", "closes"),
    [
        (None, True),
        (None, False),
        (b"stream: OK", True),
        (b"stream: OK", False),
        (b"INSTREAM size limit exceeded. ERROR\0", True),
        (b"stream: lstat() failed: No such file or directory. ERROR\0", True),
        (b"\0", True),
        (b"stream: OK\0stream: OK\0", True),
        (b"\xff" * 9_000, False),
    ],
)
def test_the_guides_scanner_takes_nothing_else_for_a_pass(
    browser: Browser,
    settings: Any,
    daemon: Daemon,
    from_the_guide: Any,
    injected: Injected,
    answer: bytes,
    closes: bool,
) -> None:
    scanner.ask = from_the_guide
    daemon.answer, daemon.closes = answer, closes
    with injected(17), impatient(settings, really=not closes):
        refused = browser.fill("/paper/", {"title": "tea"}, {"body": ("tea.bin", b"\x01")})
        assert errors_of(refused, "body") == [f"“tea.bin” {LATER}"]
    daemon.answer, daemon.closes = b"stream: OK\0", True
    assert browser.send("/paper/", page_of(refused)).status_code == 302


def test_a_scanner_that_is_down_refuses(browser: Browser, injected: Injected) -> None:
    daemon = Daemon()
    daemon.stop()
    code = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[-1]
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102 - our own documentation
    scanner.ask = namespace["Scanner"](*daemon.address)
    with injected(17):
        refused = browser.fill("/paper/", {"title": "tea"}, {"body": ("tea.bin", b"\x01")})
        assert errors_of(refused, "body") == [f"“tea.bin” {LATER}"]
