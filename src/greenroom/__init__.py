"""Greenroom: uploads wait here, from the moment they are picked until the form is saved."""

from .core import Limits, Spool, Stage, Upload
from .stores import LocalStore, MemoryStore

__all__ = ["Limits", "LocalStore", "MemoryStore", "Spool", "Stage", "Upload"]
__version__ = "0.1.0"
