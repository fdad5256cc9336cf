"""The imaging library, made safe before its first use. The only module that imports it."""

from __future__ import annotations

import os

# Read by the library while it starts: no loader that its authors call untrusted, and no files
# outside our own names, however high a picture is (what it would spill to disk nobody would sweep).
os.environ["VIPS_BLOCK_UNTRUSTED"] = "1"
os.environ["VIPS_DISC_THRESHOLD"] = "100g"

import pyvips

ALLOWED = ("Heif", "Jpeg", "Nsgif", "Png", "Tiff", "Webp")
"""An allow-list: what the next release of the library learns to read stays shut. Blocked are SVG
(it fetches files), ImageMagick's formats such as MVG, PDF, raw memory, and Ultra HDR's loader, so that
the ordinary JPEG loader reads such a file. Of HEIF only AVIF is let through, by `reading.load`."""

ONE_THREAD = 1
"""A worker keeps one core busy; the pool decides how many workers there are. More threads in each cost
more processor time for the same picture."""


def prepare() -> None:
    """Shut every loader that is not allowed; no cache of operations, one thread. Nothing is loaded yet."""
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in ALLOWED:
        pyvips.operation_block_set(f"VipsForeignLoad{name}", False)
    # The cache would answer for a file that has changed since, and keep pictures in memory.
    pyvips.cache_set_max(0)
    pyvips.vips_lib.vips_concurrency_set(ONE_THREAD)


__all__ = ["prepare", "pyvips"]
