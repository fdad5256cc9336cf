"""One writer at a time in a `LocalStore`, and none who was overtaken lands another byte in what is served.

Four things lie in an upload's directory:

* `.writers` has two bytes for each epoch: set when the writer of that epoch is over, and when it has come.
  Bytes in it are never cleared, so that everybody may set them at any moment and in any order without a lock.
* The lock on `bytes` is held for each write alone, and the writer's own byte is looked at under it. Who
  has set that byte and then got the lock knows: no write is under way and none will follow. A writer that
  waits for a slow client holds nothing; the kernel drops the lock of a killed one. So `bytes` is gone
  on with as it is, at no cost.
* A process that was stopped inside a write keeps the lock. Then `.cut` says how many bytes count, and the
  next writer copies those into a new file under the old name: what the stopped one writes when it is
  continued goes into a file without a name. It cannot have changed what was copied, as it was at the end.
* The lock on `.writers` guards `.cut` and the name `bytes`. It is held while either is changed, after
  another look at the own byte, so that also somebody who was stopped on the way to that comes too late.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path

from greenroom.core.errors import Busy, OffsetMismatch
from greenroom.core.place import CHUNK, disk_or_refusal, sync_directory, try_lock, write_all
from greenroom.core.store import Standing

from .writing import Disk, cut_at, open_at

WRITERS = ".writers"
CUT = ".cut"
# What the first byte of an epoch is set to, by others and by its own writer as it leaves.
OVERTAKEN, ENDED = 1, 2
# Both together stay below the two seconds in which an offset is answered. A write into the page cache takes
# a thousandth of this, and one that takes longer is only treated as if it were stopped.
_WRITE_PATIENCE = 0.7
_PLACE_PATIENCE = 0.8
_PAGE = 4096
_TRY_LOCK = fcntl.LOCK_EX | fcntl.LOCK_NB
# What copy_file_range(2) answers where reading and writing does the job.
_NO_RANGE = {errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}


def standing(path: Path, epoch: int) -> Standing:
    """As `Fencing.standing`, for the bytes at `path`."""
    cut = read_cut(path)
    try:
        status = os.stat(path)
        size, written = status.st_size, status.st_mtime
    except FileNotFoundError:
        size, written = 0, -math.inf
    size = cut if cut is not None else size
    if epoch == 0:
        return Standing(size=size, idle=None)
    try:
        with open(path.with_name(WRITERS), "rb", buffering=0) as file:
            over, begun = os.pread(file.fileno(), 2, 2 * epoch).ljust(2, b"\0")
            # Of one that was only overtaken nobody has made sure yet that no write of it is under way.
            if over == ENDED:
                return Standing(size=size, idle=None)
            if not begun:
                return Standing(size=size, idle=math.inf)
            written = max(written, os.fstat(file.fileno()).st_mtime)  # when the writer began
    except FileNotFoundError:
        return Standing(size=size, idle=math.inf)
    idle = time.time() - written
    # A time that is to come was written before somebody set the clock back. (A tick is not that.)
    return Standing(size=size, idle=max(idle, 0.0) if idle > -1 else math.inf)


class LocalPlace:
    """The `Place` of one epoch at the bytes in `path`."""

    def __init__(self, path: Path, epoch: int, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._writers = Writers(path.with_name(WRITERS), epoch)
        self._writer: FencedWriter | None = None
        try:
            self._writers.begin()
            with self._writers.settling():
                self._size = settle(path, disk)
        except BaseException:
            self._writers.close()
            raise

    @property
    def size(self) -> int:
        """As `Place`."""
        return self._size if self._writer is None else self._writer.size

    @disk_or_refusal()
    def writer(self, offset: int) -> FencedWriter:
        """As `Place`."""
        if offset > self._size:
            raise OffsetMismatch(offset=offset, expected=self._size)
        descriptor = self._open(offset) if read_cut(self._path) is None else None
        if descriptor is None:
            descriptor = self._copy(offset)
        self._writer = FencedWriter(descriptor, self._path, offset, self._writers, self._disk)
        return self._writer

    @disk_or_refusal()
    def close(self) -> None:
        """As `Place`. Where what was written cannot be settled, the next one does that before going on."""
        try:
            if self._writer is not None:
                self._writer.close()
            self._writers.end()
        finally:
            self._writers.close()

    def _open(self, offset: int) -> int | None:
        """The file as it is, cut at `offset`; None if somebody who was stopped has it locked."""
        descriptor = open_at(self._path, offset)
        try:
            if not wait_for(descriptor, _WRITE_PATIENCE):
                os.close(descriptor)
                return None
            # Also here somebody may be stopped. `offset` is as far as anybody was ever told, so that what
            # this cuts off later does not count for those who came in between.
            self._writers.check()
            cut_at(descriptor, offset)
            unlock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _copy(self, offset: int) -> int:
        """The first `offset` bytes in a file of our own, which takes the place of the one that is locked."""
        partial = self._path.with_name(f".copy-{self._writers.epoch}")
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(self._path, "rb", buffering=0) as held:
                copy_start(held.fileno(), descriptor, offset, self._disk)
            if self._disk.durable:
                os.fsync(descriptor)  # these bytes count already, and are about to be the only ones
            with self._writers.settling():
                os.replace(partial, self._path)
                # Killed before this line: it is copied once more. Nothing was added that the cut would cost.
                self._path.with_name(CUT).unlink(missing_ok=True)
            if self._disk.durable:
                sync_directory(self._path.parent)
        except BaseException:
            os.close(descriptor)
            partial.unlink(missing_ok=True)
            raise
        return descriptor


class FencedWriter:
    """A `Writer` that looks before each write whether it is still the one."""

    def __init__(self, descriptor: int, path: Path, offset: int, writers: Writers, disk: Disk) -> None:
        self._descriptor = descriptor
        self._path = path
        self._begun = offset
        self._writers = writers
        self._disk = disk
        self._size = 0

    @property
    def size(self) -> int:
        """How many bytes are in the file."""
        return os.fstat(self._descriptor).st_size if self._descriptor >= 0 else self._size

    @disk_or_refusal()
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._disk.check_room(self._descriptor, len(data))
        try:
            fcntl.flock(self._descriptor, _TRY_LOCK)
        except BlockingIOError:
            # Somebody who has taken over looks how far we have come; or somebody from before us still has to
            # find out that they are over, which takes a moment, unless they are stopped in it.
            self._writers.check()
            if not wait_for(self._descriptor, _WRITE_PATIENCE):
                raise Busy from None
        except OSError:  # a file system without locks
            pass
        try:
            self._writers.check()
            write_all(self._descriptor, data)
        finally:
            unlock(self._descriptor)

    @disk_or_refusal()
    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                self._disk.settle_or_cut(descriptor, self._path, self._begun)
                self._size = os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)


class Writers:
    """The file `.writers`, seen by the writer of `epoch`. In memory, so that looking costs no system call."""

    def __init__(self, path: Path, epoch: int) -> None:
        self.epoch = epoch
        self._own = 2 * epoch
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Grown by appending, which overwrites nothing that somebody else sets meanwhile.
            while os.fstat(self._descriptor).st_size < 2 * epoch + 2:
                with open(path, "ab", buffering=0) as file:
                    write_all(file.fileno(), bytes(_PAGE))
            self._bytes = mmap.mmap(self._descriptor, 2 * epoch + 2)
        except BaseException:
            os.close(self._descriptor)
            raise

    def begin(self) -> None:
        """We have come, and everybody before us is over."""
        self._bytes[: 2 * self.epoch : 2] = bytes([OVERTAKEN]) * self.epoch
        os.pwrite(self._descriptor, b"\1", 2 * self.epoch + 1)  # so that the file's time says when

    def check(self) -> None:
        """Raise `Busy` if we are over."""
        if self._bytes[self._own]:
            raise Busy

    @contextlib.contextmanager
    def settling(self) -> Iterator[None]:
        """Nobody else settles where the upload stands, and we are not over."""
        if not wait_for(self._descriptor, _PLACE_PATIENCE):
            raise Busy
        try:
            self.check()
            yield
        finally:
            unlock(self._descriptor)

    def end(self) -> None:
        """We are over, and say so."""
        if self._descriptor >= 0:
            self._bytes[self._own] = ENDED

    def close(self) -> None:
        """Let the file go."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            self._bytes.close()
            os.close(descriptor)


def settle(path: Path, disk: Disk) -> int:
    """How many bytes count, now that every writer is over but perhaps one that is inside of a write."""
    cut = read_cut(path)
    if cut is not None:
        return cut
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        ended = wait_for(descriptor, _WRITE_PATIENCE)
        size = os.fstat(descriptor).st_size
        disk.settle(descriptor, path)  # whoever wrote last may have been killed before that
        if not ended:
            write_cut(path, size)
        return size
    finally:
        os.close(descriptor)


def read_cut(path: Path) -> int | None:
    """How many bytes of the file count, if not all of them do."""
    try:
        return int(path.with_name(CUT).read_bytes())
    except FileNotFoundError:
        return None


def write_cut(path: Path, size: int) -> None:
    """Only `size` bytes of the file count, whatever is added to it."""
    partial = path.with_name(f"{CUT}.part")
    partial.write_bytes(b"%d" % size)
    os.replace(partial, path.with_name(CUT))


def wait_for(descriptor: int, patience: float) -> bool:
    """Wait for the lock on an open file, for so many seconds."""
    end = time.monotonic() + patience
    pause = 0.0005
    while not try_lock(descriptor):
        if time.monotonic() >= end:
            return False
        time.sleep(pause)  # the system has no lock that is waited for with a limit
        pause = min(pause * 2, 0.02)
    return True


def unlock(descriptor: int) -> None:
    """Let the lock on an open file go."""
    try:  # noqa: SIM105 - contextlib.suppress costs as much as the system call, at every write
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    except OSError:  # a file system without locks
        pass


def copy_start(source: int, target: int, size: int, disk: Disk) -> None:
    """Copy the first `size` bytes, without passing them through where the system can do that."""
    os.lseek(source, 0, os.SEEK_SET)
    done = 0
    while done < size:
        step = min(size - done, 16 * CHUNK)
        disk.check_room(target, step)
        copied = copy_some(source, target, step)
        if copied == 0:
            raise OffsetMismatch(offset=size, expected=done)
        done += copied


def copy_some(source: int, target: int, size: int) -> int:
    """Copy up to `size` bytes from where both files stand; how many."""
    if hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(source, target, size)
        except OSError as error:
            if error.errno not in _NO_RANGE:
                raise
    data = os.read(source, min(size, CHUNK))
    write_all(target, data)
    return len(data)
