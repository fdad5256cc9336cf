"""What lies in the directory of a `LocalStore` and is not its own: for the audit, which explains every file."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from greenroom.core.upload import is_id

_ID = r"[A-Za-z0-9_-]{22}"
_SHARD = re.compile(r"[A-Za-z0-9_-]{2}", re.ASCII)
_GRAVE = re.compile(rf"({_ID})\.removed-{_ID}", re.ASCII)
# The bytes, the writers' own (`fenced`), and what the adapters put beside: claims, renditions, the sweeper's marks. A
# side file that is just being written has a `.part` behind its name, and a rendition a dot before it as well.
_OWN = re.compile(
    r"bytes|\.writers|\.cut|\.copy-[0-9]+|[a-z]+-[A-Za-z0-9._-]+|\.(cut|[a-z]+-[A-Za-z0-9._-]+)\.part",
    re.ASCII,
)


def strays(root: Path) -> Iterator[Path]:
    """Files, links and directories under `root` that no `LocalStore` has made."""
    for shard in entries(root):
        if not (_SHARD.fullmatch(shard.name) and is_directory(shard)):
            yield shard
            continue
        for path in entries(shard):
            if not is_directory(path) or not path.name.startswith(shard.name):
                yield path
            elif is_id(path.name):
                yield from (each for each in entries(path) if not is_own(each))
            elif not _GRAVE.fullmatch(path.name):
                yield path


def entries(directory: Path) -> list[Path]:
    """What is in it; nothing if it is gone by now."""
    try:
        return [directory / name for name in sorted(os.listdir(directory))]
    except FileNotFoundError:
        return []


def is_directory(path: Path) -> bool:
    """A real one: we make no links."""
    return path.is_dir() and not path.is_symlink()


def is_own(path: Path) -> bool:
    """Whether the store could have made this file of an upload; or it is gone by now."""
    try:
        return bool(_OWN.fullmatch(path.name)) and stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return True
