"""The ways to a server's body: its own `read`, and the doors to its socket."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest

from greenroom import streams
from greenroom.bodies import Body
from greenroom.streams import PlainStream, Stream, uvicorn_stream


def test_lines_are_read_as_from_any_file() -> None:
    data = b"Dar\n\njee" + b"x" * 20_000 + b"\nling"

    def pieces(size: int) -> Stream:
        return PlainStream(Buffering([data[at : at + size] for at in range(0, len(data), size)]))

    for size in (1, 3, 8_192, 65_536):
        assert list(pieces(size)) == list(io.BytesIO(data))
        stream, file = pieces(size), io.BytesIO(data)
        assert [stream.readline(each) for each in (2, 0, 5, 5, 9_000)] == [
            file.readline(each) for each in (2, 0, 5, 5, 9_000)
        ]
        assert stream.read() == file.read()


# -- a server's own way ----------------------------------------------------------------------------


class Buffering(io.RawIOBase):
    """A server's input that waits for all it is asked for, and keeps what it has when its client breaks off."""

    def __init__(self, pieces: list[bytes | Exception]) -> None:
        self.left = iter(pieces)
        self.buffer = b""

    def read(self, size: int = -1) -> bytes:
        while len(self.buffer) < size:
            each = next(self.left, b"")
            if isinstance(each, Exception):
                raise each
            if not each:
                break
            self.buffer += each
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data


class Malformed(Exception):
    """No OSError, as some complaints of servers are not."""


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), Malformed("bad trailer")])
def test_what_a_server_had_read_before_its_client_broke_off_is_kept(error: Exception) -> None:
    stream = PlainStream(Buffering([b"x" * 65_536, b"Darjeeling", error]))
    got = bytearray(100_000)
    count = stream.readinto(got)
    count += stream.readinto(memoryview(got)[count:])
    assert bytes(got[:count]) == b"x" * 65_536 + b"Darjeeling"
    with pytest.raises(OSError, match=r"reset|bad trailer"):
        stream.readinto(got)
    with pytest.raises(OSError, match=r"reset|bad trailer"):
        stream.readinto(got)


# -- the doors -------------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


class Reader:
    """As gunicorn's: what it has read ahead, and what is left of the body."""

    def __init__(self, sock: socket.socket, length: int, ahead: bytes) -> None:
        self.unreader, self.length = self, length
        self.sock, self.ahead = sock, ahead

    def take_buffered(self) -> bytes:
        ahead, self.ahead = self.ahead, b""
        return ahead

    def unread(self, data: bytes) -> None:
        self.ahead = data + self.ahead


class Input:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.buf = io.BytesIO()
        self.read = self.readline = self.buf.read


def environ(sock: socket.socket, length: int, ahead: bytes) -> dict[str, Any]:
    return {"gunicorn.socket": sock, "wsgi.input": Input(Reader(sock, length, ahead))}


def test_gunicorns_socket_is_read_to_the_end_of_the_body_and_no_further(pair: Any) -> None:
    ours, theirs = pair
    values = environ(ours, 10, b"Dar")
    theirs.sendall(b"jeelingGET /next")
    stream = streams.gunicorn_stream(values, 10)
    assert stream is not None
    assert stream.read() == b"Darjeeling"
    assert values["wsgi.input"].reader.length == 0
    assert ours.recv(100) == b"GET /next"


def test_gunicorn_is_told_not_to_read_what_we_have_given_up(pair: Any, monkeypatch: Any) -> None:
    """It would take as long again, and hold its thread."""
    monkeypatch.setattr(streams, "THROWN_AWAY_SECONDS", 0.01)
    values = environ(pair[0], 10, b"Dar")
    request = WSGIRequest({**values, "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "10"})
    body = Body(request, 10)
    assert body.fill() == 3
    body.throw_away()
    assert values["wsgi.input"].failed


def test_a_request_that_was_sent_ahead_is_left_to_gunicorn(pair: Any) -> None:
    values = environ(pair[0], 3, b"DarGET /next")
    assert streams.gunicorn_stream(values, 3) is None
    assert values["wsgi.input"].reader.ahead == b"DarGET /next"


@pytest.mark.parametrize("odd", ["no socket", "tls", "other input", "read already", "other length"])
def test_what_looks_different_from_gunicorn_is_read_the_plain_way(pair: Any, odd: str) -> None:
    class Tls(socket.socket):
        pass

    values = environ(pair[0], 10, b"Dar")
    if odd == "no socket":
        del values["gunicorn.socket"]
    elif odd == "tls":
        values["gunicorn.socket"] = Tls()
    elif odd == "other input":
        values["wsgi.input"] = io.BytesIO(b"Darjeeling")
    elif odd == "read already":
        values["wsgi.input"].buf.write(b"x")
    else:
        values["wsgi.input"].reader.length = 9
    assert streams.gunicorn_stream(values, 10) is None
    if isinstance(values.get("gunicorn.socket"), Tls):
        values["gunicorn.socket"].close()


def test_what_is_not_uvicorn_keeps_its_connection() -> None:
    class Cycle:
        async def receive(self) -> None:
            """As uvicorn's, by somebody else."""

    assert uvicorn_stream(Cycle().receive, 10**7) is None
    assert uvicorn_stream(lambda: None, 10**7) is None
