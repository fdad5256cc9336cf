"""Putting bytes under their final name: all of them, or nothing under that name.

On one file system that is a hard link: no byte is copied, and the name appears in one step. Across two
it is a copy under a name that nobody looks for, written through to the disk, compared in size and
digest with what was received, and then linked. A name that is taken is never overwritten.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from .errors import Altered, DiskFull

CHUNK = 1 << 20
# What link(2) answers where a copy does the job: another device, a file system or a kernel rule without
# hard links, too many links to one file.
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


def place(source: Path, target: Path, *, sha256: str, mode: int | None = None, link: bool = True) -> None:
    """Make `target` a complete file with the bytes of `source`.

    `mode` is the permission bits of the result (None: what the umask leaves). `link=False` always copies.
    A source that has been linked before is copied, so that two saved files never share their bytes.
    Raises `FileExistsError` when the name is taken, `Altered` when the bytes are not those of `sha256`,
    `DiskFull` when there is no room.
    """
    bits = mode if mode is not None else 0o666 & ~current_umask()
    with open(source, "rb") as file:
        if link and os.fstat(file.fileno()).st_nlink == 1:
            # Before the name appears: what a power cut leaves behind it must be the bytes.
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), bits)
            try:
                os.link(source, target)
            except OSError as error:
                if error.errno not in _NO_LINK:
                    raise
            else:
                sync_directory(target.parent)
                return
        copy(file, target, sha256=sha256, bits=bits)


def copy(source: BinaryIO, target: Path, *, sha256: str, bits: int) -> None:
    """The verified copy: written beside `target` under a name of its own, then linked to it."""
    partial = partial_path(target)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            digest = hashlib.sha256()
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                write_all(file.fileno(), chunk)
            if digest.hexdigest() != sha256:
                raise Altered
            os.fchmod(file.fileno(), bits)
            os.fsync(file.fileno())
            written = os.fstat(file.fileno()).st_size
            if written != source.tell():
                raise OSError(errno.EIO, "short copy", str(target))
        link_or_rename(partial, target)
    except OSError as error:
        raise disk_full(error) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
    sync_directory(target.parent)


def link_or_rename(partial: Path, target: Path) -> None:
    """Give `partial` its final name without ever replacing another file."""
    try:
        os.link(partial, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        # A file system without hard links. Taking the name first keeps the promise not to overwrite.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(partial, target)


def partial_path(target: Path) -> Path:
    """Where the copy for `target` grows. The journal names the target, so the sweeper finds this too."""
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:24]
    return target.with_name(f".greenroom-{digest}.part")


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


def disk_full(error: OSError) -> Exception:
    """`DiskFull` for the errors that mean it, the error itself otherwise."""
    return DiskFull() if error.errno in (errno.ENOSPC, errno.EDQUOT) else error


def current_umask() -> int:
    """There is no way to read the umask without setting it, short of asking the kernel's status file."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("Umask:")).split()[1], 8)
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
