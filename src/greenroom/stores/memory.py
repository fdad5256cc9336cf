"""`MemoryStore`: held bytes in this process, for plain Python and for tests."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

from greenroom.core.errors import OffsetMismatch
from greenroom.core.store import check_beside, check_id


class MemoryStore:
    """A `Store` with `SideFiles`. What it holds ends with the process and is seen by no other one."""

    def __init__(self) -> None:
        self._bytes: dict[str, bytearray] = {}
        self._beside: dict[str, dict[str, bytes]] = {}
        self._stamps: dict[str, int] = {}
        self._lock = threading.Lock()

    def append(self, upload_id: str, offset: int) -> MemoryWriter:
        check_id(upload_id)
        with self._lock:
            held = self._bytes.get(upload_id, bytearray())
            if len(held) < offset:
                raise OffsetMismatch(offset=offset, expected=len(held))
            del held[offset:]
            self._bytes[upload_id] = held
            self._stamps[upload_id] = self._stamps.get(upload_id, 0) + 1
            return MemoryWriter(held)

    def seal(self, upload_id: str) -> str:
        with self._lock:
            return f"{len(self._held(upload_id))}-{self._stamps[upload_id]}"

    def open(self, upload_id: str) -> io.BytesIO:
        return io.BytesIO(self._held(upload_id))

    def remove(self, upload_id: str) -> None:
        check_id(upload_id)
        with self._lock:
            self._bytes.pop(upload_id, None)
            self._beside.pop(upload_id, None)
            self._stamps.pop(upload_id, None)

    def ids(self) -> Iterator[str]:
        with self._lock:
            return iter(sorted({*self._bytes, *self._beside}))

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
