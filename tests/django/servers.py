"""Real servers over the tests' project, with a database and a store of their own, that can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import requests

from tests.pages import CONTENT_TYPE, Page, encode, page_of

ROOT = Path(__file__).resolve().parents[2]
GUNICORN = [
    "gunicorn",
    "--workers=1",
    "--threads=8",
    "--bind={address}",
    "--timeout=60",
    "--graceful-timeout=5",
]
UVICORN = ["uvicorn", "--host=127.0.0.1", "--port={port}", "--lifespan=off", "--no-access-log"]
UVICORN += ["--timeout-graceful-shutdown=5", "--factory"]
COMMANDS = {
    "gunicorn": [*GUNICORN, "django.core.wsgi:get_wsgi_application()"],
    "gunicorn-plain": [*GUNICORN, "tests.asgi.entries:without_socket()"],
    # As uvicorn[standard] is: with httptools and uvloop.
    "uvicorn": [*UVICORN, "greenroom.asgi:get_asgi_application"],
    "uvicorn-h11": [*UVICORN, "--http=h11", "--loop=asyncio", "greenroom.asgi:get_asgi_application"],
    "uvicorn-plain": [*UVICORN, "tests.asgi.entries:behind_a_function"],
    "django": [*UVICORN, "django.core.asgi:get_asgi_application"],
}
STARTED_IN = 20.0


class Server:
    """`kind` is one of `COMMANDS`; everything that it writes is in `scratch`. `variables` are of its environment.

    `under` is a command that runs it, such as a tracer.
    """

    def __init__(
        self,
        kind: str,
        scratch: Path,
        *,
        options: Sequence[str] = (),
        settings: str = "tests.settings",
        under: Sequence[str] = (),
        **variables: str,
    ) -> None:
        self.kind = kind
        self.options = options
        self.under = under
        self.scratch = scratch / "main"
        self.scratch.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self.log = scratch / f"{kind}.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")},
            "GREENROOM_TEST_SCRATCH": str(scratch),
            "PYTEST_XDIST_WORKER": "main",
            "DJANGO_SETTINGS_MODULE": settings,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            **variables,
        }
        self.run("-m", "django", "migrate", "--run-syncdb", "--skip-checks", "--verbosity=0")

    def run(self, *arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], env=self.environment, cwd=ROOT, check=True)

    def start(self) -> None:
        command = [each.format(address=self.address, port=self.port) for each in COMMANDS[self.kind]]
        command[-1:-1] = self.options
        with self.log.open("ab") as log:
            # A group of its own, so that what is killed is all of it and nothing else.
            self.running = subprocess.Popen(
                [*self.under, sys.executable, "-m", *command],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + STARTED_IN
        while True:  # there is no event for it: whoever listens is found by knocking
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self.running.poll() is None, self.log.read_text()
                assert time.monotonic() < until, self.log.read_text()
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if how is signal.SIGKILL:
            os.killpg(self.running.pid, how)
        else:
            self.running.send_signal(how)
        self.running.wait(30)
        # Its children may listen a moment longer, and would be taken for the next server.
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                return
            time.sleep(0.02)

    def wait_for_bytes(self, count: int) -> None:
        """Until one held file has so many: asking the server would end its writer."""
        wait_until(
            lambda: any(each.stat().st_size >= count for each in self.held.glob("*/*/bytes")),
            "the bytes did not arrive",
        )

    @property
    def processes(self) -> list[int]:
        """The server's own, and the workers that it has started."""
        first = self.running.pid
        return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]

    @property
    def memory(self) -> int:
        """Bytes of memory that are its own, in all processes."""
        return sum(private_bytes(each) for each in self.processes)

    @property
    def resident(self) -> int:
        """Bytes of memory in all processes, shared ones included. From now on `peak` is the most of them."""
        for each in self.processes:
            Path(f"/proc/{each}/clear_refs").write_text("5")  # proc(5): resets VmHWM
        return sum(status_bytes(each, "VmRSS") for each in self.processes)

    @property
    def peak(self) -> int:
        return sum(status_bytes(each, "VmHWM") for each in self.processes)

    def open_files(self) -> list[str]:
        """What all its processes have open, by name, each as often as it is open."""
        names = []
        for file in (each for pid in self.processes for each in Path(f"/proc/{pid}/fd").iterdir()):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                names.append(os.readlink(file))
        return names

    @property
    def held(self) -> Path:
        return self.scratch / "greenroom-held"

    @property
    def media(self) -> Path:
        return self.scratch / "media"


def private_bytes(pid: int) -> int:
    """What is in memory for one process and no other (`proc_pid_smaps`)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(each.split()[1]) * 1024 for each in lines if each.startswith("Private_"))


def status_bytes(pid: int, name: str) -> int:
    """One number of `/proc/<pid>/status`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(each.split()[1]) * 1024 for each in lines if each.startswith(f"{name}:"))


def wait_until(happened: Callable[[], object], what: str) -> None:
    """There is no event for what other programs do: whoever waits has to look."""
    until = time.monotonic() + STARTED_IN
    while not happened():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def serving(server: Server) -> Iterator[Server]:
    """Start it, and end it; whatever it could not explain it has logged."""
    server.start()
    yield server
    server.stop()
    log = server.log.read_text()
    assert "Traceback" not in log, log


class Visitor:
    """Somebody with a page of the site open: `requests` with its cookies."""

    def __init__(self, server: Server, page: str = "/backup/") -> None:
        self.server = server
        self.http = requests.Session()
        self.page: Page = page_of(self.http.get(server.url + page, timeout=30).text)
        self.csrf = self.page["csrfmiddlewaretoken"]
        # Each request on a connection of its own: an old one may lead to a server that was killed.
        self.http.headers.update({"X-CSRFToken": self.csrf, "Connection": "close"})

    @property
    def headers(self) -> dict[str, str]:
        """For a client that keeps no cookies."""
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.http.cookies)
        return {"Cookie": cookies, "X-CSRFToken": self.csrf}

    def create(self, length: int, **headers: str) -> str:
        fields = {"Tus-Resumable": "1.0.0", "Upload-Length": str(length), **headers}
        response = self.http.post(f"{self.server.url}/greenroom/uploads/", headers=fields, timeout=30)
        assert response.status_code == 201, response.text
        return response.headers["Location"]

    def head(self, path: str) -> requests.Response:
        headers = {"Tus-Resumable": "1.0.0"}
        return self.http.head(self.server.url + path, headers=headers, timeout=30)

    def offset(self, path: str) -> int:
        response = self.head(path)
        assert response.status_code == 200
        return int(response.headers["Upload-Offset"])

    def patch(self, path: str, data: object, offset: int, **headers: str) -> requests.Response:
        fields = {
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
            **headers,
        }
        return self.http.patch(self.server.url + path, data=data, headers=fields, timeout=60)  # type: ignore[arg-type]

    def begin(self, method: str, path: str, **fields: str) -> socket.socket:
        """A connection on which a request is begun; its body is up to the test."""
        connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        headers = {"Host": self.server.address, **self.headers}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection

    def begin_patch(self, path: str, offset: int, length: int | None) -> socket.socket:
        """A PATCH of `length` bytes, or in chunks."""
        fields = {
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
        }
        size = {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        return self.begin("PATCH", path, **fields, **size)

    def save(
        self, token: str, page: str = "/backup/", name: str = "body", use: str = "one-chance"
    ) -> requests.Response:
        state = f'[{{"token": "{token}", "use": "{use}"}}]'
        values = {"csrfmiddlewaretoken": self.csrf, "title": "saved", f"{name}-state": state}
        return self.http.post(
            self.server.url + page,
            data=encode(list(values.items())),
            headers={"Content-Type": CONTENT_TYPE},
            allow_redirects=False,
            timeout=60,
        )
