"""Bodies as streams, where no real server can be made to say such a thing at such a moment."""

from __future__ import annotations

import asyncio
import collections
import select
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection

from greenroom import asgi, streams
from greenroom.asgi import BodyStream, Ending, has_body
from greenroom.bodies import Body
from greenroom.streams import SocketStream, Stopping, Stream

Messages = list[Any]


def piece(data: bytes | bytearray, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


END = {"type": "http.disconnect"}


def scripted(messages: Messages) -> Callable[[], Awaitable[Any]]:
    """A server's `receive` that says these things, and then nothing more; an exception is raised."""
    left = collections.deque(messages)

    async def receive() -> Any:
        if not left:
            await asyncio.Event().wait()
        message = left.popleft()
        if isinstance(message, Exception):
            raise message
        return message

    return receive


def read_in_thread(messages: Messages, work: Callable[[BodyStream], Any], declared: int | None = None) -> Any:
    """What `work` makes of the body in a thread, while the loop receives."""

    async def main() -> Any:
        body = BodyStream(scripted(messages), declared)
        try:
            return await asyncio.to_thread(work, body)
        finally:
            body.close()

    return asyncio.run(main())


def whole(body: Stream) -> bytes:
    return body.read()


# -- messages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "messages",
    [
        [piece(b"Darjeeling", more=False)],
        [piece(b"Dar"), piece(b"jeel"), piece(b"ing"), piece(b"", more=False)],
        [piece(b""), piece(b""), piece(b"Darjeeling"), piece(b""), {"type": "http.request"}],
        [{"type": "http.request", "more_body": True}, {"type": "http.request", "body": b"Darjeeling"}],
        [piece(bytearray(b"Darjeeling"), more=False)],
    ],
)
def test_whatever_messages_a_server_makes_of_it_the_body_is_the_same(messages: Messages) -> None:
    assert read_in_thread(messages, whole) == b"Darjeeling"


def test_a_body_in_very_many_pieces_is_read_to_its_end_while_the_server_is_held_back() -> None:
    pieces = [bytes([number % 256]) * 40_000 for number in range(500)]
    most = 0

    def work(body: BodyStream) -> bytes:
        nonlocal most
        data = bytearray()
        while got := body.read(30_001):
            data += got
            most = max(most, body._received - body._read)
        return bytes(data)

    messages = [*map(piece, pieces), piece(b"", more=False)]
    assert read_in_thread(messages, work) == b"".join(pieces)
    assert most <= asgi.MOST_WAITING + 40_000


def read_into(got: bytearray, body: BodyStream) -> None:
    while data := body.read(3):
        got += data


@pytest.mark.parametrize("end", [END, RuntimeError("the server's own trouble"), OSError("gone")])
def test_a_body_that_breaks_gives_what_had_come_and_never_an_end(end: Any) -> None:
    def work(body: BodyStream) -> bytes:
        got = bytearray()
        with pytest.raises(OSError, match=r"ended before|trouble|gone"):
            read_into(got, body)
        # What could not be read in full is still there, and after it comes the same error.
        with pytest.raises(OSError, match=r"ended before|trouble|gone"):
            body.read(3)
        rest = bytearray(10)
        return bytes(got + rest[: body.readinto(rest)])

    assert read_in_thread([piece(b"Darjeel"), piece(b"ing"), end], work) == b"Darjeeling"


class Late(collections.deque[memoryview]):
    """Looks empty once, and is not a moment later: as when the other thread runs between two lines of this one."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__()
        self.happens: Callable[[], None] | None = happens

    def __bool__(self) -> bool:
        if self.happens is not None and not len(self):
            happens, self.happens = self.happens, None
            happens()
            return False
        return len(self) > 0


def test_a_last_piece_that_comes_between_two_looks_is_not_lost() -> None:
    def work(body: BodyStream) -> bytes:
        def happens() -> None:
            body._pieces.append(memoryview(b"ling"))
            body._over = True
            body._wake()

        body._pieces = Late(happens)
        body._receiving = asyncio.Future(loop=body._loop)  # type: ignore[assignment]  # we are what receives
        return body.read()

    assert read_in_thread([], work) == b"ling"


def test_a_piece_that_comes_between_two_looks_stands_before_what_is_in_the_socket() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"jeeling")

    def work(body: BodyStream) -> bytes:
        def happens() -> None:
            body._pieces.append(memoryview(b"Dar"))
            body._socket = SocketStream(ours, 7, owned=True)
            body._over = True
            body._wake()

        body._pieces = Late(happens)
        body._receiving = asyncio.Future(loop=body._loop)  # type: ignore[assignment]  # we are what receives
        return body.read()

    with theirs:
        assert read_in_thread([], work, declared=10) == b"Darjeeling"


def test_what_was_given_up_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "THROWN_AWAY_SECONDS", 0)

    def work(body: BodyStream) -> tuple[bytes, bool, bytes]:
        first = body.read(3)
        body.throw_away()
        return first, body.is_unread, body.read(3)

    assert read_in_thread([piece(b"Dar"), piece(b"jeel")], work) == (b"Dar", False, b"")


def test_nobody_is_taken_for_gone_because_the_time_is_almost_up() -> None:
    patiences = []

    class Dripping(Stream):
        def _receive(self, view: memoryview) -> int:
            patiences.append(self.patience)
            view[:1] = b"x"
            return 1

    request: Any = SimpleNamespace(_stream=Dripping(), headers={})
    body = Body(request, 1_000)
    request._stream.thrown_away = 2.499
    assert body.fill_to_throw_away(2.5) == 1
    assert patiences == [1.0]
    request._stream.thrown_away = 2.5
    assert (body.fill_to_throw_away(2.5), body.ended) == (0, False)


def test_the_event_loop_is_told_that_it_cannot_wait_for_a_body() -> None:
    async def main() -> None:
        body = BodyStream(scripted([piece(b"Darjeeling", more=False)]), 10)
        with pytest.raises(SynchronousOnlyOperation, match="sync_to_async"):
            body.read(1)
        assert await asyncio.to_thread(body.read) == b"Darjeeling"  # and nothing of it is lost by that
        body.close()

    asyncio.run(main())


# -- HTTP/2, which has neither transfer codings nor connections to close -----------------------------


def scope(version: str, **headers: str) -> dict[str, Any]:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "http_version": version, "method": "PATCH", "path": "/", "headers": fields}


def test_whether_a_body_may_come() -> None:
    assert has_body(scope("1.1", content_length="1"))
    assert has_body(scope("1.1", transfer_encoding="chunked"))
    assert not has_body(scope("1.1", content_length="0"))
    assert not has_body(scope("1.1"))
    assert has_body(scope("2"))
    assert has_body(scope("3"))
    assert not has_body(scope("2", content_length="0"))


@pytest.mark.parametrize(("version", "says"), [("1.1", True), ("2", False)])
def test_an_answer_that_comes_before_the_body_says_how_the_connection_goes_on(
    version: str, says: bool
) -> None:
    async def main() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        body = BodyStream(scripted([piece(b"never", more=True), END]), 10_000)
        ending = Ending(scope(version), send, body)
        await ending({"type": "http.response.start", "status": 403, "headers": [(b"x", b"y")]})
        await ending({"type": "http.response.body", "body": b"no"})
        body.close()
        return sent

    start, answer, end = asyncio.run(main())
    assert ((b"connection", b"close") in start["headers"]) is says
    assert (answer["body"], answer["more_body"]) == (b"no", True)  # it is out before the rest is read
    assert (end["body"], end["more_body"]) == (b"", False)


# -- who sends nothing -----------------------------------------------------------------------------


def test_a_silent_sender_is_given_up_on_the_socket_and_on_the_loop() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = SocketStream(ours, 5, head=b"Dar")
        stream.patience = 0.1
        with pytest.raises(TimeoutError):
            stream.read(5)
        theirs.sendall(b"jeeling")
        with pytest.raises(TimeoutError):  # who was given up is not heard again: there is a gap
            stream.read(5)
        assert stream.read(3) == b"Dar"

    def work(body: BodyStream) -> None:
        body.patience = 0.1
        body.read(10)

    with pytest.raises(TimeoutError):
        read_in_thread([piece(b"Dar")], work)


def test_a_large_body_has_room_in_the_kernel_and_a_little_of_it_is_read_at_once() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as theirs,
        server.accept()[0] as ours,
    ):
        room = ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        SocketStream(ours, 1 << 20)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == room
        stream = SocketStream(ours, 10**7)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 1 << 20 > room
        theirs.sendall(b"Dar")
        assert select.select([ours], [], [], 5)[0]
        assert stream.readinto(bytearray(10)) == 3


def test_who_is_told_to_stop_hears_of_it_while_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    monkeypatch.setattr(streams, "_told_to_stop", told)

    def ready(seconds: float) -> bool:
        told.set()  # while we wait
        return False

    stream = Stream()
    stream.heeds_stop = True
    with pytest.raises(Stopping):
        stream.wait(ready)
    stream.heeds_stop, stream.patience = False, 0.01
    with pytest.raises(TimeoutError):
        stream.wait(ready)


def test_sigterm_is_heard_beside_the_server_who_listens_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told, heard = threading.Event(), []
    monkeypatch.setattr(streams, "_told_to_stop", told)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        streams.watch_for_stop()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # no server: it ends the program, as ever
        signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
        streams.watch_for_stop()
        streams.watch_for_stop()
        signal.raise_signal(signal.SIGTERM)
        assert heard == [signal.SIGTERM]
        assert told.is_set()
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.django_db(transaction=True)
def test_a_slow_sender_who_is_never_silent_for_long_holds_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "_TICK_SECONDS", 0.1)
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.02):  # a fifth of what would count as silence
            theirs.sendall(b"x")

    connection.ensure_connection()
    sender = threading.Thread(target=trickle)
    with ours, theirs:
        sender.start()
        stream = SocketStream(ours, 10**6)
        until = time.monotonic() + 20
        while connection.connection is not None and time.monotonic() < until:
            assert stream.read(1) == b"x"
        stop.set()
        sender.join()
    assert connection.connection is None


@pytest.mark.django_db(transaction=True)
def test_a_transaction_is_not_taken_from_under_whoever_has_opened_one() -> None:
    connection.set_autocommit(False)
    try:
        streams.release_connections()
        assert connection.connection is not None
    finally:
        connection.rollback()
        connection.set_autocommit(True)
    streams.release_connections()
    assert connection.connection is None
