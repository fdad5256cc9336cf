"""Checksums: Upload-Checksum of tus, and the Content-Digest and Repr-Digest fields of RFC 9530."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from greenroom.core.errors import MalformedRequest

from .fields import BARE_ITEM, KEY, PARAMETERS, Headers

TUS_ALGORITHMS = ("sha1", "sha256")
"""For tus, which demands sha1; a checksum here finds damage, it proves nothing."""

# RFC 9530 section 5: the two that are for new use; "insecure" ones are not offered.
_HTTP_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512"}
# RFC 9651 section 4.2.2: a member of a dictionary; its value is given if it is an Item.
_INNER = rf"\(\x20*(?:(?:{BARE_ITEM}){PARAMETERS}(?:\x20+|(?=\))))*\)"
# What follows decides which Item it is: of 1.5 the 1 would be one by itself.
_MEMBER = re.compile(rf"({KEY})(?:=(?:({BARE_ITEM})|{_INNER}))?{PARAMETERS}[ \t]*(?=,|\Z)", re.ASCII)
_NEXT = re.compile(r",[ \t]*(?=[^ \t])")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):", re.ASCII)
_PREFERENCE = re.compile(r"10|[0-9]", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Checksum:
    """What bytes must hash to. `algorithm` is hashlib's name for it."""

    algorithm: str
    digest: bytes

    def __str__(self) -> str:
        """As records write a digest: `sha256:9f86d0...`."""
        return f"{self.algorithm}:{self.digest.hex()}"

    def new(self) -> hashlib._Hash:
        """A hash to feed the bytes to."""
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def matches(self, digest: bytes) -> bool:
        """Whether `digest` is the one."""
        return hmac.compare_digest(digest, self.digest)


def tus_checksum(value: str | None) -> Checksum | None:
    """Upload-Checksum: the algorithm's name, a space, the digest in base64. 400 for an unknown algorithm."""
    if value is None:
        return None
    algorithm, space, encoded = value.partition(" ")
    if algorithm not in TUS_ALGORITHMS or not space:
        raise MalformedRequest(
            reason=f"Upload-Checksum takes {' and '.join(TUS_ALGORITHMS)}, a space and the digest in base64"
        )
    digest = decoded(encoded)
    if digest is None or len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise MalformedRequest(reason="the digest in Upload-Checksum is not base64 of the right length")
    return Checksum(algorithm=algorithm, digest=digest)


def http_digests(headers: Headers, name: str) -> tuple[Checksum, ...]:
    """The checksums in the field `name`, Content-Digest or Repr-Digest (RFC 9530 sections 2 and 3).

    Algorithms that are not known are ignored, as the RFC says; what cannot be read at all is refused, since the
    sender believes that it is checked. A field without a member is none (RFC 9651 section 4.2).
    """
    members = dictionary(headers.get(name) or "")
    if members is None:
        raise MalformedRequest(reason=f"{name} must be a list such as sha-256=:<base64>:")
    checksums = []
    for key, value in members.items():
        algorithm = _HTTP_ALGORITHMS.get(key)
        if algorithm is None:
            continue
        match = _BYTES.fullmatch(value)
        digest = decoded(match[1]) if match else None
        if digest is None or len(digest) != hashlib.new(algorithm).digest_size:
            raise MalformedRequest(reason=f"{key} in {name} is not base64 of the right length")
        checksums.append(Checksum(algorithm=algorithm, digest=digest))
    return tuple(checksums)


def wanted_digest(headers: Headers) -> str:
    """The algorithm, by hashlib's name, that Want-Repr-Digest prefers among those that are known here; or none.

    RFC 9530 section 4: a preference of 0 is none. It is a wish, so what cannot be read is ignored.
    """
    members = dictionary(headers.get("Want-Repr-Digest") or "") or {}
    known = {name: value for name, value in members.items() if name in _HTTP_ALGORITHMS}
    wishes = {name: int(value) for name, value in known.items() if _PREFERENCE.fullmatch(value)}
    best = max(wishes, key=lambda name: wishes[name], default="")
    return _HTTP_ALGORITHMS[best] if best and wishes[best] else ""


def dictionary(text: str) -> dict[str, str] | None:
    """The members of a dictionary (RFC 9651 section 4.2.2) with their Items as they are written, without parameters; the
    last of those with one key. The value of a member that has none, or a list of them, is empty. None for anything else."""
    members: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _MEMBER.match(text, place)
        if match is None:
            return None
        members.pop(match[1], None)
        members[match[1]] = match[2] or ""
        place = match.end()
        if place < len(text):
            comma = _NEXT.match(text, place)
            if comma is None:
                return None
            place = comma.end()
    return members


def repr_digest(digests: Iterable[str]) -> dict[str, str]:
    """The Repr-Digest field for digests such as `sha256:9f86d0...`; no field for none. An algorithm that is not in the
    registry that RFC 9530 section 7.2 makes (BLAKE3 is not) is left out."""
    names = {known: name for name, known in _HTTP_ALGORITHMS.items()}
    pairs = (digest.partition(":") for digest in digests)
    members = [
        f"{names[known]}=:{base64.b64encode(bytes.fromhex(hex_digits)).decode()}:"
        for known, _, hex_digits in pairs
        if known in names
    ]
    return {"Repr-Digest": ", ".join(members)} if members else {}


def decoded(text: str) -> bytes | None:
    """Bytes from strict base64 (RFC 4648 section 4, with its padding); None for anything else."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return None
