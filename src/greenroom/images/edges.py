"""From what a hand draws to whole pixels: rounding, the largest rectangle, the side that follows.

The browser's editor computes the same in TypeScript; `tests/images/crop_vectors.json` is the table
that both must reproduce. Everything here is for the rectangle before it is rotated, so a ratio,
which is of the displayed result, is turned first.
"""

from __future__ import annotations

import math

from ..core.errors import CropInvalid, CropOutside, CropRatio, UsageError
from ..core.errors import gettext_noop as _
from ..core.upload import Picture
from .crop import Crop
from .ratio import Ratio


def round_edges(
    picture: Picture,
    *,
    left: float,
    top: float,
    right: float,
    bottom: float,
    ratio: Ratio | None = None,
    rot: int = 0,
    flip: bool = False,
) -> Crop:
    """The crop of whole pixels that stands for four edges drawn with fractions of pixels.

    Each edge is `floor(v + 0.5)`, then clamped so that at least one pixel inside the picture is left.
    With a ratio the width is kept and the height follows; where there is no room for that height the
    whole height of the picture is taken and the width follows. A rectangle that then crosses the right
    or lower edge moves back inside.

    Raises `CropInvalid` for NaN and infinities, `CropRatio` if no whole pixels of this picture have
    the ratio.
    """
    if not all(math.isfinite(edge) for edge in (left, top, right, bottom)):
        raise CropInvalid(reason=_("its numbers must be whole"))
    x, far_x = _clamp(left, right, picture.width)
    y, far_y = _clamp(top, bottom, picture.height)
    w, h = far_x - x, far_y - y
    if ratio is not None:
        w, h = _with_ratio(ratio.turned(rot), w, picture.width, picture.height)
        x, y = min(x, picture.width - w), min(y, picture.height - h)
    return Crop(src=(picture.width, picture.height), x=x, y=y, w=w, h=h, rot=rot, flip=flip)


def largest(picture: Picture, ratio: Ratio | None = None, rot: int = 0) -> Crop:
    """The largest centred rectangle of `ratio` (without one: the whole picture).

    An odd pixel of margin goes to the right or below. Raises `CropRatio` if there is no such rectangle.
    """
    w, h = picture.width, picture.height
    if ratio is not None:
        w, h = _with_ratio(ratio.turned(rot), w, w, h)
    x, y = (picture.width - w) // 2, (picture.height - h) // 2
    return Crop(src=(picture.width, picture.height), x=x, y=y, w=w, h=h, rot=rot)


def dependent_side(
    picture: Picture,
    ratio: Ratio,
    *,
    x: int = 0,
    y: int = 0,
    w: int | None = None,
    h: int | None = None,
    rot: int = 0,
) -> tuple[int, int]:
    """Width and height of a crop at (x, y) of which only one side, `w` or `h`, was given.

    The other follows from the ratio. If it would reach outside, it is cut to the room there is and
    the given side follows it, so the result is always inside and of the ratio. Raises `CropOutside`
    if (x, y) is not in the picture, `CropRatio` if no whole pixels at that place have the ratio.
    """
    if (w is None) is (h is None):
        raise UsageError("Give one of w and h; the other follows.", (w, h))
    room_w, room_h = picture.width - x, picture.height - y
    if x < 0 or y < 0 or min(room_w, room_h) < 1:
        raise CropOutside(width=picture.width, height=picture.height)
    turned = ratio.turned(rot)
    if w is not None:
        return _with_ratio(turned, w, room_w, room_h)
    sideways = _with_ratio(Ratio(turned.q, turned.p), h or 1, room_h, room_w)
    return sideways[1], sideways[0]


def _clamp(near: float, far: float, size: int) -> tuple[int, int]:
    start = min(max(math.floor(near + 0.5), 0), size - 1)
    return start, min(max(math.floor(far + 0.5), start + 1), size)


def _with_ratio(ratio: Ratio, w: int, room_w: int, room_h: int) -> tuple[int, int]:
    """The width nearest to `w` for which whole pixels within the room have the ratio, and its height."""
    w = min(max(w, 1), room_w)
    h = min(ratio.height_for(w), room_h)
    if not ratio.accepts(w, h):
        # Either the height was cut, or one pixel of height is already too much for so small a width.
        w = min(ratio.width_for(h), room_w)
    if not ratio.accepts(w, h):
        raise CropRatio(width=room_w, height=room_h, ratio=str(ratio))
    return w, h
