"""The raw body of a request, piece by piece, the same under every server."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, UnreadablePostError

from .core.errors import CutShort, LengthRequired
from .streams import (
    STALLED_SECONDS,
    THROWN_AWAY_BYTES,
    PlainStream,
    Stream,
    gunicorn_stream,
    most_thrown_away,
)

FIRST_READ = 65_536
"""Enough for most bodies; whoever fills it gets a larger buffer the next time, up to `LARGEST_READ`."""

LARGEST_READ = 1 << 20
PAUSE_SECONDS = 1.0
"""Who sends what nobody wants may be silent for this long before being taken for gone."""

MOST_SPARE = 8
"""Buffers of the largest size that are kept for the next bodies: the system fills new memory with zeros, which takes
longer than to receive into it."""

_spare: list[bytearray] = []


class Body:
    """The next piece is `buffer[:fill()]`, and stays there until the next `fill`.

    `declared` is its size in bytes by Content-Length, or None. Nothing is read before the first `fill`. Raises
    `CutShort` if it ended too early, and `LengthRequired` if nobody can tell where it ends. A body that
    `heeds_stop` raises `Stopping` when the server was told to stop.
    """

    def __init__(self, request: HttpRequest, declared: int | None, *, heeds_stop: bool = False) -> None:
        self.declared = declared
        self.taken = 0
        self.buffer = bytearray()
        self._count = 0  # of the last `fill`
        # RFC 9112 section 6.3: no length and no transfer coding is no body. ASGI also has HTTP/2, without codings.
        asgi = not hasattr(request, "environ")
        has_body = bool(declared) or (declared is None and (asgi or "Transfer-Encoding" in request.headers))
        self._ended = not has_body
        self._heeds_stop = heeds_stop
        self._request = request
        self._stream: Stream | None = None

    def __iter__(self) -> Iterator[memoryview]:
        """The pieces, each for as long as the next is not asked for."""
        while count := self.fill():
            yield memoryview(self.buffer)[:count]

    def fill(self, size: int = LARGEST_READ, patience: float = STALLED_SECONDS) -> int:
        """How many bytes, of at most `size`, are in the buffer now; none at the end.

        A sender of whom nothing comes for `patience` seconds is gone, where the server lets us see that.
        """
        if self._ended:
            self._release()
            return 0
        try:
            stream = self._open()
            stream.patience = patience
            if self._count == len(self.buffer) < LARGEST_READ:
                self.buffer = larger_than(self.buffer)
            self._count = count = stream.readinto(memoryview(self.buffer)[:size])
        except (UnreadablePostError, OSError):
            self._ended = True
            raise CutShort from None
        self.taken += count
        if not count:
            self._ended = True
            self._release()
            # WSGI knows no difference between the end of a body and the end of a connection.
            if self.declared is not None and self.taken < self.declared:
                raise CutShort
        elif self.taken == self.declared:
            self._ended = True  # asking once more would wait for bytes that never come
        return count

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to read."""
        return self._ended

    def fill_to_throw_away(self, limit: float) -> int:
        """As `fill`, for what nobody wants; none when that has taken `limit` seconds, all in all."""
        stream = self._open()
        stream.heeds_stop = False
        left = limit - stream.thrown_away
        if left <= 0:
            return 0
        began = time.monotonic()
        try:
            # A sender is not gone because the time is almost up.
            return self.fill(THROWN_AWAY_BYTES, max(left, PAUSE_SECONDS))
        finally:
            stream.thrown_away += time.monotonic() - began

    def throw_away(self) -> None:
        """Read on for a few seconds: who closes on a sender is not heard by it."""
        with contextlib.suppress(CutShort, LengthRequired):
            while self.fill_to_throw_away(most_thrown_away()):
                pass
        if self._stream is not None and self.taken != self.declared:
            self._stream.give_up()

    def _release(self) -> None:
        """Nobody looks at the last piece any more: the buffer is there for the next body."""
        if len(self.buffer) == LARGEST_READ and len(_spare) < MOST_SPARE:
            _spare.append(self.buffer)
        self.buffer, self._count = bytearray(), 0

    def _open(self) -> Stream:
        if self._stream is None:
            self._stream = open_stream(self._request, self.declared)
            self._stream.heeds_stop = self._heeds_stop
            # From now on the request counts as read from, as by `HttpRequest.read`.
            self._request._read_started = True  # type: ignore[attr-defined]
        return self._stream


def larger_than(buffer: bytearray) -> bytearray:
    """A buffer that holds more: one that is left over, or a new one."""
    with contextlib.suppress(IndexError):
        return _spare.pop()
    return bytearray(min(max(FIRST_READ, 4 * len(buffer)), LARGEST_READ))


def declared_length(request: HttpRequest) -> int | None:
    """The size of the body in bytes by Content-Length; None where that is missing or no number."""
    text = request.META.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdecimal() else None


def open_stream(request: HttpRequest, declared: int | None) -> Stream:
    """What the request reads from, made a `Stream`: of the server's socket where that can be had."""
    raw: Any = request
    environ: dict[str, Any] = getattr(request, "environ", {})
    if isinstance(raw._stream, Stream):
        pass
    elif environ and declared is not None:
        raw._stream = gunicorn_stream(environ, declared) or PlainStream(raw._stream)
    elif environ.get("wsgi.input_terminated"):
        # A body in chunks. The server says that its input ends by itself; Django would read nothing.
        raw._stream = PlainStream(environ["wsgi.input"])
    elif environ.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired
    else:
        raw._stream = PlainStream(raw._stream)
    return cast(Stream, raw._stream)


def answer_first(response: HttpResponseBase, body: Body) -> None:
    """Let the answer out to somebody who is still sending, and then throw the rest away for a while.

    A connection that is closed on a sender is reset, and a browser that is slow to read never sees why.
    """
    close = response.close

    def close_late() -> None:  # the server calls it when the answer is out
        try:
            body.throw_away()
        finally:
            close()

    response.close = close_late  # type: ignore[method-assign]


def settle_body(request: HttpRequest) -> bool:
    """Wait for all of a body that is still arriving, so that it can be read as after Django's own ASGI handler.

    For a view that runs on the event loop, which must not wait for it. False if the body was cut short.
    """
    raw: Any = request
    if not isinstance(raw._stream, Stream):
        return True
    whole = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - the request closes it
        max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE, dir=settings.FILE_UPLOAD_TEMP_DIR
    )
    try:
        for piece in Body(request, declared_length(request)):
            whole.write(piece)
    except CutShort:
        whole.close()
        return False
    whole.seek(0)
    raw._stream, raw._read_started = whole, False
    return True
