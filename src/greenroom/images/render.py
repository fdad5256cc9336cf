"""Renditions: a picture made by a recipe, in a worker, as bytes or under a path."""

from __future__ import annotations

import errno
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from ..core.errors import DiskFull
from ..core.upload import Picture
from .pool import WorkerLimits, workers
from .recipe import Recipe
from .source import Source, locate


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A rendition. `width` and `height` are in pixels, of one frame; `data` or `path` is set, as was asked."""

    media_type: str
    width: int
    height: int
    data: bytes | None = None
    path: Path | None = None

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size if self.path is not None else len(self.data or b"")


def render(
    source: Source,
    recipe: Recipe,
    *,
    picture: Picture,
    to: Path | None = None,
    limits: WorkerLimits | None = None,
) -> Rendered:
    """Make the rendition of `source` that `recipe` says. `picture` is what `probe` found in it.

    With `to` the rendition is written beside that path (a hidden name that ends in ".part"), synced, and
    renamed: no partial file is ever seen under the name, and a failure leaves nothing behind. An existing file
    is replaced. Without it the bytes are returned.

    Raises `CropStale`, `CropOutside` and `CropMoving`, `NotAPicture`, `TooMuchWork`, `DiskFull`; other `OSError`s as they are.
    """
    recipe.check(picture)
    path, payload = locate(source)
    job = {"job": "render", "path": path, "recipe": recipe.to_json(), "picture": asdict(picture)}
    if to is not None:
        target = Path(os.path.abspath(to))
        # Random, so that two servers that make the same rendition at once do not write into one file.
        part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.part")
        job |= {"to": str(target), "part": str(part)}
    try:
        answer, data = workers().run(job, payload, limits=limits)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull() from error
        raise
    return Rendered(
        media_type=answer["media_type"],
        width=answer["width"],
        height=answer["height"],
        data=data if to is None else None,
        path=to,
    )
