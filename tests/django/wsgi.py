"""A WSGI server as small as can be, whose body may be endless, slow, broken or counted."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.test import Client

from tests.pages import CONTENT_TYPE

ENDLESS = 10**12


@dataclass
class Body:
    """`wsgi.input`: gives what `pieces` gives, counts what is read, and calls `on_read` before every read."""

    pieces: Iterator[bytes]
    on_read: Callable[[], None] = lambda: None
    taken: int = 0
    reads: int = 0
    _rest: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, data: bytes, **options: Any) -> Body:
        return cls(iter([data]), **options)

    def read(self, size: int = -1) -> bytes:
        self.on_read()
        self.reads += 1
        while size < 0 or len(self._rest) < size:
            piece = next(self.pieces, b"")
            if not piece:
                break
            self._rest += piece
        size = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:size], self._rest[size:]
        self.taken += len(data)
        return data

    def readline(self, size: int = -1) -> bytes:
        line = b""
        while not line.endswith(b"\n") and (byte := self.read(1)):
            line += byte
        return line


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes


def post(client: Client, url: str, body: Body, *, length: int, **environ: Any) -> Answer:
    """POST a body through Django's WSGI handler, with the cookies of a client."""
    values = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": url,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": CONTENT_TYPE,
        "CONTENT_LENGTH": str(length),
        "HTTP_COOKIE": "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items()),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.errors": io.StringIO(),
        **environ,
    }
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started.extend([int(status.split()[0]), dict(headers)])

    response = WSGIHandler()(values, start_response)
    try:
        content = b"".join(response)
    finally:
        response.close()
    return Answer(*started, content)
