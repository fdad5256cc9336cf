"""Bytes out of the sessions of the old days, which held `str(bytes)` or base64 text.

Both are text about bytes, and people wrapped one in the other. Nothing is evaluated here: a pattern
says what `repr(bytes)` can write, and a codec undoes exactly that. All of it is linear in the text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from .errors import NotAdoptable, UsageError
from .errors import gettext_noop as _
from .sniff import HEAD_BYTES, UNKNOWN, sniff

MAX_CHARACTERS = 256 * 2**20
"""Of text in one session. Every step makes it shorter, so this bounds the memory of all of them."""

MAX_DEPTH = 4
"""How many wrappings are undone. The repr of base64 of a repr has three; nobody meant more."""

_BREAKS = b"\r\n"
# What repr(bytes) writes: printable ASCII as itself and these escapes, no others (no \0, \a, octal,
# \u). It never needs \" but what passed through JavaScript has it. Possessive: one pass, no stack.
_ESCAPE = rb"""\\(?:[tnr\\'"]|x[0-9a-f]{2})"""
_LITERAL = re.compile(
    rb"""(b?)(?:'((?>[ -&(-\[\]-~]+|%(escape)s)*+)'|"((?>[ !#-\[\]-~]+|%(escape)s)*+)")"""
    % {b"escape": _ESCAPE}
)
_LITERAL_START = re.compile(rb"""b?(['"])""")
_DATA_URL = re.compile(rb"data:[^,]{0,200};base64,", re.IGNORECASE)
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]*+|[A-Za-z0-9_-]*+)={0,2}")
_BASE64_LINES = re.compile(
    rb"(?:[A-Za-z0-9+/]{64}\r?\n)+[A-Za-z0-9+/=]{0,64}|(?:[A-Za-z0-9+/]{76}\r?\n)+[A-Za-z0-9+/=]{0,76}"
)
_NOTHING = (b"None", b"null")  # the text of no bytes at all, and by its four letters base64 of three
_UPPER, _LOWER, _OTHER = (re.compile(rb"[%s]" % chars) for chars in (b"A-Z", b"a-z", b"0-9+/="))

_EMPTY = _("nothing is there")
_TOO_LONG = _("the text is too long")
_NOT_ASCII = _("it holds characters that no text of bytes has")
_NO_END = _("its end is missing")
_FOREIGN = _("it holds something that Python does not write for bytes")
_NEITHER = _("it is neither the text of bytes nor base64")
_TOO_DEEP = _("it is wrapped too many times")


def adopt(text: str, *, max_characters: int = MAX_CHARACTERS) -> bytes:
    """The bytes that `text` stands for: `str(bytes)`, base64 (also URL-safe or unpadded), a data: URL.

    Line breaks and white space around the text are dropped, raw line breaks anywhere in it as well:
    terminals and web pages break such strings even inside an escape.

    Wrapped forms are unwrapped, up to `MAX_DEPTH`. What comes out of one layer could also be a file
    that merely looks like another layer, so the second and later layers need a reason:

    * A complete `b'...'` is always a layer. (A file that is from its first byte to its last the repr
      of bytes comes back as those bytes.)
    * Base64 is a layer if it decodes to a type that `sniff` knows and that is not text, or to a
      complete `b'...'`; otherwise only if it is standard base64 of a multiple of four characters,
      on one line or in lines of 64 or 76, and shows it: by padding, from 8 characters on, or by having
      capitals, small letters and digits or signs, from 24 on. So `b'tea'`, `b'abcd'`, a hexadecimal digest
      and a million times "x" are files and come back as they are, and the repr of the base64 of a
      picture comes back as the picture. A file that holds nothing but a long random token in
      standard base64 cannot be told from a wrapped one: it is unwrapped.

    An empty text is refused, and so are "None" and "null": they can be base64, but are far more
    often what is left of nothing at all.
    Raises `NotAdoptable` with a reason for whatever else is no such text.
    """
    if not isinstance(text, str):
        raise UsageError("adopt() takes the text that the old session held, a str.", type(text))
    if len(text) > max_characters:
        raise NotAdoptable(reason=_TOO_LONG)
    try:
        data = text.strip().encode("ascii")
    except UnicodeEncodeError:
        raise NotAdoptable(reason=_NOT_ASCII) from None
    is_text = True  # text must be unwrapped once more; bytes only if they show that they are text
    for _depth in range(MAX_DEPTH + 1):
        layer = _outermost(data) if is_text else _next(data)
        if layer is None:
            return data
        data, is_text = layer
    raise NotAdoptable(reason=_TOO_DEEP)


def _outermost(text: bytes) -> tuple[bytes, bool]:
    """What is in `text`, and whether that is text again (in quotes without the b); no layer is refused."""
    text = text.translate(None, _BREAKS).strip()
    if not text:
        raise NotAdoptable(reason=_EMPTY)
    if match := _LITERAL.fullmatch(text):
        return _unescape(match), not match[1]
    if start := _LITERAL_START.match(text):
        raise NotAdoptable(
            reason=_FOREIGN if len(text) > start.end() and text.endswith(start[1]) else _NO_END
        )
    decoded = _from_base64(text)
    if decoded is None:
        raise NotAdoptable(reason=_NEITHER)
    return decoded, False


def _next(data: bytes) -> tuple[bytes, bool] | None:
    """What is in `data` if that is a layer by the rules of `adopt`; None if it is the file."""
    text = data.translate(None, _BREAKS)
    if text.startswith(b"b") and (match := _LITERAL.fullmatch(text)):
        return _unescape(match), False
    decoded = _from_base64(text)
    if not decoded:
        return None
    if _LITERAL.fullmatch(decoded) and decoded.startswith(b"b"):
        return decoded, False
    found = sniff(decoded[:HEAD_BYTES])
    if (found != UNKNOWN and not found.startswith("text/")) or _shows_base64(data):
        return decoded, False
    return None


def _unescape(match: re.Match[bytes]) -> bytes:
    """The bytes of a matched literal. Only escapes that this codec and bytes literals share have matched."""
    body = match[2] if match[2] is not None else match[3]
    return body.decode("unicode_escape").encode("latin-1")


def _from_base64(text: bytes) -> bytes | None:
    """`text` decoded, if an encoder can have written it: one alphabet, no loose bits, and padding.

    Encoders of the URL-safe alphabet often leave the padding out. Elsewhere a short text without it is
    a word ("garbage", "tea"), not base64.
    """
    if url := _DATA_URL.match(text):
        text = text[url.end() :]
    if text in _NOTHING or not _BASE64.fullmatch(text):
        return None
    letters = text.rstrip(b"=")
    url_safe = b"-" in letters or b"_" in letters
    if len(text) % 4 and (len(letters) % 4 == 1 or letters != text or not (url_safe or len(text) >= 24)):
        return None
    decode: Callable[[bytes], bytes] = base64.b64decode
    encode: Callable[[bytes], bytes] = base64.b64encode
    if url_safe:
        decode, encode = base64.urlsafe_b64decode, base64.urlsafe_b64encode
    decoded = decode(letters + b"=" * (-len(letters) % 4))
    last = encode(decoded[-(len(decoded) % 3 or 3) :]).rstrip(b"=")
    return decoded if letters.endswith(last) else None


def _shows_base64(data: bytes) -> bool:
    """Whether base64 text is unlike other text that happens to fit the alphabet (see `adopt`)."""
    text = data.strip(_BREAKS)
    if len(text.translate(None, _BREAKS)) % 4 or b"-" in text or b"_" in text:
        return False
    if (b"\n" in text or b"\r" in text) and not _BASE64_LINES.fullmatch(text):
        return False
    if text.endswith(b"=") and len(text) >= 8:
        return True
    return len(text) >= 24 and all(signs.search(text) for signs in (_UPPER, _LOWER, _OTHER))
