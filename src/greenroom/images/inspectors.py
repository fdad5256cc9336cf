"""The inspectors that are here already, for pictures. Programmers write their own as plain functions: see
`core.inspection`, which asks them all.

Each can also be called by itself, with anything that `probe` takes and the `Picture` that was found in it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from ..core.errors import TooFewPixels, TooLarge, UsageError, WrongAspect
from ..core.inspection import Inspector, size_of
from ..core.limits import format_size, parse_size
from ..core.upload import Picture
from .pool import workers
from .ratio import Ratio
from .source import Source, locate


def wants_picture(inspector: Inspector) -> bool:
    """Whether it can say nothing about a file that is not proved to be a picture."""
    return bool(getattr(inspector, "of_pictures", False))


@dataclass(frozen=True, slots=True)
class not_blank:
    """Refuses a picture that is all of one colour, in every frame, or wholly transparent: `Blank`.

    `tolerance` is how far the values of one channel may lie apart, in levels of 0 to 255: 8 takes the
    noise that JPEG leaves on a blank page for blank, and 0 wants every pixel equal. A picture with a single
    black dot is not blank. Most pictures are told by their first lines, without decoding the rest.
    """

    tolerance: int = 8
    of_pictures: ClassVar[bool] = True

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

    def __call__(self, file: Source, picture: Picture | None) -> None:
        allowed = parse_size(self.limit)
        if size_of(file) > allowed:
            raise TooLarge(limit=format_size(allowed))


@dataclass(frozen=True, slots=True)
class min_pixels:
    """Refuses a picture that is less than `width` pixels wide or `height` high when upright: `TooFewPixels`."""

    width: int
    height: int
    of_pictures: ClassVar[bool] = True

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
    of_pictures: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Ratio.parse(self.ratio)

    def __call__(self, file: Source, picture: Picture) -> None:
        ratio = Ratio.parse(self.ratio)
        if not ratio.accepts(picture.width, picture.height):
            raise WrongAspect(width=picture.width, height=picture.height, ratio=str(ratio))
