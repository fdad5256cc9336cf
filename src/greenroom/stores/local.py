"""`LocalStore`: held bytes in a directory of this machine.

One directory per upload, named after its id, so that every byte on disk is explained by the name above
it: `held/A/Ab3.../bytes` is what was uploaded, and beside it lie its claims and renditions.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from greenroom.core.errors import UsageError
from greenroom.core.limits import parse_size
from greenroom.core.place import disk_or_refusal, sync_directory, write_all
from greenroom.core.store import Standing, check_beside, check_id
from greenroom.core.upload import is_id, new_id

from .fenced import LocalPlace, standing
from .writing import Disk, LocalWriter, settle_leading

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DURABILITIES = ("process", "power")
BYTES = "bytes"
SHARD = 1
"""Characters of an id by which directories are told apart, so that none gets too long to be listed. With two nearly every
upload would also make the first directory of its kind, which takes as long as to write a file."""
PARTIAL = ".part"


class HeldBytes(io.FileIO):
    """An open file whose disk may fail while it is read: that is a refusal, too."""

    @disk_or_refusal()
    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """As `io.FileIO`."""
        return super().readinto(buffer)

    @disk_or_refusal()
    def readall(self) -> bytes:
        """As `io.FileIO`."""
        return super().readall()

    def close(self) -> None:
        """As `io.FileIO`; of a file that was only read nothing can be lost."""
        with contextlib.suppress(OSError):
            super().close()


class HeldFile(io.BufferedReader):
    """Held bytes, open for reading. `local_path` lets a worker read them without passing them through."""

    def __init__(self, path: Path) -> None:
        super().__init__(HeldBytes(path))
        self.local_path: Path | None = path

    def __del__(self) -> None:
        # Forms never close their files, and nobody should have to: it ends with the last reference to it.
        with contextlib.suppress(ValueError):  # it was never opened
            self.close()


class LocalStore:
    """A `Store`, with `SideFiles`, `LocalFiles`, `Fencing` and `Bounded`.

    `keep_free` is a size: writing stops with `DiskFull` before less than that is free on the disk.
    `durability` says what bytes survive that count: "process", that this process is killed; "power", a power cut as
    well, for which they are written through to the disk first. The directory is made on first use, readable by
    nobody but this user. Whatever fails, it is `DiskFull`, `StoreUnavailable`, or a mistake in the set-up.
    """

    def __init__(
        self, root: str | Path, *, keep_free: int | str = "1 GB", durability: str = "process"
    ) -> None:
        if durability not in DURABILITIES:
            raise UsageError('A LocalStore\'s durability is "process" or "power".', durability)
        self.root = Path(root)
        self._keep_free = parse_size(keep_free)
        self._durable = durability == "power"

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    # -- Store -------------------------------------------------------------------------------------

    @disk_or_refusal()
    def append(self, upload_id: str, offset: int) -> LocalWriter:
        path = self.path(upload_id)
        if offset == 0:
            self.make_directory(path.parent)
        return LocalWriter(path, offset, self._disk())

    @disk_or_refusal()
    def seal(self, upload_id: str) -> str:
        status = os.stat(self.path(upload_id))
        return f"{status.st_size}-{status.st_mtime_ns}"

    @disk_or_refusal()
    def open(self, upload_id: str) -> HeldFile:
        return HeldFile(self.path(upload_id))

    @disk_or_refusal()
    def remove(self, upload_id: str) -> None:
        # Renamed first: whoever looks at the same moment sees all of it or nothing.
        path = self.path(upload_id).parent
        grave = path.with_name(f"{upload_id}.removed-{new_id()}")
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, grave)
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(path.parent):
                if name.startswith(f"{upload_id}.removed-"):
                    remove_directory(path.with_name(name))
        with contextlib.suppress(OSError):
            os.rmdir(path.parent)  # succeeds only when nothing else is in it

    def ids(self) -> Iterator[str]:
        # What an interrupted removal left ("<id>.removed-...") counts for its id, so that it is found.
        found: set[str] = set()
        for shard in entries(self.root):
            found.update(
                each.name.partition(".")[0] for each in entries(shard) if each.name[:SHARD] == shard.name
            )
        yield from sorted(filter(is_id, found))

    # -- Fencing -----------------------------------------------------------------------------------

    @disk_or_refusal()
    def standing(self, upload_id: str, epoch: int) -> Standing:
        return standing(self.path(upload_id), epoch)

    @disk_or_refusal()
    def take(self, upload_id: str, epoch: int) -> LocalPlace:
        path = self.path(upload_id)
        self.make_directory(path.parent)
        return LocalPlace(path, epoch, self._disk())

    # -- Bounded -----------------------------------------------------------------------------------

    @disk_or_refusal()
    def room(self) -> int:
        try:
            status = os.statvfs(self.root)
        except FileNotFoundError:  # it is made on first use, where the first of these stands
            status = os.statvfs(next(each for each in self.root.absolute().parents if each.exists()))
        return status.f_bavail * status.f_frsize - self._keep_free

    @disk_or_refusal()
    def size(self, upload_id: str) -> int:
        try:
            return os.stat(self.path(upload_id)).st_size
        except FileNotFoundError:
            return 0

    # -- SideFiles ---------------------------------------------------------------------------------

    @disk_or_refusal()
    def put_beside(self, upload_id: str, name: str, data: bytes) -> None:
        path = self._path_beside(upload_id, name)
        self.make_directory(path.parent)
        partial = path.with_name(f"{name}.{new_id()}{PARTIAL}")
        try:
            with open(partial, "xb", buffering=0) as file:
                write_all(file.fileno(), data)
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(partial)
            raise
        sync_directory(path.parent)

    @disk_or_refusal()
    def read_beside(self, upload_id: str, name: str) -> bytes:
        return self._path_beside(upload_id, name).read_bytes()

    @disk_or_refusal()
    def list_beside(self, upload_id: str) -> list[str]:
        try:
            names = os.listdir(self.path(upload_id).parent)
        except FileNotFoundError:
            return []
        # What begins with a dot is the writers' own (`fenced`).
        return sorted(n for n in names if n != BYTES and not n.startswith(".") and not n.endswith(PARTIAL))

    @disk_or_refusal()
    def remove_beside(self, upload_id: str, name: str) -> None:
        path = self._path_beside(upload_id, name)
        path.unlink(missing_ok=True)
        # Where nothing else is, the upload was removed meanwhile, and putting this beside it made its directory anew.
        with contextlib.suppress(OSError):
            os.rmdir(path.parent)

    def _path_beside(self, upload_id: str, name: str) -> Path:
        check_beside(name)  # not None: that would be the bytes
        return self.path(upload_id, name)

    # -- LocalFiles --------------------------------------------------------------------------------

    def path(self, upload_id: str, name: str | None = None) -> Path:
        # Checked here, where a name becomes a path: nothing but our own names ever does.
        check_id(upload_id)
        if name is not None:
            check_beside(name)
            if name == BYTES or name.endswith(PARTIAL):
                raise UsageError(f'"{BYTES}" and names that end in "{PARTIAL}" are taken.', name)
        return self.root / upload_id[:SHARD] / upload_id / (name or BYTES)

    @disk_or_refusal()
    def age(self, upload_id: str) -> float:
        directory = self.path(upload_id).parent
        stamps = []
        for path in (directory, *directory.glob("*")):
            with contextlib.suppress(FileNotFoundError):  # removed since it was listed
                stamps.append(path.stat().st_mtime)
        for grave in directory.parent.glob(f"{upload_id}.removed-*"):
            with contextlib.suppress(FileNotFoundError):
                stamps.append(grave.stat().st_ctime)  # when it was renamed
        return self._now() - max(stamps) if stamps else math.inf

    def _disk(self) -> Disk:
        return Disk(self.root, keep_free=self._keep_free, durable=self._durable)

    def _now(self) -> float:
        """The file system's own idea of now: this host's clock may be another, and may be wrong."""
        try:
            os.utime(self.root)
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            return time.time()  # nothing is written there any more by any clock
        return os.stat(self.root).st_mtime

    def make_directory(self, directory: Path) -> None:
        """The directory of one upload, private to this user at every level that is ours."""
        while True:
            try:
                for each in (directory.parent, directory):
                    # Not `exist_ok`, which looks again, and fails if it is gone by then.
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(each, 0o700)
                return
            except FileNotFoundError:
                # This is the first upload, or the sweeper removed the empty parent between these two lines.
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
                settle_leading.cache_clear()  # those that lead to it may be new as well


def remove_directory(path: Path) -> None:
    """Remove the files in it, and then it. What somebody else removes at the same time is as good as removed.

    A directory in it is none of ours, so it stays, under a name that is no upload's: the upload is gone all the same.
    """
    with contextlib.suppress(FileNotFoundError):
        strange = False
        for name in os.listdir(path):
            with contextlib.suppress(FileNotFoundError):
                try:
                    os.unlink(path / name)
                except (
                    IsADirectoryError,
                    PermissionError,
                ):  # the latter where POSIX is followed to the letter
                    if not (path / name).is_dir():
                        raise
                    strange = True
        if strange:
            os.rename(path, path.with_name(f"stray-{path.name}"))
        else:
            os.rmdir(path)


def entries(directory: Path) -> list[Path]:
    """What is in a directory; nothing if it is none, or has been removed by now."""
    try:
        return [directory / name for name in sorted(os.listdir(directory))]
    except (FileNotFoundError, NotADirectoryError):
        return []
