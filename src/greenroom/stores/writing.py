"""`LocalWriter`: writes one upload's bytes into its file."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from greenroom.core.errors import DiskFull, OffsetMismatch
from greenroom.core.place import disk_or_refusal, sync_directory, write_all

_ROOM_EVERY = 16_000_000  # bytes between two looks at the free room: not for every 64 KiB


class Disk:
    """What holds for every file of a store.

    `keep_free` bytes are kept free: a full disk stops everything on the machine, a refused upload nothing. If
    `durable`, nothing counts before it would survive a power cut.
    """

    def __init__(self, root: Path, *, keep_free: int, durable: bool) -> None:
        self._root = root
        self._keep_free = keep_free
        self._unchecked = _ROOM_EVERY
        self.durable = durable

    def check_room(self, descriptor: int, size: int) -> None:
        """Raise `DiskFull` when `size` more bytes on the disk of an open file would leave too little."""
        self._unchecked += size
        if self._unchecked >= _ROOM_EVERY:
            status = os.fstatvfs(descriptor)
            if status.f_bavail * status.f_frsize - size < self._keep_free:
                raise DiskFull
            self._unchecked = 0

    def settle(self, descriptor: int, path: Path, *, named: bool = False) -> None:
        """The bytes of the open file at `path` are about to count, and its name unless that did before (`named`)."""
        if not self.durable:
            return
        os.fsync(descriptor)
        if named:
            return
        for directory in path.parents:
            sync_directory(directory)
            if directory == self._root.parent:
                break
        settle_leading(self._root.absolute().parent)

    def settle_or_cut(self, descriptor: int, path: Path, begun: int) -> None:
        """The same for whoever has written from `begun` on.

        After a failed fsync(2) the next one says that all is well, whatever has become of the bytes. So what could
        not be made durable is cut off.
        """
        try:
            self.settle(descriptor, path, named=begun > 0)
        except OSError:
            os.ftruncate(descriptor, begun)
            raise


@functools.cache
def settle_leading(directory: Path) -> None:
    """Write the names through that lead to a directory, once in each process.

    Some may be new: the store makes all of them on first use, and another process that has made them may have been
    killed before it wrote them through.
    """
    for each in directory.parents:
        if os.access(each, os.R_OK | os.W_OK):  # elsewhere this user has made no name
            sync_directory(each)


class LocalWriter:
    """Unbuffered: what `write` has taken survives a killed process. Nobody else must write at the same time."""

    def __init__(self, path: Path, offset: int, disk: Disk) -> None:
        self._path = path
        self._begun = offset
        self._disk = disk
        self._descriptor = open_at(path, offset)
        try:
            cut_at(self._descriptor, offset)
        except BaseException:
            os.close(self._descriptor)
            raise

    @disk_or_refusal()
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._disk.check_room(self._descriptor, len(data))
        write_all(self._descriptor, data)

    @disk_or_refusal()
    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                self._disk.settle_or_cut(descriptor, self._path, self._begun)
            finally:
                os.close(descriptor)


def open_at(path: Path, offset: int) -> int:
    """Open the file to write at `offset`. Made at 0 only: going on with what is not here leaves nothing behind."""
    create = os.O_CREAT if offset == 0 else 0
    try:
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
