"""A disk that is as slow as a test wants it."""

from __future__ import annotations

import os
from typing import Any

from greenroom.stores import LocalStore


class GatedStore(LocalStore):
    """Waits before each write until there is a byte to be had from the FIFO `gate`."""

    def __init__(self, root: Any, gate: str) -> None:
        super().__init__(root, keep_free=0)
        self.gate = os.open(gate, os.O_RDWR)  # its own writer, so that it never ends

    def take(self, upload_id: str, epoch: int) -> Any:
        place: Any = super().take(upload_id, epoch)
        make = place.writer
        place.writer = lambda offset: Gated(make(offset), self.gate)
        return place


class Gated:
    def __init__(self, writer: Any, gate: int) -> None:
        self.writer = writer
        self.gate = gate

    def write(self, data: Any) -> None:
        os.read(self.gate, 1)
        self.writer.write(data)

    def close(self) -> None:
        self.writer.close()
