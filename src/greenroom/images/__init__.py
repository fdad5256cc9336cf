"""Pictures: what one is (`probe`), a part of it (`Crop`), what is made of it (`Recipe`, `render`), and
what is not accepted (`inspect` and the inspectors).

Decoding happens in worker processes. This package imports no imaging library, and needs no Django.
"""

from ..core.inspection import Inspector, inspect
from .crop import Crop
from .edges import dependent_side, largest, round_edges
from .inspectors import aspect, max_bytes, min_pixels, not_blank, wants_picture
from .pool import WorkerLimits, Workers, WorkersUnavailable, configure, workers
from .probe import probe
from .ratio import Ratio
from .recipe import MEDIA_TYPES, Recipe
from .render import Rendered, render

__all__ = [
    "MEDIA_TYPES",
    "Crop",
    "Inspector",
    "Ratio",
    "Recipe",
    "Rendered",
    "WorkerLimits",
    "Workers",
    "WorkersUnavailable",
    "aspect",
    "configure",
    "dependent_side",
    "inspect",
    "largest",
    "max_bytes",
    "min_pixels",
    "not_blank",
    "probe",
    "render",
    "round_edges",
    "wants_picture",
    "workers",
]
