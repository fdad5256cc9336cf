"""Pictures that carry a canary in every part of a file that can carry anything but pixels, made byte by byte."""

import struct
import zlib

from tests.faults.files.disagreeing import chunk
from tests.faults.files.polyglots import commented, riffed
from tests.images import pictures
from tests.images.pictures import CANARY

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><dc:creator>" + CANARY + b"</dc:creator></x:xmpmeta>"
IPTC = b"\x1c\x02\x78" + struct.pack(">H", len(CANARY)) + CANARY


def exif() -> bytes:
    """A TIFF header with a description, a maker note, a comment, a place and a thumbnail; each says the canary."""
    values = bytearray()
    base = 8 + 3 * 200

    def held(data: bytes) -> int:
        at = base + len(values)
        values.extend(data + bytes(len(data) % 2))
        return at

    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        return struct.pack("<HHII", tag, kind, count, value)

    def text(tag: int, kind: int = 2) -> bytes:
        return entry(tag, kind, len(CANARY), held(CANARY))

    thumbnail = commented(pictures.encoded(pictures.coded(16, 12), "jpeg"), CANARY)
    first = [
        text(0x010E),
        text(0x010F),
        text(0x013B),
        text(0x8298),
        entry(0x8769, 4, 1, 208),
        entry(0x8825, 4, 1, 408),
    ]
    second = [entry(0x0201, 4, 1, held(thumbnail)), entry(0x0202, 4, 1, len(thumbnail))]
    notes = [text(0x927C, 7), text(0x9286, 7), text(0xA420)]
    place = [text(0x0001), text(0x001D)]
    out = bytearray(base)
    out[:8] = b"II*\0" + struct.pack("<I", 8)
    for at, entries, following in ((8, first, 558), (208, notes, 0), (408, place, 0), (558, second, 0)):
        page = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)
        out[at : at + len(page)] = page
    return bytes(out + values)


def segment(code: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(body) + 2) + body


def jpeg() -> bytes:
    data = pictures.encoded(pictures.coded(120, 90), "jpeg")
    photoshop = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    segments = [
        segment(0xE1, b"Exif\0\0" + exif()),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        segment(0xED, photoshop),
        segment(0xFE, CANARY),
        *(segment(code, b"own\0" + CANARY) for code in range(0xE3, 0xF0) if code not in (0xED, 0xEE)),
    ]
    return data[:2] + b"".join(segments) + data[2:] + CANARY


def png() -> bytes:
    data = pictures.encoded(pictures.coded(120, 90), "png", keep="none")
    chunks = [
        chunk(b"tEXt", b"Author\0" + CANARY),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(CANARY * 3)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        chunk(b"tEXt", b"Raw profile type iptc\0\n" + CANARY.hex().encode()),
        chunk(b"eXIf", exif()),
        chunk(b"prVt", CANARY),
        chunk(b"tIME", bytes([7, 231, 1, 1, 1, 1, 1])),
    ]
    return (
        data[:33] + b"".join(chunks) + data[33:-12] + chunk(b"tEXt", b"Late\0" + CANARY) + data[-12:] + CANARY
    )


def gif_blocks() -> bytes:
    def block(label: int, head: bytes, body: bytes) -> bytes:
        return b"!" + bytes([label]) + head + bytes([len(body)]) + body + b"\0"

    return (
        block(0xFE, b"", CANARY)
        + block(0xFF, b"\x0bXMP DataXMP", XMP[:255])
        + block(0xFF, b"\x0bOWN    1.00", CANARY)
    )


def gif() -> bytes:
    data = pictures.encoded(pictures.coded(120, 90), "gif")
    return data[:-1] + gif_blocks() + b";" + CANARY


def film_of_gif() -> bytes:
    """With the same in front of every frame."""
    data = pictures.animation("gif")
    return data[:-1].replace(b"!\xf9\x04", gif_blocks() + b"!\xf9\x04") + gif_blocks() + b";"


def webp(data: bytes) -> bytes:
    for kind, content in ((b"EXIF", exif()), (b"XMP ", XMP), (b"OWN ", CANARY)):
        data = riffed(data, kind, content)
    return data


def tiff() -> bytes:
    """The canary behind the pixels, and tags that point to it."""
    width, height = 120, 90
    pixels = bytes(range(256)) * (width * height // 256 + 1)
    pixels = pixels[: width * height]
    at = 8 + len(pixels)
    parts = dict.fromkeys((270, 271, 305, 315, 316, 33432, 33550, 34377, 50000, 65000), CANARY) | {
        700: XMP,
        33723: IPTC,
    }
    held, entries = bytearray(), []
    for tag, value in parts.items():
        kind = 2 if tag in (270, 271, 305, 315, 316, 33432) else 7 if tag in (33723, 34377) else 1
        entries.append((tag, kind, len(value), at + len(held)))
        held += value + bytes(len(value) % 2)
    numbers = {
        256: width,
        257: height,
        258: 8,
        259: 1,
        262: 1,
        273: 8,
        277: 1,
        278: height,
        279: width * height,
    }
    entries += [(tag, 4, 1, value) for tag, value in numbers.items()]
    page = (
        struct.pack("<H", len(entries))
        + b"".join(struct.pack("<HHII", *each) for each in sorted(entries))
        + bytes(4)
    )
    return b"II*\0" + struct.pack("<I", at + len(held)) + pixels + bytes(held) + page


FULL = {
    "photo.jpg": jpeg,
    "photo.png": png,
    "photo.gif": gif,
    "film.gif": film_of_gif,
    "photo.webp": lambda: webp(pictures.full_of_secrets("webp")),
    "film.webp": lambda: webp(pictures.animation("webp")),
    "photo.avif": lambda: (
        pictures.full_of_secrets("avif") + struct.pack(">I", 8 + len(CANARY)) + b"uuid" + CANARY
    ),
    "scan.tif": tiff,
}
