"""Whether all of a picture's bytes are here, as far as its container tells. Pure Python, no decoding.

Decoders are made to show what they have got: libjpeg supplies a missing end, libvips never asks for
the chunks after the pixels. The containers do say where they end, so cut files are told apart even if
only the last byte is missing. (TIFF does not; its decoder needs every strip, and finds them missing.)
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Callable, Iterator

View = bytes | mmap.mmap

_IN_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""The next marker in entropy-coded data that is neither a stuffed 0xff nor a restart (ITU T.81, B.1.1)."""

MANY_PAGES = 100_000
"""Counting the pages of a TIFF stops here: libtiff takes seconds for half a million, and a chain that goes in a
circle has no end."""


def is_whole(view: View, media_type: str) -> bool:
    """False if the container of a picture of `media_type` says that bytes are missing at its end."""
    walk = _WALKS.get(media_type)
    try:
        return walk is None or walk(view)
    except (struct.error, IndexError, ValueError):
        return False  # the walk itself ran over the end


def jpeg_scans(view: View) -> Iterator[int]:
    """Where each scan of a JPEG begins (its SOS marker), then where the end marker is, if there is one."""
    at = 2
    while True:
        at = view.find(b"\xff", at)
        if at < 0 or at + 1 >= len(view):
            return
        code = view[at + 1]
        if code == 0xFF:  # a fill byte
            at += 1
        elif code == 0xD9:
            yield at
            return
        elif code <= 0x01 or 0xD0 <= code <= 0xD8:
            at += 2
        else:
            if code == 0xDA:
                yield at
            at += 2 + struct.unpack_from(">H", view, at + 2)[0]
            if code == 0xDA:
                found = _IN_SCAN.search(view, at)
                at = found.start() if found else len(view)


def tiff_pages(view: View) -> int:
    """How many pages a TIFF or BigTIFF links, at most `MANY_PAGES`."""
    order = "<" if view[:2] == b"II" else ">"
    if struct.unpack_from(order + "H", view, 2)[0] == 43:
        first, count, entry, link = 8, "Q", 20, "Q"
    else:
        first, count, entry, link = 4, "H", 12, "I"
    unpack_count = struct.Struct(order + count)
    unpack_link = struct.Struct(order + link)
    pages = 0
    try:
        at = unpack_link.unpack_from(view, first)[0]
        while at and pages < MANY_PAGES:
            entries = unpack_count.unpack_from(view, at)[0]
            at = unpack_link.unpack_from(view, at + unpack_count.size + entry * entries)[0]
            pages += 1
    except struct.error:
        pass  # the chain leaves the file: the decoder will say so
    return pages


def webp_is_lossless(view: View) -> bool:
    """Whether the first picture of a WebP is coded as VP8L (lossless)."""
    at = 12
    while at + 8 <= len(view):
        kind, size = struct.unpack_from("<4sI", view, at)
        if kind in (b"VP8L", b"VP8 "):
            return bool(kind == b"VP8L")
        # A frame of an animation is a chunk of its own: 16 bytes of place and time, then chunks.
        at += 8 + 16 if kind == b"ANMF" else 8 + size + size % 2
    return False


def _jpeg(view: View) -> bool:
    *_scans, last = jpeg_scans(view)
    return view[last + 1] == 0xD9


def _png(view: View) -> bool:
    at = 8
    while True:
        size, kind = struct.unpack_from(">I4s", view, at)
        at += 12 + size
        if at > len(view):
            return False
        if kind == b"IEND":
            return True


def _gif(view: View) -> bool:
    at = 13 + _colours(view[10])
    while True:
        block = view[at]
        if block == 0x3B:
            return True
        if block == 0x2C:
            at += 11 + _colours(view[at + 9])
        elif block == 0x21:
            at += 2
        elif block == 0:  # written by some encoders as padding
            at += 1
            continue
        else:
            return True  # not a block: the decoder decides what that is worth
        while size := view[at]:
            at += 1 + size
        at += 1


def _colours(packed: int) -> int:
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _webp(view: View) -> bool:
    return 8 + int(struct.unpack_from("<I", view, 4)[0]) <= len(view)


def _avif(view: View) -> bool:
    at = 0
    while at < len(view):
        size = struct.unpack_from(">I", view, at)[0]
        if size == 1:
            size = struct.unpack_from(">Q", view, at + 8)[0]
        if size == 0:  # up to the end of the file (ISO 14496-12, 4.2)
            return True
        if size < 8:
            return False
        at += size
    return at == len(view)


_WALKS: dict[str, Callable[[View], bool]] = {
    "image/avif": _avif,
    "image/gif": _gif,
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
}
