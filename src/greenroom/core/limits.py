"""What may come in: declared once, enforced as the bytes arrive, and signed into a form's policy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from .errors import EmptyFile, TooLarge, TooManyFrames, TooManyPixels, UsageError

UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}
_SIZE = re.compile(r"\s*([0-9]{1,18})(?:\.([0-9]{1,3}))?\s*([A-Za-z]*)\s*", re.ASCII)
_TYPE = re.compile(r"(\*/\*|[a-z0-9][a-z0-9.+-]*/(\*|[a-z0-9][a-z0-9.+-]*))", re.ASCII)


def parse_size(value: int | str) -> int:
    """Bytes from `10_000_000` or from "10 MB", "1.5 GiB" (SI and IEC units; a bare number is bytes)."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    unit = UNITS.get((match[3] or "B").upper()) if match else None
    if match is None or unit is None:
        raise UsageError(f'A size is a number of bytes or a text like "10 MB" ({", ".join(UNITS)}).', value)
    fraction = match[2] or ""
    return int(match[1]) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)


def format_size(size: int) -> str:
    """A size in bytes as a person reads it, in SI units: 999 B, 2 MB, 1.5 GB."""
    for unit, smaller in (("TB", "GB"), ("GB", "MB"), ("MB", "KB"), ("KB", "B")):
        if size >= UNITS[unit] - UNITS[smaller] / 20:  # what would round up to 1000 of the smaller one
            tenths = math.floor(size * 10 / UNITS[unit] + 0.5)  # as the browser's element rounds
            text = f"{tenths / 10:.1f}".removesuffix(".0")
            return f"{text} {'kB' if unit == 'KB' else unit}"
    return f"{size} B"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The rules for one file. Sizes take ints (bytes) or texts such as "10 MB".

    `types` lists media types, with `image/*` for a family; empty means every type.
    `max_pixels` is width x height of one frame, `max_total_pixels` that times the number of frames.
    """

    max_bytes: int | str | None = None
    types: Sequence[str] = ()
    allow_empty: bool = False
    max_pixels: int = 100_000_000
    max_frames: int = 1_000
    max_total_pixels: int = 400_000_000

    def __post_init__(self) -> None:
        if self.max_bytes is not None:
            object.__setattr__(self, "max_bytes", parse_size(self.max_bytes))
        if isinstance(self.types, str):
            raise UsageError('Limits.types is a list of media types, such as ["image/*"].', self.types)
        object.__setattr__(self, "types", tuple(self.types))
        for media_type in self.types:
            if not isinstance(media_type, str) or not _TYPE.fullmatch(media_type):
                raise UsageError(
                    'A media type has two parts in lower case, such as "image/png" or "image/*".', media_type
                )
        for name in ("max_pixels", "max_frames", "max_total_pixels"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"Limits.{name} is a whole number from 1.", value)

    @property
    def ceiling(self) -> int | None:
        """`max_bytes` as an int, whatever it was declared as."""
        return None if self.max_bytes is None else parse_size(self.max_bytes)

    @property
    def names_types(self) -> bool:
        """Whether some types are taken, and others are not."""
        return bool(self.types) and "*/*" not in self.types

    def allows(self, media_type: str) -> bool:
        """Whether `media_type` (as sniffed from the bytes) is on the list."""
        family = media_type.partition("/")[0] + "/*"
        return not self.types or any(allowed in (media_type, family, "*/*") for allowed in self.types)

    def check_length(self, length: int | None, *, name: str = "") -> None:
        """Refuse by its declared length what is too large or empty, before any of it has moved."""
        if length is None:
            return
        if isinstance(length, bool) or not isinstance(length, int) or length < 0:
            raise UsageError("A length is a number of bytes, from 0.", length)
        if self.ceiling is not None and length > self.ceiling:
            raise TooLarge(name=name, limit=format_size(self.ceiling))
        if length == 0 and not self.allow_empty:
            raise EmptyFile(name=name)

    def check_pixels(self, width: int, height: int, frames: int) -> None:
        """Raise `TooManyPixels` or `TooManyFrames` for a picture of more than is taken."""
        if width * height > self.max_pixels:
            raise TooManyPixels(width=width, height=height, limit=self.max_pixels)
        self.check_frames(frames)
        if width * height * frames > self.max_total_pixels:
            # Said in frames, since that is what a person can do something about.
            raise TooManyFrames(frames=frames, limit=self.max_total_pixels // (width * height))

    def check_frames(self, frames: int) -> None:
        """Raise `TooManyFrames` for more frames or pages than are taken."""
        if frames > self.max_frames:
            raise TooManyFrames(frames=frames, limit=self.max_frames)

    def to_dict(self) -> dict[str, Any]:
        """What differs from the defaults, for JSON."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value != self.__dataclass_fields__[name].default
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**values)
