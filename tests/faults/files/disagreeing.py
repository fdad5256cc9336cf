"""Pictures whose parts do not agree about how large they are, made byte by byte."""

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.images import pictures


def chunk(kind: bytes, data: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def ihdr(width: int, height: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def png(width: int, height: int, *, again: tuple[int, int], late: bool = False) -> bytes:
    """With a second header, right behind the first or behind the pixels."""
    data = pictures.encoded(pictures.coded(width, height), "png")
    at = data.index(b"IEND") - 4 if late else 33
    return data[:at] + ihdr(*again) + data[at:]


def sof(width: int, height: int, code: int = 0xC0) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    return struct.pack(">BBH", 0xFF, code, len(frame) + 2) + frame


def jpeg(width: int, height: int, *, other: tuple[int, int], code: int = 0xC0, where: str = "first") -> bytes:
    """With a second frame header: in front of all, before the end, or behind the end of the scan's header."""
    data = pictures.encoded(pictures.coded(width, height), "jpeg")
    at = 2 if where == "first" else len(data) - 2
    return data[:at] + sof(*other, code) + data[at:]


def gif(screen: tuple[int, int], *frames: tuple[int, int, int, int]) -> bytes:
    """A screen, and frames of one colour at (left, top, width, height)."""
    out = io.BytesIO()
    out.write(b"GIF89a" + struct.pack("<HH", *screen) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff")
    for left, top, width, height in frames:
        file = io.BytesIO()
        Image.new("P", (width, height), 1).save(file, "gif")
        one = file.getvalue()
        at = one.index(b"\x2c", 13 + (3 << ((one[10] & 7) + 1) if one[10] & 0x80 else 13))
        out.write(b"\x2c" + struct.pack("<HHHH", left, top, width, height) + one[at + 9 : -1])
    out.write(b";")
    return out.getvalue()


def tiff(width: int, height: int, *, more: list[tuple[int, int]]) -> bytes:
    """Grey, in one strip, with more tags (number, value) than it should have."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8)]
    tags += [(277, 1), (278, height), (279, width * height), *more]
    page = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags)
    )
    pixels = bytes(range(256)) * (width * height // 256 + 1)
    return b"II*\0" + struct.pack("<I", 8 + width * height) + pixels[: width * height] + page + bytes(4)


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP"
    for kind, data in chunks:
        body += kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def three(number: int) -> bytes:
    return number.to_bytes(3, "little")


def vp8x(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    return b"VP8X", bytes([flags, 0, 0, 0]) + three(width - 1) + three(height - 1)


def coded(width: int, height: int, *, lossless: bool = False) -> tuple[bytes, bytes]:
    """The one chunk that holds the pixels."""
    data = pictures.encoded(pictures.coded(width, height), "webp", lossless=lossless)
    at = data.index(b"VP8L" if lossless else b"VP8 ")
    kind, size = struct.unpack_from("<4sI", data, at)
    return kind, data[at + 8 : at + 8 + size]


def webp(canvas: tuple[int, int], *frames: tuple[bytes, bytes]) -> bytes:
    return riff(vp8x(*canvas), *frames)


def film(canvas: tuple[int, int], place: tuple[int, int, int, int], frame: tuple[int, int]) -> bytes:
    """An animated WebP whose second frame claims a place and has, inside, a size of its own."""
    left, top, width, height = place

    def anmf(left: int, top: int, width: int, height: int, inner: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        head = three(left // 2) + three(top // 2) + three(width - 1) + three(height - 1) + three(100) + b"\0"
        return b"ANMF", head + riff(inner)[12:]

    first = anmf(0, 0, *canvas, coded(*canvas))
    return riff(
        vp8x(*canvas, flags=2), (b"ANIM", bytes(6)), first, anmf(left, top, width, height, coded(*frame))
    )


def avif(width: int, height: int, *, says: tuple[int, int]) -> bytes:
    data = bytearray(pictures.encoded(pictures.coded(width, height), "avif"))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", *says)
    return bytes(data)


HONEST: dict[str, Callable[[], bytes]] = {
    "gif, frames within its screen": lambda: gif((100, 90), (0, 0, 100, 90), (10, 10, 20, 20)),
    "gif of the size of a screen": lambda: gif((640, 480), (0, 0, 640, 480)),
    "tiff": lambda: tiff(40, 30, more=[]),
    "webp with a canvas": lambda: webp((40, 30), coded(40, 30)),
    "webp with a canvas, lossless": lambda: webp((40, 30), coded(40, 30, lossless=True)),
    "animated webp": lambda: film((40, 30), (10, 8, 20, 16), (20, 16)),
    "avif": lambda: avif(40, 30, says=(40, 30)),
}

DISAGREEING: dict[str, Callable[[], bytes]] = {
    "png, larger again": lambda: png(40, 30, again=(400, 300)),
    "png, smaller again": lambda: png(40, 30, again=(4, 3)),
    "png, larger at its end": lambda: png(40, 30, again=(400, 300), late=True),
    "jpeg, larger first": lambda: jpeg(40, 30, other=(400, 300)),
    "jpeg, smaller first": lambda: jpeg(40, 30, other=(4, 3)),
    "jpeg, larger behind": lambda: jpeg(40, 30, other=(400, 300), where="end"),
    "jpeg, progressive behind": lambda: jpeg(40, 30, other=(400, 300), code=0xC2, where="end"),
    "jpeg, lossless behind": lambda: jpeg(40, 30, other=(400, 300), code=0xC3, where="end"),
    "gif, frame larger than its screen": lambda: gif((10, 10), (0, 0, 100, 90)),
    "gif, second frame outside": lambda: gif((100, 90), (0, 0, 100, 90), (90, 80, 20, 20)),
    "gif, frame beside its screen": lambda: gif((10, 10), (500, 500, 5, 5)),
    "gif, a screen of nothing": lambda: gif((0, 0), (0, 0, 40, 30)),
    "gif, a monitor for a screen": lambda: gif((640, 480), (0, 0, 40, 30)),
    "gif, a large screen": lambda: gif((5_000, 4_000), (0, 0, 40, 30)),
    "tiff, a second width": lambda: tiff(40, 30, more=[(256, 4_000)]),
    "tiff, a second height": lambda: tiff(40, 30, more=[(257, 3)]),
    "webp, a larger canvas": lambda: webp((400, 300), coded(40, 30)),
    "webp, a smaller canvas": lambda: webp((4, 3), coded(40, 30)),
    "webp, a larger canvas, lossless": lambda: webp((400, 300), coded(40, 30, lossless=True)),
    "webp, a second frame": lambda: webp((40, 30), coded(40, 30), coded(400, 300)),
    "animated webp, frame beyond its canvas": lambda: film((40, 30), (30, 20, 20, 16), (20, 16)),
    "animated webp, frame larger than it says": lambda: film((40, 30), (0, 0, 20, 16), (24, 18)),
    "avif, says it is larger": lambda: avif(40, 30, says=(400, 300)),
    "avif, says it is smaller": lambda: avif(40, 30, says=(4, 3)),
}

CLAIMS_TOO_MUCH: dict[str, Callable[[], bytes]] = {
    "png": lambda: png(40, 30, again=(60_000, 60_000)),
    "jpeg": lambda: jpeg(40, 30, other=(60_000, 60_000), where="end"),
    "gif": lambda: gif((60_000, 60_000), (0, 0, 1, 1)),
    "gif, a frame far out": lambda: gif((40, 30), (0, 0, 40, 30), (65_000, 65_000, 1, 1)),
    "tiff": lambda: tiff(40, 30, more=[(256, 4_000_000_000), (257, 4_000_000_000)]),
    "webp": lambda: webp((1 << 24, 1 << 24), coded(40, 30)),
    "avif": lambda: avif(40, 30, says=(4_000_000_000, 4_000_000_000)),
}
