"""`MemoryStore`: held bytes in this process, for plain Python and for tests."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from greenroom.core.errors import Busy, OffsetMismatch
from greenroom.core.spool import ReadOnlyBytes
from greenroom.core.store import Standing, check_beside, check_id


@dataclass
class Writing:
    """Who writes: every epoch below `begun` is over, and those up to `ended`. `at` is when something was last done."""

    begun: int = 0
    ended: int = 0
    at: float = 0.0


class MemoryStore:
    """A `Store` with `SideFiles` and `Fencing`. What it holds ends with the process and is seen by no other one."""

    def __init__(self) -> None:
        self._bytes: dict[str, bytearray] = {}
        self._beside: dict[str, dict[str, bytes]] = {}
        self._stamps: dict[str, int] = {}
        self._writing: dict[str, Writing] = {}
        self._lock = threading.Lock()

    def append(self, upload_id: str, offset: int) -> MemoryWriter:
        check_id(upload_id)
        with self._lock:
            return MemoryWriter(self._cut(upload_id, offset))

    def seal(self, upload_id: str) -> str:
        with self._lock:
            return f"{len(self._held(upload_id))}-{self._stamps[upload_id]}"

    def open(self, upload_id: str) -> ReadOnlyBytes:
        return ReadOnlyBytes(self._held(upload_id))

    def remove(self, upload_id: str) -> None:
        check_id(upload_id)
        with self._lock:
            self._bytes.pop(upload_id, None)
            self._beside.pop(upload_id, None)
            self._stamps.pop(upload_id, None)
            self._writing.pop(upload_id, None)

    def ids(self) -> Iterator[str]:
        with self._lock:
            return iter(sorted({*self._bytes, *self._beside}))

    def standing(self, upload_id: str, epoch: int) -> Standing:
        check_id(upload_id)
        with self._lock:
            writing = self._writing.get(upload_id, Writing())
            over = epoch == 0 or epoch < writing.begun or epoch <= writing.ended
            size = len(self._bytes.get(upload_id, b""))
            if over:
                return Standing(size=size, idle=None)
            come = epoch == writing.begun
            return Standing(size=size, idle=time.monotonic() - writing.at if come else math.inf)

    def take(self, upload_id: str, epoch: int) -> MemoryPlace:
        check_id(upload_id)
        with self._lock:
            writing = self._writing.setdefault(upload_id, Writing())
            if epoch < writing.begun:
                raise Busy
            writing.begun, writing.at = epoch, time.monotonic()
            return MemoryPlace(self, upload_id, epoch, writing)

    def put_beside(self, upload_id: str, name: str, data: bytes) -> None:
        check_id(upload_id)
        check_beside(name)
        with self._lock:
            self._beside.setdefault(upload_id, {})[name] = bytes(data)

    def read_beside(self, upload_id: str, name: str) -> bytes:
        check_id(upload_id)
        check_beside(name)
        try:
            return self._beside[upload_id][name]
        except KeyError:
            raise FileNotFoundError(f"Nothing called {name} is beside {upload_id}.") from None

    def list_beside(self, upload_id: str) -> list[str]:
        check_id(upload_id)
        with self._lock:
            return sorted(self._beside.get(upload_id, ()))

    def remove_beside(self, upload_id: str, name: str) -> None:
        check_id(upload_id)
        check_beside(name)
        with self._lock:
            beside = self._beside.get(upload_id, {})
            beside.pop(name, None)
            if not beside:
                self._beside.pop(upload_id, None)

    def _cut(self, upload_id: str, offset: int) -> bytearray:
        held = self._bytes.get(upload_id, bytearray())
        if len(held) < offset:
            raise OffsetMismatch(offset=offset, expected=len(held))
        del held[offset:]
        self._bytes[upload_id] = held
        self._stamps[upload_id] = self._stamps.get(upload_id, 0) + 1
        return held

    def _held(self, upload_id: str) -> bytearray:
        check_id(upload_id)
        try:
            return self._bytes[upload_id]
        except KeyError:
            raise FileNotFoundError(f"No bytes are held for {upload_id}.") from None


class MemoryWriter:
    """Appends to one upload."""

    def __init__(self, held: bytearray) -> None:
        self._held = held

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._held += data

    def close(self) -> None:
        """Everything is there already."""


class MemoryPlace:
    """The `Place` of one epoch. Everything happens under the store's lock, so nothing can be half done."""

    def __init__(self, store: MemoryStore, upload_id: str, epoch: int, writing: Writing) -> None:
        self._store = store
        self._upload_id = upload_id
        self._epoch = epoch
        self._writing = writing
        # As it was when the place was taken: what somebody who comes later adds is not ours.
        self.size = len(store._bytes.get(upload_id, b""))

    def writer(self, offset: int) -> FencedMemoryWriter:
        """As `Place`."""
        with self._store._lock:
            self.check()
            held = self._store._cut(self._upload_id, offset)
            self.size = offset
        return FencedMemoryWriter(self, held)

    def add(self, held: bytearray, data: bytes | bytearray | memoryview) -> None:
        """Add `data`, if we are still the one."""
        with self._store._lock:
            self.check()
            held += data
            self.size = len(held)
            self._writing.at = time.monotonic()

    def check(self) -> None:
        """Raise `Busy` if somebody has taken over."""
        if self._epoch != self._writing.begun:
            raise Busy

    def close(self) -> None:
        """As `Place`."""
        with self._store._lock:
            self._writing.ended = max(self._writing.ended, self._epoch)


class FencedMemoryWriter:
    """Appends to one upload until somebody else does."""

    def __init__(self, place: MemoryPlace, held: bytearray) -> None:
        self._place = place
        self._held = held

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._place.add(self._held, data)

    def close(self) -> None:
        """Everything is there already."""
