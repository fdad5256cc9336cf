"""Digests: what the bytes of a file hash to, written as a text that says by which algorithm.

`sha256:9f86d0...` is a digest, lower-case hex behind the algorithm's name; an empty text is none. Whoever
meets one judges by the algorithm that it names, whatever the setting was or is.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
from collections.abc import Collection
from typing import BinaryIO, Protocol

from .errors import DigestMismatch, UsageError

DEFAULT = "sha256"
CHOICES = (DEFAULT, "blake3", None)
"""What can be set. With None nothing is hashed while bytes come in."""

# What a client may announce besides (RFC 9530 section 5: the two that are for new use).
_KNOWN = ("sha256", "sha512", "blake3")
_PIECE = 1 << 20
_SAMPLES, _SAMPLE = 32, 8_192


class Hash(Protocol):
    """The part of hashlib's objects that is used; blake3's have it too."""

    def update(self, data: bytes | bytearray | memoryview, /) -> object:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """What they hash to, in hex."""


def check_choice(algorithm: object) -> None:
    """Raise `UsageError` unless `algorithm` can be set, and computed here."""
    if algorithm not in CHOICES:
        raise UsageError('A digest is "sha256", "blake3" or None.', algorithm)
    if algorithm is not None:
        new_hash(str(algorithm))


def new_hash(algorithm: str) -> Hash:
    """A hash to feed bytes to. Raises `UsageError` for an unknown algorithm, and without its package."""
    if algorithm not in _KNOWN:
        raise UsageError(f"A digest is made by {', '.join(_KNOWN)}.", algorithm)
    if algorithm != "blake3":
        return hashlib.new(algorithm, usedforsecurity=False)
    try:
        kind = importlib.import_module("blake3").blake3  # asked for by those who use it; the rest is standard
    except ImportError:
        rule = 'The digest "blake3" needs a package: pip install "django-greenroom[blake3]".'
        raise UsageError(rule, algorithm) from None
    made: Hash = kind()
    return made


class Digests:
    """Everything that bytes are hashed for, in one pass and by no algorithm twice.

    `algorithm` is that of the digest that is wanted (None: none), `expect` digests that the bytes must have.
    It is false when there is nothing to hash for.

    >>> digests = Digests("sha256")
    >>> digests.update(b"tea")
    >>> digests.finish()[:16]
    'sha256:a9f74d1ec'
    """

    def __init__(self, algorithm: str | None, expect: Collection[str] = ()) -> None:
        self._algorithm = algorithm
        self._expect = tuple(expect)
        names = [algorithm, *map(algorithm_of, self._expect)]
        self._hashes = {name: new_hash(name) for name in names if name is not None}

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take more bytes."""
        for each in self._hashes.values():
            each.update(data)

    def finish(self, *, name: str = "") -> str:
        """The digest that was wanted, or none. Raises `DigestMismatch` when one that was expected is not it."""
        found = {algorithm: f"{algorithm}:{each.hexdigest()}" for algorithm, each in self._hashes.items()}
        for expected in self._expect:
            if not hmac.compare_digest(found[algorithm_of(expected)], expected):
                raise DigestMismatch(name=name)
        return found[self._algorithm] if self._algorithm is not None else ""


def algorithm_of(digest: str) -> str:
    """The name of the algorithm in a digest."""
    return digest.partition(":")[0]


def hex_of(digest: str) -> str:
    """The hex in a digest."""
    return digest.partition(":")[2]


def digest_of(file: BinaryIO, algorithm: str = DEFAULT) -> str:
    """The digest of what is left of a file."""
    digests = Digests(algorithm)
    while piece := file.read(_PIECE):
        digests.update(piece)
    return digests.finish()


def sample_of(file: BinaryIO, size: int) -> str:
    """`sample:<hex>` of the size of a file and of pieces from all over it: of a file up to 256 KiB, of every byte.

    Of two files with one sample it proves nothing that they are equal: whoever must know compares them.
    """
    digests = Digests(DEFAULT)
    digests.update(f"{size}:".encode())
    for number in range(_SAMPLES):
        if size > _SAMPLES * _SAMPLE:
            file.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
        digests.update(piece_of(file, _SAMPLE))
    return f"sample:{hex_of(digests.finish())}"


def same_bytes(one: BinaryIO, other: BinaryIO, *, beginning: bool = False) -> bool:
    """Whether what is left of two files is the same, read until the first difference.

    With `beginning`, whether the second is what the first begins with.
    """
    while True:
        here, there = piece_of(one), piece_of(other)
        if here != there:
            return beginning and here.startswith(there)
        if not here:
            return True


def piece_of(file: BinaryIO, size: int = _PIECE) -> bytes:
    """The next piece of a file, a full one unless it is the last: what is not a local file may read short."""
    piece = file.read(size)
    while 0 < len(piece) < size and (more := file.read(size - len(piece))):
        piece += more
    return piece
