"""Making a rendition: crop and shrink in the stored orientation, then one turn, then the colours.

Cropping first, before anything is turned, lets the library read the file from top to bottom and
skip what is not wanted; the orientation, the mirroring and the rotation then become a single turn of
what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...core.errors import CropStale
from ...core.upload import Picture
from ..recipe import FORMATS, MEDIA_TYPES, Recipe
from .encoding import encode
from .library import pyvips
from .reading import ROLLS, Origin, all_frames, load


class Box(NamedTuple):
    """A rectangle in pixels."""

    x: int
    y: int
    w: int
    h: int


class Turn(NamedTuple):
    """Mirror left-right if `flip`, then rotate clockwise by `rot` degrees."""

    flip: bool
    rot: int

    def then(self, after: Turn) -> Turn:
        """Both in one. (Mirroring what was rotated is rotating the mirrored the other way.)"""
        turned = -self.rot if after.flip else self.rot
        return Turn(self.flip is not after.flip, (turned + after.rot) % 360)

    def apply(self, image: pyvips.Image) -> pyvips.Image:
        """The image, turned."""
        if self.flip:
            image = image.fliphor()
        return image.rot(f"d{self.rot}") if self.rot else image


UPRIGHT = {
    1: Turn(False, 0),
    2: Turn(True, 0),
    3: Turn(False, 180),
    4: Turn(True, 180),
    5: Turn(True, 270),
    6: Turn(False, 90),
    7: Turn(True, 90),
    8: Turn(False, 270),
}
"""What makes a stored picture upright, for each value of the tag Orientation (EXIF 2.32, 4.6.4)."""


MOST_OPEN = 100
"""Pages of a TIFF that are open at once, each with a descriptor of its own. With more, each is read whole and closed."""


class Drawn(NamedTuple):
    """An encoded rendition; width and height in pixels, of one frame."""

    data: bytes
    media_type: str
    width: int
    height: int


def draw(origin: Origin, recipe: Recipe, picture: Picture) -> Drawn:
    """Render `recipe`. Raises `CropStale` if the bytes are not of the size that `picture` says."""
    name = recipe.format or FORMATS[picture.media_type]
    source_name = FORMATS[picture.media_type]
    target = None if recipe.web and recipe.format is None else name
    roll = _roll(origin, recipe, picture, target or "jpeg")
    image = load(origin, picture.media_type) if roll is None else roll
    height = image.height if roll is None else image.height // picture.frames
    stored = (picture.height, picture.width) if picture.orientation >= 5 else (picture.width, picture.height)
    if (image.width, height) != stored:
        raise CropStale(width=image.width, height=height)

    crop = recipe.crop
    upright = (
        Box(0, 0, picture.width, picture.height) if crop is None else Box(crop.x, crop.y, crop.w, crop.h)
    )
    box = stored_box(upright, picture)
    turn = UPRIGHT[picture.orientation]
    if crop is not None:
        turn = turn.then(Turn(crop.flip, crop.rot))
    result = recipe.result_size(picture.width, picture.height)
    scaled = (result[1], result[0]) if turn.rot % 180 else result

    if roll is None:
        if picture.media_type == "image/jpeg" and (factor := shrink_factor(box, scaled)) > 1:
            image = load(origin, picture.media_type, shrink=factor)
            box = shrunk_box(box, factor, picture, image)
        image = _resize(_crop(image, box), scaled)
        if turn != UPRIGHT[1]:
            image = turn.apply(image.copy_memory())  # a turn reads in another order than the file has
    else:
        image = _each_frame(_frames(origin, picture, roll), picture.frames, box, scaled, turn)
    unscaled = scaled == (box.w, box.h)
    data, name = encode(
        image,
        target,
        source=source_name,
        web=recipe.web,
        unscaled=unscaled,
        origin=origin,
        frame_height=result[1],
    )
    return Drawn(data, MEDIA_TYPES[name], *result)


def stored_box(box: Box, picture: Picture) -> Box:
    """Where a rectangle of the upright picture lies in the stored one."""
    x, y, w, h = box
    # Undo the rotation first, then the mirroring, in sizes of the upright picture.
    width, height = picture.width, picture.height
    turn = UPRIGHT[picture.orientation]
    for _quarter in range(turn.rot // 90):
        x, y, w, h = y, width - x - w, h, w
        width, height = height, width
    return Box(width - x - w if turn.flip else x, y, w, h)


def shrink_factor(box: Box, scaled: tuple[int, int]) -> int:
    """By how much a JPEG may be shrunk while it is decoded: 1, 2, 4 or 8.

    Twice the wanted pixels are left for the resampling, since the decoder's own averaging is coarse
    (the same margin as in the library's thumbnailer).
    """
    excess = min(box.w / scaled[0], box.h / scaled[1])
    return next((factor for factor in (8, 4, 2) if excess >= 2 * factor), 1)


def shrunk_box(box: Box, factor: int, picture: Picture, image: pyvips.Image) -> Box:
    """`box` in a picture that was shrunk while decoding, rounded inwards: nothing from outside the crop
    gets into the result."""
    width, height = (
        (picture.height, picture.width) if picture.orientation >= 5 else (picture.width, picture.height)
    )
    left, top = -(-box.x // factor), -(-box.y // factor)
    right = image.width if box.x + box.w == width else (box.x + box.w) // factor
    bottom = image.height if box.y + box.h == height else (box.y + box.h) // factor
    return Box(left, top, right - left, bottom - top)


def _roll(origin: Origin, recipe: Recipe, picture: Picture, target: str) -> pyvips.Image | None:
    """All frames, if they are wanted and the target can hold them."""
    if picture.frames == 1 or recipe.first_frame or picture.media_type not in ROLLS:
        return None
    if (picture.media_type == "image/tiff") is not (target == "tiff") or target not in (
        "gif",
        "webp",
        "tiff",
    ):
        return None
    return all_frames(origin, picture.media_type)


def _each_frame(
    sources: Iterable[pyvips.Image], count: int, box: Box, scaled: tuple[int, int], turn: Turn
) -> pyvips.Image:
    """A roll of `count` frames, each cropped, resized and turned by itself.

    What is resized or turned is computed one frame after the other: a turn reads in another order than the file has, and
    left to be computed together a thousand small pipelines would hold their buffers, and their files, to the end.
    """
    at_once = scaled != (box.w, box.h) or turn != UPRIGHT[1] or count > MOST_OPEN
    made = []
    for source in sources:
        frame = _crop(source, box)
        if at_once:
            frame = turn.apply(_resize(frame, scaled).copy_memory()).copy_memory()
        made.append(frame)
    return pyvips.Image.arrayjoin(made, across=1)


def _frames(origin: Origin, picture: Picture, roll: pyvips.Image) -> Iterator[pyvips.Image]:
    """The frames of a roll; of a TIFF its pages, each opened by itself, since its decoder cannot go back by the few lines
    that are read twice where two pages meet."""
    if picture.media_type == "image/tiff":
        for number in range(picture.frames):
            yield load(origin, picture.media_type, page=number)
        return
    height = roll.height // picture.frames
    # One frame as one tile, so that the few lines on both sides of where two meet are there for both.
    cached = roll.tilecache(tile_width=roll.width, tile_height=height, max_tiles=1, access="sequential")
    for number in range(picture.frames):
        yield cached.crop(0, number * height, roll.width, height)


def _crop(image: pyvips.Image, box: Box) -> pyvips.Image:
    if (box.w, box.h) == (image.width, image.height):
        return image
    return image.crop(*box)


def _resize(image: pyvips.Image, size: tuple[int, int]) -> pyvips.Image:
    if size == (image.width, image.height):
        return image
    if not image.hasalpha():
        return image.resize(size[0] / image.width, vscale=size[1] / image.height)
    # Colours under a transparent pixel must not bleed into their neighbours.
    weighted = image.premultiply().resize(size[0] / image.width, vscale=size[1] / image.height)
    return weighted.unpremultiply().cast(image.format)
