"""Opening a picture, its header, and the proof that it can be decoded."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...core.errors import NotAPicture, TooMuchWork
from ...core.errors import gettext_noop as _
from ...core.limits import Limits
from ...core.sniff import HEAD_BYTES, sniff
from ...core.upload import Picture
from .library import pyvips
from .sizes import claimed_sizes
from .whole import View, is_whole, png_frames, png_packed, tiff_pages

DAMAGED = _("it is cut off or damaged")
DISAGREED = _("it says more than one size")
UNREAD = _("it is not a JPEG, PNG, GIF, WebP, AVIF or TIFF picture by its content")
HEIC = _("HEIC cannot be read here yet, so send it as JPEG")
AVIF_SEQUENCE = _("an AVIF that moves cannot be read here yet, so send it as GIF or WebP")

LOADERS = {
    "image/avif": "heifload_source",
    "image/gif": "gifload_source",
    "image/jpeg": "jpegload_source",
    "image/png": "pngload_source",
    "image/tiff": "tiffload_source",
    "image/webp": "webpload_source",
}
"""Which loader the library must pick for which sniffed type: the prober is the decoder."""

MOST_PACKED = 2 << 20
"""Bytes of packed texts and profiles in a PNG. Each may unpack to a thousand times as much: 2 MiB take some 0.6 s."""

ROLLS = ("image/gif", "image/tiff", "image/webp")
"""The types that may hold several frames; libvips loads them one above the other, as one high roll."""


class Origin:
    """The bytes of a picture: a file, or what came through the pipe."""

    def __init__(self, path: str | None, payload: bytes) -> None:
        self._path, self._payload = path, payload

    def head(self) -> bytes:
        """As many of the first bytes as the sniffer wants."""
        if self._path is None:
            return self._payload[:HEAD_BYTES]
        with open(self._path, "rb") as file:
            return file.read(HEAD_BYTES)

    @contextmanager
    def view(self) -> Iterator[View]:
        """All bytes, mapped rather than read where they are in a file."""
        if self._path is None:
            yield self._payload
            return
        with open(self._path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as mapped:
                yield mapped

    def source(self) -> pyvips.Source:
        """A new source for the library, at the first byte."""
        if self._path is None:
            return pyvips.Source.new_from_memory(self._payload)
        # By descriptor: the library takes names for UTF-8, and not every name is.
        with open(self._path, "rb") as file:
            return pyvips.Source.new_from_descriptor(file.fileno())


def media_type_of(origin: Origin) -> str:
    """The sniffed type, if it is one that is read here. Raises `NotAPicture`."""
    head = origin.head()
    media_type = sniff(head)
    if media_type in ("image/heic", "image/heif"):
        raise NotAPicture(reason=HEIC)
    if media_type == "image/avif" and head[8:12] == b"avis":
        # The library does not read it, which does not make it damaged.
        raise NotAPicture(reason=AVIF_SEQUENCE)
    if media_type not in LOADERS:
        raise NotAPicture(reason=UNREAD)
    return media_type


def load(origin: Origin, media_type: str, **options: Any) -> pyvips.Image:
    """The picture as a lazy, sequential image. `options` are the loader's (`n`, `shrink`).

    The library picks the loader by itself, from its allow-list, and must agree with the sniffer.
    """
    image = pyvips.Image.new_from_source(origin.source(), "", access="sequential", fail_on="error", **options)
    if image.get("vips-loader") != LOADERS[media_type]:
        raise NotAPicture(reason=UNREAD)
    if media_type == "image/avif" and image.get("heif-compression") != "av1":
        raise NotAPicture(reason=HEIC)
    return image


def probe(origin: Origin, limits: Limits) -> Picture:
    """What the header says, held against the limits, then proved by decoding every frame.

    Nothing is decoded before the limits are checked: that is what a decompression bomb waits for.
    """
    media_type = media_type_of(origin)
    with origin.view() as view:
        if media_type == "image/tiff":
            limits.check_frames(tiff_pages(view))
        claimed = claimed_size(view, media_type, limits)
    image = load(origin, media_type)
    width, height = image.width, image.height
    # The decoder may have a mind of its own: libnsgif takes some screens of GIFs for the author's monitor.
    if (width, height) != claimed:
        raise NotAPicture(reason=DISAGREED)
    frames = number(image, "n-pages", 1) if media_type in ROLLS else 1
    with origin.view() as view:
        if media_type == "image/png":
            frames = png_frames(view)  # of which the decoder knows the first alone
        limits.check_pixels(width, height, frames)
        if not is_whole(view, media_type):
            raise NotAPicture(reason=DAMAGED)
    if frames > 1 and media_type in ROLLS:
        roll = all_frames(origin, media_type)
        image, frames = (roll, frames) if roll is not None else (image, 1)
    image.avg()  # touches every pixel of every frame
    orientation = number(image, "orientation", 1)
    orientation = orientation if 1 <= orientation <= 8 else 1
    if orientation >= 5:
        width, height = height, width
    return Picture(media_type=media_type, width=width, height=height, orientation=orientation, frames=frames)


def claimed_size(view: View, media_type: str, limits: Limits) -> tuple[int, int]:
    """The one size that the container claims. Raises `TooManyPixels` for any claim that is too much, `TooMuchWork` for
    what would have to be unpacked beside the pixels, and `NotAPicture` unless there is exactly one size."""
    try:
        claims = claimed_sizes(view, media_type)
        packed = png_packed(view) if media_type == "image/png" else 0
    except (struct.error, LookupError, ValueError, OverflowError):
        raise NotAPicture(reason=DAMAGED) from None
    if packed > MOST_PACKED:
        raise TooMuchWork()
    for width, height in claims:
        limits.check_pixels(width, height, 1)
    if len(claims) > 1:
        raise NotAPicture(reason=DISAGREED)
    if not claims:
        raise NotAPicture(reason=DAMAGED)
    return claims.pop()


def all_frames(origin: Origin, media_type: str) -> pyvips.Image | None:
    """The roll of all frames, or None for a TIFF whose pages differ in size or kind.

    Such a TIFF is mostly a page with its thumbnail. It counts as its first page; there is no
    one crop that could be meant for all of them.
    """
    try:
        return load(origin, media_type, n=-1)
    except pyvips.Error as error:
        if media_type == "image/tiff" and "differs from page" in str(error):
            return None
        raise


def number(image: pyvips.Image, field: str, default: int) -> int:
    """An int of the header, or `default` where it has none."""
    value = image.get(field) if image.get_typeof(field) else None
    return value if isinstance(value, int) else default
