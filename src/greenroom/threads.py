"""Requests that run in one thread from their first signal to their last, under ASGI as under WSGI.

Django's own ASGI handler hops between event loop and thread for each middleware, and gives each request a new
thread, with a new connection to the database. Where all of it is synchronous, this costs more than the rest of
the request.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.core import signals
from django.core.handlers.asgi import get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.http import FileResponse
from django.urls import set_script_prefix

from .streams import Stream, release_connections

MOST_IDLE = 16
"""Threads that are kept for the next requests. With CONN_MAX_AGE each may hold a connection to the database."""

_idle: list[ThreadPoolExecutor] = []
_here = threading.local()


def close_connections(**said: Any) -> None:
    """At the end of a request of Django's own way, whose thread ends with it: nobody could use a kept connection
    afterwards, and it would stay open until Python comes to it. A receiver of `request_finished`."""
    if not getattr(_here, "is_kept", False):
        release_connections()


class Exchange:
    """One request and its answer, in the one `thread` that it has for itself.

    It is awaited from the event loop, and ended in any case; then the thread is there for the next one.
    """

    def __init__(self, handler: Any, chain: BaseHandler, scope: dict[str, Any], body: Stream) -> None:
        self._handler = handler  # an `ASGIHandler`
        self._chain = chain
        self._scope = scope
        self._body = body
        self._response: Any = None
        try:
            self._thread = _idle.pop()
        except IndexError:
            self._thread = ThreadPoolExecutor(1, initializer=setattr, initargs=(_here, "is_kept", True))

    def in_thread(self, call: Callable[[], Any]) -> Awaitable[Any]:
        """What `call` returns.

        By asgiref, so that what is asynchronous in there (a middleware, a receiver of a signal) runs on the server's
        loop, and what that has to have done in a thread is done in this one.
        """
        return sync_to_async(call, thread_sensitive=False, executor=self._thread)()

    async def answer(self) -> Any:
        """The response, as from `ASGIHandler.run_get_response`."""
        return await self.in_thread(self._answer)

    async def end(self) -> None:
        """Behind the answer, and behind whatever still runs in the thread."""
        await self.in_thread(self._end)

    def _answer(self) -> Any:
        handler, sender = self._handler, type(self._handler)
        set_script_prefix(get_script_prefix(self._scope))
        signals.request_started.send(sender=sender, scope=self._scope)
        request, response = handler.create_request(self._scope, self._body)
        if request is not None:
            response = self._chain.get_response(request)
            cast(Any, response)._handler_class = sender  # of `request_finished`
        self._response = response
        if isinstance(response, FileResponse):
            response.block_size = handler.chunk_size
        if response.streaming and not response.is_async:
            # Django collects it as well, but would do so in a thread, and with a connection, of its own.
            response.streaming_content = list(response.streaming_content)
        return response

    def _end(self) -> None:
        try:
            if self._response is not None:
                self._response.close()
            else:
                signals.request_finished.send(sender=type(self._handler))
        finally:
            if len(_idle) < MOST_IDLE:
                _idle.append(self._thread)
            else:
                connections.close_all()
                self._thread.shutdown(wait=False)
