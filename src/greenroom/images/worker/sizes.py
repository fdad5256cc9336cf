"""Which sizes a picture's container claims. Pure Python, no decoding.

A file can say its size in several places, and whoever reads another place sees another picture: a check sees
a small one and a browser a huge one. So every claim is read here, and all of them, and the decoder, must agree.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from .whole import View, gif_blocks, jpeg_segments, png_chunks, riff_chunks, tiff_layout

Size = tuple[int, int]
"""Width and height in pixels as they are stored, before an orientation is applied."""

SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers that begin a frame (ITU T.81, table B.1); the other three of this row mean something else."""

ANY = (0, 0)
"""A claim that nothing can agree with: a part of the picture that leaves the picture."""


def claimed_sizes(view: View, media_type: str) -> set[Size]:
    """Every size that the container claims for the picture. Raises `struct.error`, `IndexError` or `ValueError` where
    it ends in the middle of a claim."""
    return set(_CLAIMS[media_type](view))


def _jpeg(view: View) -> Iterator[Size]:
    for code, at in jpeg_segments(view):
        if code in SOF:
            height, width = struct.unpack_from(">HH", view, at + 5)
            yield width, height


def _png(view: View) -> Iterator[Size]:
    for kind, at, _size in png_chunks(view):
        if kind == b"IHDR":
            yield struct.unpack_from(">II", view, at)


def _gif(view: View) -> Iterator[Size]:
    screen = width, height = struct.unpack_from("<HH", view, 6)
    yield screen
    for block, at in gif_blocks(view):
        if block == 0x2C:
            left, top, wide, high = struct.unpack_from("<HHHH", view, at + 1)
            if left + wide > width or top + high > height:
                yield max(width, left + wide), max(height, top + high)


def _tiff(view: View) -> Iterator[Size]:
    """Of the first page, in every combination of what its tags say."""
    layout = tiff_layout(view)
    at = layout.first(view)
    values: dict[int, set[int]] = {256: set(), 257: set()}
    for tag, kind, value_at in layout.entries(view, at):
        if tag in values:
            letter = {3: "H", 4: "I", 16: "Q"}.get(kind)
            if letter is None:
                raise ValueError("a size that is not a whole number")
            values[tag].add(struct.unpack_from(layout.order + letter, view, value_at)[0])
    for width in values[256]:
        for height in values[257]:
            yield width, height


def _webp(view: View) -> Iterator[Size]:
    canvas: Size | None = None
    for kind, at, size in riff_chunks(view, 12, 8 + struct.unpack_from("<I", view, 4)[0]):
        if kind == b"VP8X":
            canvas = _three(view, at + 4) + 1, _three(view, at + 7) + 1
            yield canvas
        elif kind == b"ANMF":
            # 16 bytes of place and time, then the frame's own chunks (WebP Container Specification, "Animation").
            wide, high = _three(view, at + 6) + 1, _three(view, at + 9) + 1
            left, top = 2 * _three(view, at), 2 * _three(view, at + 3)
            inner = riff_chunks(view, at + 16, at + size)
            coded = [_coded(view, kind, at) for kind, at, _size in inner if kind in (b"VP8 ", b"VP8L")]
            if canvas is None or left + wide > canvas[0] or top + high > canvas[1] or coded != [(wide, high)]:
                yield ANY
        elif kind in (b"VP8 ", b"VP8L"):
            yield _coded(view, kind, at)


def _coded(view: View, kind: bytes, at: int) -> Size:
    """The size in the first bytes of a coded frame: RFC 6386 section 9.1, and "VP8L" section 3."""
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", view, at + 6)
        return width & 0x3FFF, height & 0x3FFF
    bits = struct.unpack_from("<I", view, at + 1)[0]
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _three(view: View, at: int) -> int:
    return int.from_bytes(view[at : at + 3], "little")


def _avif(view: View) -> Iterator[Size]:
    """Of the primary item: its `ispe`, turned by its `irot` (ISO 23008-12, 6.5). The coded frame is the decoder's."""
    for meta, at, end in _boxes(view, 0, len(view)):
        if meta != b"meta":
            continue
        parts = {kind: (start, stop) for kind, start, stop in _boxes(view, at + 4, end)}
        inner = {kind: (start, stop) for kind, start, stop in _boxes(view, *parts[b"iprp"])}
        start = parts[b"pitm"][0]
        primary = struct.unpack_from(">I" if view[start] else ">H", view, start + 4)[0]
        properties = list(_boxes(view, *inner[b"ipco"]))
        mine = [properties[number - 1] for number in _associated(view, inner[b"ipma"][0], primary) if number]
        turned = any(kind == b"irot" and view[place] & 1 for kind, place, _stop in mine)
        for kind, place, _stop in mine:
            if kind == b"ispe":
                width, height = struct.unpack_from(">II", view, place + 4)
                yield (height, width) if turned else (width, height)


def _associated(view: View, at: int, item: int) -> Iterator[int]:
    """The numbers, from 1, of the properties that an `ipma` gives to an item (ISO 23008-12, 9.3.1)."""
    version, wide = view[at], view[at + 3] & 1
    (entries,) = struct.unpack_from(">I", view, at + 4)
    at += 8
    for _entry in range(entries):
        which, count = struct.unpack_from(">IB" if version else ">HB", view, at)
        at += 5 if version else 3
        for _association in range(count):
            number = struct.unpack_from(">H", view, at)[0] & 0x7FFF if wide else view[at] & 0x7F
            at += 2 if wide else 1
            if which == item:
                yield number


def _boxes(view: View, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of each box (ISO 14496-12, 4.2)."""
    while at < end:
        size, kind = struct.unpack_from(">I4s", view, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", view, at + 8)[0], 16
        stop = end if size == 0 else at + size
        if stop < at + head or stop > end:
            raise ValueError("a box that leaves its box")
        yield kind, at + head, stop
        at = stop


_CLAIMS: dict[str, Callable[[View], Iterator[Size]]] = {
    "image/avif": _avif,
    "image/gif": _gif,
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/tiff": _tiff,
    "image/webp": _webp,
}
