"""Files that are two things at once, made byte by byte. Each carries `SCRIPT`, which tells on itself when it is run.

`TRUE` are pictures that are something else as well; `FALSE` are something else under the name of a picture.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

from tests.images import pictures

MARK = b"hit-by-a-script"
SCRIPT = b"new Image().src='/canary/" + MARK + b"';(self.top||self).hit=1"
HTML = b"<!doctype html><html><script>" + SCRIPT + b'</script><img src=x onerror="' + SCRIPT + b'">'
PHP = b"<?php echo '" + MARK + b"'; system($_GET['c']); __halt_compiler(); ?>"
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" onload="' + SCRIPT + b'"><script>' + SCRIPT + b"</script></svg>"
)


class Polyglot(NamedTuple):
    """What it is called, how it is made, and the requirement that says why it is tried."""

    client_name: str
    make: Callable[[], bytes]
    requirement: str


def picture(kind: str) -> bytes:
    return pictures.encoded(pictures.coded(120, 90), kind)


def commented(data: bytes, comment: bytes) -> bytes:
    """A JPEG with a comment in front of everything else."""
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + data[2:]


def gif_script() -> bytes:
    """`GIF89a/*...*/=1;script`: its width is a comment that begins."""
    wide = int.from_bytes(b"/*", "little")
    body = bytearray(pictures.encoded(pictures.plain(wide, 90), "gif"))
    assert body[6:8] == b"/*"
    assert b"*/" not in body
    return bytes(body) + b"*/=1;" + SCRIPT + b"//"


def jpeg_script() -> bytes:
    """`\xff\xd8\xff\xe0/*...*/=1;script/*...*/`: in Latin-1 its first bytes are a name, its first length a comment."""
    data = picture("jpeg").replace(b"*/", b"+/")
    size = int.from_bytes(b"/*", "big")
    code = b"*/=1;" + SCRIPT + b"/*"
    first = b"JFIF\0\1\1\0\0\1\0\1\0\0"
    body = first + bytes(size - 2 - len(first) - len(code)) + code
    return (
        data[:2] + b"\xff\xe0" + struct.pack(">H", size) + body + data[2:-2] + b"\xff\xfe\0\5*/;" + data[-2:]
    )


def chunked(data: bytes, kind: bytes, text: bytes) -> bytes:
    """A PNG with a chunk behind its header."""
    check = struct.pack(">I", zlib.crc32(kind + text))
    return data[:33] + struct.pack(">I", len(text)) + kind + text + check + data[33:]


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.html", HTML)
        archive.writestr("../../shell.php", PHP)
    return file.getvalue()


def riffed(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A WebP with another chunk at its end."""
    more = kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8 + len(more)) + data[8:] + more


def gif_comment(comment: bytes) -> bytes:
    data = picture("gif")
    blocks = b"".join(
        bytes([len(comment[at : at + 255])]) + comment[at : at + 255] for at in range(0, len(comment), 255)
    )
    return data[:-1] + b"!\xfe" + blocks + b"\0;"


TRUE: dict[str, Polyglot] = {
    "GIF and script": Polyglot("tea.gif", gif_script, "ASVS 5.2.2"),
    "JPEG and script": Polyglot("tea.jpg", jpeg_script, "ASVS 5.2.2"),
    "JPEG and PHP": Polyglot(
        "tea.php.jpg",
        lambda: commented(picture("jpeg"), PHP),
        "ASVS 5.3.1; Cheat Sheet, Extension Validation",
    ),
    "JPEG, then PHP": Polyglot("tea.jpg.php", lambda: picture("jpeg") + PHP, "ASVS 5.3.1"),
    "JPEG and a page": Polyglot("tea.html", lambda: commented(picture("jpeg"), HTML), "ASVS 5.4.1"),
    "JPEG and PDF": Polyglot(
        "tea.jpg", lambda: commented(picture("jpeg"), b"%PDF-1.7\n" + HTML), "ASVS 5.2.2"
    ),
    "JPEG, then PDF": Polyglot("tea.jpg", lambda: picture("jpeg") + b"%PDF-1.7\n" + HTML, "ASVS 5.2.2"),
    "PNG and ZIP": Polyglot("tea.png", lambda: picture("png") + zipped(), "ASVS 5.2.2, 5.3.3"),
    "PNG and a page": Polyglot(
        "tea.png", lambda: chunked(picture("png"), b"tEXt", b"a\0" + HTML), "ASVS 5.4.1"
    ),
    "PNG, then a page": Polyglot("tea.png", lambda: picture("png") + HTML, "ASVS 5.4.1"),
    "GIF and a page": Polyglot("tea.gif", lambda: gif_comment(HTML), "ASVS 5.4.1"),
    "GIF and PHP": Polyglot("tea.phtml", lambda: gif_comment(PHP), "ASVS 5.3.1"),
    "WebP and a page": Polyglot("tea.webp", lambda: riffed(picture("webp"), b"XYZ ", HTML), "ASVS 5.4.1"),
    "TIFF, then a page": Polyglot("tea.tif", lambda: picture("tiff") + HTML, "ASVS 5.4.1"),
    "AVIF and a page": Polyglot(
        "tea.avif",
        lambda: picture("avif") + struct.pack(">I", 8 + len(HTML)) + b"free" + HTML,
        "ASVS 5.4.1",
    ),
}
"""Pictures by every rule, with a name that says otherwise here and there. A picture field takes them."""

FALSE: dict[str, Polyglot] = {
    "SVG called PNG": Polyglot("tea.png", lambda: SVG, "ASVS 5.2.2"),
    "SVG called SVG": Polyglot("tea.svg", lambda: SVG, "ASVS 5.2.2"),
    "SVG behind a prologue": Polyglot(
        "tea.jpg", lambda: b'<?xml version="1.0"?><!-- GIF89a -->' + SVG, "ASVS 5.2.2"
    ),
    "SVG in UTF-16": Polyglot("tea.png", lambda: SVG.decode().encode("utf-16"), "ASVS 5.2.2"),
    "a page called JPEG": Polyglot("tea.jpg", lambda: HTML, "ASVS 5.2.2"),
    "a page called page": Polyglot("tea.html", lambda: HTML, "ASVS 5.2.2"),
    "a page called by two names": Polyglot(
        "tea.html.png", lambda: b"  \r\n" + HTML, "Cheat Sheet, Extension Validation"
    ),
    "a script called GIF": Polyglot("tea.gif", lambda: SCRIPT, "ASVS 5.2.2"),
    "GIF in its first six bytes": Polyglot("tea.gif", lambda: b"GIF89a" + HTML, "ASVS 5.2.2, magic bytes"),
    "GIF by a comment": Polyglot("tea.gif", lambda: b"GIF89a/*" + SCRIPT + b"*/=1;" + SCRIPT, "ASVS 5.2.2"),
    "JPEG in its first bytes": Polyglot("tea.jpg", lambda: b"\xff\xd8\xff\xe0" + HTML, "ASVS 5.2.2"),
    "PNG in its first bytes": Polyglot("tea.png", lambda: b"\x89PNG\r\n\x1a\n" + HTML, "ASVS 5.2.2"),
    "WebP in its first bytes": Polyglot("tea.webp", lambda: b"RIFF\0\1\0\0WEBPVP8 " + HTML, "ASVS 5.2.2"),
    "PHP called JPEG": Polyglot("tea.jpg", lambda: PHP, "ASVS 5.3.1"),
    "PDF called JPEG": Polyglot("tea.jpg", lambda: b"%PDF-1.7\n" + HTML, "ASVS 5.2.2"),
    "ZIP called PNG": Polyglot("tea.png", zipped, "ASVS 5.2.2"),
    "a program called PNG": Polyglot(
        "tea.png", lambda: b"MZ" + bytes(58) + b"\x80\0\0\0" + HTML, "ASVS 5.2.2"
    ),
    "a message called JPEG": Polyglot(
        "tea.jpg", lambda: b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n" + HTML, "ASVS 5.4.1"
    ),
}
"""No picture at all. A picture field refuses them; a field for any file takes those whose name is no lie."""
