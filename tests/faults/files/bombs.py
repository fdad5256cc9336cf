"""Small files that ask for much work, made byte by byte. Each with the codes of the verdicts that are right for it."""

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

from tests.faults.files.disagreeing import chunk, tiff
from tests.images import pictures

ZEROS = zlib.compress(bytes(64 << 20), 9)
"""64 MiB in 64 kB."""


class Bomb(NamedTuple):
    """`codes` are the refusals that are right; none means that it may be taken, for its pixels are few."""

    client_name: str
    make: Callable[[], bytes]
    codes: tuple[str, ...]
    requirement: str = "ASVS 5.2.6, pixel flood"


def with_chunks(*chunks: bytes) -> bytes:
    data = pictures.encoded(pictures.coded(120, 90), "png")
    return data[:33] + b"".join(chunks) + data[33:]


def with_exif(tiff: bytes) -> bytes:
    data = pictures.encoded(pictures.coded(120, 90), "jpeg")
    body = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def ifd(entries: list[bytes], following: int) -> bytes:
    return struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)


def looping_exif() -> bytes:
    """The first directory is its own EXIF, GPS and interoperability directory, and its own successor."""
    return b"II*\0" + struct.pack("<I", 8) + ifd([entry(tag, 4, 1, 8) for tag in (0x8769, 0x8825, 0xA005)], 8)


def endless_values() -> bytes:
    entries = [entry(tag, kind, 0xFFFFFFFF, 0xFFFFFFF0) for tag in range(0x100, 0x130) for kind in (2, 5, 12)]
    return b"II*\0" + struct.pack("<I", 8) + ifd(entries, 0xFFFFFFFE)


def many_directories() -> bytes:
    """As many as fit into one segment, each the EXIF directory of the one before."""
    out = bytearray(b"II*\0" + struct.pack("<I", 8))
    while len(out) < 65_000:
        out += ifd([entry(0x8769, 4, 1, len(out) + 18)], len(out) + 18)
    return bytes(out)


def many_scans() -> bytes:
    """A progressive JPEG of 24 megapixels, its last scan five thousand times."""
    data = pictures.encoded(pictures.plain(6_000, 4_000), "jpeg", interlace=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 5_000 + data[-2:]


def many_strips() -> bytes:
    """A TIFF whose one strip is listed four million times."""
    return tiff(40, 30, more=[]).replace(
        struct.pack("<HHII", 278, 4, 1, 30), struct.pack("<HHII", 278, 4, 4_000_000, 8)
    )


def deep_boxes() -> bytes:
    """An AVIF with a box in a box in a box, ten thousand deep."""
    inner = b""
    for _level in range(10_000):
        inner = struct.pack(">I4s", len(inner) + 12, b"meta") + bytes(4) + inner
    return b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + inner


FLOODS: dict[str, Bomb] = {
    "PNG of 20,000 x 20,000": Bomb(
        "b.png", lambda: pictures.png_of_zeros(20_000, 20_000), ("too_many_pixels",)
    ),
    "PNG of 30,000 x 30,000": Bomb(
        "b.png", lambda: pictures.png_of_zeros(30_000, 30_000), ("too_many_pixels",)
    ),
    "GIF of 65,535 x 65,535 in 43 bytes": Bomb(
        "b.gif", lambda: pictures.gif_of(1, 65_535, 65_535), ("too_many_pixels",)
    ),
    "40,000 frames": Bomb("b.gif", lambda: pictures.gif_of(40_000), ("too_many_frames",)),
    "1,000 frames of a megapixel": Bomb(
        "b.gif", lambda: pictures.gif_of(1_000, 1_000, 1_000), ("too_many_frames",)
    ),
    "50,000 pages": Bomb("b.tif", lambda: pictures.tiff_of(50_000), ("too_many_frames",)),
    "pages in a circle": Bomb("b.tif", lambda: pictures.tiff_of(3, circle=True), ("too_many_frames",)),
    "pages that are their own successor": Bomb(
        "b.tif", lambda: pictures.tiff_of(1, circle=True), ("too_many_frames",)
    ),
    "5,000 scans": Bomb("b.jpg", many_scans, ("not_a_picture",), "ASVS 5.2.1"),
    "four million strips": Bomb("b.tif", many_strips, ("not_a_picture",), "ASVS 5.2.1"),
    "100 texts of 64 MiB": Bomb(
        "b.png",
        lambda: with_chunks(*[chunk(b"zTXt", b"%d\0\0" % n + ZEROS) for n in range(100)]),
        ("too_much_work",),
        "ASVS 5.2.3",
    ),
    "boxes in boxes": Bomb("b.avif", deep_boxes, ("not_a_picture",), "ASVS 5.2.1"),
}
"""Refused by what their headers say, or while nothing but headers is read."""

UNPACKED: dict[str, Bomb] = {
    "a profile of 64 MiB": Bomb(
        "b.png", lambda: with_chunks(chunk(b"iCCP", b"a\0\0" + ZEROS)), (), "ASVS 5.2.3"
    ),
    "a text of 64 MiB": Bomb(
        "b.png", lambda: with_chunks(chunk(b"zTXt", b"a\0\0" + ZEROS)), (), "ASVS 5.2.3"
    ),
    "an international text of 64 MiB": Bomb(
        "b.png", lambda: with_chunks(chunk(b"iTXt", b"a\0\1\0\0\0" + ZEROS)), (), "ASVS 5.2.3"
    ),
    "100,000 texts": Bomb(
        "b.png",
        lambda: with_chunks(*[chunk(b"tEXt", b"%d\0a" % n) for n in range(100_000)]),
        (),
        "ASVS 5.2.3",
    ),
    "30 texts of 64 MiB": Bomb(
        "b.png",
        lambda: with_chunks(*[chunk(b"zTXt", b"%d\0\0" % n + ZEROS) for n in range(30)]),
        (),
        "ASVS 5.2.3",
    ),
    "a transparent palette without end": Bomb(
        "b.png", lambda: with_chunks(chunk(b"tRNS", bytes(60_000))), ()
    ),
    "EXIF in a circle": Bomb("b.jpg", lambda: with_exif(looping_exif()), (), "ASVS 5.2.1"),
    "EXIF of endless values": Bomb("b.jpg", lambda: with_exif(endless_values()), (), "ASVS 5.2.1"),
    "EXIF of 3,000 directories": Bomb("b.jpg", lambda: with_exif(many_directories()), (), "ASVS 5.2.1"),
    "EXIF that begins nowhere": Bomb("b.jpg", lambda: with_exif(b"II*\0\xff\xff\xff\xff"), (), "ASVS 5.2.1"),
}
"""Pictures of few pixels, with something beside them that unpacks to much. Taken or refused, but told in no time."""
