"""The record of every upload: the protocol, and the one in memory for plain Python."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from .ceilings import AHEAD, Ceilings, counted_bytes, still_to_come, waits
from .digests import hex_of
from .errors import Busy, Refused
from .upload import State, Upload


@runtime_checkable
class Ledger(Protocol):
    """Records come and go whole. `swap` is the only way to change one, and it cannot overwrite a change."""

    def now(self) -> float:
        """Seconds since the epoch by the clock that all leases are measured by."""

    def insert(self, upload: Upload, ceilings: Ceilings) -> None:
        """Add a record, unless one of the ceilings is reached (`TooLarge`, `QuotaExceeded`, `TooMany`,
        `TotalExceeded`, `AddressExceeded`, `DiskFull`); both at once, atomically."""

    def reserve(self, upload: Upload, size: int, ceilings: Ceilings) -> None:
        """Count `size` bytes at least for an upload that is here already, or refuse as `insert`.

        Never fewer than before: somebody else may be about to fill what was reserved. An overtaken writer, whose
        `upload` is of an earlier epoch, counts nothing more (`Busy`).
        """

    def get(self, upload_id: str) -> Upload | None:
        """The record, expired, a tombstone or neither; None if there is none at all."""

    def swap(self, before: Upload, after: Upload) -> bool:
        """Change what differs between `before` and `after`, if state, offset and epoch are still `before`'s.

        What does not differ is left as it is now: who renews a lease does not undo what a probe wrote down.
        A tombstone does not change any more.
        """

    def bury(self, upload_id: str) -> bool:
        """Make a record a tombstone, with the next epoch, so that nobody who has seen it before can change it.

        False if it is one already, or there is none.
        """

    def bury_due(self) -> list[str]:
        """Bury each record whose lease has ended, and return their ids.

        Looking and burying are one step: a lease that was renewed before it counts. What another transaction is
        at may be left for the next time.
        """

    def buried(self, until: float) -> Iterable[str]:
        """The ids of the tombstones that were made at `until` or before."""

    def ids(self) -> Iterable[str]:
        """The ids of all records, tombstones and all."""

    def remove(self, *upload_ids: str) -> None:
        """Forget records. Removing what is not here is fine."""

    def afterwards(self, do: Callable[[], object]) -> None:
        """Do it when what was written is safe: at once, or when the transaction around it has ended well."""


@runtime_checkable
class Uses(Protocol):
    """Who has saved what: each (owner, use, content) can be claimed once."""

    def claim(self, upload: Upload, use: str) -> bool:
        """Take the one chance; False if it is taken."""

    def release(self, upload: Upload, use: str) -> None:
        """Give the chance back, because nothing was saved."""


class MemoryLedger:
    """A `Ledger` and `Uses` for one process. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._uploads: dict[str, Upload] = {}
        self._claims: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._clock()

    def insert(self, upload: Upload, ceilings: Ceilings) -> None:
        with self._lock:
            self._check(upload, ceilings)
            self._uploads[upload.id] = upload

    def reserve(self, upload: Upload, size: int, ceilings: Ceilings) -> None:
        with self._lock:
            here = self._uploads.get(upload.id)
            if here is None or here.buried_at is not None:
                return
            if here.epoch != upload.epoch:
                raise Busy(name=upload.client_name)
            if here.reserved < size:
                after = replace(here, reserved=size)
                self._check(after, ceilings)
                self._uploads[upload.id] = after

    def get(self, upload_id: str) -> Upload | None:
        return self._uploads.get(upload_id)

    def swap(self, before: Upload, after: Upload) -> bool:
        with self._lock:
            here = self._uploads.get(before.id)
            if here is None or here.buried_at is not None or version(here) != version(before):
                return False
            self._uploads[before.id] = replace(here, **changes(before, after))
            return True

    def remove(self, *upload_ids: str) -> None:
        with self._lock:
            for upload_id in upload_ids:
                self._uploads.pop(upload_id, None)

    def bury(self, upload_id: str) -> bool:
        now = self.now()
        with self._lock:
            return self._bury(upload_id, now)

    def bury_due(self) -> list[str]:
        now = self.now()
        with self._lock:
            due = [each.id for each in self._uploads.values() if each.expires_at <= now]
            return [upload_id for upload_id in due if self._bury(upload_id, now)]

    def buried(self, until: float) -> list[str]:
        with self._lock:
            uploads = list(self._uploads.values())
        return [each.id for each in uploads if each.buried_at is not None and each.buried_at <= until]

    def ids(self) -> list[str]:
        with self._lock:
            return list(self._uploads)

    def afterwards(self, do: Callable[[], object]) -> None:
        do()

    def _bury(self, upload_id: str, now: float) -> bool:
        here = self._uploads.get(upload_id)
        if here is None or here.buried_at is not None:
            return False
        self._uploads[upload_id] = replace(here, buried_at=now, epoch=here.epoch + 1)
        return True

    def _check(self, upload: Upload, ceilings: Ceilings) -> None:
        now = self.now()
        others = [each for each in self._uploads.values() if waits(each, now) and each.id != upload.id]
        own = [each for each in others if each.owner == upload.owner]
        if ceilings.counts_policy_of(upload):
            ceilings.check_policy(upload, sum(each.policy == upload.policy for each in own))
        ceilings.check(upload, len(own), sum(map(counted_bytes, own)))
        if ceilings.counts_all:
            ceilings.check_all(upload, len(others), sum(map(counted_bytes, others)))
        if ceilings.needs_room(upload):
            coming = [each for each in others if each.state is State.RECEIVING]
            at_most = sum(map(still_to_come, coming))
            ceilings.check_room(upload, at_most, lambda: {each.id: each.reserved for each in coming})

    def claim(self, upload: Upload, use: str) -> bool:
        with self._lock:
            key = claim_key(upload, use)
            taken = key in self._claims
            self._claims.add(key)
            return not taken

    def release(self, upload: Upload, use: str) -> None:
        with self._lock:
            self._claims.discard(claim_key(upload, use))


def with_room(ledger: Ledger, upload: Upload, size: int, ceilings: Ceilings) -> Upload:
    """The record of an upload of unknown length, with room for `size` bytes at least; or a refusal as of `insert`."""
    if size <= upload.reserved:
        return upload
    # Some more if that is possible, so that not every piece asks; what did not come is given back with the whole.
    for wanted in (size + min(size, AHEAD), size):
        try:
            ledger.reserve(upload, wanted, ceilings)
        except Refused:
            if wanted == size:
                raise
        else:
            break
    return replace(upload, reserved=wanted)


def version(upload: Upload) -> tuple[str, int, int]:
    """What `swap` compares: a record with the same three has not been changed by anybody else."""
    return (upload.state, upload.offset, upload.epoch)


def changes(before: Upload, after: Upload) -> dict[str, Any]:
    """The fields in which `after` differs from `before`, with their new values."""
    return {
        name: value
        for name in before.__dataclass_fields__
        if (value := getattr(after, name)) != getattr(before, name)
    }


def claim_key(upload: Upload, use: str) -> tuple[str, str, str]:
    """What can be claimed once.

    The content stands here instead of the upload's id because a form that is sent twice without JavaScript
    carries the same bytes twice, as two uploads, and must still be saved once. Where the record has no digest the id
    has to do; who claims for a form puts into it what stands for the content (`StagedFile.known`).
    """
    return (upload.owner, use, hex_of(upload.digest) or upload.id)
