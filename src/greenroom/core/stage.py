"""`Stage`: what receives, opens, promotes and discards."""

from __future__ import annotations

import contextlib
import copy as copying
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Self

from . import appending, expiring
from . import place as placing
from .ceilings import Ceilings
from .claims import Claim
from .digests import DEFAULT, check_choice, digest_of
from .errors import (
    AlreadySaved,
    Altered,
    NotFinished,
    NotHeld,
    Refused,
    UsageError,
)
from .intake import Intake
from .ledger import Ledger, MemoryLedger, Uses
from .limits import Limits
from .names import clean_name, clean_type
from .spool import DEFAULT_MEMORY, Spool, chunks_of
from .store import Bounded, LocalFiles, SideFiles, Store
from .upload import State, Upload, is_id, new_id

HOUR = 3600.0


@dataclass(frozen=True, kw_only=True)
class Leases:
    """How long things are held, in seconds.

    `held`: from the last use or render. `longest`: from creation, whatever happens. `promoted`: after a
    save. `receiving`: since bytes last arrived for a file that nobody could continue. `grace`: how long a tombstone
    stands before its bytes go, for requests that were at them.
    """

    held: float = 24 * HOUR
    longest: float = 7 * 24 * HOUR
    promoted: float = HOUR
    receiving: float = HOUR
    grace: float = HOUR


class Stage:
    """Holds uploads of one owner in one store, with one ledger.

    `digest` is by which algorithm what comes in is hashed: "sha256", "blake3" (`pip install
    "django-greenroom[blake3]"`), or None for not at all. What is held already keeps the digest that it has.

    >>> from greenroom.stores import MemoryStore
    >>> stage = Stage(MemoryStore(), limits=Limits(max_bytes="10 MB"))
    >>> upload = stage.receive([b"Darjeeling"], client_name="tea.txt")
    >>> upload.state, upload.size, upload.media_type
    (<State.STAGED: 'staged'>, 10, 'text/plain')
    >>> with stage.open(upload.id) as held:
    ...     held.read()
    b'Darjeeling'
    """

    def __init__(
        self,
        store: Store,
        *,
        ledger: Ledger | None = None,
        limits: Limits | None = None,
        leases: Leases | None = None,
        ceilings: Ceilings | None = None,
        owner: str = "",
        digest: str | None = DEFAULT,
    ) -> None:
        if not isinstance(store, Store):
            raise UsageError("A Stage needs a store, such as LocalStore('held/') or MemoryStore().", store)
        check_choice(digest)
        self.store = store
        self.ledger: Ledger = ledger if ledger is not None else MemoryLedger()
        self.limits = limits or Limits()
        self.leases = leases or Leases()
        self.ceilings = ceilings or Ceilings()
        if isinstance(store, Bounded):
            self.ceilings = replace(self.ceilings, store=store)
        self.owner = owner
        self.digest = digest

    def for_owner(self, owner: str) -> Self:
        """The same stage for somebody else's uploads."""
        stage = copying.copy(self)
        stage.owner = owner
        return stage

    # -- in ----------------------------------------------------------------------------------------

    def create(
        self,
        *,
        client_name: str,
        client_type: str = "",
        length: int | None = None,
        reserve: int = 0,
        policy: str = "",
        terms: str = "",
    ) -> Upload:
        """Write the record of a new upload; its bytes come by `append`.

        `length` is the declared size in bytes, if there is one; `reserve` is what to count against the
        ceilings meanwhile; `policy` is the nonce of the intake policy that it comes by; `terms` is kept in the record
        as it is. Raises `TooLarge`, `EmptyFile`, `QuotaExceeded`, `TooMany`, `TotalExceeded`, `AddressExceeded` or
        `DiskFull` before any byte has moved.
        """
        client_name = clean_name(client_name)
        self.limits.check_length(length, name=client_name)
        upload = self._new(client_name, client_type, length, reserve, self.leases.held, policy, terms)
        self.ledger.insert(upload, self.ceilings)
        return upload

    def append(
        self,
        upload_id: str,
        source: BinaryIO | Iterable[bytes],
        *,
        offset: int,
        last: bool = False,
        length: int | None = None,
        size: int | None = None,
        expect: Collection[str] = (),
    ) -> Upload:
        """Take more bytes at `offset`; the upload is staged when its length is reached, or after the `last`.

        `length` declares the size of the whole, if `create` did not. `size` is how many bytes the source
        has, where that is known: what cannot be the whole is not hashed. `expect` are digests, such as
        `sha256:9f86d0...`, that the whole must have to be staged; without them it is given up with `DigestMismatch`.

        Raises `OffsetMismatch` with nothing touched, `Busy` while another writer has written within the last second (one that has been idle for
        longer is overtaken, and gets the same), or a refusal. What arrived before a source broke is kept;
        what is still in memory when the file is refused (its first bytes, by which it is judged) is not.
        """
        coming = appending.Coming(source, offset=offset, last=last, size=size, expect=expect)
        return appending.append(self, upload_id, coming, length)

    def fence(self, upload_id: str) -> Upload:
        """End any writer, and return the record with the durable offset, in two seconds at most.

        Of what counts then no writer that was at work can change a byte any more, nor add one.
        """
        return appending.fence(self, upload_id)

    def receive(
        self,
        source: BinaryIO | Iterable[bytes],
        *,
        client_name: str,
        client_type: str = "",
        expect: Collection[str] = (),
    ) -> Upload:
        """Take a whole file from a binary file or an iterable of bytes, and hold it. `expect` as in `append`."""
        intake = self.intake(client_name=client_name, client_type=client_type, expect=expect)
        try:
            for chunk in chunks_of(source):
                intake.write(chunk)
        except BaseException:
            intake.abandon()
            raise
        intake.finish()
        try:
            return intake.keep()
        except BaseException:
            intake.abandon()
            raise

    def intake(
        self,
        *,
        client_name: str,
        client_type: str = "",
        length: int | None = None,
        reserve: int = 0,
        policy: str = "",
        terms: str = "",
        memory: int | str = DEFAULT_MEMORY,
        limits: Limits | None = None,
        expect: Collection[str] = (),
    ) -> Intake:
        """Take a whole file from somebody who pushes its bytes.

        `memory` and `expect` as in `Spool`, the rest as in `create`.
        """
        limits = limits or self.limits
        client_name = clean_name(client_name)
        limits.check_length(length, name=client_name)
        upload = self._new(client_name, client_type, length, reserve, self.leases.receiving, policy, terms)
        self.ledger.insert(upload, self.ceilings)
        return Intake(self, upload, limits, memory, expect)

    # -- while it is held --------------------------------------------------------------------------

    def get(self, upload_id: str) -> Upload:
        """The record. Unknown, foreign, expired and discarded uploads all raise `NotHeld`, and look the same."""
        # What is no id is not asked for: a database may choke on it, and its answer would be another one.
        upload = self.ledger.get(upload_id) if is_id(upload_id) else None
        if upload is None or upload.owner != self.owner or upload.buried_at is not None:
            raise NotHeld
        if upload.expires_at <= self.ledger.now():
            raise NotHeld
        return upload

    def open(self, upload_id: str) -> BinaryIO:
        """The held bytes, seekable. Raises `NotHeld`, `NotFinished`, or `Altered` by name."""
        return self.open_upload(self.get(upload_id))

    def open_upload(self, upload: Upload) -> BinaryIO:
        """The same for a record that is at hand, whoever owns it."""
        self.verify(upload)
        try:
            return self.store.open(upload.id)
        except FileNotFoundError:  # removed since
            raise NotHeld(name=upload.client_name) from None

    def verify(self, upload: Upload) -> None:
        """Whether the bytes can be used: whole, and not touched since they were received."""
        if upload.state is State.RECEIVING:
            raise NotFinished(name=upload.client_name)
        # A saved file may share its inode with the held bytes; whoever wrote into it changed both.
        try:
            stamp = self.store.seal(upload.id)
        except FileNotFoundError:
            raise NotHeld(name=upload.client_name) from None
        if stamp != upload.stamp:
            raise Altered(name=upload.client_name)

    def identify(self, upload: Upload) -> Upload:
        """The record with a digest of the bytes, which is taken now if none was while they came in."""
        if upload.digest:
            return upload
        with self.open_upload(upload) as held:
            after = replace(upload, digest=digest_of(held))
        self.ledger.swap(upload, after)
        return after

    def touch(self, upload: Upload) -> Upload:
        """Somebody uses or sees it: the lease starts anew, up to the longest."""
        now = self.ledger.now()
        leased = upload.leased(self._lease_end(upload, now))
        # Not for every look: a sixteenth of the lease is as good, and saves the write.
        if leased.expires_at - upload.expires_at < self.leases.held / 16:
            return upload
        return leased if self.ledger.swap(upload, leased) else upload

    # -- out ---------------------------------------------------------------------------------------

    def promote(
        self, upload_id: str, target: str | Path, *, use: str = "", mode: int | None = None
    ) -> Upload:
        """Save the bytes as the file `target`, and keep holding them for a while.

        With a `use`, once only (`AlreadySaved`). Raises `FileExistsError` when the name is taken.
        """
        if use and not isinstance(self.ledger, Uses):
            raise UsageError("A use needs a ledger that knows of uses (`Uses`).", self.ledger)
        upload = self.get(upload_id)
        self.verify(upload)
        if use and isinstance(self.ledger, Uses) and not self.ledger.claim(upload, use):
            raise AlreadySaved(name=upload.client_name)
        try:
            with self._journaled(upload, use, Path(target)):
                self.put_in_place(upload, Path(target), mode=mode)
        except BaseException:
            if use and isinstance(self.ledger, Uses):
                self.ledger.release(upload, use)
            raise
        return self.mark_promoted(upload)

    def put_in_place(
        self, upload: Upload, target: Path, *, mode: int | None = None, link: bool = True
    ) -> None:
        """The bytes under a final name: linked where that is possible, else a verified copy."""
        try:
            if isinstance(self.store, LocalFiles):
                source = self.store.path(upload.id)
                placing.place(source, target, digest=upload.digest, mode=mode, link=link)
            else:
                with self.store.open(upload.id) as held:
                    placing.copy(held, target, digest=upload.digest, mode=mode)
        except Refused as refusal:
            raise refusal.named(upload.client_name) from refusal

    def mark_promoted(self, upload: Upload) -> Upload:
        """Write down that it has been saved. It is held a little longer, for another form or a second look."""
        now = self.ledger.now()
        promoted = upload.promoted(at=now, expires_at=now + self.leases.promoted)
        return promoted if self.ledger.swap(upload, promoted) else upload

    def discard(self, upload_id: str) -> None:
        """Give an upload up: from now on it is absent for everybody, and counts no more."""
        self.remove(self.get(upload_id).id)

    def remove(self, upload_id: str) -> None:
        """The same, whoever owns it and whatever state it is in.

        First the record becomes a tombstone, then the bytes go, then the record: what is left of a broken try is
        explained. Of what is being saved, or has been, the tombstone and the bytes stay until `expire`: its claims
        are to be settled first, and its uses keep a form that is sent twice from being saved twice.
        """
        if self.ledger.bury(upload_id) or self.ledger.get(upload_id) is None:
            self.ledger.afterwards(lambda: expiring.clear(self, upload_id))

    def expire(self, settle: Callable[[str], bool] = lambda upload_id: True) -> list[str]:
        """Bury what is over, and remove what has been a tombstone for the time of grace; returns the ids of that.

        So goes what has been seen without any record for as long. `settle` is asked about each before it is removed:
        it settles what was being saved, and says False to keep it. What fails with one keeps none of the others.
        """
        return expiring.expire(self, settle)

    # -- for Intake and append ---------------------------------------------------------------------

    def completed(self, upload: Upload, spool: Spool, *, stamp: str) -> Upload:
        """The record of `upload` with everything that `spool` found out; `NotHeld` as of `renewed`."""
        now = self.ledger.now()
        staged = upload.staged(
            size=spool.size, digest=spool.digest, media_type=spool.media_type, stamp=stamp, at=now
        )
        return staged.renewed(self._lease_end(upload, now), now=now)

    def renewed(self, upload: Upload) -> Upload:
        """The same with its lease renewed, because bytes arrive; `NotHeld` if it has ended."""
        now = self.ledger.now()
        return upload.renewed(self._lease_end(upload, now), now=now)

    def _lease_end(self, upload: Upload, now: float) -> float:
        return min(upload.created_at + self.leases.longest, now + self.leases.held)

    def _new(
        self,
        client_name: str,
        client_type: str,
        length: int | None,
        reserve: int,
        lease: float,
        policy: str,
        terms: str,
    ) -> Upload:
        now = self.ledger.now()
        return Upload(
            id=new_id(),
            owner=self.owner,
            client_name=client_name,
            client_type=clean_type(client_type),
            created_at=now,
            expires_at=now + lease,
            length=length,
            reserved=length if length is not None else reserve,
            policy=policy,
            terms=terms,
        )

    @contextlib.contextmanager
    def _journaled(self, upload: Upload, use: str, target: Path) -> Iterator[None]:
        """The claim is beside the bytes while they are being placed."""
        if not isinstance(self.store, SideFiles):
            yield
            return
        place = os.path.abspath(target)  # the sweeper may run in another directory
        claim = Claim.new(upload.id, use=use, target="path", place=place)
        claim.write(self.store)
        try:
            yield
        except Exception:
            claim.erase(self.store)  # nothing stands under the name
            raise
        claim.erase(self.store)
