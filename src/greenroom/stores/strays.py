"""What lies in the directory of a `LocalStore` and is not its own: for the audit, which explains every file."""

from __future__ import annotations

import contextlib
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from greenroom.core.upload import is_id

from .local import SHARD, entries

_ID = r"[A-Za-z0-9_-]{22}"
_SHARD = re.compile(rf"[A-Za-z0-9_-]{{{SHARD}}}", re.ASCII)
_UPLOAD = re.compile(rf"{_ID}(\.removed-{_ID})?", re.ASCII)
# The bytes, the writers' own (`fenced`), and what the adapters put beside: claims, renditions, the sweeper's marks. A
# side file that is just being written has a `.part` behind its name, and a rendition a dot before it as well.
_BESIDE = re.compile(
    r"bytes|\.writers|\.cut|\.copy-[0-9]+|[a-z]+-[A-Za-z0-9._-]+|\.(cut|[a-z]+-[A-Za-z0-9._-]+)\.part",
    re.ASCII,
)


def strays(root: Path) -> Iterator[Path]:
    """Files, links and directories under `root` that no `LocalStore` has made."""
    for shard in entries(root):
        if not is_own(shard, _SHARD, stat.S_ISDIR):
            yield shard
            continue
        for path in entries(shard):
            named = path.name.startswith(shard.name)
            if not (named and is_own(path, _UPLOAD, stat.S_ISDIR)):
                yield path
            elif is_id(path.name):
                # A directory that cannot be listed is a finding of its upload.
                with contextlib.suppress(OSError):
                    yield from (each for each in entries(path) if not is_own(each, _BESIDE, stat.S_ISREG))


def is_own(path: Path, name: re.Pattern[str], kind: Callable[[int], bool]) -> bool:
    """Whether the store could have made this; or it is gone by now, or cannot be looked at. We make no links."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return True
    return kind(mode) and name.fullmatch(path.name) is not None
