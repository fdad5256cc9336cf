"""Real servers and real clients: gunicorn and uvicorn; tuspy, curl and tus-js-client; cut and killed on the way."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.django.servers import Server, Visitor, serving
from tests.django.uploading import checksum, digest
from tests.pages import files_under

NODE = Path(__file__).resolve().parents[1] / "node"
MB = 10**6
# As large as the file of the demo if asked for: GREENROOM_TEST_LARGE_MB=2000 (see scripts/check.py).
LARGE = int(os.environ.get("GREENROOM_TEST_LARGE_MB", "300")) * MB

Require = Callable[[str, object], None]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["gunicorn", "uvicorn"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from serving(Server(request.param, tmp_path_factory.mktemp(request.param)))


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from serving(Server("gunicorn", tmp_path_factory.mktemp("killed")))


@pytest.fixture(scope="module")
def tea(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 9 MB."""
    path = tmp_path_factory.mktemp("tea") / "tea für zwei.bin"
    path.write_bytes(os.urandom(9 * MB))
    return path


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def saved(visitor: Visitor, token: str) -> Path:
    """Submit the form with the token, and find what it saved."""
    before = set(files_under(visitor.server.media))
    response = visitor.save(token)
    assert response.status_code == 302, response.text
    (path,) = set(files_under(visitor.server.media)) - before
    return path


# -- clients ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("checksums", [False, True])
def test_tuspy(server: Server, tea: Path, checksums: bool) -> None:
    from tusclient.client import TusClient

    visitor = Visitor(server)
    client = TusClient(f"{server.url}/greenroom/uploads/", headers=visitor.headers)
    options = {"metadata": {"filename": tea.name, "policy": visitor.page["body-policy"]}}
    with tea.open("rb") as file:
        first = client.uploader(file_stream=file, chunk_size=2 * MB, upload_checksum=checksums, **options)
        first.upload_chunk()
        # Another one, as after a restart of the client, goes on from where the server is.
        options = {"chunk_size": 4 * MB, "upload_checksum": checksums, "url": first.url}
        second = client.uploader(file_stream=file, **options)
        assert second.get_offset() == 2 * MB
        second.upload()
    token = visitor.head(first.url.removeprefix(server.url)).headers["Greenroom-Token"]
    path = saved(visitor, token)
    assert sha256(path) == sha256(tea)
    assert path.name == "tea_für_zwei.bin" or path.stem.startswith("tea_für_zwei_")


def curl(*arguments: str, visitor: Visitor) -> str:
    headers = [part for name, value in visitor.headers.items() for part in ("-H", f"{name}: {value}")]
    done = subprocess.run(
        ["curl", "-sS", "-D", "-", "--max-time", "60", *headers, *arguments], capture_output=True, check=True
    )
    return done.stdout.decode()


@pytest.mark.parametrize("chunked", [False, True])
def test_curl_sends_a_whole_file_by_the_draft(
    server: Server, tea: Path, require: Require, chunked: bool
) -> None:
    require("curl", shutil.which("curl"))
    visitor = Visitor(server)
    fields = [
        "Upload-Complete: ?1",
        "Upload-Draft-Interop-Version: 8",
        f"Repr-Digest: {digest(tea.read_bytes())}",
    ]
    fields += ["Content-Type: application/octet-stream", 'Content-Disposition: inline; filename="tea.bin"']
    fields += ["Transfer-Encoding: chunked"] if chunked else []
    arguments = [part for field in fields for part in ("-H", field)]
    answer = curl(*arguments, "--data-binary", f"@{tea}", f"{server.url}/greenroom/uploads/", visitor=visitor)
    head, _, body = answer.rpartition("\r\n\r\n")
    assert "HTTP/1.1 200" in head
    values = json.loads(body)
    assert (values["size"], values["digest"], values["name"]) == (9 * MB, "sha256:" + sha256(tea), "tea.bin")
    assert sha256(saved(visitor, values["token"])) == sha256(tea)


@pytest.fixture(scope="session")
def tus_js(require: Require, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pinned tus-js-client, installed by npm from its lock."""
    require("node", shutil.which("node") and shutil.which("npm"))
    place = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "upload.mjs"):
        shutil.copy(NODE / name, place)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    require("tus-js-client (npm ci)", done.returncode == 0)
    return place


@pytest.mark.parametrize("mode", ["plain", "during-creation", "deferred", "override"])
def test_tus_js_client_pauses_resumes_and_finishes(
    server: Server, tea: Path, tus_js: Path, mode: str
) -> None:
    visitor = Visitor(server)
    task = {
        "endpoint": f"{server.url}/greenroom/uploads/",
        "file": str(tea),
        "headers": visitor.headers,
        "metadata": {"filename": tea.name, "policy": visitor.page["body-policy"]},
        "mode": mode,
    }
    done = subprocess.run(
        ["node", "upload.mjs", json.dumps(task)],
        cwd=tus_js,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["paused"] >= 1
    token = visitor.head(result["url"].removeprefix(server.url)).headers["Greenroom-Token"]
    assert sha256(saved(visitor, token)) == sha256(tea)


# -- refused ---------------------------------------------------------------------------------------


def test_who_is_refused_is_answered_before_all_of_it_is_sent(gunicorn: Server) -> None:
    visitor = Visitor(gunicorn)
    with visitor.begin_patch(visitor.create(5), 0, 10**9) as connection:
        connection.sendall(b"x" * 100_000)  # and then nothing more, for as long as the answer is awaited
        answer = b""
        while b"length_exceeded" not in answer:
            answer += connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400 ")


# -- broken connections, killed servers ----------------------------------------------------------------


def test_a_connection_that_breaks_keeps_what_had_arrived(gunicorn: Server) -> None:
    visitor = Visitor(gunicorn)
    data = os.urandom(3 * MB)
    path = visitor.create(len(data))
    with visitor.begin_patch(path, 0, len(data)) as connection:
        connection.sendall(data[: 2 * MB])
        connection.shutdown(1)  # the end of what we send: the server reads all of it, and then the cut
        with contextlib.suppress(OSError):
            connection.recv(65_536)
    assert visitor.offset(path) == 2 * MB
    assert visitor.patch(path, data[2 * MB :], 2 * MB).status_code == 204


def test_a_connection_that_breaks_in_a_checked_chunk_keeps_nothing_of_it(gunicorn: Server) -> None:
    visitor = Visitor(gunicorn)
    data = os.urandom(1 * MB)
    path = visitor.create(len(data))
    assert visitor.patch(path, data[:500_000], 0, **{"Upload-Checksum": checksum(data)}).status_code == 460
    assert visitor.offset(path) == 0
    assert visitor.patch(path, data, 0, **{"Upload-Checksum": checksum(data)}).status_code == 204


def test_head_ends_a_writer_that_stands_still_and_tells_what_is_durable(server: Server) -> None:
    visitor = Visitor(server)
    data = os.urandom(20 * MB)
    path = visitor.create(len(data))
    with visitor.begin_patch(path, 0, len(data)) as connection:
        connection.sendall(data[: 10 * MB])
        server.wait_for_bytes(9 * MB + 900_000)
        offset = visitor.offset(path)
        assert 9 * MB < offset <= 10 * MB
        answer = visitor.patch(path, data[offset:], offset)
        assert answer.status_code == 204
        assert "Content-Length" not in answer.headers  # RFC 9110 section 8.6
        connection.sendall(data[10 * MB :])  # too late: it can add nothing any more
        late = connection.recv(65_536)
        assert b" 423 " in late or b" 409 " in late
    token = visitor.head(path).headers["Greenroom-Token"]
    assert sha256(saved(visitor, token)) == hashlib.sha256(data).hexdigest()


def test_of_16_patches_at_one_offset_one_is_taken(server: Server) -> None:
    visitor = Visitor(server)
    path = visitor.create(MB)
    bodies = [bytes([number]) * MB for number in range(16)]
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda body: visitor.patch(path, body, 0).status_code, bodies))
    assert answers.count(204) == 1
    assert set(answers) <= {204, 409, 423}
    final = saved(visitor, visitor.head(path).headers["Greenroom-Token"])
    assert final.read_bytes() == bodies[answers.index(204)]


@pytest.mark.timeout(600)
def test_a_large_file_interrupted_over_and_over_and_over_three_restarts_is_the_same_file(
    server: Server,
) -> None:
    size, visitor = LARGE, Visitor(server)
    block = os.urandom(MB)
    expected = hashlib.sha256()
    for number in range(size // MB):
        expected.update(piece(block, number))
    path = visitor.create(size)
    offset = 0
    for how in ("cut", "kill", "cut", "stop", "kill"):
        end = offset + size // 6
        with visitor.begin_patch(path, offset, size - offset) as connection:
            idle = server.resident
            send(connection, block, offset, end)
            assert server.peak - idle < 16 * MB
            if how == "kill":
                server.stop(signal.SIGKILL)
            elif how == "stop":
                server.stop()
        if how != "cut":
            server.start()
        before, offset = offset, visitor.offset(path)
        assert before < offset <= end
    with visitor.begin_patch(path, offset, size - offset) as connection:
        idle = server.resident
        send(connection, block, offset, size)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65_536)
        assert server.peak - idle < 16 * MB
    fields = dict(line.lower().split(": ", 1) for line in answer.decode().splitlines() if ": " in line)
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert fields["upload-offset"] == str(size)
    final = saved(visitor, visitor.head(path).headers["Greenroom-Token"])
    assert sha256(final) == expected.hexdigest()
    (held,) = (each for each in files_under(server.held) if each.stat().st_size == size)
    assert held.stat().st_ino == final.stat().st_ino  # promoted by a link: no byte was copied
    final.unlink()
    held.unlink()  # other tests need the room


def piece(block: bytes, number: int) -> bytes:
    """The `number`-th MB of the file: random, and no two alike."""
    return number.to_bytes(8, "big") + block[8:]


def send(connection: object, block: bytes, start: int, end: int) -> None:
    while start < end:
        part = piece(block, start // MB)[start % MB :][: end - start]
        connection.sendall(part)  # type: ignore[attr-defined]
        start += len(part)
