"""Whether a picture is all of one colour, told as early as possible.

A picture that is not blank mostly shows it in its first lines, so those are looked at first, and the
look ends at the first lines that differ. Only a picture that stays blank is read to its end, every frame
and every pixel of it: a black dot on a white page is not blank. (Of a PNG that moves the library reads only the picture that
viewers show which cannot move it.)
"""

from __future__ import annotations

from ...core.upload import Picture
from .library import pyvips
from .reading import ROLLS, Origin, all_frames, load
from .whole import jpeg_scans

FIRST_LINES = 16
"""One row of blocks of a JPEG with halved colour; every later look takes twice as many lines."""

MOST_LINES = 128

BY_LINES = ("image/jpeg", "image/png")
"""The decoders that go on from line to line between two looks. (TIFF's strips must be read at one go; the other
formats decode a whole frame in any case.)"""

FIRST_LINES_FIRST = (*BY_LINES, "image/tiff")

Range = tuple[list[float], list[float]]
"""The lowest and the highest value of each channel, in 8-bit levels."""


def blank_colour(origin: Origin, picture: Picture, tolerance: int) -> str | None:
    """The one colour ("#ffffff", or "transparent") of a blank picture; None if it is not blank.

    `tolerance` is how far the values of one channel may lie apart, in levels of 0 to 255.
    """
    if _differs_early(origin, picture.media_type, tolerance):
        return None
    rolls = picture.frames > 1 and picture.media_type in ROLLS
    roll = all_frames(origin, picture.media_type) if rolls else None
    image = _comparable(load(origin, picture.media_type) if roll is None else roll)
    seen = _scan(image, tolerance, by_lines=picture.media_type in BY_LINES)
    return None if seen is None else _name(seen)


def _differs_early(origin: Origin, media_type: str, tolerance: int) -> bool:
    """Whether a look that costs little already shows that the picture is not blank."""
    if media_type not in FIRST_LINES_FIRST:
        return False
    first = load(origin, media_type)
    if media_type == "image/jpeg" and first.get_typeof("interlaced"):
        return _averages_differ(_averages_of_progressive(origin), tolerance)
    lines = first.crop(0, 0, first.width, min(FIRST_LINES, first.height))
    if _scan(_comparable(lines), tolerance) is None:
        return True
    return media_type == "image/jpeg" and _averages_differ(origin, tolerance)


def _averages_differ(origin: Origin, tolerance: int) -> bool:
    """Whether averages of 8 x 8 pixels of a JPEG already differ by more than the tolerance.

    Averages never differ by more than pixels do, but a progressive one's are coarsely rounded: twice the
    tolerance and a margin is asked for.
    """
    averages = _comparable(load(origin, "image/jpeg", shrink=8))
    return _scan(averages, 2 * tolerance + 16, by_lines=True) is None


def _averages_of_progressive(origin: Origin) -> Origin:
    """The first scan of a progressive JPEG, which holds just these averages, as a picture of its own.

    Without it nothing could be said before every scan is decoded.
    """
    with origin.view() as view:
        scans = jpeg_scans(view)
        next(scans, 0)
        return Origin(None, bytes(view[: next(scans, 0)]) + b"\xff\xd9")


def _comparable(image: pyvips.Image) -> pyvips.Image:
    """8-bit levels, colours weighted by their opacity: what cannot be seen makes no difference."""
    if image.format != "uchar" or image.interpretation not in ("srgb", "b-w"):
        image = image.colourspace("srgb").cast("uchar")
    return image.premultiply().cast("uchar") if image.hasalpha() else image


def _scan(image: pyvips.Image, tolerance: int, *, by_lines: bool = False) -> Range | None:
    """The range of values over the whole image; None if it exceeds `tolerance`, `by_lines` as soon as it does."""
    low: list[float] = []
    high: list[float] = []
    top, lines = 0, FIRST_LINES if by_lines else image.height
    while top < image.height:
        lines = min(lines, image.height - top)
        # One column per statistic, row 0 for all channels together: 0 is the minimum, 1 the maximum.
        stats = image.crop(0, top, image.width, lines).stats()
        lows = [stats.getpoint(0, 1 + band)[0] for band in range(image.bands)]
        highs = [stats.getpoint(1, 1 + band)[0] for band in range(image.bands)]
        low = [min(pair) for pair in zip(low or lows, lows, strict=True)]
        high = [max(pair) for pair in zip(high or highs, highs, strict=True)]
        if any(above - below > tolerance for below, above in zip(low, high, strict=True)):
            return None
        top, lines = top + lines, min(lines * 2, MOST_LINES)
    return low, high


def _name(seen: Range) -> str:
    middle = [(below + above) / 2 for below, above in zip(*seen, strict=True)]
    if len(middle) in (2, 4):
        alpha = middle.pop()
        if alpha < 0.5:
            return "transparent"
        middle = [value * 255 / alpha for value in middle]
    levels = [min(255, int(value + 0.5)) for value in (middle if len(middle) == 3 else middle * 3)]
    return "#" + "".join(f"{level:02x}" for level in levels)
