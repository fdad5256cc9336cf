"""Putting bytes under their final name: all of them, or nothing under that name.

On one file system that is a hard link: no byte is copied, and the name appears in one step. Across two
it is a copy under a name that nobody looks for, written through to the disk, read again and compared with
what was received, and then renamed. A name that is taken is never overwritten.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, TypeVar

from .digests import algorithm_of, digest_of, same_bytes
from .errors import Altered, DiskFull, StoreUnavailable

logger = logging.getLogger("greenroom")

Closed = TypeVar("Closed", bound=IO[bytes])

CHUNK = 1 << 20
# What link(2) answers where a copy does the job: another device, a file system or a kernel rule without
# hard links, too many links to one file.
_NO_LINK = {
    errno.EXDEV,
    errno.EPERM,
    errno.EACCES,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EMLINK,
    errno.ENOSYS,
}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
# What passes, or what an operator mends, without anything that is held being lost. Any other error of the system is
# a mistake in the set-up (a directory of somebody else's), and is raised as it is.
_TROUBLE = {
    errno.EIO,
    errno.EROFS,  # how a disk that has failed is left
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ESTALE,
    errno.ETIMEDOUT,
}


def place(
    source: Path, target: Path, *, digest: str = "", mode: int | None = None, link: bool = True
) -> None:
    """Make `target` a complete file with the bytes of `source`, of which `digest` is the digest if it has one.

    `mode` is the permission bits of the result (None: what the umask leaves). `link=False` always copies.
    A source that has been linked before is copied, so that two saved files never share their bytes.
    Raises `FileExistsError` when the name is taken, `Altered` when bytes that are copied are not those of
    `digest`, `DiskFull` when there is no room, `StoreUnavailable` when the disk fails. Whatever it raises, nothing of
    ours stands under the name then; only where the disk does not even let that be taken back, a whole file does.
    """
    with disk_or_refusal(), let_go(open(source, "rb")) as file:
        if not (link and linked(file, source, target, mode)):
            copy(file, target, digest=digest, mode=mode)


def linked(file: BinaryIO, source: Path, target: Path, mode: int | None) -> bool:
    """Link `source`, which is open as `file`, to `target`; False where a copy has to be made instead."""
    descriptor = file.fileno()
    # Locked, so that of two who come at the same moment only one finds a source without links.
    with locked(descriptor):
        if os.fstat(descriptor).st_nlink != 1:
            return False
        # Before the name appears: what a power cut leaves behind it must be the bytes.
        os.fsync(descriptor)
        os.fchmod(descriptor, permission_bits(mode))
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            return False
        sync_name(target)
    return True


def copy(source: BinaryIO, target: Path, *, digest: str = "", mode: int | None = None) -> None:
    """The verified copy of all of `source`: written beside `target` under a name of its own, which it then loses."""
    if os.path.lexists(target):  # told now, rather than after a long copy
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    partial = partial_path(target)
    # The lock on the partial ends with its descriptor, so that stays open until the name is settled.
    with disk_or_refusal(), let_go(open(open_partial(partial), "r+b", buffering=0)) as file:
        try:
            while chunk := source.read(CHUNK):
                write_all(file.fileno(), chunk)
            os.fchmod(file.fileno(), permission_bits(mode))
            os.fsync(file.fileno())
            verify(source, file, digest, target)
            give_name(partial, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(partial)
            raise
        sync_name(target)


def verify(source: BinaryIO, written: BinaryIO, digest: str, target: Path) -> None:
    """What was written is read again: it has the digest, or without one is what `source` is.

    Raises `Altered` when it is not the copy that is wrong, and `OSError` when it is.
    """
    written.seek(0)
    if digest and digest_of(written, algorithm_of(digest)) == digest:
        return
    source.seek(0)
    written.seek(0)
    if not same_bytes(source, written):
        raise OSError(errno.EIO, "the copy is not what was copied", str(target))
    if digest:
        raise Altered


def give_name(partial: Path, target: Path) -> None:
    """Give `partial` its final name without ever replacing another file.

    By a rename, after which there is no other name left that could not be removed.
    """
    if renamed(partial, target):
        return
    try:
        os.link(partial, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        # A file system without hard links: taking the name first keeps at least the promise not to overwrite.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(partial, target)
    else:
        os.unlink(partial)


def renamed(partial: Path, target: Path) -> bool:
    """Rename unless the name is taken (`FileExistsError`); False where the system cannot do both in one step.

    That is Linux's renameat2(2) with RENAME_NOREPLACE, which Python has no function for.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    at_fdcwd, rename_noreplace = -100, 1  # fcntl.h, stdio.h
    if rename(at_fdcwd, os.fsencode(partial), at_fdcwd, os.fsencode(target), rename_noreplace) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.EPERM):
        return False
    raise OSError(code, os.strerror(code), str(target))


def partial_path(target: Path) -> Path:
    """Where the copy for `target` grows. The journal names the target, so the sweeper finds this too."""
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:24]
    return target.with_name(f".greenroom-{digest}.part")


def open_partial(partial: Path) -> int:
    """A new, empty, locked file; what a killed writer left there makes way, what a living one has does not.

    Raises `FileExistsError` when somebody is writing for the same target at this moment.
    """
    while True:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not try_lock(descriptor):
                raise FileExistsError(errno.EEXIST, "somebody is writing this file", str(partial))
            if is_at(descriptor, partial):
                status = os.fstat(descriptor)
                if status.st_size == 0 and status.st_nlink == 1:
                    return descriptor
                # Unlinked, never emptied: a writer that was killed at the last moment had linked it already.
                os.unlink(partial)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def remove_partial(target: Path) -> None:
    """Remove what a killed copy for `target` has left; one that is being made now is left alone."""
    partial = partial_path(target)
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        if try_lock(descriptor) and is_at(descriptor, partial):
            os.unlink(partial)
    finally:
        os.close(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether `path` is (still) the name of the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; False if somebody else has. The lock ends with its process."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


@contextlib.contextmanager
def locked(descriptor: int) -> Iterator[None]:
    """Wait for the lock on an open file, and let it go at the end."""
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextlib.contextmanager
def let_go(file: Closed) -> Iterator[Closed]:
    """Close it in the end, whatever that says: nothing can be lost of what was only read, or is on the disk."""
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):
            file.close()


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """`os.write` until nothing is left: a short write is not an end."""
    written = os.write(descriptor, data)
    if written < len(data):
        view = memoryview(data)
        while written < len(view):
            written += os.write(descriptor, view[written:])


def sync_directory(directory: Path) -> None:
    """A new name survives a power cut only when its directory has been written through as well."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_name(target: Path) -> None:
    """Make a name that was just given survive a power cut, or take it back."""
    try:
        sync_directory(target.parent)
    except OSError:
        os.unlink(target)
        raise


@contextlib.contextmanager
def disk_or_refusal() -> Iterator[None]:
    """`DiskFull` or `StoreUnavailable` in the place of the system's errors that mean it. Also as a decorator."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull from error
        if error.errno in _TROUBLE:
            logger.error(
                "The system could not keep or read a file: %s", error
            )  # the person is not told which
            raise StoreUnavailable from error
        raise


def permission_bits(mode: int | None) -> int:
    """`mode`, or what the umask leaves of a new file's."""
    return mode if mode is not None else 0o666 & ~current_umask()


def current_umask() -> int:
    """There is no way to read the umask without setting it, short of asking the kernel's status file."""
    with (
        contextlib.suppress(OSError, ValueError, IndexError),
        open("/proc/self/status", encoding="ascii") as file,
    ):
        return int(next(line for line in file if line.startswith("Umask:")).split()[1], 8)
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
