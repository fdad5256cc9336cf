"""What a picture is, proved by decoding it."""

from __future__ import annotations

from ..core.limits import Limits
from ..core.upload import Picture
from .pool import WorkerLimits, workers
from .source import Source, locate

FIELDS = ("media_type", "width", "height", "orientation", "frames")


def probe(source: Source, limits: Limits | None = None, *, work: WorkerLimits | None = None) -> Picture:
    """Look into `source`: type by its bytes, upright size in pixels, stored orientation, number of frames.

    `limits` are held against the header before anything is decoded; then every frame is decoded, so that
    what passes can be shown, cropped and saved. Everything happens in a worker process, within `work`.

    Raises `NotAPicture`, `TooManyPixels`, `TooManyFrames`, `TooMuchWork`; `OSError` if a path cannot
    be read. A TIFF whose pages differ in size counts as its first page.
    """
    path, payload = locate(source)
    allowed = limits or Limits()
    job = {
        "job": "probe",
        "path": path,
        "limits": {name: getattr(allowed, name) for name in ("max_pixels", "max_frames", "max_total_pixels")},
    }
    answer, _data = workers().run(job, payload, limits=work)
    return Picture(**{name: answer[name] for name in FIELDS})
