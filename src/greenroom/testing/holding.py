"""Bytes to hold, and how the tests of a store hold them."""

from __future__ import annotations

import hashlib

from greenroom.core.store import Store
from greenroom.core.upload import new_id


def pattern(size: int) -> bytes:
    """`size` bytes that are the same each time and repeat nowhere."""
    return hashlib.shake_128(size.to_bytes(8, "big")).digest(size)


def append(store: Store, upload_id: str, offset: int, data: bytes) -> None:
    """One writer's whole life."""
    writer = store.append(upload_id, offset)
    writer.write(data)
    writer.close()


def put(store: Store, data: bytes) -> str:
    """Hold `data` under a new id."""
    upload_id = new_id()
    append(store, upload_id, 0, data)
    return upload_id


def removed(store: Store) -> str:
    """An id that was here and is not any more."""
    upload_id = put(store, b"gone")
    store.remove(upload_id)
    return upload_id


def read(store: Store, upload_id: str) -> bytes:
    """All bytes."""
    with store.open(upload_id) as held:
        return held.read()
