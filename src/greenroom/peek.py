"""The first 64 KiB of a multipart post, looked at before anything is decided, and put back."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from typing import Any, cast

from django.http import HttpRequest

from .core.errors import MalformedBody
from .wire.multipart import PART_END, MultipartParser, PartBegin, boundary_of

PEEK_BYTES = 65_536


@dataclass
class Head:
    """The form fields that stand before the first file, in what was looked at.

    `cut_short` says that the body ended there, and without its closing boundary.
    """

    fields: dict[str, str] = field(default_factory=dict)
    first_file: str | None = None
    cut_short: bool = False


class Replay(io.RawIOBase):
    """`head` again, and then the rest of `stream`."""

    def __init__(self, head: bytes, stream: Any) -> None:
        self._head = io.BytesIO(head)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return self._head.read() + cast(bytes, self._stream.read())
        # Filled up from both: `HttpRequest.body` reads once, and takes less for the end.
        data = self._head.read(size)
        return data + cast(bytes, self._stream.read(size - len(data))) if len(data) < size else data

    def readline(self, size: int | None = -1) -> bytes:
        limit = -1 if size is None else size
        line = self._head.readline(limit)
        if line.endswith(b"\n") or (0 <= limit <= len(line)):
            return line
        return line + cast(bytes, self._stream.readline(limit - len(line) if limit > 0 else -1))


def peek(request: HttpRequest) -> Head:
    """Look at the head of a multipart post and leave the request as if nobody had read from it.

    Reading the request through its public methods would mark it as read, and views that take the raw body
    (webhooks, other frameworks' parsers) would find it gone.
    """
    raw = cast(Any, request)
    stream = raw._stream
    head = read_head(stream)
    if hasattr(stream, "seekable") and stream.seekable():
        stream.seek(0)  # under ASGI the body is a file already
    else:
        raw._stream = Replay(head, stream)
    return parse_head(request, head)


def read_head(stream: Any) -> bytes:
    """Up to 64 KiB, or less where the body ends; a server may give it in smaller pieces."""
    pieces: list[bytes] = []
    missing = PEEK_BYTES
    with contextlib.suppress(OSError):  # a connection that is broken; whoever reads on will find out
        while missing and (piece := stream.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
    return b"".join(pieces)


def parse_head(request: HttpRequest, data: bytes) -> Head:
    """The fields before the first file; a body that nobody can parse has none, and Django will say so."""
    head = Head()
    name, value = "", b""
    try:
        parser = MultipartParser(boundary_of(request.META.get("CONTENT_TYPE", "")))
        for event in parser.feed(data):
            if isinstance(event, PartBegin):
                if event.filename is not None and head.first_file is None:
                    head.first_file = event.name
                name, value = event.name, b""
            elif head.first_file is not None:
                continue
            elif isinstance(event, bytes):
                value += event
            elif event is PART_END:
                head.fields.setdefault(name, value.decode(errors="replace"))
        head.cut_short = len(data) < PEEK_BYTES and not parser.finish()
    except MalformedBody:
        return Head()
    return head
