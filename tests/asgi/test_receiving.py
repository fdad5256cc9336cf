"""Bytes on their way: where they are meanwhile, who waits for whom, and what is kept when somebody goes away."""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.asgi.conftest import SETTINGS
from tests.django.servers import Server, Visitor, serving, wait_until
from tests.pages import CONTENT_TYPE, files_under, page_of

pytestmark = pytest.mark.slow

KINDS = ["gunicorn", "gunicorn-plain", "uvicorn", "uvicorn-h11", "uvicorn-plain"]
MB = 10**6
LAG = 1_200_000
"""What may wait in buffers of a server whose own `read` waits for all that it was asked for."""

Started = Callable[[str], Server]


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, started: Started) -> Server:
    return started(request.param)


def only(*kinds: str) -> pytest.MarkDecorator:
    """Not on every server, as a restart takes its time."""
    return pytest.mark.parametrize("server", kinds, indirect=True)


def answer_on(connection: socket.socket) -> bytes:
    """All of it, up to the end of the connection."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65_536):
            answer += data
    return answer


def begin_form(visitor: Visitor, data: bytes) -> tuple[socket.socket, bytes]:
    """The connection of a post to `/held/` and its body, of which the test sends what it wants."""
    page = page_of(visitor.http.get(visitor.server.url + "/held/", timeout=30).text)
    body = page.body({"title": "tea"}, {"held": ("tea.bin", data)})
    return visitor.begin("POST", "/held/", Content_Type=CONTENT_TYPE, Content_Length=str(len(body))), body


def held_bytes(server: Server, path: str) -> int:
    """How many bytes of the upload at the URL `path` are in the store."""
    name = path.rstrip("/").rpartition("/")[2]
    file = server.held / name[:1] / name / "bytes"
    return file.stat().st_size if file.exists() else 0


class Arriving:
    """What has come to the store since this was made."""

    def __init__(self, server: Server) -> None:
        self.held = server.held
        self.before = set(files_under(server.held))

    def new(self) -> list[Path]:
        return [each for each in files_under(self.held) if each not in self.before]

    def wait_for(self, count: int) -> None:
        """Until a new file has so many bytes: asking the server would end its writer."""

        def is_here() -> bool:
            with contextlib.suppress(FileNotFoundError):  # removed while we look
                return any(each.stat().st_size >= count for each in self.new())
            return False

        wait_until(is_here, "the bytes did not arrive")

    def wait_for_end(self) -> None:
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not self.new(), "")
        assert self.new() == [], "something of it is still held"


# -- where they are --------------------------------------------------------------------------------


def test_a_form_on_its_way_is_in_the_store_and_nowhere_else(server: Server) -> None:
    spooled, arriving = server.scratch / "spooled", Arriving(server)
    # Django's own upload files of other tests are closed when Python comes to it.
    before = {*server.open_files(), *map(str, files_under(spooled))}
    connection, body = begin_form(Visitor(server), os.urandom(50 * MB))
    sent = 0
    with connection:
        for end in (10 * MB, 30 * MB, 49 * MB):
            connection.sendall(body[sent:end])
            sent = end
            arriving.wait_for(end - 2 * MB)
            # Also those that have no name any more.
            opened = {each for each in server.open_files() if each.startswith(str(spooled))}
            assert opened <= before
            assert {*map(str, files_under(spooled))} <= before
        connection.sendall(body[49 * MB :])
        assert connection.recv(15) == b"HTTP/1.1 200 OK"


def test_a_file_over_its_limit_is_ended_in_the_middle(server: Server) -> None:
    """The limit of 60 MB is not told by Content-Length, as a form may have other files."""
    arriving = Arriving(server)
    connection, body = begin_form(Visitor(server), bytes(90 * MB))
    with connection:
        connection.sendall(body[: 50 * MB])
        arriving.wait_for(48 * MB)
        connection.sendall(body[50 * MB : 70 * MB])
        arriving.wait_for_end()
        connection.sendall(body[70 * MB :])
        assert b" 422 " in answer_on_one(connection)


def answer_on_one(connection: socket.socket) -> bytes:
    """The head of an answer."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = connection.recv(65_536)
        assert data, answer
        answer += data
    return answer


# -- a slow disk -----------------------------------------------------------------------------------


@pytest.fixture(params=["gunicorn", "gunicorn-plain", "uvicorn", "uvicorn-plain"])
def gated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, int]]:
    """A server whose disk takes a write for each byte that is put into the descriptor."""
    scratch = tmp_path_factory.mktemp("gated")
    gate = scratch / "gate"
    os.mkfifo(gate)
    opening = os.open(gate, os.O_RDWR)
    try:
        server = Server(request.param, scratch, settings=SETTINGS, SHOP_GATE=str(gate))
        yield from ((each, opening) for each in serving(server))
    finally:
        os.close(opening)


def test_a_slow_disk_makes_the_client_wait_and_the_memory_does_not_grow(gated: tuple[Server, int]) -> None:
    server, gate = gated
    visitor = Visitor(server)
    os.write(gate, b"x" * 100)
    warm = visitor.create(5 * MB)
    assert visitor.patch(warm, bytes(5 * MB), 0).status_code == 204
    path = visitor.create(500 * MB)
    while select.select([gate], [], [], 0)[0]:
        os.read(gate, 1)
    idle = server.memory
    sent = 0
    block = memoryview(bytes(MB))
    with visitor.begin_patch(path, 0, 500 * MB) as connection:
        for _ in range(3):
            sent += push(connection, block)
            os.write(gate, b"x")  # one write more
        wait_until(lambda: held_bytes(server, path), "some of it is kept")
        sent += push(connection, block)
        # What is on the way is in the buffers of the two sockets, and the rest still here.
        assert sent < kernels_room() + 20 * MB
        assert server.memory - idle < 16 * MB
        os.write(gate, b"x" * 1_000)
    wait_until(lambda: visitor.offset(path) > 0, "what had come is kept")


def kernels_room() -> int:
    """How large the buffers of a connection's two sockets may become (tcp(7)); by default some 10 MB together."""
    most = (Path(f"/proc/sys/net/ipv4/{each}").read_text().split()[2] for each in ("tcp_rmem", "tcp_wmem"))
    return sum(map(int, most))


def push(connection: socket.socket, block: memoryview) -> int:
    """Send until nothing has moved for half a second."""
    sent = 0
    while select.select([], [connection], [], 0.5)[1]:
        sent += connection.send(block, socket.MSG_DONTWAIT)
        assert sent < 100 * MB, "nobody holds the client back"
    return sent


# -- who goes away ---------------------------------------------------------------------------------


def reset(connection: socket.socket) -> None:
    """End a connection with RST, as a machine does that has lost its mind, or its network."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


GOING = {
    "close": socket.socket.close,
    "half": lambda connection: connection.shutdown(socket.SHUT_WR),
    "reset": reset,
}


@pytest.mark.parametrize("coding", ["length", "chunked"])
@pytest.mark.parametrize("going", GOING)
def test_who_goes_away_leaves_what_had_arrived(server: Server, coding: str, going: str) -> None:
    visitor = Visitor(server)
    data = os.urandom(9 * MB)
    path = visitor.create(len(data))
    offset = 0
    for end in (2_500_003, 6_000_001):  # before and after a connection is worth taking over
        connection = visitor.begin_patch(path, offset, len(data) - offset if coding == "length" else None)
        with connection:
            part = data[offset:end]
            if coding == "chunked":
                part = b"%x\r\n%b\r\n1000\r\nhalf a chunk" % (len(part), part)
            connection.sendall(part)
            if going == "reset":
                # The kernel throws away what nobody has read yet; so it is waited for, up to a server's buffer.
                wait_until(lambda here=end: held_bytes(server, path) > here - LAG, "it arrives")  # type: ignore[misc]
            GOING[going](connection)
            if going == "half":
                answer_on(connection)
        least = end - (LAG if going == "reset" else 0)
        most = end + (len("half a chunk") if coding == "chunked" else 0)
        wait_until(lambda here=least: held_bytes(server, path) >= here, "it is kept")  # type: ignore[misc]
        offset = visitor.offset(path)
        assert least <= offset <= most
        assert offset >= end or going == "reset"
        if offset > end:  # of the chunk that was begun
            data = data[:end] + b"half a chunk"[: offset - end] + data[offset:]
    assert visitor.patch(path, data[offset:], offset).status_code == 204
    name = path.rstrip("/").rpartition("/")[2]
    kept = (server.held / name[:1] / name / "bytes").read_bytes()
    assert hashlib.sha256(kept).digest() == hashlib.sha256(data).digest()


def test_a_length_beside_a_transfer_coding_is_none(server: Server) -> None:
    """RFC 9112 section 6.3. Most servers refuse such a request themselves (section 6.1)."""
    visitor = Visitor(server)
    data = os.urandom(6 * MB)
    path = visitor.create(7 * MB)
    fields = {
        "Tus_Resumable": "1.0.0",
        "Content_Type": "application/offset+octet-stream",
        "Upload_Offset": "0",
    }
    coding = {"Transfer_Encoding": "chunked", "Content_Length": str(7 * MB), "Connection": "close"}
    with visitor.begin("PATCH", path, **fields, **coding) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
        is_taken = answer_on(connection).startswith(b"HTTP/1.1 204")
    assert is_taken == (server.kind == "uvicorn-h11")
    assert visitor.offset(path) == (len(data) if is_taken else 0)


@pytest.mark.parametrize("going", GOING)
def test_a_form_that_is_cut_short_leaves_nothing(server: Server, going: str) -> None:
    arriving, saved = Arriving(server), files_under(server.media)
    for end in (200_000, 8 * MB):
        connection, body = begin_form(Visitor(server), os.urandom(12 * MB))
        with connection:
            connection.sendall(body[:end])
            if end > 4 * MB:
                arriving.wait_for(end - LAG)
            GOING[going](connection)
            if going == "half":
                assert b" 200 " not in answer_on(connection)[:20]
        arriving.wait_for_end()
    assert files_under(server.media) == saved


STOPPING = {"gun": "Handling signal: term", "uvi": "Shutting down"}
"""What servers log."""


# -- a server that is told to stop -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "coding"),
    [(kind, "length") for kind in KINDS] + [("gunicorn", "chunked"), ("uvicorn", "chunked")],
    indirect=["server"],
)
def test_a_server_that_is_told_to_stop_answers_with_what_is_kept(server: Server, coding: str) -> None:
    visitor = Visitor(server)
    data = os.urandom(12 * MB)
    path = visitor.create(len(data))
    with visitor.begin_patch(path, 0, len(data) if coding == "length" else None) as connection:
        part = data[: 7 * MB]
        connection.sendall(part if coding == "length" else b"%x\r\n%b\r\n" % (len(part), part))
        wait_until(lambda: held_bytes(server, path) > 7 * MB - LAG, "it arrives")
        waits = server.kind == "gunicorn-plain" or (server.kind == "gunicorn" and coding == "chunked")
        server.running.send_signal(signal.SIGTERM)
        sent = 7 * MB
        # A server's own `read` tells nobody before it has all that it was asked for.
        while waits and not select.select([connection], [], [], 0.05)[0]:
            more = data[sent : sent + 100_000]
            connection.sendall(more if coding == "length" else b"%x\r\n%b\r\n" % (len(more), more))
            sent += len(more)
            assert sent < len(data), "it does not heed the signal"
        answer = answer_on(connection)
    server.stop()
    server.start()
    head, *fields = answer.decode().partition("\r\n\r\n")[0].split("\r\n")
    values = {name.lower(): value for name, _, value in (each.partition(": ") for each in fields)}
    assert head == "HTTP/1.1 204 No Content"
    offset = visitor.offset(path)
    assert int(values["upload-offset"]) == offset
    assert 7 * MB - LAG < offset < len(data)
    assert visitor.patch(path, data[offset:], offset).status_code == 204


@only("gunicorn", "gunicorn-plain", "uvicorn", "uvicorn-plain")
def test_a_server_that_is_told_to_stop_takes_the_form_that_is_arriving(server: Server) -> None:
    arriving = Arriving(server)
    connection, body = begin_form(Visitor(server), os.urandom(8 * MB))
    with connection:
        connection.sendall(body[: 6 * MB])
        arriving.wait_for(6 * MB - LAG)
        told = server.log.read_text().count(STOPPING[server.kind[:3]])
        server.running.send_signal(signal.SIGTERM)
        wait_until(lambda: server.log.read_text().count(STOPPING[server.kind[:3]]) > told, "it has heard")
        connection.sendall(body[6 * MB :])
        assert answer_on(connection).startswith(b"HTTP/1.1 200 OK")
    server.stop()
    server.start()


@only("gunicorn", "uvicorn")
def test_a_server_that_is_told_to_stop_does_not_wait_for_a_form_that_never_ends(server: Server) -> None:
    """Three seconds are what the command lines of these tests give it."""
    arriving, saved = Arriving(server), files_under(server.media)
    connection, body = begin_form(Visitor(server), os.urandom(8 * MB))
    with connection:
        connection.sendall(body[: 6 * MB])
        arriving.wait_for(6 * MB - LAG)
        server.running.send_signal(signal.SIGTERM)
        server.running.wait(20)
    server.start()
    assert files_under(server.media) == saved
