"""Bodies as blocking streams that fill a buffer of the reader's: one kind for every server.

A server's own way to a body makes a new `bytes` for each piece, and more of them on the way. Where its socket
can be had, `SocketStream` receives into one buffer that is used over and over. The doors to the sockets of
gunicorn and uvicorn are here and nowhere else: they lean on what those servers keep to themselves, so whatever
looks different from what is expected means the plain way, which passes the same tests.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import math
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from django.db import connections

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STALLED_SECONDS = 60.0
"""A sender of whom nothing came for this long is gone, whatever the network still believes."""

PLAIN_READS = (8_192, 262_144)
"""The least and the most that is asked of a server's own `read`, which waits for all of it: little of a slow client,
whose bytes should not wait long before they are kept; much of a fast one, as each call costs."""

THROWN_AWAY_SECONDS = 5.0
"""What is refused is read and thrown away for this long at most, so that the browser shows the answer."""

THROWN_AWAY_BYTES = 8_192
"""Read at once of what is thrown away. A server's own `read` waits for all of it, and the clock is looked at in
between: a slow sender of large pieces would have the thread for much longer than was meant."""

STOPPING_SECONDS = 1.0
"""The same, by a server that was told to stop and has only so long."""

_TICK_SECONDS = 1.0
_SLOW_SECONDS = 0.5  # for one read of a server's own
_LINE_READ = 8_192  # bytes
_WIDE = 1 << 20  # bytes


class Stopping(Exception):
    """The server was told to stop, and the reader had said that it wants to hear of that."""


class Stream(io.RawIOBase):
    """A body. `readinto` gives what there is, once there is anything; `read` fills up, as Django expects.

    Raises `ConnectionResetError` where the body ends before its end, `TimeoutError` if nothing came for
    `patience` seconds, and `Stopping` if `heeds_stop`.
    """

    patience = STALLED_SECONDS
    heeds_stop = False
    thrown_away = 0.0  # seconds so far
    _head = memoryview(b"")
    _failure: OSError | None = None
    _waited = 0.0  # seconds since a connection to the database may have been opened

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """As `io.RawIOBase`: what was put back first."""
        view = memoryview(buffer).cast("B")
        if not self._head:
            if self._failure is not None:
                raise self._failure  # what comes after a gap is not the body
            try:
                return self._receive(view)
            except OSError as error:
                self._failure = error
                raise
        count = min(len(view), len(self._head))
        view[:count], self._head = self._head[:count], self._head[count:]
        return count

    def unread(self, data: bytes) -> None:
        """Put back what was only looked at."""
        self._head = memoryview(data + bytes(self._head))

    def _receive(self, view: memoryview) -> int:
        """As `readinto`, from where the bytes come from."""
        raise NotImplementedError

    def read(self, size: int | None = -1, /) -> bytes:
        """`size` bytes, and fewer only at the end; all of them by default. After an error nothing is lost."""
        if size is None or size < 0:
            return self.readall()
        pieces = bytearray()
        try:
            while len(pieces) < size and (piece := super().read(size - len(pieces))):
                pieces += piece
        except OSError:
            self.unread(bytes(pieces))
            raise
        return bytes(pieces)

    def readline(self, size: int | None = -1, /) -> bytes:
        """As `io.IOBase`, which would ask for one byte after the other."""
        line = bytearray()
        room = math.inf if size is None or size < 0 else size
        while len(line) < room and not line.endswith(b"\n"):
            if not self._head:
                self._head = memoryview(super().read(_LINE_READ) or b"")
            if not self._head:
                break
            piece = bytes(self._head[: int(min(_LINE_READ, room - len(line)))])
            end = piece.find(b"\n") + 1 or len(piece)
            line += piece[:end]
            self._head = self._head[end:]
        return bytes(line)

    def give_up(self) -> None:
        """Nobody reads on: a server that would read the rest by itself is told not to, where that can be said."""

    def wait(self, ready: Callable[[float], object]) -> None:
        """Until `ready(seconds)` is true, asked again and again."""
        began = time.monotonic()
        until = began + self.patience
        while True:
            self.check_stop()
            is_ready = ready(min(_TICK_SECONDS, self.patience))
            now = time.monotonic()
            # In all, since many a slow client is never silent for long.
            self._waited += now - began
            if self._waited >= _TICK_SECONDS:
                self._waited = 0.0
                release_connections()
            if is_ready:
                return
            if now >= until:
                raise TimeoutError("The sender has stopped sending.")
            began = now

    def check_stop(self) -> None:
        """Raise `Stopping` if there is a reason to."""
        if self.heeds_stop and _told_to_stop.is_set():
            raise Stopping


class PlainStream(Stream):
    """What a server offers as `source`, whose `read` may wait for all that it is asked for.

    Nobody can be heard or given up while it waits; that ends when the server has enough of it.
    """

    def __init__(self, source: Any) -> None:
        keep_buffers()
        self._source = source
        self._size = 65_536

    def _receive(self, view: memoryview) -> int:
        self.check_stop()
        size = min(len(view), self._size)
        began = time.monotonic()
        try:
            data: bytes = self._source.read(size)
        except Exception as error:
            # Some servers' words for a broken body are no OSError.
            failure = error if isinstance(error, OSError) else OSError(str(error))
            data = self._rest(size)
            if not data:
                raise failure from error
            self._failure = failure
        took = time.monotonic() - began
        if took > _SLOW_SECONDS:
            self._size = max(self._size // 4, PLAIN_READS[0])
        elif took < _SLOW_SECONDS / 10 and size == self._size:
            self._size = min(self._size * 4, PLAIN_READS[1])
        view[: len(data)] = data
        return len(data)

    def _rest(self, size: int) -> bytes:
        """What had come before the body broke: servers keep it, and give it out when they are asked once more."""
        with contextlib.suppress(Exception):
            return bytes(self._source.read(size))
        return b""


class SocketStream(Stream):
    """`head`, and then `remaining` more bytes from a socket. `took` is told of each number of them, `given_up` once.

    `sock` may be in any mode. It is left open, unless it is `owned`.
    """

    def __init__(
        self,
        sock: socket.socket,
        remaining: int,
        *,
        head: bytes = b"",
        took: Callable[[int], object] = bool,
        given_up: Callable[[], object] = bool,
        owned: bool = False,
    ) -> None:
        self.unread(head)
        if remaining > _WIDE:
            widen(sock)
        self._socket = sock
        self._remaining = remaining
        self._took = took
        self._given_up = given_up
        self._owned = owned
        self._poll: select.poll | None = None

    def _receive(self, view: memoryview) -> int:
        size = min(len(view), self._remaining)
        if size == 0:
            return 0
        self.check_stop()
        while True:
            try:
                count = self._socket.recv_into(view, size, socket.MSG_DONTWAIT)
                break
            except BlockingIOError:
                self.wait(self._ready)
        if count == 0:
            raise ConnectionResetError("The connection ended before the body did.")
        self._remaining -= count
        self._took(count)
        return count

    def give_up(self) -> None:
        """As `Stream`."""
        self._given_up()

    def close(self) -> None:
        """As `io.IOBase`."""
        if self._owned and not self.closed:
            self._socket.close()
        super().close()

    def _ready(self, seconds: float) -> object:
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
        return self._poll.poll(seconds * 1000)


def widen(sock: socket.socket) -> None:
    """Have the kernel take 1 MiB from a sender who is faster than we are, before that has to wait for us.

    The buffer of a new connection is small, and grows slowly with what is read at once; so each piece is small, and
    costs as much as a large one. To ask for its size (`SO_RCVBUF`) would end its growth. Linux also makes it as large
    as `SO_RCVLOWAT` needs, and it stays so; that itself is put back, as a slow sender's bytes are to be read at once.
    """
    with contextlib.suppress(OSError):  # not every kind of socket has it, and each goes on without
        for low in (_WIDE, 1):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, low)


# -- the doors to the sockets of servers -----------------------------------------------------------


def gunicorn_stream(environ: dict[str, Any], length: int) -> SocketStream | None:
    """The body of a request under gunicorn, `length` bytes of it, from its socket.

    gunicorn counts what its own reader has given out, and goes on with the next request after the end: so
    that it stays right, what is taken here is taken off there.
    """
    sock = environ.get("gunicorn.socket")
    # A socket of TLS is a socket too, with a buffer in between.
    if type(sock) is not socket.socket:
        return None
    try:
        body = environ["wsgi.input"]
        reader = body.reader
        if body.buf.tell() or reader.length != length or reader.unreader.sock is not sock:
            return None
        head = reader.unreader.take_buffered()
    except (KeyError, AttributeError):
        return None
    if len(head) > length:  # pipelined: the next request is in it
        reader.unreader.unread(head)
        return None

    def took(count: int) -> None:
        reader.length -= count

    def given_up() -> None:
        body.failed = True  # by which gunicorn itself remembers that a connection cannot be used again

    took(len(head))
    return SocketStream(sock, length - len(head), head=head, took=took, given_up=given_up)


def uvicorn_stream(receive: Any, remaining: int) -> SocketStream | None:
    """The rest of a body under uvicorn, `remaining` bytes of it, from its socket.

    To be called on the event loop, after the first message. The connection is at its end after this request:
    uvicorn's own parser has not seen the end of the body. So the answer has to say `Connection: close`.
    """
    cycle: Any = getattr(receive, "__self__", None)
    if not type(cycle).__module__.startswith("uvicorn.protocols.http."):
        return None
    try:
        transport, flow, head = cycle.transport, cycle.flow, cycle.body
        descriptor = transport.get_extra_info("socket").fileno()
        if transport.get_extra_info("sslcontext") or cycle.disconnected or not cycle.more_body:
            return None
        flow.pause_reading()
        cycle.body = type(head)()
    except AttributeError:
        return None
    # Of our own, so that a connection that is closed cannot become another one under our hands.
    own = socket.socket(fileno=os.dup(descriptor))
    return SocketStream(own, remaining - len(head), head=bytes(head), owned=True)


@functools.cache
def keep_buffers() -> None:
    """Let glibc keep the memory of the buffers that a server makes for each piece of a body.

    By default it takes those of 128 KiB or more from the system and gives them back, and the system fills them with
    zeros each time: half of the time that receiving takes. It holds for the process, from where a server's own
    reading is first needed. Where there is no glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        m_trim_threshold, m_mmap_threshold = -1, -3  # malloc.h
        mallopt(m_mmap_threshold, 4 << 20)
        mallopt(m_trim_threshold, 8 << 20)


# -- while a body is waited for --------------------------------------------------------------------


def release_connections() -> None:
    """Slow is cheap: who waits for a slow client holds no connection to the database meanwhile."""
    for connection in connections.all(initialized_only=True):
        if connection.autocommit and not connection.in_atomic_block:
            connection.close()


_told_to_stop = threading.Event()


def most_thrown_away() -> float:
    """For how many seconds what is refused is read and thrown away, all in all."""
    return STOPPING_SECONDS if _told_to_stop.is_set() else THROWN_AWAY_SECONDS


def watch_for_stop() -> None:
    """Hear of SIGTERM beside the server, which lets running requests end and does not tell them.

    Only where a server listens to it already: what SIGTERM does to any other program stays as it is. And only
    from the main thread, as Python has it; elsewhere bodies are read on until the server has enough of them.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    server = signal.getsignal(signal.SIGTERM)
    if not callable(server) or hasattr(server, "greenroom"):
        return

    def stop(number: int, frame: FrameType | None) -> None:
        _told_to_stop.set()
        server(number, frame)

    stop.greenroom = True  # type: ignore[attr-defined]
    with contextlib.suppress(ValueError):  # not in the main interpreter
        signal.signal(signal.SIGTERM, stop)
