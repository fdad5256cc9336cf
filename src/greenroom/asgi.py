"""Streams bodies under ASGI, where Django by itself puts the whole body on a disk before any view runs.

In the project's `asgi.py` one line changes: `from greenroom.asgi import get_asgi_application`. Bodies of uploads
and of forms with files then come to the thread of their view while they arrive, as under WSGI; everything else
is Django's.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import django
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import SynchronousOnlyOperation
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.urls import Resolver404, resolve
from django.utils import translation

from .streams import (
    THROWN_AWAY_BYTES,
    SocketStream,
    Stream,
    keep_buffers,
    most_thrown_away,
    uvicorn_stream,
    watch_for_stop,
)
from .threads import Exchange, close_connections

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MIDDLEWARE = "greenroom.middleware.GreenroomMiddleware"

NEVER_OURS = ("GET", "OPTIONS", "TRACE")
"""Methods of requests that go Django's way without a look at their URL."""

MOST_WAITING = 1 << 20
"""Bytes that wait for the thread. With more of them nothing is received, and the client has to wait."""

_ENOUGH = 524_288  # bytes that are worth waking the thread for at once; it is given fewer after a moment
_MOMENT = 0.005  # seconds
_WORTH_TAKING_OVER = 4 << 20  # bytes; for fewer, a new connection afterwards costs more than is won


def get_asgi_application() -> StreamingHandler:
    """Django's application, with streamed bodies."""
    django.setup(set_prefix=False)
    keep_buffers()
    return StreamingHandler()


class StreamingHandler(ASGIHandler):
    """Gives the request of a form with files, or of an upload, a `BodyStream` instead of a file, and a thread."""

    def __init__(self) -> None:
        super().__init__()
        # It sees to it that no body is left to be read on the event loop.
        self._streams = MIDDLEWARE in settings.MIDDLEWARE
        # The same middleware once more, as under WSGI, for requests that are given to a thread as a whole.
        self._chain = BaseHandler()
        if self._streams:
            self._chain.load_middleware()
        signals.request_finished.connect(close_connections, sender=type(self))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As Django's."""
        if header(scope, b"transfer-encoding"):
            # RFC 9112 section 6.3: it overrides a length, which is not that of what is on the connection.
            fields = [each for each in scope["headers"] if each[0] != b"content-length"]
            scope = {**scope, "headers": fields}
        may_be_ours = self._streams and scope["method"] not in NEVER_OURS
        view = view_of(scope) if may_be_ours else None
        if not may_be_ours or not is_streamed(scope, view):
            await super().handle(scope, receive, send)
            return
        watch_for_stop()  # some servers begin to listen to signals only when they have loaded us
        body = BodyStream(receive, declared_by(scope) if has_body(scope) else 0)
        if not iscoroutinefunction(view):
            await self.handle_in_thread(scope, body, send)
            return
        try:
            await super().handle(scope, body.disconnected, Ending(scope, send, body))
        finally:
            body.close()

    async def handle_in_thread(self, scope: Scope, body: BodyStream, send: Send) -> None:
        """As Django's `handle`, for a view that is synchronous: all of it in one thread, as under WSGI."""
        exchange = Exchange(self, self._chain, scope, body)
        try:
            response = await exchange.answer()
            await self.send_response(response, Ending(scope, send, body, exchange.in_thread))
        finally:
            body.close()  # in this order: if we were cancelled, the thread may still wait for it
            # Some servers cancel again while the view still runs; its thread must be given back all the same.
            await asyncio.shield(exchange.end())

    async def send_response(self, response: Any, send: Any) -> None:
        """As Django's, without what RFC 9110 section 8.6 forbids and `CommonMiddleware` adds."""
        if response.status_code == HTTPStatus.NO_CONTENT:
            response.headers.pop("Content-Length", None)
        await super().send_response(response, send)

    async def read_body(self, receive: Any) -> Any:
        """As Django's; nothing is read yet."""
        body = getattr(receive, "__self__", None)
        return body if isinstance(body, BodyStream) else await super().read_body(receive)


def is_streamed(scope: Scope, view: Any) -> bool:
    """Whether it is a form with files, or for a view that takes bodies raw."""
    if header(scope, b"content-type").lower().startswith(b"multipart/form-data"):
        return bool(scope["method"] == "POST" and has_body(scope))
    return bool(getattr(view, "takes_raw_body", False))


def view_of(scope: Scope) -> Any:
    """Whom the project's URLs name; None if nobody.

    Under `i18n_patterns` they are those of the language in the path, which is not active before the middleware has run.
    """
    path = scope["path"].removeprefix(get_script_prefix(scope).rstrip("/"))
    try:
        with translation.override(translation.get_language_from_path(path)):
            return resolve(path).func
    except Resolver404:
        return None


def has_body(scope: Scope) -> bool:
    """Whether one may come. HTTP/2 has no transfer codings, so that what declares no length may have any."""
    declared = declared_by(scope)
    # RFC 9112 section 6.3: no length and no transfer coding is no body.
    return bool(
        declared or (declared is None and (speaks_http_2(scope) or header(scope, b"transfer-encoding")))
    )


def header(scope: Scope, name: bytes) -> bytes:
    """The first header of that name, which ASGI gives in lower case; empty if there is none."""
    return next((bytes(value) for key, value in scope["headers"] if key == name), b"")


def declared_by(scope: Scope) -> int | None:
    """The size of the body in bytes, if the request says so."""
    length = header(scope, b"content-length")
    return int(length) if length.isdigit() else None


def speaks_http_2(scope: Scope) -> bool:
    """Or later."""
    return not scope.get("http_version", "1.1").startswith("1")


class BodyStream(Stream):
    """A body on its way from the event loop to the one thread that reads it.

    The loop never waits for the thread: it stops to receive while `MOST_WAITING` bytes are unread. Where the
    server lets go of its socket, the thread receives from that by itself.
    """

    def __init__(self, receive: Receive, declared: int | None) -> None:
        self._server = receive
        self._declared = declared
        self._loop = asyncio.get_running_loop()
        self._receiving: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._pieces: collections.deque[memoryview] = collections.deque()
        self._received = self._read = 0  # bytes; each is written by one thread
        self._arrived = threading.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._socket: SocketStream | None = None
        self._broken: OSError | None = None
        self._over = False  # nothing more will be received here
        self._ended = False  # nor read

    @property
    def is_unread(self) -> bool:
        """Whether the client may have more to say."""
        return not self._ended and self._read != self._declared

    @property
    def is_taken_over(self) -> bool:
        """Whether the server does not know where the connection stands."""
        return self._socket is not None

    # -- in the thread of the view -----------------------------------------------------------------

    def _receive(self, view: memoryview) -> int:
        if self._ended:
            return 0
        self._check_thread()
        self.check_stop()
        if self._receiving is None and not self._over:
            # Not in the context of this thread: the server starts the next request of the connection in the context
            # in which it was last asked for more, and asgiref keeps this request's executors there.
            self._loop.call_soon_threadsafe(self._begin, context=contextvars.Context())
        while True:
            # In this order: a last piece is there before it is known that it was the last.
            stream, over = self._socket, self._over
            if self._pieces:
                break
            if stream is not None:
                return self._receive_from(stream, view)
            if over:
                return self._end()
            self.wait(self._arrived.wait)
            self._arrived.clear()
        count = 0
        while self._pieces and count < len(view):
            piece = self._pieces[0]
            taken = min(len(piece), len(view) - count)
            view[count : count + taken] = piece[:taken]
            count += taken
            if taken < len(piece):
                self._pieces[0] = piece[taken:]
            else:
                self._pieces.popleft()
        self._read += count
        if not self._room.is_set():
            self._loop.call_soon_threadsafe(self._room.set)
        return count

    def _receive_from(self, stream: SocketStream, view: memoryview) -> int:
        stream.patience, stream.heeds_stop = self.patience, self.heeds_stop
        count = stream.readinto(view)
        self._read += count
        return count

    def _end(self) -> int:
        if self._broken is not None:
            raise self._broken
        self._ended = True
        return 0

    def _check_thread(self) -> None:
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            return
        if here is self._loop:
            raise SynchronousOnlyOperation(
                "The body of this request is still arriving, and the event loop cannot wait for it. Read it in a "
                "thread: await sync_to_async(lambda: request.POST)()."
            )

    def throw_away(self) -> None:
        """Read on for a few seconds: who closes on a sender is not heard by it."""
        self.heeds_stop = False
        nothing = bytearray(THROWN_AWAY_BYTES)
        try:
            while (left := most_thrown_away() - self.thrown_away) > 0:
                self.patience, began = left, time.monotonic()
                if not self.readinto(nothing):
                    return
                self.thrown_away += time.monotonic() - began
        except OSError:
            pass
        finally:
            self._ended = True

    # -- on the event loop -------------------------------------------------------------------------

    def _begin(self) -> None:
        self._receiving = self._loop.create_task(self._receive_all())

    async def _receive_all(self) -> None:
        try:
            while await self._receive_one():
                while self._received - self._read >= MOST_WAITING:
                    self._room.clear()
                    self._wake()
                    # Looked at once more: who has read since may have found that nobody waits.
                    if self._received - self._read >= MOST_WAITING:
                        await self._room.wait()
        except Exception as error:
            self._broken = error if isinstance(error, OSError) else OSError(str(error))
        self._over = True
        self._wake()

    async def _receive_one(self) -> bool:
        """Take one message from the server; whether there is another."""
        message = await self._server()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("The connection ended before the body did.")
        if piece := message.get("body", b""):
            self._pieces.append(memoryview(piece))
            self._received += len(piece)
            if self._received - self._read >= _ENOUGH:
                self._wake()
            elif self._timer is None:
                # Each time that a thread wakes up costs as much as it takes to receive some 100 KiB.
                self._timer = self._loop.call_later(_MOMENT, self._wake)
        if not message.get("more_body", False):
            return False
        remaining = (self._declared or 0) - self._received
        if remaining >= _WORTH_TAKING_OVER:
            self._socket = uvicorn_stream(self._server, remaining)
        return self._socket is None

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._arrived.set()

    async def disconnected(self) -> Message:
        """What Django listens to while the view is at work. It is never told of a disconnect.

        It would cancel the request, and with it the answer, but not the thread: what arrived is kept, and a form
        that has arrived is saved, whether or not somebody waits to be told.
        """
        await asyncio.Event().wait()
        raise AssertionError("never")

    def close(self) -> None:
        """As `io.IOBase`. The connection is the server's to close."""
        if not self.closed:
            super().close()
            if self._socket is not None or not self._over:
                self._loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        self._broken = self._broken or ConnectionResetError("The request is over.")
        self._over = True
        self._wake()
        if self._receiving is not None:
            self._receiving.cancel()
        if self._socket is not None:
            self._socket.close()


async def in_any_thread(call: Callable[[], None]) -> None:
    """In that of the view, if Django has one for it."""
    await sync_to_async(call)()


class Ending:
    """`send`, for an answer that comes before the body has: out first, then the rest is thrown away for a while.

    A connection that is closed on a sender is reset, and a browser that is slow to read never sees why. One whose
    body nobody has read to its end is not used again.
    """

    def __init__(
        self, scope: Scope, send: Send, body: BodyStream, in_thread: Callable[[Any], Any] = in_any_thread
    ) -> None:
        self._send = send
        self._body = body
        self._in_thread = in_thread
        # RFC 9113 section 8.2.2: HTTP/2 ends streams and has no such field.
        self._says_close = not speaks_http_2(scope)

    async def __call__(self, message: Message) -> None:
        """As `send` of ASGI."""
        if message["type"] == "http.response.start":
            if self._says_close and (self._body.is_unread or self._body.is_taken_over):
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        elif not message.get("more_body") and self._body.is_unread:
            await self._send({**message, "more_body": True})
            await self._in_thread(self._body.throw_away)
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)
