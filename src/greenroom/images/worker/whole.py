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
from typing import NamedTuple

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
    except (struct.error, IndexError, ValueError, OverflowError):
        return False  # the walk itself ran over the end


def jpeg_segments(view: View) -> Iterator[tuple[int, int]]:
    """The code of each marker of a JPEG that has a segment, and where it stands; at last the end marker's, if there is
    one. Coded data is passed over."""
    at = 2
    while True:
        at = view.find(b"\xff", at)
        if at < 0 or at + 1 >= len(view):
            return
        code = view[at + 1]
        if code == 0xFF:  # a fill byte
            at += 1
        elif code == 0xD9:
            yield code, at
            return
        elif code <= 0x01 or 0xD0 <= code <= 0xD8:
            at += 2
        else:
            yield code, at
            at += 2 + struct.unpack_from(">H", view, at + 2)[0]
            if code == 0xDA:
                found = _IN_SCAN.search(view, at)
                at = found.start() if found else len(view)


def jpeg_scans(view: View) -> Iterator[int]:
    """Where each scan of a JPEG begins (its SOS marker), then where the end marker is, if there is one."""
    return (at for code, at in jpeg_segments(view) if code in (0xDA, 0xD9))


def png_chunks(view: View) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and size of the content of each chunk of a PNG up to IEND."""
    at, kind = 8, b""
    while kind != b"IEND":
        size, kind = struct.unpack_from(">I4s", view, at)
        yield kind, at + 8, size
        at += 12 + size


def png_packed(view: View) -> int:
    """How many bytes of a PNG are packed texts and profiles, which a decoder unpacks before it passes them over."""
    return sum(size for kind, _at, size in png_chunks(view) if kind in (b"zTXt", b"iTXt", b"iCCP"))


def png_frames(view: View) -> int:
    """How many frames a PNG says it has: more than one if it moves (PNG, Third Edition, 11.3.6.1, "acTL")."""
    for kind, at, size in png_chunks(view):
        if kind == b"acTL" and size == 8:
            return max(1, int(struct.unpack_from(">I", view, at)[0]))
        if kind == b"IDAT":  # behind the first pixels it is too late to say so
            break
    return 1


def gif_blocks(view: View) -> Iterator[tuple[int, int]]:
    """The code of each block of a GIF and where it stands; at last the trailer's, or that of what is no block."""
    at = 13 + _colours(view[10])
    while True:
        block = view[at]
        if block == 0:  # written by some encoders as padding
            at += 1
            continue
        yield block, at
        if block == 0x2C:
            at += 11 + _colours(view[at + 9])
        elif block == 0x21:
            at += 2
        else:
            return
        while size := view[at]:
            at += 1 + size
        at += 1


def riff_chunks(view: View, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and size of the content of each chunk between two places of a WebP."""
    while at + 8 <= min(end, len(view)):
        kind, size = struct.unpack_from("<4sI", view, at)
        yield kind, at + 8, size
        at += 8 + size + size % 2


class TiffLayout(NamedTuple):
    """How a TIFF or BigTIFF writes its numbers: their order, where the first page is linked from, and the letters of
    `struct` for the number of a page's entries and for a link. An entry is of `entry` bytes."""

    order: str
    link_at: int
    many: str
    entry: int
    link: str

    def first(self, view: View) -> int:
        """Where the first page begins; 0 for none."""
        return int(struct.unpack_from(self.order + self.link, view, self.link_at)[0])

    def entries(self, view: View, at: int) -> Iterator[tuple[int, int, int]]:
        """Tag, type and place of the value of each entry of a page. Raises `ValueError` for more than a TIFF can have."""
        (entries,) = struct.unpack_from(self.order + self.many, view, at)
        if entries > 0xFFFF:  # only a BigTIFF can write it, and no decoder reads it
            raise ValueError("too many entries")
        at += struct.calcsize(self.order + self.many)
        for place in range(at, at + entries * self.entry, self.entry):
            tag, kind = struct.unpack_from(self.order + "HH", view, place)
            yield tag, kind, place + self.entry - struct.calcsize(self.order + self.link)

    def following(self, view: View, at: int) -> int:
        """Where the page after that at `at` begins; 0 for none."""
        (entries,) = struct.unpack_from(self.order + self.many, view, at)
        at += struct.calcsize(self.order + self.many) + entries * self.entry
        return int(struct.unpack_from(self.order + self.link, view, at)[0])


def tiff_layout(view: View) -> TiffLayout:
    """Told from the first bytes."""
    order = "<" if view[:2] == b"II" else ">"
    if struct.unpack_from(order + "H", view, 2)[0] == 43:
        return TiffLayout(order, 8, "Q", 20, "Q")
    return TiffLayout(order, 4, "H", 12, "I")


def tiff_pages(view: View) -> int:
    """How many pages a TIFF or BigTIFF links, at most `MANY_PAGES`."""
    layout = tiff_layout(view)
    pages = 0
    try:
        at = layout.first(view)
        while at and pages < MANY_PAGES:
            at = layout.following(view, at)
            pages += 1
    except (struct.error, OverflowError):  # a place beyond the file, or beyond what a place can be
        pass  # the chain leaves the file: the decoder will say so
    return pages


def webp_is_lossless(view: View) -> bool:
    """Whether the first picture of a WebP is coded as VP8L (lossless)."""
    for kind, at, size in riff_chunks(view, 12, len(view)):
        # A frame of an animation is a chunk of its own: 16 bytes of place and time, then chunks.
        inner = riff_chunks(view, at + 16, at + size) if kind == b"ANMF" else [(kind, at, size)]
        for coded, _at, _size in inner:
            if coded in (b"VP8L", b"VP8 "):
                return bool(coded == b"VP8L")
    return False


def _jpeg(view: View) -> bool:
    *_scans, last = jpeg_scans(view)
    return view[last + 1] == 0xD9


def _png(view: View) -> bool:
    return all(at + size + 4 <= len(view) for _kind, at, size in png_chunks(view))


def _gif(view: View) -> bool:
    for _block, _at in gif_blocks(view):
        pass
    return True  # up to the trailer, or to what is not a block: the decoder decides what that is worth


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
