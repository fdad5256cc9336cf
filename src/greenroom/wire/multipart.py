"""multipart/form-data (RFC 7578) without IO: bytes in, events out.

The grammar is read by the `multipart` package. The bytes of a file go past it, without a copy, as long as no
boundary can be among them. This module adds what a view can see of it in Django: how names are decoded, which
parts count, what is a file and what is a field. Those rules are the ones of `django.http.multipartparser`, so
that a form is the same whoever has read it. It departs on purpose:

* The closing boundary is missed: `finish` tells a body that was cut short from a whole one.
* A boundary counts only at the start of a line (RFC 2046 section 5.1.1), not anywhere in a file.
* A long name passes: Django refuses a form whose part has more than 1,024 bytes of headers.
* What is no multipart at all (lines that are no headers, bare line feeds, a part that is not as long as
  its Content-Length) is refused, where Django would silently drop the part, file and all.
* Base64 of files is strict, as in Django 6.1; Django 5.2 skips foreign characters.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import collapse_rfc2231_value
from enum import Enum
from math import inf
from typing import Final, TypeAlias

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from greenroom.core.errors import MalformedBody, UsageError

MAX_HEADER_BYTES = 8_192
"""Of the headers of one part together. Most of it is a name: 255 characters, each of which may have come
as a numeric entity ("&#128525;") or percent-encoded (RFC 5987, twelve bytes); with room for as much again."""

MAX_HEADERS = 16
"""Of one part. RFC 7578 section 4.8 knows three; mail libraries add a few."""

MAX_PARTS = 1_100
"""What Django takes by default: 1,000 fields and 100 files. Each part costs objects, however small it is."""

_MAX_SEMICOLONS = 300
"""Of one header that is not plain: a name of nothing else, and parameters. The standard library looks at the
whole header again for each of them, so that without a limit 9 MB of headers cost half a minute."""

_SLICE = 65_536
"""Bytes given to the grammar at a time. It copies them: so what follows a boundary is not given to it whole.
With much less, a file in base64 or with a Content-Length would cost more calls, and CPython searches fewer than
30,000 bytes by a method that takes ten times as long for a file of nothing but carriage returns."""

_PARSED = ("content-disposition", "content-type", "content-transfer-encoding")
# As Django has it; RFC 2046 section 5.1.1 allows 70 characters and fewer of them.
_BOUNDARY = re.compile(r"[ -~]{0,200}[!-~]")
# What browsers, curl and `requests` write. Without backslashes, the general parser reads it the same.
_PLAIN_DISPOSITION = re.compile(r'form-data; name="([^"\\]*)"(?:; filename="([^"\\]*)")?')


@dataclass(frozen=True, kw_only=True, slots=True)
class PartBegin:
    """A part begins. Its bytes follow, as `bytes` and `memoryview` events (see `Event`), then `PART_END`.

    `filename` is None for a field (an empty file input is one: it has a filename, but an empty one);
    otherwise the last path part of what the client says, as Django's upload handlers get it.
    `content_type` is lower case and without parameters, "" if there is none; `type_params` are those
    parameters and `content_length` is the part's own, both as Django's handlers get them. The bytes
    of a file are decoded already; those of a field are not: see `decode_field`. `headers` has all of
    them by lower-case name.
    """

    name: str
    filename: str | None = None
    content_type: str = ""
    type_params: Mapping[str, bytes] = field(default_factory=dict)
    content_length: int | None = None
    transfer_encoding: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def charset(self) -> bytes | None:
        """The `charset` of the content type, in bytes (as Django has it)."""
        return self.type_params.get("charset")


class _Mark(Enum):
    PART_END = "PART_END"


PART_END: Final = _Mark.PART_END
"""The part is whole: its terminating boundary was seen."""

Event: TypeAlias = PartBegin | bytes | memoryview | _Mark
"""Data comes without a class around it, which would cost more than it tells. Most of a file is `memoryview`s of
what was fed: read them before that buffer is filled again, and let go of them before it is resized. The rest of
a file, and every field, is `bytes`, which stay. A part without data has no such event."""


class MultipartParser:
    """Feed the body in pieces of any size; take the events. Where the body is cut does not matter.

    `boundary` is the one of the Content-Type (`boundary_of`), `encoding` the form's. Limits:
    `max_header_bytes` and `max_headers` for one part, `max_parts` for the body (None: any number); what
    exceeds them raises `MalformedBody`, like everything that is no multipart. How many bytes a file or a
    field may have is the business of whoever takes the events.

    >>> parser = MultipartParser(b"x")
    >>> body = b'--x\\r\\nContent-Disposition: form-data; name="tea"\\r\\n\\r\\ngreen\\r\\n--x--'
    >>> [event if isinstance(event, bytes) else event.name for event in parser.feed(body)]
    ['tea', b'green', 'PART_END']
    >>> parser.finish()
    True
    """

    def __init__(
        self,
        boundary: bytes,
        *,
        encoding: str = "utf-8",
        max_header_bytes: int = MAX_HEADER_BYTES,
        max_headers: int = MAX_HEADERS,
        max_parts: int | None = MAX_PARTS,
    ) -> None:
        if not _BOUNDARY.fullmatch(boundary.decode("latin-1")):
            raise UsageError("A boundary is 1 to 201 printable ASCII characters.", boundary)
        self._encoding = codecs.lookup(encoding).name
        self._parser = _Grammar(
            boundary,
            max_header_size=max_header_bytes,
            max_header_count=max_headers,
            max_segment_count=inf if max_parts is None else max_parts,
            header_charset="latin-1",  # which cannot fail; each value is read as UTF-8 in its turn
        )
        self._max_header_bytes = max_header_bytes
        self._base64: _Base64 | None = None
        self._skipping = False
        self._passing = False  # the bytes of the open part may go past the grammar
        self.left = 0
        """How many of the bytes that were fed last may follow the event that was given last: not too few."""

    def feed(self, data: bytes | bytearray | memoryview, size: int | None = None) -> Iterator[Event]:
        """The events of the next piece of the body: the first `size` bytes of `data`, or all of it.

        Take all of them before feeding the next. A buffer that is filled again and again is best a
        `bytearray`, with `size`: most of a file then comes as a `memoryview` of that buffer, which is valid
        until the buffer is changed. A `memoryview` cannot be searched, so a copy of it is taken first.

        A part without a name is passed over, and a file of whose name nothing but "." or ".." is left.
        What comes after the closing boundary is ignored. Raises `MalformedBody`; and `UsageError` for a
        `size` that `data` does not have.
        """
        if isinstance(data, memoryview):
            data = bytes(data)
        end = len(data) if size is None else size
        if not 0 <= end <= len(data):
            raise UsageError(f"size is 0 to {len(data)}, the bytes in data.", size)
        view, position = memoryview(data), 0
        while position < end:
            if self._passing and self._parser.is_clear:
                stop = self._parser.doubt(data, position, end)
                if stop > position:
                    yield view[position:stop]
                position = stop
            if position < end:  # never an empty piece: to the grammar, that would be the end
                piece = bytes(view[position : min(position + _SLICE, end)])
                self.left = end - position
                position += len(piece)
                yield from self._read(piece)

    def _read(self, piece: bytes) -> Iterator[Event]:
        """The events of a piece that goes through the grammar."""
        try:
            for event in self._parser.parse(piece):
                if isinstance(event, MultipartSegment):
                    part = self._begin(event.headerlist)
                    self._skipping = part is None
                    if part is not None:
                        is_file = part.filename is not None
                        is_base64 = is_file and part.transfer_encoding == "base64"
                        self._base64 = _Base64() if is_base64 else None
                        # The grammar compares a Content-Length with the bytes that it has seen.
                        self._passing = is_file and not is_base64 and part.content_length is None
                        yield part
                elif self._skipping:
                    continue
                elif event is None:
                    self._passing = False
                    if self._base64 is not None:
                        self._base64.end()
                    yield PART_END
                elif self._base64 is None:
                    yield event
                elif decoded := self._base64.decode(event):
                    yield decoded
        except MultipartError as error:
            # Its first words alone, and no trace of it: the rest may be what the client has sent.
            raise MalformedBody(reason=str(error.args[0])) from None

    def finish(self) -> bool:
        """Say that no more will come. Whether the body was whole: False means that it was cut short.

        Never raises. A part that was open has had no `PART_END`, and up to a boundary's length of its
        last bytes is not handed out. An empty body is not whole: zero bytes are no multipart.
        """
        try:
            next(self._parser.parse(b""), None)
        except MultipartError:
            return False
        return True

    def _begin(self, headerlist: list[tuple[str, str]]) -> PartBegin | None:
        """The part that these headers describe; None if Django would pass over it."""
        if sum(len(title) + len(raw) for title, raw in headerlist) > self._max_header_bytes:
            raise MalformedBody(reason="the headers of a part are too long")
        headers: dict[str, str] = {}
        parsed: dict[str, tuple[str, dict[str, str]]] = {}
        for title, raw in headerlist:
            try:
                key, value = title.lower(), raw.encode("latin-1").decode()
                if key in _PARSED:
                    parsed[key] = _parse_parameters(value)
                headers[key] = value
            except ValueError:  # not UTF-8, or an RFC 2231 charset that does not exist
                continue
        disposition = parsed.get("content-disposition", ("", {}))[1]
        if "name" not in disposition:
            return None
        name = self._reread(disposition["name"].encode().strip().decode())
        filename: str | None = None
        if disposition.get("filename"):
            filename = _last_part(self._reread(disposition["filename"]))
            if not name or not filename:
                return None
        content_type, type_params = parsed.get("content-type", ("", {}))
        return PartBegin(
            name=name,
            filename=filename,
            content_type=content_type.strip(),
            type_params={key: value.encode() for key, value in type_params.items()},
            content_length=int(headers["content-length"]) if "content-length" in headers else None,
            transfer_encoding=parsed.get("content-transfer-encoding", ("", {}))[0].strip(),
            headers=headers,
        )

    def _reread(self, text: str) -> str:
        """Names are UTF-8 on the wire; a form of another encoding reads those bytes in its own way."""
        if self._encoding == "utf-8":
            return text
        try:
            return text.encode().decode(self._encoding, "replace")
        except (LookupError, UnicodeError):  # "hex" and "idna" are encodings to Python, too
            raise MalformedBody(reason="its charset is none that a form can have") from None


def boundary_of(content_type: str) -> bytes:
    """The boundary that a request's `Content-Type` names. Raises `MalformedBody` if there is none, or not a legal one."""
    try:
        content_type.encode("ascii")
        main, params = _parse_parameters(content_type)
    except ValueError:
        main, params = "", {}
    boundary = params.get("boundary", "")
    if not main.startswith("multipart/") or not _BOUNDARY.fullmatch(boundary):
        raise MalformedBody(reason="its Content-Type names no multipart boundary")
    return boundary.encode("ascii")


def decode_field(data: bytes, transfer_encoding: str, *, strict: bool) -> bytes:
    """The whole value of a field, as sent with a Content-Transfer-Encoding. What is not base64 stays as it is.

    Django 6.1 is `strict` about foreign characters, line breaks included; Django 5.2 skips them.
    """
    if transfer_encoding == "base64":
        try:
            return base64.b64decode(data, validate=strict)
        except binascii.Error:
            pass
    return data


class _Grammar(PushMultipartParser):
    """The parser of the `multipart` package, which leaves it to its subclasses what a part must have.

    In the body of a part that it holds nothing of, it need not see bytes that are certainly data. `_buffer`,
    what it holds back, is the one name used here that the package does not document. A release without it
    is given every byte, which is slower and as right.
    """

    @property
    def is_clear(self) -> bool:
        """Whether it goes on, and holds nothing back."""
        return not self.closed and getattr(self, "_buffer", None) == b""

    def doubt(self, data: bytes | bytearray, start: int, end: int) -> int:
        """Where data[start:end], of a part's body, has a delimiter or ends with what may become one; else `end`.

        What comes before is data: a delimiter is CRLF, "--" and the boundary (RFC 2046 section 5.1.1), and its
        one carriage return is its first byte. Everything from there on is for the grammar to decide.
        """
        delimiter = b"\r\n--" + self.boundary
        found = data.find(delimiter, start, end)
        if found >= 0:
            return found
        last = data.rfind(b"\r", max(start, end - len(delimiter) + 1), end)
        return last if last >= 0 and delimiter.startswith(data[last:end]) else end

    def _create_segment(self, headerlist: list[tuple[str, str]]) -> MultipartSegment:
        segment = MultipartSegment([])
        segment.headerlist = headerlist
        return segment


class _Base64:
    """Decodes a file's Content-Transfer-Encoding as it comes, four characters at a time."""

    def __init__(self) -> None:
        self._rest = b""
        self._padded = False

    def decode(self, chunk: bytes) -> bytes:
        text = self._rest + b"".join(chunk.split())
        aligned = len(text) // 4 * 4
        self._rest = text[aligned:]
        if text and self._padded:
            raise MalformedBody(reason="a file's base64 goes on after its end")
        self._padded = text[:aligned].endswith(b"=")
        try:
            return base64.b64decode(text[:aligned], validate=True)
        except binascii.Error as error:
            raise MalformedBody(reason="a file's base64 cannot be decoded") from error

    def end(self) -> None:
        if self._rest:
            raise MalformedBody(reason="a file's base64 is cut off")


def _parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """A header's value as (main value in lower case, parameters), as Django's `parse_header_parameters` reads it.

    With quoted strings, RFC 2231 continuations and `filename*=utf-8''...` (RFC 5987). Raises ValueError, or
    `MalformedBody` for a header that would take too long.
    """
    if plain := _PLAIN_DISPOSITION.fullmatch(value):
        return "form-data", {"name": plain[1]} if plain[2] is None else {
            "name": plain[1],
            "filename": plain[2],
        }
    if ";" not in value:
        return value.strip().lower(), {}
    if value.count(";") > _MAX_SEMICOLONS:
        raise MalformedBody(reason="a header has too many parameters")
    message = Message()
    message["content-type"] = value
    (main, _main_value), *pairs = message.get_params([("", "")])
    params: dict[str, str] = {}
    for key, text in pairs:
        if not key:
            continue
        if isinstance(text, tuple) and text[0]:
            try:
                codecs.lookup(text[0])
            except LookupError:
                raise ValueError("an RFC 2231 charset that does not exist") from None
        params[key] = collapse_rfc2231_value(text)
        params[key].encode()  # a lone surrogate is a ValueError too
    return main.lower(), params


def _last_part(filename: str) -> str | None:
    """What Django leaves of a client's filename: entities read, no path, only printable characters."""
    last = re.split(r"[/\\]", html.unescape(filename))[-1]
    printable = "".join(char for char in last if char.isprintable())
    return None if printable in {"", ".", ".."} else printable
