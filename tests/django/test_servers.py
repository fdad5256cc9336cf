"""The main job behind real servers: gunicorn with processes and threads, and uvicorn."""

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.pages import CONTENT_TYPE, Page, encode, files_under, page_of

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "gunicorn": ["-m", "gunicorn", "-w", "2", "-k", "gthread", "--threads", "8", "--bind", "fd://{fd}"],
    "uvicorn": ["-m", "uvicorn", "--factory", "--fd", "{fd}", "--lifespan", "off"],
}
APPLICATIONS = {
    "gunicorn": "django.core.wsgi:get_wsgi_application()",
    "uvicorn": "django.core.asgi:get_asgi_application",
}


@dataclass
class Server:
    """A running server, and a browser that has been there."""

    kind: str
    address: tuple[str, int]
    scratch: Path
    session: requests.Session

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.address[1]}{path}"

    def get(self, path: str) -> Page:
        answer = self.session.get(self.url(path), timeout=30)
        assert answer.status_code == 200
        return page_of(answer.text)

    def post(self, path: str, body: bytes) -> requests.Response:
        headers = {"Content-Type": CONTENT_TYPE}
        return self.session.post(self.url(path), body, headers=headers, timeout=60, allow_redirects=False)

    @property
    def media(self) -> list[Path]:
        return files_under(self.scratch / "main" / "media")

    def head(self, path: str, length: int) -> bytes:
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.session.cookies)
        lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{self.address[1]}", f"Cookie: {cookies}"]
        lines += [f"Content-Type: {CONTENT_TYPE}", f"Content-Length: {length}", "Connection: close"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def environment(scratch: Path) -> dict[str, str]:
    values = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "GREENROOM_TEST_SCRATCH": str(scratch),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
    }
    for name in ("PYTEST_XDIST_WORKER", "GREENROOM_TEST_POSTGRES"):
        values.pop(name, None)
    return values


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Nobody waits for it to be ready: connections queue at the socket that it is given."""
    scratch = tmp_path_factory.mktemp(request.param)
    (scratch / "main" / "media").mkdir(parents=True)
    migrate = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "-v", "0"]
    subprocess.run(migrate, env=environment(scratch), check=True, timeout=60)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        arguments = [each.format(fd=listener.fileno()) for each in COMMANDS[request.param]]
        log = scratch / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments, APPLICATIONS[request.param]],
                env=environment(scratch),
                pass_fds=[listener.fileno()],
                stdout=output,
                stderr=output,
            )
        address = listener.getsockname()
    with requests.Session() as session:
        yield Server(request.param, address, scratch, session)
    process.terminate()
    process.wait(30)
    assert b"Traceback" not in log.read_bytes(), log.read_text()


def test_the_main_job(server: Server, jpeg: bytes) -> None:
    body = server.get("/product/").body({"name": ""}, {"photo": ("tea.jpg", jpeg)})
    page = page_of(server.post("/product/", body).text)
    assert page.names("photo") == ["tea.jpg"]
    preview = server.session.get(server.url(page.images[0]), timeout=30)
    assert (preview.status_code, preview.headers["X-Content-Type-Options"]) == (200, "nosniff")
    before = server.media
    saved = server.post("/product/", page.body({"name": "the main job"}))
    assert saved.status_code == 302
    (file,) = set(server.media) - set(before)
    assert file.read_bytes() == jpeg


def test_a_large_file_is_saved_without_a_copy(server: Server) -> None:
    data = bytes(range(256)) * 50_000
    before = server.media
    body = server.get("/paper/").body({"title": "large"}, {"body": ("large.bin", data)})
    assert server.post("/paper/", body).status_code == 302
    (file,) = set(server.media) - set(before)
    assert file.read_bytes() == data
    assert file.stat().st_nlink == 2, "linked to the held bytes"


def test_a_connection_that_breaks_off_saves_nothing(server: Server) -> None:
    before = server.media
    body = server.get("/paper/").body({"title": "broken"}, {"body": ("broken.bin", bytes(3_000_000))})
    for cut in (10, 300, 60_000, 70_000, 2_000_000, len(body) - 30):
        with socket.create_connection(server.address, timeout=30) as connection:
            connection.sendall(server.head("/paper/", len(body)) + body[:cut])
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
        assert b" 302 " not in answer[:20]
        assert b" 500 " not in answer[:20]
    assert server.media == before
    assert server.post("/paper/", body).status_code == 302, "and the whole of it is taken afterwards"


def test_a_wrong_csrf_token_is_answered_so_that_the_browser_sees_it(server: Server) -> None:
    page = server.get("/paper/")
    body = page.body({"csrfmiddlewaretoken": "x" * 64}, {"body": ("tea.bin", bytes(20_000_000))})
    with socket.create_connection(server.address, timeout=30) as connection:
        connection.sendall(server.head("/paper/", len(body)) + body)
        assert connection.recv(65_536).split(b" ")[1] == b"403"


def test_equal_submits_at_once_across_processes_save_once(server: Server) -> None:
    data = os.urandom(20_000)
    body = server.get("/paper/").body({"title": "once"}, {"body": ("once.bin", data)})
    cookies = server.session.cookies.get_dict()

    def submit(_: int) -> tuple[int, str]:
        answer = requests.post(
            server.url("/paper/"),
            body,
            headers={"Content-Type": CONTENT_TYPE},
            cookies=cookies,
            timeout=60,
            allow_redirects=False,
        )
        return answer.status_code, answer.headers.get("Location", "")

    with ThreadPoolExecutor(12) as threads:
        answers = Counter(threads.map(submit, range(12)))
    assert len([each for each in server.media if each.read_bytes() == data]) == 1
    assert {status for status, _location in answers} <= {302, 409}, answers
    assert len({location for status, location in answers if status == 302}) == 1, answers


def test_the_check_without_a_form(server: Server, jpeg: bytes) -> None:
    token = server.get("/paper/")["csrfmiddlewaretoken"]
    parts: list[Any] = [("csrfmiddlewaretoken", token), ("picture", ("tea.jpg", jpeg))]
    assert server.post("/check/", encode(parts)).json()["type"] == "image/jpeg"
    parts[1] = ("picture", ("tea.jpg", b"Darjeeling"))
    refused = server.post("/check/", encode(parts))
    assert refused.status_code == 400
    assert "“tea.jpg”" in page_of(refused.text).text
