"""`LocalStore`: held bytes in a directory of this machine.

One directory per upload, named after its id, so that every byte on disk is explained by the name above
it: `held/Ab/Ab3.../bytes` is what was uploaded, and beside it lie its claims and renditions.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from greenroom.core.errors import UsageError
from greenroom.core.limits import parse_size
from greenroom.core.place import room_or_refusal, sync_directory, write_all
from greenroom.core.store import Standing, check_beside, check_id
from greenroom.core.upload import is_id, new_id

from .fenced import LocalPlace, standing
from .writing import LocalWriter, Room

BYTES = "bytes"
PARTIAL = ".part"


class HeldFile(io.BufferedReader):
    """Held bytes, open for reading. `local_path` lets a worker read them without passing them through."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self.local_path: Path | None = path

    def __del__(self) -> None:
        # Forms never close their files, and nobody should have to: it ends with the last reference to it.
        with contextlib.suppress(ValueError):  # it was never opened
            self.close()


class LocalStore:
    """A `Store`, with `SideFiles`, `LocalFiles` and `Fencing`.

    `keep_free` is a size: writing stops with `DiskFull` before less than that is free on the disk.
    The directory is made on first use, readable by nobody but this user.
    """

    def __init__(self, root: str | Path, *, keep_free: int | str = "1 GB") -> None:
        self.root = Path(root)
        self._keep_free = parse_size(keep_free)

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    # -- Store -------------------------------------------------------------------------------------

    def append(self, upload_id: str, offset: int) -> LocalWriter:
        path = self.path(upload_id)
        if offset == 0:
            self.make_directory(path.parent)
        return LocalWriter(path, offset, Room(self._keep_free))

    def seal(self, upload_id: str) -> str:
        status = os.stat(self.path(upload_id))
        return f"{status.st_size}-{status.st_mtime_ns}"

    def open(self, upload_id: str) -> HeldFile:
        return HeldFile(self.path(upload_id))

    def remove(self, upload_id: str) -> None:
        # Renamed first: whoever looks at the same moment sees all of it or nothing.
        path = self.path(upload_id).parent
        grave = path.with_name(f"{upload_id}.removed-{new_id()}")
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, grave)
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(path.parent):
                if name.startswith(f"{upload_id}.removed-"):
                    shutil.rmtree(path.with_name(name), ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir(path.parent)  # succeeds only when nothing else is in it

    def ids(self) -> Iterator[str]:
        # What an interrupted removal left ("<id>.removed-...") counts for its id, so that it is found.
        paths = [path for path in self.root.glob("??/*") if path.name.startswith(path.parent.name)]
        yield from sorted(filter(is_id, {path.name.partition(".")[0] for path in paths}))

    # -- Fencing -----------------------------------------------------------------------------------

    def standing(self, upload_id: str, epoch: int) -> Standing:
        return standing(self.path(upload_id), epoch)

    def take(self, upload_id: str, epoch: int) -> LocalPlace:
        path = self.path(upload_id)
        self.make_directory(path.parent)
        return LocalPlace(path, epoch, Room(self._keep_free))

    # -- SideFiles ---------------------------------------------------------------------------------

    def put_beside(self, upload_id: str, name: str, data: bytes) -> None:
        path = self._path_beside(upload_id, name)
        self.make_directory(path.parent)
        partial = path.with_name(f"{name}.{new_id()}{PARTIAL}")
        try:
            with room_or_refusal(), open(partial, "xb", buffering=0) as file:
                write_all(file.fileno(), data)
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(partial)
            raise
        sync_directory(path.parent)

    def read_beside(self, upload_id: str, name: str) -> bytes:
        return self._path_beside(upload_id, name).read_bytes()

    def list_beside(self, upload_id: str) -> list[str]:
        try:
            names = os.listdir(self.path(upload_id).parent)
        except FileNotFoundError:
            return []
        # What begins with a dot is the writers' own (`fenced`).
        return sorted(n for n in names if n != BYTES and not n.startswith(".") and not n.endswith(PARTIAL))

    def remove_beside(self, upload_id: str, name: str) -> None:
        self._path_beside(upload_id, name).unlink(missing_ok=True)

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
        return self.root / upload_id[:2] / upload_id / (name or BYTES)

    def age(self, upload_id: str) -> float:
        directory = self.path(upload_id).parent
        stamps = []
        for path in (directory, *directory.glob("*")):
            with contextlib.suppress(FileNotFoundError):  # removed since it was listed
                stamps.append(path.stat().st_mtime)
        return self._now() - max(stamps) if stamps else math.inf

    def _now(self) -> float:
        """The file system's own idea of now: this host's clock may be another, and may be wrong."""
        os.utime(self.root)
        return os.stat(self.root).st_mtime

    def make_directory(self, directory: Path) -> None:
        """The directory of one upload, private to this user at every level that is ours."""
        while True:
            try:
                with room_or_refusal():
                    self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
                    for each in (directory.parent, directory):
                        # Not `exist_ok`, which looks again, and fails if it is gone by then.
                        with contextlib.suppress(FileExistsError):
                            each.mkdir(mode=0o700)
                return
            except FileNotFoundError:
                continue  # the sweeper removed the empty parent between two of these lines
