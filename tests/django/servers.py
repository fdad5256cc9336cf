"""Real servers over the tests' project, with a database and a store of their own, that can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.pages import CONTENT_TYPE, Page, encode, page_of

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "gunicorn": [
        "gunicorn",
        "--workers=1",
        "--threads=8",
        "--bind={address}",
        "--timeout=60",
        "--graceful-timeout=5",
    ]
    + ["django.core.wsgi:get_wsgi_application()"],
    "uvicorn": ["uvicorn", "--host=127.0.0.1", "--port={port}", "--lifespan=off", "--no-access-log"]
    + ["--timeout-graceful-shutdown=5", "--factory", "greenroom.asgi:get_asgi_application"],
}
STARTED_IN = 20.0


class Server:
    """`kind` is one of `COMMANDS`; everything that it writes is in `scratch`."""

    def __init__(self, kind: str, scratch: Path) -> None:
        self.kind = kind
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
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        }
        self.run("-m", "django", "migrate", "--run-syncdb", "--verbosity=0")

    def run(self, *arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], env=self.environment, cwd=ROOT, check=True)

    def start(self) -> None:
        command = [each.format(address=self.address, port=self.port) for each in COMMANDS[self.kind]]
        with self.log.open("ab") as log:
            # A group of its own, so that what is killed is all of it and nothing else.
            self.running = subprocess.Popen(
                [sys.executable, "-m", *command],
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
        until = time.monotonic() + STARTED_IN
        while not any(each.stat().st_size >= count for each in self.held.glob("*/*/bytes")):
            assert time.monotonic() < until, "the bytes did not arrive"
            time.sleep(0.02)

    @property
    def held(self) -> Path:
        return self.scratch / "greenroom-held"

    @property
    def media(self) -> Path:
        return self.scratch / "media"


def serving(kind: str, scratch: Path) -> Iterator[Server]:
    server = Server(kind, scratch)
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

    def begin_patch(self, path: str, offset: int, length: int) -> socket.socket:
        """A connection on which a PATCH of `length` bytes is announced; its body is up to the test."""
        connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        fields = {
            "Host": self.server.address,
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
            "Content-Length": str(length),
            **self.headers,
        }
        lines = [f"PATCH {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection

    def save(self, token: str, page: str = "/backup/", name: str = "body") -> requests.Response:
        state = f'[{{"token": "{token}", "use": "one-chance"}}]'
        values = {"csrfmiddlewaretoken": self.csrf, "title": "saved", f"{name}-state": state}
        return self.http.post(
            self.server.url + page,
            data=encode(list(values.items())),
            headers={"Content-Type": CONTENT_TYPE},
            allow_redirects=False,
            timeout=60,
        )
