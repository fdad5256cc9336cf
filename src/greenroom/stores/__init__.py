"""Stores: where held bytes are. Each implements `greenroom.core.store` and passes `StoreSuite`."""

from .local import LocalStore
from .memory import MemoryStore

__all__ = ["LocalStore", "MemoryStore"]
