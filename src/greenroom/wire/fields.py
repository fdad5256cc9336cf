"""Header fields of the upload protocols, read strictly: what is not exactly of the form is not guessed at."""

from __future__ import annotations

import re
from collections.abc import Mapping

from greenroom.core.errors import MalformedRequest

# ASCII digits, 1 to 18 of them: `int()` would also take "+5", " 5", "1_000" and digits of other scripts,
# and 19 digits no longer fit every database.
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


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


def effective_method(method: str, fields: Mapping[str, str]) -> str:
    """What the request stands for: tus 1.0.0, X-HTTP-Method-Override, "the actual method MUST be ignored"."""
    override = Headers(fields).get("X-HTTP-Method-Override")
    if override is None:
        return method.upper()
    if not _TOKEN.fullmatch(override):
        raise MalformedRequest(reason="X-HTTP-Method-Override must be a method")
    return override.upper()


def whole_number(value: str | None) -> int | None:
    """An Integer of RFC 9651 that is not negative; None for anything else, which is to be ignored."""
    bare = _bare(value)
    return int(bare) if _NUMBER.fullmatch(bare) else None


def boolean(value: str | None) -> bool | None:
    """A Boolean of RFC 9651 section 3.3.6, `?1` or `?0`; None for anything else, which is to be ignored."""
    return {"?1": True, "?0": False}.get(_bare(value))


def _bare(value: str | None) -> str:
    """An Item without its parameters, of which none is known here (RFC 9651 section 3.1.2)."""
    return (value or "").partition(";")[0].rstrip(" ")
