"""Ledgers with one thing wrong each. `CAUGHT` says which promise that breaks."""

import time
from dataclasses import replace

from greenroom.core import MemoryLedger, State
from greenroom.core.ceilings import Ceilings
from greenroom.core.ledger import claim_key
from greenroom.ledger import OrmLedger, to_columns, to_datetime
from greenroom.models import StagedUpload

A_MOMENT = 0.002  # in which another thread comes in between


# -- 2. acknowledged means kept --------------------------------------------------------------------


class KeepsSmallNumbers(MemoryLedger):
    """More than 2 GB come back as less."""

    def insert(self, upload, ceilings):
        super().insert(replace(upload, offset=min(upload.offset, 2**31 - 1)), ceilings)


class WritesTheWholeRecord(MemoryLedger):
    """Whoever renews a lease undoes what a probe has found."""

    def swap(self, before, after):
        done = super().swap(before, after)
        if done:
            self._uploads[before.id] = after
        return done


# -- 3. exactly once -------------------------------------------------------------------------------


class LooksThenClaims(MemoryLedger):
    """Two can find the chance free."""

    def claim(self, upload, use):
        key = claim_key(upload, use)
        taken = key in self._claims
        time.sleep(A_MOMENT)
        self._claims.add(key)
        return not taken


class ClaimsForAllOwners(MemoryLedger):
    """A stranger can take one's chance."""

    def claim(self, upload, use):
        return super().claim(replace(upload, owner=""), use)

    def release(self, upload, use):
        super().release(replace(upload, owner=""), use)


class ClaimsTheUpload(MemoryLedger):
    """The same bytes, sent twice, are saved twice."""

    def claim(self, upload, use):
        return super().claim(replace(upload, digest=""), use)

    def release(self, upload, use):
        super().release(replace(upload, digest=""), use)


class ReleasesEverything(MemoryLedger):
    """Giving one chance back gives back all."""

    def release(self, upload, use):
        self._claims.clear()


class ForgetsClaims(MemoryLedger):
    """Claims go when any record does."""

    def remove(self, *upload_ids):
        super().remove(*upload_ids)
        self._claims.clear()


# -- 4. commit or nothing --------------------------------------------------------------------------


class NeverAfterwards(MemoryLedger):
    """What is to be done afterwards is forgotten."""

    def afterwards(self, do):
        pass


class DoesNotWait(OrmLedger):
    """What is to be done when all is safe is done at once."""

    def afterwards(self, do):
        do()


class ClaimsForGood(OrmLedger):
    """A rollback does not give the chance back."""

    def __init__(self):
        super().__init__()
        self._taken = set()

    def claim(self, upload, use):
        key = claim_key(upload, use)
        taken = key in self._taken
        self._taken.add(key)
        return not taken


# -- 5. the sweeper --------------------------------------------------------------------------------


class LooksThenBuries(MemoryLedger):
    """A lease that is renewed in between is buried all the same."""

    def bury_due(self):
        due = [each.id for each in list(self._uploads.values()) if each.expires_at <= self.now()]
        time.sleep(A_MOMENT)
        return [each for each in due if self.bury(each)]


class LooksOnceInTheDatabase(OrmLedger):
    """The same with statements: the lease is not compared as it is buried."""

    def bury_due(self):
        due = self._waiting().filter(expires_at__lte=to_datetime(self.now()))
        ids = list(due.values_list("pk", flat=True))
        time.sleep(5 * A_MOMENT)
        self._bury(self._waiting().filter(pk__in=ids))
        return ids


class BuriesTheSaved(MemoryLedger):
    """What is saved is never over."""

    def bury_due(self):
        return [each for each in super().bury_due() if self._uploads[each].state is not State.PROMOTED]


class BuriesTwice(MemoryLedger):
    """Each sweep buries once more."""

    def _bury(self, upload_id, now):
        here = self._uploads.get(upload_id)
        if here is not None:
            self._uploads[upload_id] = replace(here, buried_at=now, epoch=here.epoch + 1)
        return here is not None


class KeepsTheEpoch(MemoryLedger):
    """A tombstone looks like what it was."""

    def _bury(self, upload_id, now):
        here = self._uploads.get(upload_id)
        buried = super()._bury(upload_id, now)
        if buried:
            self._uploads[upload_id] = replace(here, buried_at=now)
        return buried


class ChangesTombstones(MemoryLedger):
    """Whoever sees a tombstone brings it back."""

    def swap(self, before, after):
        if before.buried_at is None:
            return super().swap(before, after)
        self._uploads[before.id] = replace(after, buried_at=None)
        return True


class BringsBackTheRemoved(MemoryLedger):
    """A swap puts in what is not there."""

    def swap(self, before, after):
        self._uploads.setdefault(before.id, before)
        return super().swap(before, after)


# -- 6. every byte is explained --------------------------------------------------------------------


class ForgetsTombstones(MemoryLedger):
    """What waits to be removed is not listed."""

    def ids(self):
        return [each.id for each in self._uploads.values() if each.buried_at is None]


class ForgetsTheirAge(MemoryLedger):
    """All tombstones are old enough."""

    def buried(self, until):
        return super().buried(float("inf"))


class RemovesTheFirst(MemoryLedger):
    """Of many only one is removed."""

    def remove(self, *upload_ids):
        super().remove(*upload_ids[:1])


# -- 8. hard ceilings ------------------------------------------------------------------------------


class CountsOneTooFew(MemoryLedger):
    """One more than allowed fits."""

    def _check(self, upload, ceilings):
        super()._check(upload, replace(ceilings, uploads=ceilings.uploads + 1))


class CountsNoPolicies(MemoryLedger):
    """One field takes as many as an owner may hold."""

    def _check(self, upload, ceilings):
        super()._check(upload, replace(ceilings, policy_uploads=None))


class LooksThenInserts(MemoryLedger):
    """Two can be the last that fits."""

    def insert(self, upload, ceilings):
        self._check(upload, ceilings)
        self._uploads[upload.id] = upload


class LooksThenReserves(MemoryLedger):
    """The same for what grows."""

    def reserve(self, upload, size, ceilings):
        here = self._uploads.get(upload.id)
        if here is not None and here.reserved < size:
            after = replace(here, reserved=size)
            self._check(after, ceilings)
            self._uploads[upload.id] = after


class ReservesLess(MemoryLedger):
    """What was reserved for somebody else is taken back."""

    def reserve(self, upload, size, ceilings):
        super().reserve(upload, size, ceilings)
        here = self._uploads.get(upload.id)
        if here is not None:
            self._uploads[upload.id] = replace(here, reserved=size)


class CountsNobodyElse(MemoryLedger):
    """What all hold together is not counted."""

    def _check(self, upload, ceilings):
        super()._check(upload, replace(ceilings, total_uploads=None, total_bytes=None))


class ForgetsTheDisk(MemoryLedger):
    """Nobody asks whether there is room."""

    def _check(self, upload, ceilings):
        super()._check(upload, replace(ceilings, store=None))


class Unasked:
    """A store of which nobody knows what is in it."""

    def __init__(self, store):
        self.room = store.room

    def size(self, upload_id):
        return 0


class ForgetsWhatHasCome(MemoryLedger):
    """What is on the disk already needs room once more."""

    def _check(self, upload, ceilings):
        store = Unasked(ceilings.store) if ceilings.store else None
        super()._check(upload, replace(ceilings, store=store))


class CountsTheBuried(MemoryLedger):
    """Tombstones stand against the ceilings."""

    def _check(self, upload, ceilings: Ceilings):
        buried = sum(each.buried_at is not None for each in self._uploads.values())
        super()._check(upload, replace(ceilings, uploads=ceilings.uploads - buried))


# -- 10. one writer --------------------------------------------------------------------------------


class SwapsWithoutComparing(MemoryLedger):
    """The last one wins."""

    def swap(self, before, after):
        here = self._uploads.get(before.id)
        return here is not None and super().swap(here, after)


class ComparesTheOffset(MemoryLedger):
    """A change of writer goes unnoticed."""

    def swap(self, before, after):
        here = self._uploads.get(before.id)
        if here is None or here.offset != before.offset:
            return False
        return super().swap(here, replace(after, epoch=here.epoch, state=here.state))


class ReservesForAnybody(MemoryLedger):
    """An overtaken writer counts on."""

    def reserve(self, upload, size, ceilings):
        here = self._uploads.get(upload.id)
        if here is not None:
            super().reserve(replace(upload, epoch=here.epoch), size, ceilings)


class ReservesForTombstones(MemoryLedger):
    """What is given up counts more and more."""

    def reserve(self, upload, size, ceilings):
        here = self._uploads.get(upload.id)
        if here is not None and here.buried_at is not None:
            self._uploads[upload.id] = replace(here, reserved=size)
        super().reserve(upload, size, ceilings)


class SavesWithoutComparing(OrmLedger):
    """The same in a database: every column is written, and nothing compared."""

    def swap(self, before, after):
        rows = StagedUpload.objects.filter(pk=before.id, buried_at=None)
        return bool(rows.update(**to_columns(after)))


CAUGHT = {
    KeepsSmallNumbers: 2,
    WritesTheWholeRecord: 2,
    LooksThenClaims: 3,
    ClaimsForAllOwners: 3,
    ClaimsTheUpload: 3,
    ReleasesEverything: 3,
    ForgetsClaims: 3,
    NeverAfterwards: 4,
    LooksThenBuries: 5,
    BuriesTheSaved: 5,
    BuriesTwice: 5,
    KeepsTheEpoch: 5,
    ChangesTombstones: 5,
    BringsBackTheRemoved: 5,
    ForgetsTombstones: 6,
    ForgetsTheirAge: 6,
    RemovesTheFirst: 6,
    CountsOneTooFew: 8,
    CountsNoPolicies: 8,
    LooksThenInserts: 8,
    LooksThenReserves: 8,
    ReservesLess: 8,
    CountsNobodyElse: 8,
    ForgetsTheDisk: 8,
    ForgetsWhatHasCome: 8,
    CountsTheBuried: 8,
    SwapsWithoutComparing: 10,
    ComparesTheOffset: 10,
    ReservesForAnybody: 10,
    ReservesForTombstones: 10,
}
CAUGHT_IN_A_DATABASE = {
    DoesNotWait: 4,
    ClaimsForGood: 4,
    LooksOnceInTheDatabase: 5,
    SavesWithoutComparing: 10,
}
