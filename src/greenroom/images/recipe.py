"""What is to be made of a picture: a value that can be stored, compared and used in a file name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Self

from ..core.errors import CropMoving, UsageError
from ..core.upload import Picture
from .crop import Crop

MEDIA_TYPES = {
    "avif": "image/avif",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "tiff": "image/tiff",
    "webp": "image/webp",
}
"""The formats that are written, and the types that are read: the same six."""

FORMATS = {media_type: name for name, media_type in MEDIA_TYPES.items()}

PROXY_SIZE = (2048, 2048)
"""The crop editor's picture: enough for any screen, small enough for any browser's memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a rendition is made. The order never varies: orient by the orientation that was probed,
    crop, mirror, rotate, resize, encode without an orientation tag. No rendition carries EXIF, GPS, XMP,
    comments or embedded thumbnails.

    `size` is a box (width, height in pixels) that the displayed result fits into; it is never enlarged.
    `format` is one of `MEDIA_TYPES`, or None: with `web` that means JPEG (WebP where the picture has
    an alpha channel), else the format of the source. `web` converts through the ICC profile to 8-bit
    sRGB and drops the profile; a change of format does that too, since profiles of one format's colours
    mean nothing in another's. A picture that stays in its format keeps its profile and its depth.
    `first_frame` takes only the first frame or page. Otherwise GIF and WebP keep every frame, duration
    and the loop count in GIF and WebP, and a TIFF whose pages are all of one size keeps every page in TIFF.
    A PNG that moves is made nothing else of in PNG.
    """

    crop: Crop | None = None
    size: tuple[int, int] | None = None
    format: str | None = None
    web: bool = False
    first_frame: bool = False

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in MEDIA_TYPES:
            raise UsageError(f"Recipe.format is one of {', '.join(MEDIA_TYPES)}, or None.", self.format)
        if self.size is not None:
            sides = self.size if isinstance(self.size, list | tuple) else ()
            if len(sides) != 2 or any(type(side) is not int or side < 1 for side in sides):
                raise UsageError("A size is (width, height) in whole pixels from 1.", self.size)
            object.__setattr__(self, "size", tuple(sides))

    @classmethod
    def preview(cls, crop: Crop | None = None, size: tuple[int, int] = (640, 640)) -> Self:
        """A small still picture of the result, for a list."""
        return cls(crop=crop, size=size, web=True, first_frame=True)

    @classmethod
    def proxy(cls) -> Self:
        """The whole picture, upright and in sRGB, for a crop editor in any browser."""
        return cls(size=PROXY_SIZE, web=True, first_frame=True)

    @classmethod
    def bake(cls, crop: Crop | None, size: tuple[int, int] | None = None) -> Self:
        """What is saved: the crop in the format of the source, with every frame and the ICC profile."""
        return cls(crop=crop, size=size)

    def check(self, picture: Picture) -> None:
        """Raise `CropMoving` for a PNG that moves, of which only the first frame would be left: it is read and not written.

        Also the crop's own refusals, `CropStale` and `CropOutside`.
        """
        if self.crop is not None:
            self.crop.check(picture)
        stays = (self.format or FORMATS[picture.media_type]) == "png" and not self.web
        if stays and picture.media_type == "image/png" and picture.frames > 1 and not self.first_frame:
            raise CropMoving

    def to_dict(self) -> dict[str, Any]:
        """What differs from the defaults, for JSON."""
        values: dict[str, Any] = {}
        if self.crop is not None:
            values["crop"] = self.crop.to_dict()
        if self.size is not None:
            values["size"] = list(self.size)
        if self.format is not None:
            values["format"] = self.format
        if self.web:
            values["web"] = True
        if self.first_frame:
            values["first_frame"] = True
        return values

    def to_json(self) -> str:
        """`to_dict` as text without white space; equal recipes give equal text."""
        return json.dumps(self.to_dict(), separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`. Raises `CropInvalid` or `UsageError`."""
        values = json.loads(text)
        if not isinstance(values, dict) or not set(values) <= set(cls.__dataclass_fields__):
            raise UsageError("A stored recipe is what Recipe.to_json wrote.", text)
        if "crop" in values:
            values["crop"] = Crop.parse(values["crop"])
        if "size" in values:
            values["size"] = tuple(values["size"])
        return cls(**values)

    def digest(self) -> str:
        """24 hex digits (96 bits) that name this recipe, stable from one release to the next."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:24]

    def result_size(self, width: int, height: int) -> tuple[int, int]:
        """What this recipe makes of an upright picture of `width` x `height` pixels.

        The side that limits takes the box's length; the other is rounded, halves up, and at least 1.
        """
        if self.crop is not None:
            width, height = self.crop.result_size
        if self.size is None or (width <= self.size[0] and height <= self.size[1]):
            return width, height
        box_w, box_h = self.size
        if width * box_h >= height * box_w:
            return box_w, max(1, (2 * height * box_w + width) // (2 * width))
        return max(1, (2 * width * box_h + height) // (2 * height)), box_h
