"""Colours, metadata and the writing of each format."""

from __future__ import annotations

from typing import Any

from .library import pyvips
from .reading import Origin, number
from .whole import webp_is_lossless

PROFILE = "icc-profile-data"

CARRIED = {PROFILE, "delay", "loop", "gif-palette", "background"}
"""All that goes from a source into a rendition besides its pixels. Everything else is dropped by name
rather than by asking the writer to: EXIF with its GPS and thumbnail, XMP, IPTC, comments, gain maps,
whatever the next release of the library learns to carry along, and the orientation, which is applied."""

BAKE_QUALITY = 90
WEB_QUALITY = 85


def encode(
    image: pyvips.Image,
    target: str | None,
    *,
    source: str,
    web: bool,
    unscaled: bool,
    origin: Origin,
    frame_height: int,
) -> tuple[bytes, str]:
    """The bytes of `image` in the format `target` (None: what suits the web), and the format's name."""
    subsampled = number_text(image, "jpeg-chroma-subsample") == "4:2:0"
    depth = number(image, "bits-per-sample", 8)
    if web or target != source:
        image = to_srgb(image)
        depth = 8
    if target is None:
        target = "webp" if image.hasalpha() else "jpeg"
    image = bare(image, frame_height)

    options: dict[str, Any] = {"keep": "icc"}
    if target == "jpeg":
        if image.hasalpha():
            image = image.flatten(background=[255])
        options["Q"] = WEB_QUALITY if web else BAKE_QUALITY
        if not web:
            options["subsample_mode"] = "on" if subsampled or source != "jpeg" else "off"
    elif target == "png":
        options["compression"] = 6
    elif target == "gif":
        # A source of one palette gives its palette on, so that unscaled pixels keep their colours.
        reuse = unscaled and bool(image.get_typeof("gif-palette"))
        options.update(reuse=reuse, dither=0 if unscaled else 1, keep_duplicate_frames=True)
    elif target == "webp":
        with origin.view() as view:
            lossless = source == "webp" and not web and webp_is_lossless(view)
        options.update(lossless=lossless, exact=lossless, Q=BAKE_QUALITY if not web else WEB_QUALITY)
    elif target == "tiff":
        options.update(compression="deflate", predictor=_predictor(image))
    elif target == "avif":
        options.update(compression="av1", Q=75, effort=3, bitdepth=min(max(depth, 8), 12))
    written = pyvips.Target.new_to_memory()
    getattr(image, WRITERS[target])(written, **options)
    return written.get("blob"), target


WRITERS = {
    "avif": "heifsave_target",
    "gif": "gifsave_target",
    "jpeg": "jpegsave_target",
    "png": "pngsave_target",
    "tiff": "tiffsave_target",
    "webp": "webpsave_target",
}


def to_srgb(image: pyvips.Image) -> pyvips.Image:
    """8-bit sRGB, through the embedded profile where there is one, without the profile."""
    if image.get_typeof(PROFILE) or image.interpretation == "cmyk":
        fallback = "cmyk" if image.interpretation == "cmyk" else "srgb"
        try:
            image = image.icc_transform("srgb", embedded=True, input_profile=fallback, intent="relative")
        except pyvips.Error:
            # A profile that is broken or meant for other channels says nothing about these colours.
            image = image.colourspace("srgb")
    image = image.colourspace("srgb").cast("uchar").copy()
    image.remove(PROFILE)
    return image


def bare(image: pyvips.Image, frame_height: int) -> pyvips.Image:
    """The same pixels without anything that is not in `CARRIED`, as frames of `frame_height` lines."""
    image = image.copy()
    for field in image.get_fields():
        if image.get_typeof(field) and field not in CARRIED and field not in _STRUCTURE:
            image.remove(field)
    if image.height > frame_height:
        image.set_type(pyvips.GValue.gint_type, "page-height", frame_height)
    return image


_STRUCTURE = frozenset(
    [
        "width",
        "height",
        "bands",
        "format",
        "coding",
        "interpretation",
        "xoffset",
        "yoffset",
        "xres",
        "yres",
        "filename",
    ]
)
"""What `get_fields` lists although it is the image itself, not its metadata."""


def number_text(image: pyvips.Image, field: str) -> str:
    """A text of the header, or "" where it has none."""
    return str(image.get(field)) if image.get_typeof(field) else ""


def _predictor(image: pyvips.Image) -> str:
    return "float" if image.format in ("float", "double") else "horizontal"
