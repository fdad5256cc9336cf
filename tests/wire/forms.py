"""Bodies for the tests of multipart forms, and what the two parsers make of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import django
from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParser

from greenroom.wire.multipart import (
    Event,
    MultipartParser,
    PartBegin,
    decode_field,
)

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
FORM = 'Content-Disposition: form-data; name="{}"'
FILE = 'Content-Disposition: form-data; name="{}"; filename="{}"\r\nContent-Type: {}'
ENCODED = "\r\nContent-Transfer-Encoding: {}"
Seen = list[tuple[Any, ...]]


def body_of(*parts: tuple[str, bytes], boundary: str = BOUNDARY) -> bytes:
    """A body of parts given as (header lines, content)."""
    pieces = [f"--{boundary}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n" for headers, content in parts]
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def events_of(body: bytes, cuts: Iterable[int] = (), **options: Any) -> tuple[list[Event], bool]:
    """All events, with neighbouring data joined, and whether the body was whole. Each piece is in the same buffer."""
    parser = MultipartParser(BOUNDARY.encode(), **options)
    places = [0, *sorted(cuts), len(body)]
    buffer = bytearray(b"\r\n--" * (len(body) // 4 + 1))
    events: list[Event] = []
    for start, end in itertools.pairwise(places):
        buffer[: end - start] = body[start:end]
        for event in parser.feed(buffer, end - start):
            data = bytes(event) if isinstance(event, memoryview) else event
            if isinstance(data, bytes) and events and isinstance(events[-1], bytes):
                events[-1] += data
            else:
                events.append(data)
    return events, parser.finish()


def seen_by_us(body: bytes, cuts: Iterable[int] = (), encoding: str = "utf-8") -> tuple[Seen, Seen]:
    """(fields, files) as a driver under Django makes them of the events."""
    fields: Seen = []
    files: Seen = []
    part, data = None, b""
    events, whole = events_of(body, cuts, encoding=encoding)
    assert whole
    for event in events:
        if isinstance(event, PartBegin):
            part, data = event, b""
        elif isinstance(event, bytes):
            data += event
        elif part is not None and part.filename is None:
            data = decode_field(data, part.transfer_encoding, strict=django.VERSION >= (6, 1))
            fields.append((part.name, data.decode(encoding, "replace")))
        elif part is not None:
            files.append(
                (
                    part.name,
                    part.filename,
                    part.content_type,
                    part.content_length,
                    part.charset,
                    dict(part.type_params),
                    data,
                )
            )
    return fields, files


class Recorder(FileUploadHandler):
    """Writes down what Django tells its handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Seen = []
        self.data = b""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.data = b""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.data += raw_data

    def file_complete(self, file_size: int) -> None:
        kind = (self.content_type, self.content_length, self.charset, self.content_type_extra)
        self.seen.append((self.field_name, self.file_name, *kind, self.data))


def seen_by_django(body: bytes, encoding: str = "utf-8") -> tuple[Seen, Seen]:
    meta = {"CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}", "CONTENT_LENGTH": str(len(body))}
    recorder = Recorder()
    post, _files = MultiPartParser(meta, BytesIO(body), [recorder], encoding).parse()
    return [(name, value) for name, values in post.lists() for value in values], recorder.seen


def same(body: bytes, cuts: Iterable[int] = (), encoding: str = "utf-8") -> tuple[Seen, Seen]:
    """What both see, after checking that it is the same (Django groups fields by name)."""
    fields, files = seen_by_us(body, cuts, encoding)
    django_fields, django_files = seen_by_django(body, encoding)
    assert sorted(fields) == sorted(django_fields)
    assert [value for _name, value in sorted(fields, key=lambda field: field[0])] == [
        value for _name, value in sorted(django_fields, key=lambda field: field[0])
    ]
    assert files == django_files
    return fields, files
