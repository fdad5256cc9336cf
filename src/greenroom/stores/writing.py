"""`LocalWriter`: writes one upload's bytes into its file."""

from __future__ import annotations

import os
from pathlib import Path

from greenroom.core.errors import DiskFull, OffsetMismatch
from greenroom.core.place import room_or_refusal, write_all

_ROOM_EVERY = 16_000_000  # bytes between two looks at the free room: not for every 64 KiB


class Room:
    """Some of the disk is kept free: a full disk stops everything on the machine, a refused upload nothing."""

    def __init__(self, keep_free: int) -> None:
        self._keep_free = keep_free
        self._unchecked = _ROOM_EVERY

    def check(self, descriptor: int, size: int) -> None:
        """Raise `DiskFull` when `size` more bytes on the disk of an open file would leave too little."""
        self._unchecked += size
        if self._unchecked >= _ROOM_EVERY:
            status = os.fstatvfs(descriptor)
            if status.f_bavail * status.f_frsize - size < self._keep_free:
                raise DiskFull
            self._unchecked = 0


class LocalWriter:
    """Unbuffered: what `write` has taken survives a killed process. Nobody else must write at the same time."""

    def __init__(self, path: Path, offset: int, room: Room) -> None:
        self._room = room
        self._descriptor = open_at(path, offset)
        try:
            cut_at(self._descriptor, offset)
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._room.check(self._descriptor, len(data))
        with room_or_refusal():
            write_all(self._descriptor, data)

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def open_at(path: Path, offset: int) -> int:
    """Open the file to write at `offset`. Made at 0 only: going on with what is not here leaves nothing behind."""
    create = os.O_CREAT if offset == 0 else 0
    try:
        with room_or_refusal():
            return os.open(path, os.O_RDWR | os.O_CLOEXEC | create, 0o600)
    except FileNotFoundError:
        if offset == 0:
            raise
        raise OffsetMismatch(offset=offset, expected=0) from None


def cut_at(descriptor: int, offset: int) -> None:
    """Remove what is beyond `offset`, and go on writing there."""
    here = os.fstat(descriptor).st_size
    if here < offset:
        raise OffsetMismatch(offset=offset, expected=here)
    if here > offset:
        os.ftruncate(descriptor, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
