"""Greenroom in plain Python: the standard library and nothing else."""

from .ceilings import Ceilings
from .errors import GreenroomError, Refused, UsageError
from .ledger import Ledger, MemoryLedger, Uses
from .limits import Limits, format_size, parse_size
from .spool import Spool
from .stage import Leases, Stage
from .store import Bounded, Fencing, LocalFiles, Place, SideFiles, Standing, Store, Writer
from .tokens import Signer, Token
from .upload import Picture, State, Upload

__all__ = [
    "Bounded",
    "Ceilings",
    "Fencing",
    "GreenroomError",
    "Leases",
    "Ledger",
    "Limits",
    "LocalFiles",
    "MemoryLedger",
    "Picture",
    "Place",
    "Refused",
    "SideFiles",
    "Signer",
    "Spool",
    "Stage",
    "Standing",
    "State",
    "Store",
    "Token",
    "Upload",
    "UsageError",
    "Uses",
    "Writer",
    "format_size",
    "parse_size",
]
