"""The stored crop, version 1: a rectangle in the picture's own pixels, a rotation, a mirroring.

Space: the source's pixel grid after its stored EXIF orientation, origin top left, a half-open
rectangle. Order: crop, mirror left-right if `flip`, rotate clockwise by `rot` (the semantics of
the IIIF Image API 3.0, section 4). So rotating changes none of x, y, w, h.

A crop is a parameter of a reference to an upload. It comes back from browsers, so parsing takes the
stored form and nothing else: what is not understood is refused, never repaired.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from ..core.errors import CropInvalid, CropOutside, CropRatio, CropStale, UsageError
from ..core.errors import gettext_noop as _
from ..core.upload import Picture
from .ratio import Ratio

MAX_SIDE = 10_000_000
"""No coordinate is larger (the highest picture that libvips holds has ten million lines). It bounds the length
of the compact form too."""

MAX_TEXT = 512
"""The stored form takes at most about 140 characters; the rest is room for white space."""

KEYS = ("v", "src", "x", "y", "w", "h", "rot", "flip")
ROTATIONS = (0, 90, 180, 270)

_NUMBER = r"(0|[1-9][0-9]{0,7})"
_COMPACT = re.compile("-".join([_NUMBER] * 6) + r"-(0|90|180|270)-([01])", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Crop:
    """One rectangle of one picture. All lengths are in pixels of the upright source.

    `src` is the size (width, height) of the picture that the crop was made for. Values of a wrong
    type or outside their bounds raise `UsageError`; what comes from outside goes through `parse`.
    """

    src: tuple[int, int]
    x: int
    y: int
    w: int
    h: int
    rot: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        problem = _problem(self.src, self.x, self.y, self.w, self.h, self.rot, self.flip)
        if problem:
            raise UsageError("A crop is whole pixels of a picture.", problem)

    @classmethod
    def parse(cls, value: str | Mapping[str, Any] | None) -> Self | None:
        """The crop that JSON text, or the object decoded from it, stands for. `null` is no crop: None.

        Raises `CropInvalid` with a reason for everything that is not exactly version 1.
        """
        decoded = _decode(value) if isinstance(value, str) else value
        if decoded is None:
            return None
        if not isinstance(decoded, Mapping):
            _refuse(_("it is not a set of crop values"))
        if set(decoded) != set(KEYS):
            _refuse(_("values are missing from it, or it has values that do not belong to a crop"))
        if isinstance(decoded["v"], bool) or not isinstance(decoded["v"], int) or decoded["v"] != 1:
            _refuse(_("it is of a version that is not known here"))
        src = decoded["src"]
        if not isinstance(src, list | tuple) or len(src) != 2:
            _refuse(_("it does not give the width and height of the picture it was made for"))
        fields = {key: decoded[key] for key in KEYS[2:]}
        problem = _problem(tuple(src), **fields)
        if problem:
            _refuse(problem)
        return cls(src=(src[0], src[1]), **fields)

    def to_dict(self) -> dict[str, Any]:
        """The stored form, for JSON. `parse` takes it back."""
        return {
            "v": 1,
            "src": list(self.src),
            "x": self.x,
            "y": self.y,
            "w": self.w,
            "h": self.h,
            "rot": self.rot,
            "flip": self.flip,
        }

    def to_json(self) -> str:
        """The stored form as text without white space, keys always in the same order."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    def compact(self) -> str:
        """At most 60 URL-safe characters, for tokens: "4000-3000-0-0-3000-2250-90-1"."""
        numbers = (*self.src, self.x, self.y, self.w, self.h, self.rot, int(self.flip))
        return "-".join(str(number) for number in numbers)

    @classmethod
    def from_compact(cls, text: str) -> Self:
        """The inverse of `compact`; raises `CropInvalid` for anything that it does not produce."""
        match = _COMPACT.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            _refuse(_("it is garbled"))
        width, height, x, y, w, h, rot, flip = (int(group) for group in match.groups())
        problem = _problem((width, height), x, y, w, h, rot, bool(flip))
        if problem:
            _refuse(problem)
        return cls(src=(width, height), x=x, y=y, w=w, h=h, rot=rot, flip=bool(flip))

    @property
    def result_size(self) -> tuple[int, int]:
        """Width and height of what is displayed: a quarter turn swaps them."""
        return (self.h, self.w) if self.rot % 180 else (self.w, self.h)

    def check(self, picture: Picture, ratio: Ratio | None = None) -> None:
        """Raise `CropStale`, `CropOutside` or `CropRatio` unless this crop fits `picture` and `ratio`.

        A crop is never clamped: a person would be given another part of the picture than the one
        that was chosen.
        """
        if self.src != (picture.width, picture.height):
            raise CropStale(width=picture.width, height=picture.height)
        if self.x + self.w > picture.width or self.y + self.h > picture.height:
            raise CropOutside(width=picture.width, height=picture.height)
        width, height = self.result_size
        if ratio is not None and not ratio.accepts(width, height):
            raise CropRatio(width=width, height=height, ratio=str(ratio))


def _decode(text: str) -> Any:
    """Strict JSON: bounded, no duplicate keys (which one would count?), no NaN or Infinity."""
    if len(text) > MAX_TEXT:
        _refuse(_("it is too long"))
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        _refuse(_("it is not JSON"))


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        _refuse(_("it gives a value twice"))
    return values


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _problem(src: Any, x: Any, y: Any, w: Any, h: Any, rot: Any, flip: Any) -> str | None:
    """What is wrong with these values, in words for a person; None if nothing is.

    Types are compared with `is`: in Python `True` is an int and equals 1, and 1.0 equals 1.
    """
    numbers = (*src, x, y, w, h, rot)
    if any(type(number) is not int for number in numbers):
        return _("its numbers must be whole")
    if any(not 0 <= number <= MAX_SIDE for number in numbers):
        return _("its numbers are negative or too large")
    if min(*src, w, h) < 1:
        return _("its width and height must be at least 1 pixel")
    if rot not in ROTATIONS:
        return _("it can be rotated by 0, 90, 180 or 270 degrees only")
    if type(flip) is not bool:
        return _("“flip” must be true or false")
    return None


def _refuse(reason: str) -> NoReturn:
    raise CropInvalid(reason=reason)
