"""Checks that may refuse a picture. Each is a callable that a form field can hold.

An inspector gets the file (anything that `probe` takes) and the `Picture` that was found in it. It raises a
`Refused`, or returns. Programmers write their own as plain functions.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol

from ..core.errors import NotAPicture, Refused, TooFewPixels, TooLarge, UsageError, WrongAspect
from ..core.errors import gettext_noop as _
from ..core.limits import format_size, parse_size
from ..core.upload import Picture
from .pool import workers
from .ratio import Ratio
from .source import Source, locate

logger = logging.getLogger("greenroom.images")


class Inspector(Protocol):
    """Looks at one picture; raises `Refused` unless it is accepted."""

    def __call__(self, file: Source, picture: Picture) -> None:
        """Inspect `file`. Its position may be anywhere before, and must not matter after."""


def inspect(file: Source, picture: Picture, inspectors: Iterable[Inspector]) -> None:
    """Ask every inspector in turn. The first refusal is raised.

    An inspector that fails in any other way refuses too: a check that did not happen is not a check that
    was passed. The log says what went wrong.
    """
    for inspector in inspectors:
        try:
            inspector(file, picture)
        except Refused:
            raise
        except Exception as error:
            logger.exception("The inspector %r failed; the picture is refused.", inspector)
            raise NotAPicture(reason=_("it could not be checked")) from error


@dataclass(frozen=True, slots=True)
class not_blank:
    """Refuses a picture that is all of one colour, in every frame, or wholly transparent: `Blank`.

    `tolerance` is how far the values of one channel may lie apart, in levels of 0 to 255: 8 takes the
    noise that JPEG leaves on a blank page for blank, and 0 wants every pixel equal. A picture with a single
    black dot is not blank. Most pictures are told by their first lines, without decoding the rest.
    """

    tolerance: int = 8

    def __post_init__(self) -> None:
        if (
            isinstance(self.tolerance, bool)
            or not isinstance(self.tolerance, int)
            or not 0 <= self.tolerance <= 255
        ):
            raise UsageError("not_blank takes a tolerance from 0 to 255.", self.tolerance)

    def __call__(self, file: Source, picture: Picture) -> None:
        path, payload = locate(file)
        job = {"job": "blank", "path": path, "picture": asdict(picture), "tolerance": self.tolerance}
        workers().run(job, payload)


@dataclass(frozen=True, slots=True)
class max_bytes:
    """Refuses a file of more than `limit` bytes (an int, or a text such as "2 MB"): `TooLarge`."""

    limit: int | str

    def __post_init__(self) -> None:
        parse_size(self.limit)

    def __call__(self, file: Source, picture: Picture) -> None:
        allowed = parse_size(self.limit)
        if size_of(file) > allowed:
            raise TooLarge(limit=format_size(allowed))


@dataclass(frozen=True, slots=True)
class min_pixels:
    """Refuses a picture that is less than `width` pixels wide or `height` high when upright: `TooFewPixels`."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if any(type(side) is not int or side < 1 for side in (self.width, self.height)):
            raise UsageError("min_pixels takes a width and a height in pixels.", (self.width, self.height))

    def __call__(self, file: Source, picture: Picture) -> None:
        if picture.width < self.width or picture.height < self.height:
            raise TooFewPixels(
                width=picture.width, height=picture.height, min_width=self.width, min_height=self.height
            )


@dataclass(frozen=True, slots=True)
class aspect:
    """Refuses a picture whose upright size is not of the ratio, such as "4:3": `WrongAspect`."""

    ratio: str

    def __post_init__(self) -> None:
        Ratio.parse(self.ratio)

    def __call__(self, file: Source, picture: Picture) -> None:
        ratio = Ratio.parse(self.ratio)
        if not ratio.accepts(picture.width, picture.height):
            raise WrongAspect(width=picture.width, height=picture.height, ratio=str(ratio))


def size_of(file: Source) -> int:
    """The size in bytes, without reading: from the file system, or by seeking to the end and back."""
    if isinstance(file, bytes | bytearray | memoryview):
        return len(file)
    if isinstance(file, str | os.PathLike):
        return os.stat(file).st_size
    position = file.tell()
    try:
        return file.seek(0, os.SEEK_END)
    finally:
        file.seek(position)
