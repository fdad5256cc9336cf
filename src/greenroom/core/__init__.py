"""Greenroom in plain Python: the standard library and nothing else."""

from .errors import GreenroomError, Refused, UsageError
from .ledger import Ceilings, Ledger, MemoryLedger, Uses
from .limits import Limits, format_size, parse_size
from .spool import Spool
from .stage import Leases, Stage
from .store import LocalFiles, SideFiles, Store, Writer
from .tokens import Signer, Token
from .upload import Picture, State, Upload

__all__ = [
    "Ceilings",
    "GreenroomError",
    "Leases",
    "Ledger",
    "Limits",
    "LocalFiles",
    "MemoryLedger",
    "Picture",
    "Refused",
    "SideFiles",
    "Signer",
    "Spool",
    "Stage",
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
