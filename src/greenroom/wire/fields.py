"""Header fields of the upload protocols, read strictly: what is not exactly of the form is not guessed at."""

from __future__ import annotations

import re
from collections.abc import Mapping

from greenroom.core.errors import MalformedRequest, WrongCoding

# ASCII digits, 1 to 18 of them: `int()` would also take "+5", " 5", "1_000" and digits of other scripts,
# and 19 digits no longer fit every database.
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)

# RFC 9651 section 4.2.3: what is no Item from its first to its last character is none at all.
KEY = r"[a-z*][a-z0-9_.*-]*"
BARE_ITEM = "|".join(
    (
        r"@?-?[0-9]{1,15}|-?[0-9]{1,12}\.[0-9]{1,3}",  # Date, Integer, Decimal
        r'%?"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"',  # Display String, String
        r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*",  # Token
        r":[A-Za-z0-9+/=]*:|\?[01]",  # Byte Sequence, Boolean
    )
)
PARAMETERS = rf"(?:;\x20*{KEY}(?:=(?:{BARE_ITEM}))?)*"
_INTEGER = re.compile(rf"(-0{{1,15}}|[0-9]{{1,15}}){PARAMETERS}", re.ASCII)  # of those that are not negative
_BOOLEAN = re.compile(rf"\?([01]){PARAMETERS}", re.ASCII)


class Headers:
    """The header fields of a request, found whatever their case (RFC 9110 section 5.1)."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {name.lower(): value for name, value in fields.items()}

    def get(self, name: str) -> str | None:
        """The value without white space around it, or None."""
        value = self._fields.get(name.lower())
        return value.strip(" \t") if value is not None else None

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._fields

    def number(self, name: str) -> int | None:
        """A number, None if the field is not there. Raises `MalformedRequest` for anything else."""
        value = self.get(name)
        if value is None:
            return None
        if not _NUMBER.fullmatch(value):
            raise MalformedRequest(reason=f"{name} must be 1 to 18 digits")
        return int(value)

    @property
    def content_length(self) -> int | None:
        """The declared size of the body."""
        # Servers have read it by now, and some give an empty text where there was none.
        return self.number("Content-Length") if self.get("Content-Length") else None

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters, in lower case."""
        return (self.get("Content-Type") or "").partition(";")[0].strip(" \t").lower()

    def check_coding(self) -> None:
        """Raise `WrongCoding` for a body that is not the bytes of the file (RFC 9110 section 8.4).

        Also `MalformedRequest` for one that was sent in another coding than in chunks (RFC 9112 section 6.1): servers take
        the chunks off, and leave the rest on.
        """
        codings = (self.get("Content-Encoding") or "identity").lower()
        if any(each.strip(" \t") != "identity" for each in codings.split(",")):
            raise WrongCoding
        transfer = (self.get("Transfer-Encoding") or "chunked").lower()
        if any(each.strip(" \t") not in ("chunked", "identity") for each in transfer.split(",")):
            raise MalformedRequest(reason="Transfer-Encoding may be chunked and nothing else")


def effective_method(method: str, fields: Mapping[str, str]) -> str:
    """What the request stands for: tus 1.0.0, X-HTTP-Method-Override, "the actual method MUST be ignored"."""
    override = Headers(fields).get("X-HTTP-Method-Override")
    if override is None:
        return method.upper()
    if not _TOKEN.fullmatch(override):
        raise MalformedRequest(reason="X-HTTP-Method-Override must be a method")
    return override.upper()


def whole_number(value: str | None) -> int | None:
    """An Integer of RFC 9651 section 3.3.1 that is not negative; None for anything else, which is to be ignored."""
    match = _INTEGER.fullmatch(value or "")
    return int(match[1]) if match else None


def boolean(value: str | None) -> bool | None:
    """A Boolean of RFC 9651 section 3.3.6, `?1` or `?0`; None for anything else, which is to be ignored."""
    match = _BOOLEAN.fullmatch(value or "")
    return match[1] == "1" if match else None
