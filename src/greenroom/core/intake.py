"""One file on its way in: pushed by whoever has the bytes, held when it is whole."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from .digests import digest_of
from .errors import IllegalTransition, NotHeld, Refused, UsageError
from .ledger import with_room
from .limits import Limits
from .spool import Spool
from .store import Writer
from .upload import State, Upload

if TYPE_CHECKING:
    from .stage import Stage


class Intake:
    """`write` the bytes, `finish`, and then `keep` them or `abandon` them.

    After `finish` small bytes may be in the memory of this process only: they can be read, and they are
    in nobody else's reach until `keep` has put them into the store. The ledger's record exists from the
    start, so that every byte a store ever sees is explained.

    `kept` says that the bytes are in the store (large ones are from the start), `wanted` that somebody has
    asked for that: what nobody wants is abandoned at the end.
    """

    def __init__(
        self, stage: Stage, upload: Upload, limits: Limits, memory: int | str, expect: Collection[str] = ()
    ) -> None:
        self.upload = upload
        self._stage = stage
        self.kept = False
        self.wanted = False
        self._abandoned = False
        self._written = upload  # as the ledger has it
        self._seen = time.monotonic()  # when the ledger last had it for certain
        self._spool = Spool(
            name=upload.client_name,
            limits=limits,
            length=upload.length,
            memory=memory,
            spill=self._writer,
            digest=stage.digest,
            expect=expect,
        )

    @property
    def in_memory(self) -> bool:
        """Whether the bytes are in this process only."""
        return self._spool.in_memory

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take more bytes. A refusal ends the intake: nothing of it stays."""
        try:
            self.renew()
            if self.upload.length is None:
                self._make_room(self._spool.size + memoryview(data).nbytes)
            self._spool.write(data)
        except BaseException:
            self.abandon()
            raise

    def renew(self) -> None:
        """While bytes arrive, of this file or of another one in its form, the lease does not end, however slowly they
        come. Behind too long a pause it has: `NotHeld`."""
        lease = self._stage.leases.receiving
        if not (self.kept or self._abandoned) and self._age() >= lease / 16:
            now = self._stage.ledger.now()
            self._change(self._written.renewed(now + lease, now=now))
            self._seen = time.monotonic()

    def reserve_no_more(self) -> None:
        """All bytes have come, and what was reserved besides is wanted for others."""
        if not (self.kept or self._abandoned) and self._written.reserved > self._spool.size:
            self._change(replace(self._written, reserved=self._spool.size))

    def finish(self) -> Upload:
        """The bytes are complete; returns the record as it will be when it is kept."""
        if self.upload.state is not State.RECEIVING:
            return self.upload
        try:
            self._spool.finish()
            if not self._spool.in_memory:
                self._seal()
            else:
                self.upload = self._stage.completed(self.upload, self._spool, stamp="")
        except BaseException:
            self.abandon()
            raise
        return self.upload

    def keep(self) -> Upload:
        """Put the bytes where every process sees them. Doing it again changes nothing.

        Where this raises `DiskFull` the bytes are still in memory, and it can be tried again.
        """
        if not self.kept:
            if self.upload.state is State.RECEIVING:
                raise UsageError("Only what is finished can be kept: call finish() first.", self.upload.state)
            self._spool.spill()
            self._seal()
        self.wanted = True
        return self.upload

    def keep_part(self) -> Upload:
        """Put what has come so far where `Stage.append` goes on from it; the intake ends.

        A declared length that is reached ends the upload as well.
        """
        if self._spool.size == self._written.length:
            self.finish()
            return self.keep()
        self._spool.spill()
        self._spool.close()
        self._swap(self._stage.renewed(self._written).received(self._spool.size))
        self.kept = self.wanted = True
        return self.upload

    def identify(self) -> None:
        """Take a digest now, if none was taken while the bytes came in."""
        if self.kept:
            self.upload = self._stage.identify(self.upload)
        elif not self.upload.digest:
            with self._spool.open() as held:
                self.upload = replace(self.upload, digest=digest_of(held))

    def confirm(self) -> None:
        """Write the record again, if a transaction that was rolled back has taken it, or its last change, along.

        The bytes are in the store whatever the database has forgotten, and a page may show their token.
        """
        if not self.wanted:
            return
        ledger = self._stage.ledger
        record = ledger.get(self.upload.id)
        if record is None:
            with contextlib.suppress(FileNotFoundError):  # discarded since
                self._stage.store.seal(self.upload.id)
                ledger.insert(self.upload, self._stage.ceilings)
        elif record.state is State.RECEIVING:
            ledger.swap(record, self.upload)

    def open(self) -> BinaryIO:
        """Read the bytes from the start, wherever they are."""
        if self.kept:
            return self._stage.store.open(self.upload.id)
        return self._spool.open()

    def abandon(self) -> None:
        """Give up: no record and no byte is left. Doing it again changes nothing."""
        if not self._abandoned:
            with contextlib.suppress(
                Refused
            ):  # a disk that cannot settle the bytes: they are not wanted any more
                self._spool.close()
            self._stage.remove(self.upload.id)
            self._abandoned = True

    def _make_room(self, size: int) -> None:
        if size > self._written.reserved:
            stage = self._stage
            self.upload = self._written = with_room(stage.ledger, self._written, size, stage.ceilings)

    def _writer(self) -> Writer:
        # No byte without a record, not even when the sweeper was faster than the client.
        if self._age() >= self._stage.leases.receiving / 2:
            self._record()
        return self._stage.store.append(self.upload.id, 0)

    def _seal(self) -> None:
        self._spool.close()
        stamp = self._stage.store.seal(self.upload.id)
        after = self._stage.completed(self._written, self._spool, stamp=stamp)
        if self.upload.picture is not None:
            after = after.probed(self.upload.picture)
        after = replace(after, digest=after.digest or self.upload.digest)  # one that was asked for since
        self._swap(after)
        self.kept = True

    def _change(self, after: Upload) -> None:
        """Write the record, whose bytes may be whole, and not in the store yet."""
        upload = self.upload
        self._swap(after)
        if upload.state is not State.RECEIVING:
            self.upload = upload  # which has all that was found out since, and is written with the bytes

    def _swap(self, after: Upload) -> None:
        if not self._stage.ledger.swap(self._written, after):
            self._record()
            raise IllegalTransition(f"Somebody else wrote to upload {self.upload.id}.")
        self.upload = self._written = after

    def _record(self) -> None:
        """Raise `NotHeld` if there is no record any more, and leave no byte then, or if it is a tombstone."""
        record = self._stage.ledger.get(self.upload.id)
        if record is None:
            self._stage.store.remove(self.upload.id)
        if record is None or record.buried_at is not None:
            raise NotHeld(name=self.upload.client_name)

    def _age(self) -> float:
        return time.monotonic() - self._seen
