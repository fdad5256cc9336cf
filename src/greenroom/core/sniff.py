"""What a file is, told from its first bytes; and what its name may add to that, or contradict.

Two tables do the work. `SIGNATURES` says how bytes begin. `FORMATS` says which extensions a type has,
what a person calls it, and which sniffed types such a file may show: a .docx *is* a zip, a .csv *is*
text. The client's own word for the type (`Content-Type`) is never asked.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from .errors import gettext_noop as _

HEAD_BYTES = 4096
"""How many leading bytes `sniff` looks at. The farthest signature (tar's) ends at 262; the rest is
for the prologues of XML, the second frame of an MP3 (at most 1,441 bytes on) and a sample of text."""

UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
ZIP = "application/zip"
XML = "application/xml"
SVG = "image/svg+xml"
HTML = "text/html"
OLE = "application/x-ole-storage"
MP3 = "audio/mpeg"

# In order: the first that matches wins. WHATWG MIME Sniffing (section 6) where it has the type, but
# stricter where two letters would catch ordinary text ("BM", "MZ").
SIGNATURES: tuple[tuple[str, bytes], ...] = (
    ("image/jpeg", rb"\xff\xd8\xff"),
    ("image/png", rb"\x89PNG\r\n\x1a\n"),
    ("image/gif", rb"GIF8[79]a"),
    ("image/webp", rb"RIFF.{4}WEBPVP"),
    # ISO 14496-12 `ftyp`: major brand, minor version, then compatible brands, four bytes each.
    # A HEIF file of the neutral brand mif1 says in the compatible brands which codec it uses.
    ("image/avif", rb"\x00.{3}ftyp(?:avi[fs]|(?:mif1|msf1|miaf).{4}(?:.{4}){0,12}?avi[fs])"),
    ("image/heic", rb"\x00.{3}ftyp(?:he(?:ic|ix|vc|vx|im|is|vm|vs)|(?:mif1|msf1).{4}(?:.{4}){0,12}?hei[cx])"),
    ("image/heif", rb"\x00.{3}ftyp(?:mif1|msf1)"),
    ("image/tiff", rb"II\*\x00|MM\x00\*|II\+\x00\x08\x00\x00\x00|MM\x00\+\x00\x08\x00\x00"),
    ("image/bmp", rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00"),
    ("image/x-icon", rb"\x00\x00[\x01\x02]\x00[^\x00]\x00"),
    # Readers take a PDF that begins anywhere in the first 1,024 bytes; in life those are line breaks.
    ("application/pdf", rb"\s{0,1019}+%PDF-"),
    (ZIP, rb"PK(?:\x03\x04|\x05\x06|\x07\x08)"),
    (OLE, rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ("application/rtf", rb"\{\\rtf"),
    ("application/gzip", rb"\x1f\x8b\x08"),
    ("application/x-7z-compressed", rb"7z\xbc\xaf\x27\x1c"),
    ("application/x-xz", rb"\xfd7zXZ\x00"),
    ("application/x-bzip2", rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    ("application/zstd", rb"\x28\xb5\x2f\xfd"),
    ("application/vnd.rar", rb"Rar!\x1a\x07(?:\x00|\x01\x00)"),
    ("application/x-tar", rb".{257}ustar[\x00 ]"),
    ("application/x-elf", rb"\x7fELF"),
    ("application/vnd.microsoft.portable-executable", rb"MZ.{60}\x00\x00"),
    ("video/quicktime", rb"\x00.{3}(?:ftypqt  |moov|wide)"),
    ("audio/mp4", rb"\x00.{3}ftypM4[AB] "),
    ("video/mp4", rb"\x00.{3}ftyp(?:iso[m1-9]|mp4[12]|avc1|M4V|dash|MSNV|mmp4|3g[p2]|f4v )"),
    ("video/webm", rb"\x1aE\xdf\xa3.{0,64}?\x42\x82.webm"),
    ("video/matroska", rb"\x1aE\xdf\xa3.{0,64}?\x42\x82.matroska"),
    ("audio/ogg", rb"OggS\x00.{23}(?:\x01vorbis|OpusHead|\x7fFLAC|Speex   )"),
    ("video/ogg", rb"OggS\x00.{23}\x80theora"),
    ("application/ogg", rb"OggS\x00"),
    (MP3, rb"ID3[\x02-\x04][\x00-\x0f]"),
    ("audio/wav", rb"RIFF.{4}WAVE"),
    ("video/x-msvideo", rb"RIFF.{4}AVI "),
    ("audio/flac", rb"fLaC\x00"),
)
_SIGNATURE = re.compile(b"|".join(b"(%s)" % pattern for _name, pattern in SIGNATURES), re.DOTALL)

# Markup is looked for in UTF-8. The loops are possessive (`*+`), so that a hostile prologue cannot
# make the match try every way to divide it. SVG comes first: its comments would read as HTML.
MARKUP: tuple[tuple[str, bytes], ...] = (
    (
        SVG,
        rb"(?:\s+|<\?.*?\?>|<!--.*?-->|<!doctype\s+svg[^>\[]*(?:\[.*?\]\s*)?>)*+<(?:[a-z_][\w.-]*:)?svg[\s/>]",
    ),
    (XML, rb"\s*+<\?xml[\s]"),
    (
        HTML,  # WHATWG MIME Sniffing, section 7.1: these tags, then a space or ">"
        rb"\s*+<(?:!--|(?:!doctype\s+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\s>])",
    ),
)
_MARKUP = re.compile(b"|".join(b"(%s)" % pattern for _name, pattern in MARKUP), re.DOTALL | re.IGNORECASE)

# WHATWG MIME Sniffing, section 3: "binary data bytes". Tab, line feed, form feed, carriage return
# and escape (colours in a log) are text.
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")

# ISO 11172-3 section 2.4.1.3 and ISO 13818-3: layer III only, in kbit/s by index 1 to 14.
_MP3_RATES = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_FRAME = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][^\x00-\x0f\xf0-\xff].")


class Format(NamedTuple):
    """One type: its extensions (the first is the one for saved files), what a person calls it, the
    generic sniffed types that such an extension makes more precise, and those that it only allows."""

    media_type: str
    extensions: str
    words: str
    refines: tuple[str, ...] = ()
    allows: tuple[str, ...] = ()


# What begins like markup may be somebody's plain text about markup. That makes no name a lie; the type
# stays what was sniffed.
_TEXTUAL = (HTML, XML, SVG)

FORMATS: tuple[Format, ...] = (
    Format("image/jpeg", ".jpg .jpeg .jpe .jfif", _("a JPEG picture")),
    Format("image/png", ".png .apng", _("a PNG picture")),
    Format("image/gif", ".gif", _("a GIF picture")),
    Format("image/webp", ".webp", _("a WebP picture")),
    Format("image/avif", ".avif .avifs", _("an AVIF picture"), ("image/heif",)),
    Format("image/heic", ".heic .heics", _("a HEIC picture"), ("image/heif",)),
    Format("image/heif", ".heif .heifs .hif", _("a HEIF picture"), (), ("image/heic", "image/avif")),
    Format("image/tiff", ".tif .tiff", _("a TIFF picture")),
    Format("image/bmp", ".bmp .dib", _("a BMP picture")),
    Format("image/x-icon", ".ico .cur", _("an icon")),
    # A document type of several kilobytes can hide the root element; then it stays "XML".
    Format(SVG, ".svg", _("an SVG drawing"), (), (XML,)),
    Format("application/pdf", ".pdf", _("a PDF document")),
    Format(ZIP, ".zip", _("a ZIP archive")),
    Format("application/gzip", ".gz .tgz", _("a gzip archive")),
    Format("application/x-7z-compressed", ".7z", _("a 7-Zip archive")),
    Format("application/x-xz", ".xz .txz", _("an xz archive")),
    Format("application/x-bzip2", ".bz2 .tbz2", _("a bzip2 archive")),
    Format("application/zstd", ".zst .tzst", _("a Zstandard archive")),
    Format("application/vnd.rar", ".rar", _("a RAR archive")),
    Format("application/x-tar", ".tar", _("a tar archive")),
    Format("application/x-elf", ".elf", _("a program")),
    Format("application/vnd.microsoft.portable-executable", ".exe .dll", _("a program")),
    Format("video/mp4", ".mp4 .m4v", _("an MP4 video"), (), ("video/quicktime", "audio/mp4")),
    Format("video/quicktime", ".mov .qt", _("a QuickTime video"), (), ("video/mp4",)),
    Format("video/webm", ".webm", _("a WebM video"), (), ("video/matroska",)),
    Format("video/matroska", ".mkv", _("a Matroska video"), (), ("video/webm",)),
    Format("video/ogg", ".ogv", _("an Ogg video"), ("application/ogg",)),
    Format("video/x-msvideo", ".avi", _("an AVI video")),
    Format("audio/mp4", ".m4a .m4b", _("an MP4 recording"), ("video/mp4",)),
    Format(MP3, ".mp3", _("an MP3 recording")),
    Format("audio/ogg", ".ogg .oga .opus", _("an Ogg recording"), ("application/ogg",), ("video/ogg",)),
    Format("audio/wav", ".wav", _("a WAV recording")),
    Format("audio/flac", ".flac", _("a FLAC recording"), (), (MP3,)),  # some carry an ID3 tag in front
    Format("application/ogg", "", _("an Ogg file")),
    Format(OLE, "", _("an old Office document")),
    # A password turns a .docx into an OLE file; "Save as .doc" may have written RTF or HTML.
    Format("application/msword", ".doc", _("a Word document"), (OLE,), ("application/rtf", HTML, XML, ZIP)),
    Format("application/vnd.ms-excel", ".xls", _("an Excel table"), (OLE,), (HTML, XML, ZIP, TEXT)),
    Format("application/vnd.ms-powerpoint", ".ppt", _("a PowerPoint presentation"), (OLE,), (ZIP,)),
    Format("application/vnd.ms-outlook", ".msg", _("an Outlook message"), (OLE,)),
    Format(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ".docx",
        _("a Word document"),
        (ZIP, OLE),
    ),
    Format(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ".xlsx",
        _("an Excel table"),
        (ZIP, OLE),
    ),
    Format(
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ".pptx",
        _("a PowerPoint presentation"),
        (ZIP, OLE),
    ),
    Format("application/vnd.oasis.opendocument.text", ".odt", _("an OpenDocument text"), (ZIP,)),
    Format("application/vnd.oasis.opendocument.spreadsheet", ".ods", _("an OpenDocument table"), (ZIP,)),
    Format(
        "application/vnd.oasis.opendocument.presentation", ".odp", _("an OpenDocument presentation"), (ZIP,)
    ),
    Format("application/vnd.oasis.opendocument.graphics", ".odg", _("an OpenDocument drawing"), (ZIP,)),
    Format("application/epub+zip", ".epub", _("an e-book"), (ZIP,)),
    Format("application/java-archive", ".jar", _("a Java archive"), (ZIP,)),
    Format("application/vnd.android.package-archive", ".apk", _("an Android package"), (ZIP,)),
    Format("application/rtf", ".rtf", _("an RTF document"), (), (TEXT,)),
    Format(TEXT, ".txt .text .log", _("text"), (), _TEXTUAL),
    Format("text/csv", ".csv", _("a CSV table"), (TEXT,), _TEXTUAL),
    Format("text/tab-separated-values", ".tsv", _("a table"), (TEXT,), _TEXTUAL),
    Format("text/markdown", ".md .markdown", _("a Markdown text"), (TEXT,), _TEXTUAL),
    Format("text/css", ".css", _("a style sheet"), (TEXT,), _TEXTUAL),
    Format("text/javascript", ".js .mjs", _("a script"), (TEXT,), _TEXTUAL),
    Format("text/calendar", ".ics", _("a calendar"), (TEXT,), _TEXTUAL),
    Format("text/vcard", ".vcf", _("a contact card"), (TEXT,), _TEXTUAL),
    Format("application/json", ".json", _("JSON data"), (TEXT,), _TEXTUAL),
    Format("application/yaml", ".yaml .yml", _("YAML data"), (TEXT,), _TEXTUAL),
    Format(HTML, ".html .htm", _("a web page"), (TEXT,), _TEXTUAL),
    Format(XML, ".xml", _("an XML document"), (TEXT,), _TEXTUAL),
    Format(UNKNOWN, "", _("of an unknown type")),
)
PICTURES = tuple(
    format.media_type
    for format in FORMATS
    if format.media_type.startswith("image/") and format.media_type != SVG
)
"""The types whose names are mixed up in good faith, and told apart by every reader. A drawing is none of
them: it may hold scripts."""
FAMILIES = {
    "image/*": _("a picture"),
    "video/*": _("a video"),
    "audio/*": _("a sound recording"),
    "text/*": _("text"),
    "*/*": _("any file"),
}

_BY_TYPE = {format.media_type: format for format in FORMATS}
_BY_EXTENSION = {extension: format for format in FORMATS for extension in format.extensions.split()}


def sniff(head: bytes) -> str:
    """The media type of a file that begins with `head` (`HEAD_BYTES` are enough; more are ignored).

    "application/octet-stream" if it is not known. That goes for no bytes at all too: what `file`
    calls "application/x-empty" is not a registered type, and an empty file promises nothing.
    """
    head = head[:HEAD_BYTES]
    if match := _SIGNATURE.match(head):
        return SIGNATURES[(match.lastindex or 0) - 1][0]
    if _is_mp3(head):
        return MP3
    text = _as_text(head) if head else None
    if text is None:
        return UNKNOWN
    match = _MARKUP.match(text)
    return MARKUP[(match.lastindex or 0) - 1][0] if match else TEXT


def refine(sniffed: str, extension: str) -> str:
    """`sniffed` made more precise by an extension (".csv") that fits it; otherwise `sniffed` itself.

    Only containers and generic types are refined: text, ZIP, OLE, Ogg, HEIF. Bytes without a known
    signature stay unknown whatever the name says, and XML is a drawing only if it was sniffed as one.
    """
    format = _BY_EXTENSION.get(extension.lower())
    return format.media_type if format is not None and sniffed in format.refines else sniffed


def contradicts(sniffed: str, extension: str) -> bool:
    """Whether `extension` (".jpg") promises a type that the bytes, sniffed as `sniffed`, are not of.

    An extension that is not in the table, or none, promises nothing; and bytes of an unknown type refute
    nothing: a backup.zip may be encrypted, or a format may leave room at its start. A picture under the name
    of another kind of picture is no lie either: it is saved under its own. Do not ask about empty files.
    """
    possible = may_be(extension)
    return bool(possible) and sniffed not in possible


def may_be(extension: str) -> tuple[str, ...]:
    """The types that a file with this extension (".jpg") may turn out to be; none if it promises nothing."""
    format = _BY_EXTENSION.get(extension.lower())
    if format is None:
        return ()
    pictures = PICTURES if format.media_type in PICTURES else ()
    return tuple(dict.fromkeys((format.media_type, *format.refines, *format.allows, *pictures, UNKNOWN)))


def right_extension(media_type: str, extension: str) -> str:
    """`extension`, or that of `media_type` where both are of pictures, but of different ones."""
    format = _BY_EXTENSION.get(extension.lower())
    if format is None or media_type not in PICTURES or format.media_type not in PICTURES:
        return extension
    fits = media_type in (format.media_type, *format.refines, *format.allows)
    return extension if fits else extension_for(media_type)


def is_listed(extension: str) -> bool:
    """Whether `extension` (".jpg") is one of the table's. What is not says nothing here, and may mean a lot to a web
    server (".php", ".phtml", ".cgi")."""
    return extension.lower() in _BY_EXTENSION


def is_known(media_type: str) -> bool:
    """Whether `media_type` says anything here (the unknown type says nothing)."""
    return media_type in _BY_TYPE and media_type != UNKNOWN


def extension_for(media_type: str) -> str:
    """The extension (".jpg") under which a file of `media_type` is saved; "" if there is no usual one."""
    format = _BY_TYPE.get(media_type)
    return format.extensions.partition(" ")[0] if format is not None else ""


def describe(media_type: str) -> str:
    """What a person calls `media_type` or a family such as "image/*": "a JPEG picture", "a picture".

    In English, for an adapter to translate before it goes into a sentence. A type that has no words
    of its own is returned as it is.
    """
    format = _BY_TYPE.get(media_type)
    return format.words if format is not None else FAMILIES.get(media_type, media_type)


def _is_mp3(head: bytes) -> bool:
    """A frame header of MPEG layer III, and another one exactly where the first says its frame ends.

    Eleven set bits alone are found in any file; two headers at the right distance are not.
    """
    match = _MP3_FRAME.match(head)
    if match is None or head[2] & 0x0C == 0x0C:
        return False
    version = head[1] >> 3 & 3  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    rate = _MP3_RATES[version == 3][(head[2] >> 4) - 1] * 1000
    frequency = (44100, 48000, 32000)[head[2] >> 2 & 3] // {3: 1, 2: 2, 0: 4}[version]
    length = (144 if version == 3 else 72) * rate // frequency + (head[2] >> 1 & 1)
    return _MP3_FRAME.match(head, length) is not None and head[length + 1] == head[1]


def _as_text(head: bytes) -> bytes | None:
    """`head` as UTF-8 without its byte order mark, if it is text; otherwise None.

    Text is UTF-8, UTF-16 with a byte order mark, or an 8-bit Western encoding, which no bytes can
    prove: it is taken for that if at most a quarter is beyond ASCII (what a spreadsheet exports). A
    character that the end of the head cuts in two is no objection.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            head = codecs.getincrementaldecoder("utf-16")().decode(head).encode()
        except UnicodeError:
            return None
    if _BINARY.search(head):
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        if len(re.findall(rb"[\x80-\xff]", head)) * 4 > len(head):
            return None
    return head.removeprefix(codecs.BOM_UTF8)
