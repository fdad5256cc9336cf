"""How bytes are added to an upload: by one writer at a time, who can be overtaken and then adds nothing more.

The ledger's `epoch` is the authority: it is raised by compare-and-set, so each number has one owner, and
what the owner of an older one wants to write down is refused. The store (`Fencing`) makes the same true of
the bytes. No transaction and no lock of the ledger is held while a body is read, so the record lags behind
the store meanwhile; whoever comes next asks the store how far the bytes have come.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from .digests import Digests
from .errors import (
    Busy,
    CutShort,
    DigestMismatch,
    LengthChanged,
    LengthExceeded,
    NotHeld,
    OffsetMismatch,
    Refused,
)
from .ledger import with_room
from .sniff import HEAD_BYTES
from .spool import Spool, chunks_of
from .store import Fencing, Place, Standing, Writer
from .upload import State, Upload

if TYPE_CHECKING:
    from .stage import Stage

IDLE = 1.0  # seconds without a byte after which another writer may take over
_FENCING = 1.0  # seconds: of many who fence at once each makes others begin again


@dataclass(frozen=True)
class Coming:
    """What is to be added, as `Stage.append` has it."""

    source: BinaryIO | Iterable[bytes]
    offset: int
    last: bool = False
    size: int | None = None
    expect: Collection[str] = ()

    def may_be_whole(self, length: int | None) -> bool:
        """Whether an upload of `length` bytes may be whole with this alone, as far as anybody knows."""
        if self.offset or not (self.last or length is not None):
            return False
        return self.last or self.size is None or self.size == length


def append(stage: Stage, upload_id: str, coming: Coming, length: int | None) -> Upload:
    """As `Stage.append`."""
    seen, offset = stage.get(upload_id), coming.offset
    length = declared(stage, seen, offset, length)
    look(stage, seen, offset, length)
    place: Place | None = None
    try:
        upload, place = take(stage, seen, offset, length)
        if upload.offset != offset:
            raise OffsetMismatch(offset=offset, expected=upload.offset)
        return Part(stage, upload, place, length, coming).add()
    except Exception as error:
        record = stage.ledger.get(upload_id)
        if record is None:
            # Given up meanwhile. What was made since has no record, and nobody else to remove it.
            stage.store.remove(upload_id)
        if record is None or record.buried_at is not None:
            raise NotHeld(name=seen.client_name) from error
        if isinstance(error, DigestMismatch):
            stage.remove(upload_id)  # nobody can tell which of its bytes are wrong
        if isinstance(error, Refused):
            raise error.named(seen.client_name) from error
        raise
    finally:
        if place is not None:
            place.close()


def fence(stage: Stage, upload_id: str) -> Upload:
    """As `Stage.fence`."""
    end = time.monotonic() + _FENCING
    while True:
        upload = stage.get(upload_id)
        if upload.state is not State.RECEIVING:
            return upload
        if time.monotonic() > end:
            raise Busy(name=upload.client_name)
        if isinstance(stage.store, Fencing):
            standing = stage.store.standing(upload_id, upload.epoch)
            size = standing.size
            if standing.idle is not None:
                taken = replace(upload, epoch=upload.epoch + 1)
                if not stage.ledger.swap(upload, taken):
                    continue
                upload = stage.get(upload_id)  # with all that whoever is overtaken has counted until then
                if upload.epoch != taken.epoch:
                    continue
                try:
                    place = stage.store.take(upload_id, upload.epoch)
                except Busy:
                    continue
                size = place.size
                place.close()
            after = reached(upload, size, upload.length)
        else:
            after = replace(upload, epoch=upload.epoch + 1)
        if after == upload or stage.ledger.swap(upload, after):
            return after


def declared(stage: Stage, upload: Upload, offset: int, length: int | None) -> int | None:
    """The length of the whole, which may be declared late, but once."""
    name = upload.client_name
    if upload.state is not State.RECEIVING:
        raise OffsetMismatch(name=name, offset=offset, expected=upload.offset)
    if length is None:
        return upload.length
    if upload.length is not None and length != upload.length:
        raise LengthChanged(name=name, declared=upload.length)
    stage.limits.check_length(length, name=name)
    if length < upload.offset:
        raise LengthExceeded(name=name, declared=length)
    return length


def look(stage: Stage, upload: Upload, offset: int, length: int | None) -> None:
    """Refuse what can be refused without touching anything: a stale offset, and a writer that is at work."""
    expected = upload.offset
    if isinstance(stage.store, Fencing):
        standing = settled(stage.store, upload)
        # In this order: how far somebody has come who is still at work is told by nobody who does not end them.
        if standing.idle is not None and standing.idle < IDLE:
            raise Busy(name=upload.client_name)
        expected = reached(upload, standing.size, length).offset
    if offset != expected:
        raise OffsetMismatch(name=upload.client_name, offset=offset, expected=expected)


def settled(store: Fencing, upload: Upload) -> Standing:
    """How it stands, once whoever has taken the number in the ledger has come to the store as well.

    Who was killed on that way never comes. Who overtakes one that is only on its way would end it without
    being able to go on itself, as that may have written something by then.
    """
    end = time.monotonic() + IDLE
    while True:
        standing = store.standing(upload.id, upload.epoch)
        if standing.idle != math.inf or time.monotonic() >= end:
            return standing
        time.sleep(0.005)  # it comes in a moment, and tells nobody


def take(stage: Stage, seen: Upload, offset: int, length: int | None) -> tuple[Upload, Place]:
    """Become the one writer: first in the ledger, which decides, and then in the store."""
    taken = replace(seen, epoch=seen.epoch + 1)
    if length is not None and length > offset:
        # With nothing more to come it is written down with the whole, as everything else of a whole is.
        taken = replace(taken, length=length)
    if not stage.ledger.swap(seen, stage.renewed(taken)):
        raise Busy
    if not isinstance(stage.store, Fencing):
        return taken, Unfenced(stage, taken)
    place = stage.store.take(seen.id, taken.epoch)
    try:
        after = reached(taken, place.size, length)
        if after != taken and not stage.ledger.swap(taken, after):
            raise Busy
    except BaseException:
        place.close()
        raise
    return after, place


def reached(upload: Upload, size: int, length: int | None) -> Upload:
    """The record of an unfinished upload of which `size` bytes are in the store.

    What a killed writer had put there counts. The last byte of a declared length counts only together with
    the record of the whole: otherwise somebody who hears that all is here would send nothing more, and the
    upload whose writer was killed between the two would never be finished.
    """
    if length is not None and upload.offset < length:
        size = min(size, length - 1)
    if size < upload.offset:  # somebody has removed what had been acknowledged: nothing to go on from
        raise NotHeld(name=upload.client_name)
    return upload.received(size)


class Part:
    """What one `append` adds."""

    def __init__(
        self, stage: Stage, upload: Upload, place: Place, length: int | None, coming: Coming
    ) -> None:
        self._stage = stage
        self._upload = upload
        self._place = place
        self._length = length
        self._coming = coming
        self._seen = time.monotonic()  # when the lease was last renewed
        self._hashed = coming.may_be_whole(length)
        self._spool = Spool(
            name=upload.client_name,
            limits=stage.limits,
            length=length,
            memory=0,
            spill=lambda: place.writer(upload.offset),
            start=upload.offset,
            head=self._head(),
            digest=stage.digest if self._hashed else None,
            expect=coming.expect if self._hashed else (),
        )

    def add(self) -> Upload:
        """Take it all, and finish the upload if that was the end. What arrived before a failure is kept."""
        spool = self._spool
        try:
            for chunk in chunks_of(self._coming.source):
                self._renew()
                if self._length is None:
                    self._make_room(spool.size + memoryview(chunk).nbytes)
                spool.write(chunk)
            if not self._coming.last and spool.size != self._length:
                return self._keep()
            spool.finish()
        except Busy:
            spool.close()  # whoever has taken over knows how far this came
            raise
        except CutShort:
            self._keep()
            raise
        except DigestMismatch:
            raise
        except Refused:
            self._keep(spill=False)
            raise
        except Exception:
            # A connection may also break between the last byte and its end.
            if spool.size == self._length:
                spool.finish()
                self._complete()
            else:
                self._keep()
            raise
        except BaseException:
            self._keep()
            raise
        return self._complete()

    def _renew(self) -> None:
        """As of an intake: no byte is added to what has expired, as that does not count."""
        if time.monotonic() - self._seen >= self._stage.leases.held / 16:
            self._upload = self._swap(self._stage.renewed(self._upload))
            self._seen = time.monotonic()

    def _make_room(self, size: int) -> None:
        """Nothing is added that does not count: of an unknown length some more is reserved as it comes."""
        if size > self._upload.reserved:
            stage = self._stage
            self._upload = with_room(stage.ledger, self._upload, size, stage.ceilings)

    def _head(self) -> bytes:
        """The first bytes of what is here, which were perhaps too few to judge the type by."""
        offset = self._upload.offset
        if offset == 0:
            return b""
        try:
            with self._stage.store.open(self._upload.id) as held:
                return held.read(min(offset, HEAD_BYTES))
        except FileNotFoundError:  # removed since
            raise NotHeld from None

    def _keep(self, *, spill: bool = True) -> Upload:
        """Write down how far the bytes have come, so that they can be gone on with."""
        if spill:
            self._spool.spill()
        self._spool.close()
        after = reached(self._upload, self._place.size, self._length)
        return self._swap(self._stage.renewed(after))

    def _complete(self) -> Upload:
        """All bytes are in the store. If they came in parts, they are read once more if anybody wants a digest."""
        spool, upload = self._spool, self._upload
        spool.spill()
        spool.close()
        digests = Digests(self._stage.digest, self._coming.expect)
        if digests and not self._hashed:
            with self._stage.store.open(upload.id) as held:
                for chunk in chunks_of(held):
                    digests.update(chunk)
            spool.digest = digests.finish()
        stamp = self._stage.store.seal(upload.id)
        whole = replace(self._stage.completed(upload, spool, stamp=stamp), length=self._length)
        return self._swap(whole)

    def _swap(self, after: Upload) -> Upload:
        if not self._stage.ledger.swap(self._upload, after):
            raise Busy
        return after


class Unfenced:
    """The place at a store without `Fencing`: the ledger is asked before each write.

    That ends an overtaken writer as soon as it goes on; it cannot stop a write that has begun.
    """

    def __init__(self, stage: Stage, upload: Upload) -> None:
        self._stage = stage
        self._upload = upload
        self._writer: Writer | None = None
        self.size = upload.offset

    def writer(self, offset: int) -> Unfenced:
        """As `Place`."""
        self._check()
        self._writer = self._stage.store.append(self._upload.id, offset)
        return self

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """As `Writer`."""
        self._check()
        if self._writer is not None:
            self._writer.write(data)
            self.size += len(data)

    def close(self) -> None:
        """As `Writer`, and as `Place`."""
        if self._writer is not None:
            self._writer.close()

    def _check(self) -> None:
        record = self._stage.ledger.get(self._upload.id)
        if record is None or record.epoch != self._upload.epoch:
            raise Busy
