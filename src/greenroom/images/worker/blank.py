"""Whether a picture is all of one colour, told as early as possible.

A picture that is not blank mostly shows it in its first lines, so those are looked at first, and the
look ends at the first lines that differ. Only a picture that stays blank is read to its end, every frame
and every pixel of it: a black dot on a white page is not blank.
"""

from __future__ import annotations

from ...core.upload import Picture
from .library import pyvips
from .reading import Origin, all_frames, load
from .whole import jpeg_scans

FIRST_LINES = 16
"""One row of blocks of a JPEG with halved colour; every later look takes twice as many lines."""

MOST_LINES = 128

Range = tuple[list[float], list[float]]
"""The lowest and the highest value of each channel, in 8-bit levels."""


def blank_colour(origin: Origin, picture: Picture, tolerance: int) -> str | None:
    """The one colour ("#ffffff", or "transparent") of a blank picture; None if it is not blank.

    `tolerance` is how far the values of one channel may lie apart, in levels of 0 to 255.
    """
    if picture.media_type == "image/jpeg" and _differs_coarsely(origin, tolerance):
        return None
    roll = all_frames(origin, picture.media_type) if picture.frames > 1 else None
    image = _comparable(load(origin, picture.media_type) if roll is None else roll)
    seen = _scan(image, tolerance)
    return None if seen is None else _name(seen)


def _differs_coarsely(origin: Origin, tolerance: int) -> bool:
    """Whether averages of 8 x 8 pixels already differ by more than the tolerance.

    Averages never differ by more than pixels do, but rounding may add a little: twice the tolerance
    and a margin is asked for. Of a progressive JPEG only the first scan is read, which holds just these
    averages; without that, nothing could be said before all of its scans are decoded.
    """
    certain = 2 * tolerance + 16
    first = load(origin, "image/jpeg")
    progressive = bool(first.get_typeof("interlaced"))
    if (
        not progressive
        and _scan(_comparable(first.crop(0, 0, first.width, min(FIRST_LINES, first.height))), tolerance)
        is None
    ):
        return True
    if not progressive:
        return _scan(_comparable(load(origin, "image/jpeg", shrink=8)), certain) is None
    with origin.view() as view:
        scans = jpeg_scans(view)
        next(scans)
        head = bytes(view[: next(scans, 0)])
    averages = Origin(None, head + b"\xff\xd9")
    return _scan(_comparable(load(averages, "image/jpeg", shrink=8)), certain) is None


def _comparable(image: pyvips.Image) -> pyvips.Image:
    """8-bit levels, colours weighted by their opacity: what cannot be seen makes no difference."""
    if image.format != "uchar" or image.interpretation not in ("srgb", "b-w"):
        image = image.colourspace("srgb").cast("uchar")
    return image.premultiply().cast("uchar") if image.hasalpha() else image


def _scan(image: pyvips.Image, tolerance: int) -> Range | None:
    """The range of values over the whole image, or None as soon as it exceeds `tolerance`."""
    low: list[float] = []
    high: list[float] = []
    top, lines = 0, FIRST_LINES
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
