"""What a file is, by its bytes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.core.sniff import (
    FAMILIES,
    FORMATS,
    HEAD_BYTES,
    MARKUP,
    SIGNATURES,
    contradicts,
    describe,
    extension_for,
    may_be,
    refine,
    right_extension,
    sniff,
)

UNKNOWN = "application/octet-stream"


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body + b"\0\0\0\x08free"


def ogg(codec: bytes) -> bytes:
    return b"OggS\0\x02" + bytes(8) + b"abcd" + bytes(8) + b"\x01\x1e" + codec + bytes(20)


def ebml(doctype: bytes) -> bytes:
    head = b"\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08"
    return b"\x1a\x45\xdf\xa3\x9f" + head + b"\x42\x82" + bytes([0x80 + len(doctype)]) + doctype


def mp3(header: bytes, length: int) -> bytes:
    return (header + bytes(length - 4)) * 2


SAMPLES = {
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\0", "image/jpeg"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
    "gif87": (b"GIF87a\1\0\1\0", "image/gif"),
    "gif89": (b"GIF89a\1\0\1\0", "image/gif"),
    "webp": (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
    "avif": (ftyp(b"avif", b"mif1", b"miaf"), "image/avif"),
    "avif, sequence": (ftyp(b"avis", b"msf1"), "image/avif"),
    "avif, neutral brand": (ftyp(b"mif1", b"miaf", b"avif"), "image/avif"),
    "heic": (ftyp(b"heic", b"mif1", b"heic"), "image/heic"),
    "heic, neutral brand": (ftyp(b"mif1", b"mif1", b"heic"), "image/heic"),
    "heif": (ftyp(b"mif1", b"mif1"), "image/heif"),
    "tiff, little": (b"II*\0\x08\0\0\0", "image/tiff"),
    "tiff, big": (b"MM\0*\0\0\0\x08", "image/tiff"),
    "bigtiff, little": (b"II+\0\x08\0\0\0" + bytes(8), "image/tiff"),
    "bigtiff, big": (b"MM\0+\0\x08\0\0" + bytes(8), "image/tiff"),
    "bmp": (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0", "image/bmp"),
    "icon": (b"\0\0\1\0\1\0\x10\x10", "image/x-icon"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
    "svg, prologue": (
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- made by a -- b -->\n'
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://x" [ <!ENTITY a "b"> ]>\n<svg:svg a="b">',
        "image/svg+xml",
    ),
    "svg, bracket in a string": (b'<!DOCTYPE svg [ <!ENTITY a "]"> ]><svg>', "image/svg+xml"),
    "svg, utf-16": ('<?xml version="1.0"?><svg>'.encode("utf-16"), "image/svg+xml"),
    "svg as a child": (b'<?xml version="1.0"?><page><svg/></page>', "application/xml"),
    "xml": (b'<?xml version="1.0"?><note/>', "application/xml"),
    "html": (b" \n<!doctype HTML>\n<p>", "text/html"),
    "html, comment": (b"<!-- x --><html>", "text/html"),
    "html, script": (b"<script>alert(1)</script>", "text/html"),
    "html, utf-16": ("<html>".encode("utf-16"), "text/html"),
    "not quite html": (b"<bold words>", "text/plain"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "application/pdf"),
    "pdf, after line breaks": (b"\r\n\n%PDF-1.7\n1 0 obj", "application/pdf"),
    "not quite pdf": (b"about %PDF-1.7", "text/plain"),
    "zip": (b"PK\x03\x04\x14\0", "application/zip"),
    "zip, empty": (b"PK\x05\x06" + bytes(18), "application/zip"),
    "ole": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    "rtf": (b"{\\rtf1\\ansi", "application/rtf"),
    "gzip": (b"\x1f\x8b\x08\0", "application/gzip"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "application/x-7z-compressed"),
    "xz": (b"\xfd7zXZ\0\0\4", "application/x-xz"),
    "bzip2": (b"BZh91AY&SY\0", "application/x-bzip2"),
    "zstd": (b"\x28\xb5\x2f\xfd\4", "application/zstd"),
    "rar 4": (b"Rar!\x1a\x07\0", "application/vnd.rar"),
    "rar 5": (b"Rar!\x1a\x07\1\0", "application/vnd.rar"),
    "tar": (b"tea.txt".ljust(257, b"\0") + b"ustar\00000", "application/x-tar"),
    "elf": (b"\x7fELF\2\1\1", "application/x-elf"),
    "exe": (b"MZ\x90\0".ljust(60, b"\0") + b"\x80\0\0\0", "application/vnd.microsoft.portable-executable"),
    "mov": (ftyp(b"qt  "), "video/quicktime"),
    "mp4": (ftyp(b"isom", b"iso2", b"avc1"), "video/mp4"),
    "mp4, mp42": (ftyp(b"mp42", b"isom"), "video/mp4"),
    "m4a": (ftyp(b"M4A ", b"mp42"), "audio/mp4"),
    "webm": (ebml(b"webm"), "video/webm"),
    "mkv": (ebml(b"matroska"), "video/matroska"),
    "ogg, vorbis": (ogg(b"\x01vorbis"), "audio/ogg"),
    "ogg, opus": (ogg(b"OpusHead"), "audio/ogg"),
    "ogg, theora": (ogg(b"\x80theora"), "video/ogg"),
    "ogg": (ogg(b"fishead\0"), "application/ogg"),
    "mp3, tagged": (b"ID3\4\0\0\0\0\x0f\x76", "audio/mpeg"),
    "mp3, mpeg 1": (mp3(b"\xff\xfb\x90\x00", 417), "audio/mpeg"),
    "mp3, mpeg 1, padded": (mp3(b"\xff\xfb\x92\x00", 418), "audio/mpeg"),
    "mp3, mpeg 2": (mp3(b"\xff\xf3\x84\x00", 192), "audio/mpeg"),
    "mp3, one header only": (b"\xff\xfb\x90\x00" + bytes(4000), UNKNOWN),
    "mp3, second header elsewhere": (mp3(b"\xff\xfb\x90\x00", 418), UNKNOWN),
    "mp3, second header of another kind": (
        mp3(b"\xff\xfb\x90\x00", 417)[:417] + b"\xff\xf3\x90\x00",
        UNKNOWN,
    ),
    "mp3, only half of a second header": (mp3(b"\xff\xfb\x90\x00", 417)[:417] + b"\x00\xfb\x90\x00", UNKNOWN),
    "mp3, too short for a second header": (b"\xff\xfb\x90\x00", UNKNOWN),
    "mp3, reserved frequency": (mp3(b"\xff\xfb\x9c\x00", 417), UNKNOWN),
    "wav": (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
    "avi": (b"RIFF\x24\0\0\0AVI LIST", "video/x-msvideo"),
    "flac": (b"fLaC\0\0\0\x22", "audio/flac"),
    "text": (b"Darjeeling, first flush\r\n\t2 kg", "text/plain"),
    "text, utf-8": ("Grüner Tee 緑茶 🍵".encode(), "text/plain"),
    "text, utf-16": ("Grüner Tee 緑茶".encode("utf-16"), "text/plain"),
    "text, utf-16 big": (b"\xfe\xff" + "Grüner Tee".encode("utf-16-be"), "text/plain"),
    "text, windows-1252": ("Name;Gewicht\r\nGrüner Tee;2 kg\r\n".encode("cp1252"), "text/plain"),
    "text, only a mark": (b"\xef\xbb\xbf", "text/plain"),
    "BM is a word": (b"BMW and other cars are made in Munich", "text/plain"),
    "MZ is a word": (b"MZ was a maker of motorcycles" * 4, "text/plain"),
    "text with NUL": (b"abc\0def", UNKNOWN),
    "utf-16 with NUL": ("abc\0def".encode("utf-16"), UNKNOWN),
    "utf-16, half a pair": (b"\xff\xfe" + b"\x00\xdc\x41\x00", UNKNOWN),
    "high bytes": (bytes(range(128, 256)), UNKNOWN),
    "nothing": (b"", UNKNOWN),
    "all bytes": (bytes(range(256)), UNKNOWN),
}


@pytest.mark.parametrize(("head", "media_type"), SAMPLES.values(), ids=list(SAMPLES))
def test_sample(head: bytes, media_type: str) -> None:
    assert sniff(head) == media_type


def test_every_type_of_the_tables_has_a_sample_and_words() -> None:
    seen = {media_type for _head, media_type in SAMPLES.values()}
    sniffable = {media_type for media_type, _pattern in (*SIGNATURES, *MARKUP)}
    assert sniffable <= seen
    assert seen <= {format.media_type for format in FORMATS}


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1), st.integers(0, 3))
def test_text_cut_in_mid_character_is_text(text: str, cut: int) -> None:
    data = ("x" + text).encode()
    assert sniff(data[: max(1, len(data) - cut)]).startswith("text/")


def test_the_last_character_of_a_full_head_may_be_cut() -> None:
    assert sniff(b"x" * (HEAD_BYTES - 1) + "ü".encode()) == "text/plain"


@given(st.binary(max_size=600))
def test_any_bytes_have_a_type(head: bytes) -> None:
    assert "/" in sniff(head)


def test_a_head_is_enough() -> None:
    for head, media_type in SAMPLES.values():
        assert sniff(head[:HEAD_BYTES]) == media_type
    assert sniff(b"a" * HEAD_BYTES + b"\0") == "text/plain"


@pytest.mark.parametrize(
    "hostile", [b"<?a?>" * 800, b"<!---->" * 580, b"<!doctype svg[]>" * 255, b" " * 4096, b"<?" * 2048]
)
def test_a_hostile_prologue_costs_nothing(hostile: bytes) -> None:
    start = time.process_time()
    sniff(hostile)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("sniffed", "extension", "refined"),
    [
        ("text/plain", ".csv", "text/csv"),
        ("text/plain", ".CSV", "text/csv"),
        ("text/plain", ".md", "text/markdown"),
        ("text/plain", ".json", "application/json"),
        ("text/plain", ".txt", "text/plain"),
        ("text/plain", ".css", "text/css"),
        ("text/plain", ".js", "text/javascript"),
        ("text/plain", ".svg", "text/plain"),
        ("text/plain", ".jpg", "text/plain"),
        ("text/plain", ".tea", "text/plain"),
        ("text/plain", "", "text/plain"),
        ("application/zip", ".epub", "application/epub+zip"),
        ("application/zip", ".odt", "application/vnd.oasis.opendocument.text"),
        ("application/zip", ".jar", "application/java-archive"),
        ("application/zip", ".csv", "application/zip"),
        ("application/xml", ".svg", "application/xml"),
        ("application/x-ole-storage", ".xls", "application/vnd.ms-excel"),
        ("application/ogg", ".ogv", "video/ogg"),
        ("image/heif", ".heic", "image/heic"),
        ("image/png", ".csv", "image/png"),
        (UNKNOWN, ".csv", UNKNOWN),
        (UNKNOWN, ".mp3", UNKNOWN),
    ],
)
def test_refine(sniffed: str, extension: str, refined: str) -> None:
    assert refine(sniffed, extension) == refined


@pytest.mark.parametrize("extension", [".docx", ".xlsx", ".pptx"])
def test_office_documents_are_zips_or_locked_ole_files(extension: str) -> None:
    for container in ("application/zip", "application/x-ole-storage"):
        assert refine(container, extension).startswith("application/vnd.openxmlformats-officedocument.")


@pytest.mark.parametrize(
    ("sniffed", "extension", "answer"),
    [
        ("application/pdf", ".jpg", True),
        ("image/png", ".txt", True),
        ("text/plain", ".png", True),
        ("application/zip", ".jpg", True),
        ("image/png", ".svg", True),
        ("image/svg+xml", ".png", True),
        ("text/html", ".svg", True),
        ("application/pdf", ".docx", True),
        ("application/x-elf", ".pdf", True),
        ("application/pdf", ".mp3", True),
        ("image/jpeg", ".jpg", False),
        ("image/jpeg", ".jpeg", False),
        ("image/jpeg", ".jpe", False),
        ("image/jpeg", ".jfif", False),
        ("image/jpeg", ".JPG", False),
        ("image/jpeg", ".tea", False),
        ("image/jpeg", "", False),
        ("image/png", ".JPG", False),
        ("image/jpeg", ".heic", False),
        ("application/zip", ".docx", False),
        ("text/html", ".txt", False),
        (UNKNOWN, ".csv", False),
        (UNKNOWN, ".png", False),
        (UNKNOWN, ".zip", False),
        (UNKNOWN, ".docx", False),
        (UNKNOWN, ".mov", False),
        ("application/xml", ".svg", False),
    ],
)
def test_contradicts(sniffed: str, extension: str, answer: bool) -> None:
    assert contradicts(sniffed, extension) is answer


def test_an_unknown_type_contradicts_no_extension_and_may_hide_behind_each() -> None:
    for format in FORMATS:
        for extension in format.extensions.split():
            assert not contradicts(UNKNOWN, extension)
            assert UNKNOWN in may_be(extension)


def test_what_is_not_contradicted_is_what_it_may_be() -> None:
    for format in FORMATS:
        for extension in format.extensions.split():
            for other in FORMATS:
                assert contradicts(other.media_type, extension) is (other.media_type not in may_be(extension))


def test_a_refined_type_does_not_contradict_its_extension() -> None:
    for format in FORMATS:
        for extension in format.extensions.split():
            assert not contradicts(format.media_type, extension)
            for generic in format.refines:
                assert refine(generic, extension) == format.media_type
                assert not contradicts(generic, extension)


def test_extension_for() -> None:
    assert extension_for("image/jpeg") == ".jpg"
    assert extension_for("image/tiff") == ".tif"
    assert extension_for("image/svg+xml") == ".svg"
    assert extension_for(UNKNOWN) == extension_for("no/type") == ""


@pytest.mark.parametrize(
    ("media_type", "extension", "right"),
    [
        ("image/png", ".jpg", ".png"),
        ("image/jpeg", ".PNG", ".jpg"),
        ("image/jpeg", ".heic", ".jpg"),
        ("image/jpeg", ".jpeg", ".jpeg"),
        ("image/jpeg", ".JPG", ".JPG"),
        ("image/heic", ".heif", ".heif"),
        ("image/heif", ".heic", ".heic"),
        ("image/png", ".tea", ".tea"),
        ("image/png", "", ""),
        ("image/png", ".svg", ".svg"),
        ("text/plain", ".jpg", ".jpg"),
        (UNKNOWN, ".jpg", ".jpg"),
    ],
)
def test_only_another_picture_s_extension_is_put_right(media_type: str, extension: str, right: str) -> None:
    assert right_extension(media_type, extension) == right


def test_no_extension_stands_twice() -> None:
    extensions = [extension for format in FORMATS for extension in format.extensions.split()]
    assert len(extensions) == len(set(extensions))
    assert all(extension == extension.lower() and extension.startswith(".") for extension in extensions)


def test_describe() -> None:
    assert describe("image/jpeg") == "a JPEG picture"
    assert describe("application/pdf") == "a PDF document"
    assert describe("text/plain") == "text"
    assert describe(UNKNOWN) == "of an unknown type"
    assert describe("image/*") == "a picture"
    assert describe("font/woff2") == "font/woff2"
    assert all(describe(family) == words for family, words in FAMILIES.items())
