"""Signed texts: the token that names an upload, and the envelope of an intake policy.

Signatures are HMAC-SHA256 (RFC 2104) over a purpose and the text. They are compared as text and in
constant time, so that no other spelling of a signature is accepted.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from .errors import NotHeld, UsageError
from .upload import is_id

MAX_TOKEN = 200
_CROP = re.compile(r"[A-Za-z0-9-]{0,100}", re.ASCII)


class Signer:
    """Signs with the first key, accepts all of them (a rotated key stays in the list for a time)."""

    def __init__(self, keys: Sequence[str | bytes], *, purpose: str) -> None:
        if not keys or not all(keys):
            raise UsageError(
                "A Signer needs at least one key, and none of them empty.", keys and "an empty key"
            )
        self._keys = [derive(key, purpose) for key in keys]

    def sign(self, text: str) -> str:
        """`text` (ASCII), a dot, and the signature: 43 characters of base64url."""
        if not text.isascii():
            raise UsageError("Only ASCII is signed; encode other text first.", text)
        return f"{text}.{signature(self._keys[0], text)}"

    def unsign(self, signed: str) -> str | None:
        """The text, or None if no key of ours has signed it."""
        text, dot, given = signed.rpartition(".")
        if not dot or not signed.isascii():
            return None
        # Constant time: how much of a forged signature was right must not show in the time it takes.
        matches = [hmac.compare_digest(signature(key, text), given) for key in self._keys]
        return text if any(matches) else None


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a token says: an upload, and perhaps a crop and how it is to be applied.

    `crop` and `bake` are compact texts of letters, digits and hyphens (`greenroom.images` reads them).
    There is no time in it: the ledger decides how long an upload is held.
    """

    upload_id: str
    crop: str = ""
    bake: str = ""

    def encode(self, signer: Signer) -> str:
        """A URL-safe, JSON-safe text of at most 200 characters."""
        if not is_id(self.upload_id) or not _CROP.fullmatch(self.crop) or not _CROP.fullmatch(self.bake):
            raise UsageError("A token holds an id and two texts of letters, digits and hyphens.", self)
        token = signer.sign(f"{self.upload_id}.{self.crop}.{self.bake}")
        if len(token) > MAX_TOKEN:
            raise UsageError(f"A token has at most {MAX_TOKEN} characters.", len(token))
        return token

    @classmethod
    def decode(cls, token: object, signer: Signer) -> Self:
        """Raises `NotHeld` for whatever is not a token of ours: the same answer as for an unknown upload."""
        # The length first: nobody makes us hash a megabyte.
        if isinstance(token, str) and len(token) <= MAX_TOKEN:
            text = signer.unsign(token)
            parts = text.split(".") if text is not None else []
            if len(parts) == 3 and is_id(parts[0]):
                return cls(upload_id=parts[0], crop=parts[1], bake=parts[2])
        raise NotHeld


@functools.lru_cache(maxsize=64)
def derive(key: str | bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, so that a signature made for one is worth nothing for another."""
    secret = key.encode() if isinstance(key, str) else key
    return hmac.new(secret, b"greenroom:" + purpose.encode(), hashlib.sha256).digest()


def signature(key: bytes, text: str) -> str:
    """The HMAC-SHA256 of `text`: 43 characters of base64url."""
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
