"""What a worker can be asked: three verbs, and nothing that runs what it is given."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict
from typing import Any

from ...core.errors import Blank
from ...core.limits import Limits
from ...core.upload import Picture
from ..recipe import Recipe
from .blank import blank_colour
from .drawing import draw
from .library import prepare, pyvips
from .reading import Origin, probe

LibraryError: type[Exception] = pyvips.Error

prepare()

Answer = tuple[dict[str, Any], bytes]


def do(job: dict[str, Any], payload: bytes) -> Answer:
    """Do one job. Raises what `core.errors` has for pictures, `LibraryError`, `OSError`, `MemoryError`."""
    origin = Origin(job.get("path"), payload)
    match job["job"]:
        case "probe":
            return asdict(probe(origin, Limits.from_dict(job["limits"]))), b""
        case "render":
            return _render(origin, job)
        case "blank":
            colour = blank_colour(origin, Picture(**job["picture"]), job["tolerance"])
            if colour is not None:
                raise Blank(colour=colour)
            return {}, b""
        case unknown:
            raise RuntimeError(f"no such job: {unknown!r}")


def _render(origin: Origin, job: dict[str, Any]) -> Answer:
    drawn = draw(origin, Recipe.from_json(job["recipe"]), Picture(**job["picture"]))
    answer = {"media_type": drawn.media_type, "width": drawn.width, "height": drawn.height}
    if job.get("to") is None:
        return answer, drawn.data
    _put(drawn.data, job["to"], job["part"])
    return answer, b""


def _put(data: bytes, path: str, part: str) -> None:
    """Under its final name a file is whole: written beside it, synced, renamed."""
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
