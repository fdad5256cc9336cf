"""The client's name of a file, made fit to be shown, written in a header and used in a directory.

The name is a hint and nothing more: where bytes are held is never derived from it. What is left after
cleaning is what the person would recognise, on every file system that a site may use.
"""

from __future__ import annotations

import re
import unicodedata

from .errors import UsageError

MAX_BYTES = 200
"""Of UTF-8. Common file systems take 255 for a name; the rest is for what storages append to it
(Django's "_a1B2c3D") and for the suffix of a file that is being put into place."""

MAX_EXTENSION_BYTES = 16
"""With the dot. What is longer after the last dot is a part of a sentence, not an extension."""

_MIN_BYTES = 32  # leaves a stem of 16, in which no cut can end in a reserved name
_FALLBACK = "file"
# Refused in names by Windows ("Naming Files, Paths, and Namespaces"), besides the separators.
_REPLACED = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
# The devices of that same page, which Windows finds behind any extension: NUL.txt is NUL.
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|$)", re.IGNORECASE
)
# Controls, surrogates, and the format characters: bidi overrides and isolates ("gpj.exe" shown as
# "exe.jpg"), zero-width ones, byte order marks, tags.
_INVISIBLE = {"Cc", "Cf", "Cs"}
_COMBINING = {"Mn", "Mc", "Me"}
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def clean_name(client_name: str, *, max_bytes: int = MAX_BYTES) -> str:
    """`client_name` as it is shown and saved: one path part, NFC, at most `max_bytes` of UTF-8, never empty.

    Path parts, control characters, bidi controls, zero-width characters and lone surrogates go;
    white space becomes single spaces; leading dots (hidden files), and dots and spaces at the end
    (dropped by Windows) go too. A device name of Windows, and one that begins like an option ("-rf"), gets a "_"
    in front, and what cannot stand in a name there becomes "_". A long name loses the end of its stem and keeps its extension. Cleaning a
    clean name changes nothing.
    """
    if max_bytes < _MIN_BYTES:
        raise UsageError(f"max_bytes is a whole number from {_MIN_BYTES}.", max_bytes)
    part = re.split(r"[/\\]", client_name)[-1]
    spaced = re.sub(r"\s", " ", part)
    visible = "".join(char for char in spaced if unicodedata.category(char) not in _INVISIBLE)
    name = unicodedata.normalize("NFC", visible).translate(_REPLACED)
    name = re.sub(" +", " ", name).strip(" .") or _FALLBACK
    if _RESERVED.match(name) or name.startswith("-"):  # `rm *` would take a name that begins so for an option
        name = "_" + name
    stem, extension = split_name(name)
    return _cut(stem, max_bytes - len(extension.encode())) + extension


def clean_type(client_type: str) -> str:
    """`client_type` as it is kept: printable ASCII, of which media types are made (RFC 6838, 4.2), at most 100 characters.

    A NUL in it would be an error of PostgreSQL's.
    """
    return "".join(char for char in client_type if " " <= char <= "~")[:100]


def split_name(name: str) -> tuple[str, str]:
    """`name` as (stem, extension); the extension has its dot, and the two together are `name` again.

    An extension has a letter, no white space and at most `MAX_EXTENSION_BYTES`; otherwise it is "",
    as in "Tea, 2.5 kg", "v1.2" and ".htaccess". Of "a.tar.gz" it is ".gz".
    """
    stem, dot, last = name.rpartition(".")
    extension = dot + last
    if (
        not stem.strip(".")
        or len(extension.encode(errors="replace")) > MAX_EXTENSION_BYTES
        or re.search(r"[\s/\\]", last)
        or not any(char.isalpha() for char in last)
    ):
        return name, ""
    return stem, extension


def saved_name(client_name: str, extension: str | None = None, *, max_bytes: int = MAX_BYTES) -> str:
    """`client_name`, cleaned, with the extension (".jpg") of the type that is saved, if one is given.

    Without one (None, or "" for a type that has no usual extension) the client's own stays.
    """
    name = clean_name(client_name, max_bytes=max_bytes)
    if not extension:
        return name
    return clean_name(split_name(name)[0] + extension, max_bytes=max_bytes)


def _cut(stem: str, max_bytes: int) -> str:
    """The longest beginning of `stem` in `max_bytes` that splits no character and leaves no accent behind."""
    if len(stem.encode()) <= max_bytes:
        return stem
    end = whole = len(stem.encode()[:max_bytes].decode(errors="ignore"))
    while end and _continues(stem[end]):
        end -= 1
    # Nothing but accents: then there is no better place than any other.
    return stem[: end or whole].rstrip(" .")


def _continues(char: str) -> bool:
    """Whether `char` belongs to the one before it: accents, variation selectors, skin tones."""
    return unicodedata.category(char) in _COMBINING or ord(char) in _SKIN_TONES
