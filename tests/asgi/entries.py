"""Applications whose server keeps its socket to itself, as seen from Greenroom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.wsgi import get_wsgi_application

from greenroom.asgi import get_asgi_application


def without_socket() -> Callable[..., Any]:
    application = get_wsgi_application()

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        environ.pop("gunicorn.socket", None)
        return application(environ, start_response)

    return call


def behind_a_function() -> Callable[..., Any]:
    """As any ASGI middleware does it."""
    application = get_asgi_application()

    async def call(scope: Any, receive: Any, send: Any) -> None:
        async def hidden() -> Any:
            return await receive()

        await application(scope, hidden, send)

    return call
