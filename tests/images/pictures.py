"""Pictures made for the tests. Everything is made here, so nothing has to be downloaded or licensed."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pyvips
from PIL import Image, PngImagePlugin

CANARY = b"CANARY-7f3a"
FORMATS = ("jpeg", "png", "gif", "webp", "avif", "tiff")


def coded(width: int = 37, height: int = 23) -> pyvips.Image:
    """A picture in which every pixel says where it is: red is x, green is y."""
    x, y = pyvips.Image.xyz(width, height).bandsplit()
    return x.bandjoin([y, (x * 7 + y * 13) % 256]).cast("uchar").copy(interpretation="srgb")


def photo(width: int = 4000, height: int = 3000) -> pyvips.Image:
    """Something that compresses about as a photograph does, and is nowhere of one colour."""
    bands = [
        pyvips.Image.perlin(width, height, cell_size=size) * 55
        + 128
        + pyvips.Image.gaussnoise(width, height, sigma=6, mean=0)
        for size in (300, 200, 120)
    ]
    return bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb")


def plain(width: int, height: int, colour: tuple[int, ...] = (255, 255, 255)) -> pyvips.Image:
    image = pyvips.Image.black(width, height, bands=len(colour)) + list(colour)
    return image.cast("uchar").copy(interpretation="srgb" if len(colour) > 2 else "b-w")


def encoded(image: pyvips.Image, name: str, **options: object) -> bytes:
    if name == "avif":
        return image.heifsave_buffer(compression="av1", effort=0, **options)
    if name == "tiff" and "compression" not in options:
        options["compression"] = "deflate"
    return getattr(image, f"{name}save_buffer")(**options)


def with_orientation(data: bytes, orientation: int) -> bytes:
    """The same file with an EXIF orientation, written into the container by hand."""
    exif = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    if data[:2] == b"\xff\xd8":
        body = b"Exif\0\0" + exif
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    if data[:4] == b"\x89PNG":
        chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
        return data[:33] + chunk + data[33:]
    raise AssertionError(data[:4])


def pixels(image: pyvips.Image) -> list[tuple[int, ...]]:
    """All pixels in reading order."""
    data, bands = image.cast("uchar").write_to_memory(), image.bands
    return [tuple(data[at : at + bands]) for at in range(0, len(data), bands)]


def decode(data: bytes, **options: object) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(data, "", **options)


def png_of_zeros(width: int, height: int) -> bytes:
    """A decompression bomb: 30,000 x 30,000 in some 100 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    line = bytes((width + 7) // 8 + 1)
    rows = b"".join(packer.compress(line) for _row in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def gif_of(frames: int, width: int = 1, height: int = 1) -> bytes:
    screen = struct.pack("<HH", width, height)
    frame = b"!\xf9\x04\0\x0a\0\0\0,\0\0\0\0" + screen + b"\0\x02\x02D\x01\0"
    return b"GIF89a" + screen + b"\x80\0\0\0\0\0\xff\xff\xff" + frame * frames + b";"


def tiff_of(pages: int, *, circle: bool = False) -> bytes:
    """Pages of one pixel, each linked to the next; the last one to the first, if that is asked for."""
    out = bytearray(b"II*\0" + struct.pack("<I", 8))
    tags = [(256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, 1, 1)]
    entries = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    for page in range(pages):
        following = len(out) + len(entries) + 4
        last = 8 if circle else 0
        out += entries + struct.pack("<I", following if page < pages - 1 else last)
    return bytes(out)


def animation(name: str, frames: int = 5, *, durations: list[int] | None = None, loop: int = 3) -> bytes:
    """Frames of different colours with a corner that says which frame it is, written by Pillow."""
    made = []
    for number in range(frames):
        image = Image.new("RGB", (40, 30), (number * 40 % 256, 255 - number * 40 % 256, 90))
        image.paste((255, 255, 255), (0, 0, 4 + number % 30, 4))
        made.append(image)
    file = io.BytesIO()
    durations = durations or [50 + 30 * (number % 50) for number in range(frames)]
    options = {"lossless": True} if name == "webp" else {"disposal": 1}
    made[0].save(file, name, save_all=True, append_images=made[1:], duration=durations, loop=loop, **options)
    return file.getvalue()


def animation_facts(data: bytes) -> tuple[int, list[int], int]:
    """Frames, durations (ms) and loop count, as another library reads them."""
    with Image.open(io.BytesIO(data)) as image:
        durations = []
        for frame in range(image.n_frames):
            image.seek(frame)
            image.load()
            durations.append(image.info["duration"])
        return image.n_frames, durations, image.info.get("loop", 1)


def full_of_secrets(name: str) -> bytes:
    """A picture that carries a canary in everything a picture of its format can carry."""
    image = Image.effect_mandelbrot((160, 120), (-2, -1, 1, 1), 50).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()  # ImageDescription
    exif[0x9C9C] = CANARY  # XPComment
    exif.get_ifd(0x8825)[0x1D] = CANARY.decode()  # GPSDateStamp
    exif.get_ifd(0x8825)[0x02] = (52.0, 31.0, 12.0)
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + CANARY  # UserComment
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + CANARY + b"</x:xmpmeta>"
    options: dict[str, object] = {}
    if name == "jpeg":
        thumbnail = CANARY * 3
        options = {"exif": exif.tobytes() + thumbnail, "xmp": xmp, "comment": CANARY, "quality": 92}
    elif name == "png":
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", CANARY.decode())
        notes.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options = {"exif": exif.tobytes(), "pnginfo": notes}
    elif name == "gif":
        options = {"comment": CANARY}
    elif name == "webp":
        options = {"exif": exif.tobytes(), "xmp": xmp, "lossless": True}
    elif name == "avif":
        options = {"exif": exif.tobytes(), "xmp": xmp}
    elif name == "tiff":
        options = {
            "description": CANARY.decode(),
            "software": CANARY.decode(),
            "tiffinfo": {700: xmp, 33432: CANARY.decode()},
        }
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def write(directory: Path, name: str, data: bytes) -> Path:
    path = directory / name
    path.write_bytes(data)
    return path
