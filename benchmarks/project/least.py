"""The least that a server's own interface lets one do with a body: read it and write it to a file."""

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

PIECE = 1 << 20


def new_file() -> Any:
    """Open for writing, without a buffer of its own."""
    return open(Path(os.environ["BENCH_DIRECTORY"]) / secrets.token_hex(8), "xb", buffering=0)


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    with new_file() as file:
        while piece := environ["wsgi.input"].read(PIECE):
            file.write(piece)
    start_response("201 Created", [("Content-Length", "0")])
    return []


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    more = True
    with new_file() as file:
        while more:
            message = await receive()
            file.write(message.get("body", b""))
            more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})
