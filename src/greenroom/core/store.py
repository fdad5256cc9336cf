"""Where held bytes are: the protocol that every store implements, and what a store may offer besides.

A store keeps one thing per upload, its bytes, under an id that the server made. It knows nothing of
owners, states or limits: the ledger does. `greenroom.testing.StoreSuite` says what a store promises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from .errors import UsageError
from .upload import is_id

_BESIDE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


class Writer(Protocol):
    """Takes the bytes of one upload in order."""

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take all of `data`, or raise (`DiskFull` when there is no room)."""

    def close(self) -> None:
        """What was written so far is kept, and visible to every process. Closing twice is fine."""


@runtime_checkable
class Store(Protocol):
    """Five methods. All of them raise `UsageError` for anything that is not an id."""

    def append(self, upload_id: str, offset: int) -> Writer:
        """A writer that goes on at byte `offset`; anything a broken writer left beyond it is cut off.

        Raises `OffsetMismatch` when fewer than `offset` bytes are here, and then leaves everything as it is.
        """

    def seal(self, upload_id: str) -> str:
        """A fingerprint (the "stamp") of the finished bytes, cheap to take: it changes when they do.

        Raises `FileNotFoundError` when there are none.
        """

    def open(self, upload_id: str) -> BinaryIO:
        """The bytes, seekable, for reading. Raises `FileNotFoundError` when there are none."""

    def remove(self, upload_id: str) -> None:
        """Delete the bytes and everything beside them. Removing what is not here is fine."""

    def ids(self) -> Iterator[str]:
        """Every id of which anything is here."""


@runtime_checkable
class SideFiles(Protocol):
    """Small files beside the bytes of one upload: journaled claims and rendered pictures.

    They go with the upload. `name` is made by the server: letters, digits, dots, hyphens and underscores,
    100 at most, the first a letter or a digit. Anything else raises `UsageError`.
    """

    def put_beside(self, upload_id: str, name: str, data: bytes) -> None:
        """Write a whole file, atomically and durably: readers see all of it or none. Replaces."""

    def read_beside(self, upload_id: str, name: str) -> bytes:
        """Raises `FileNotFoundError` when it is not there."""

    def list_beside(self, upload_id: str) -> list[str]:
        """The names, sorted; empty for an unknown id."""

    def remove_beside(self, upload_id: str, name: str) -> None:
        """Removing what is not here is fine."""


@runtime_checkable
class LocalFiles(Protocol):
    """The bytes have a path on this machine, so that they can be linked into place and read in place."""

    def path(self, upload_id: str, name: str | None = None) -> Path:
        """The path of the bytes, or of the side file `name`, whether it exists or not."""

    def age(self, upload_id: str) -> float:
        """Seconds since anything of this upload was last written, by the file system's clock."""


@runtime_checkable
class Bounded(Protocol):
    """The bytes are on a disk of which some is kept free."""

    def room(self) -> int:
        """How many bytes can still be taken in; below zero where too little is free already."""

    def size(self, upload_id: str) -> int:
        """How many bytes of an upload are here, finished or not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where an upload stands: the `size` of what is here in bytes, and whether somebody is adding to it.

    `idle` is how many seconds ago the writer last wrote, or began; infinite when whoever has the number has
    not come yet; None when no writer is left.
    """

    size: int
    idle: float | None


class Place(Protocol):
    """The one writer's place at an upload. Whoever takes it after you has ended you, and everything raises `Busy`."""

    @property
    def size(self) -> int:
        """How many bytes were here when the place was taken, and since then as many as its own writer left."""

    def writer(self, offset: int) -> Writer:
        """Go on at `offset`: at `size`, or before it if nobody was ever told of the bytes in between.

        Raises `OffsetMismatch` when fewer are here. Each write is kept whole or, once somebody else has
        taken the place, refused whole with `Busy`.
        """

    def close(self) -> None:
        """Leave the place, so that nobody has to wait for you. Closing twice is fine."""


@runtime_checkable
class Fencing(Protocol):
    """One writer at a time, and none who was overtaken can add a byte: stopped, stalled, in whatever process.

    Places are numbered by the `epoch` of the ledger's record, in which each number is given once.
    """

    def standing(self, upload_id: str, epoch: int) -> Standing:
        """How it stands, seen by whoever read `epoch` in the ledger. Changes nothing."""

    def take(self, upload_id: str, epoch: int) -> Place:
        """Take the place of every writer with a lower epoch, within 1.5 s whatever has become of them.

        Of the `size` that the place begins with no byte is ever changed by them, nor is one added.
        Raises `Busy` when somebody with a higher epoch was faster.
        """


def check_id(upload_id: object) -> None:
    """Raise `UsageError` unless it is an id. For stores: before an id becomes a path or a key."""
    if not is_id(upload_id):
        raise UsageError("An upload's id is 22 characters of base64url, made by the server.", upload_id)


def check_beside(name: object) -> None:
    """Raise `UsageError` unless it is the name of a side file. For stores, as `check_id`."""
    if not isinstance(name, str) or not _BESIDE.fullmatch(name):
        raise UsageError(
            "A side file's name is letters, digits, dots, hyphens and underscores, 100 at most.", name
        )
