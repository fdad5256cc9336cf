"""The first 64 KiB of a multipart post, looked at before anything is decided, and put back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from django.http import HttpRequest

from .bodies import open_stream
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


def peek(request: HttpRequest, declared: int | None) -> Head:
    """Look at the head of a multipart post and leave the request as if nobody had read from it.

    Reading the request through its public methods would mark it as read, and views that take the raw body
    (webhooks, other frameworks' parsers) would find it gone.
    """
    stream = open_stream(request, declared)
    head = b""
    with contextlib.suppress(OSError):  # a connection that is broken; whoever reads on will find out
        head = stream.read(PEEK_BYTES)
    stream.unread(head)
    return parse_head(request, head)


def parse_head(request: HttpRequest, data: bytes) -> Head:
    """The fields before the first file, as far as the body can be parsed: whoever reads on will say what is wrong."""
    head = Head()
    name, value = "", b""
    with contextlib.suppress(MalformedBody):
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
    return head
