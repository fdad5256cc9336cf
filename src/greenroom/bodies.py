"""The raw body of a request, piece by piece, under WSGI and ASGI."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

from django.http import HttpRequest, UnreadablePostError

from .core.errors import CutShort, LengthRequired
from .handlers import THROWN_AWAY_BYTES, THROWN_AWAY_SECONDS

READ_BYTES = 65_536
"""Little enough that a slow client's bytes do not wait long in a buffer before they are kept."""


class Body:
    """Iterate over it once. Raises `CutShort` at its end if it ended too early, and `LengthRequired` if
    nobody can tell where it ends.

    `declared` is its size by Content-Length, or None. Nothing is read before somebody iterates.
    """

    def __init__(self, request: HttpRequest, declared: int | None) -> None:
        self.declared = declared
        self.taken = 0
        # RFC 9112 section 6.3: no length and no transfer coding is no body. ASGI also has HTTP/2, without codings.
        asgi = not hasattr(request, "environ")
        has_body = bool(declared) or (declared is None and (asgi or "Transfer-Encoding" in request.headers))
        self._ended = not has_body
        self._request = request
        self._reader: Callable[[int], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(READ_BYTES):
            yield data

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if self._ended:
            return b""
        if self._reader is None:
            self._reader = _reader(self._request, self.declared)
        try:
            data = self._reader(size)
        except (UnreadablePostError, OSError):
            self._ended = True
            raise CutShort from None
        self.taken += len(data)
        if not data:
            self._ended = True
            # WSGI knows no difference between the end of a body and the end of a connection.
            if self.declared is not None and self.taken < self.declared:
                raise CutShort
        elif self.taken == self.declared:
            self._ended = True  # asking once more would wait for bytes that never come
        return data

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to read."""
        return self._ended

    def throw_away(self) -> None:
        """Read on for a few seconds: who closes on a sender is not heard by it."""
        until = time.monotonic() + THROWN_AWAY_SECONDS
        with contextlib.suppress(CutShort, LengthRequired):
            while time.monotonic() < until and self.read(THROWN_AWAY_BYTES):
                pass


def _reader(request: HttpRequest, declared: int | None) -> Callable[[int], bytes]:
    environ: dict[str, Any] = getattr(request, "environ", {})
    if not environ or declared is not None:
        return cast(Callable[[int], bytes], request.read)
    if environ.get("wsgi.input_terminated"):
        # A body in chunks. The server says that its input ends by itself; Django would read nothing.
        return cast(Callable[[int], bytes], environ["wsgi.input"].read)
    if environ.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired
    return lambda size: b""
