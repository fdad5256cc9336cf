"""The ASGI application, and one that sees nothing of its server but what ASGI promises."""

import os
from typing import Any

if os.environ.get("BENCH_WITHOUT_GREENROOM"):
    from django.core.asgi import get_asgi_application
else:
    from greenroom.asgi import get_asgi_application

application: Any = get_asgi_application()


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """The same, with the server's own objects behind plain functions."""

    async def only_receive() -> Any:
        return await receive()

    async def only_send(message: Any) -> None:
        await send(message)

    await application(scope, only_receive, only_send)
