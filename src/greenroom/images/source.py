"""Where a picture's bytes come from: a path that a worker opens itself, or bytes that are sent to it."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.errors import UsageError
from ..core.inspection import Source

__all__ = ["Source", "locate"]


def locate(source: Source) -> tuple[str | None, bytes]:
    """The path, or None and the bytes. Of a file that says where it is only the path is sent. The position of a file object is left where it was."""
    if isinstance(source, bytes | bytearray | memoryview):
        return None, bytes(source)
    if isinstance(source, str | os.PathLike):
        return os.path.abspath(os.fspath(source)), b""
    path = getattr(source, "local_path", None)
    if isinstance(path, Path):
        return os.path.abspath(path), b""
    if not hasattr(source, "read") or not hasattr(source, "seek"):
        raise UsageError("A picture is a path, bytes, or a binary file that can seek.", source)
    position = source.tell()
    try:
        source.seek(0)
        return None, source.read()
    finally:
        source.seek(position)
