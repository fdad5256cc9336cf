"""What a ledger promises of ceilings: a part of `LedgerSuite`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from greenroom.core.ceilings import Ceilings
from greenroom.core.errors import Busy, DiskFull, QuotaExceeded, Refused, TooMany, TotalExceeded
from greenroom.core.ledger import Ledger
from greenroom.core.upload import State, Upload, new_id

from .promise import at_once, part_of, promise, promised
from .recording import ROOMY, THREADS, Recording, inserted, record


class Thoughtful(Ceilings):
    """Ceilings that take a while to think, in which others could come in between."""

    def check(self, upload: Upload, count: int, held: int) -> None:
        """As `Ceilings`, a little later."""
        time.sleep(0.002)
        super().check(upload, count, held)

    def check_all(self, upload: Upload, count: int, held: int) -> None:
        """As `Ceilings`, a little later."""
        time.sleep(0.002)
        super().check_all(upload, count, held)


class Room:
    """A disk, to a ledger: so many bytes can be taken in, and of each upload so many are `here`."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.here: dict[str, int] = {}

    def room(self) -> int:
        """As `Bounded`."""
        return self._room

    def size(self, upload_id: str) -> int:
        """As `Bounded`."""
        return self.here.get(upload_id, 0)


class CeilingPromises(Recording):
    """The part of `LedgerSuite` about how much is held."""

    @part_of(8)
    def test_an_owner_holds_so_many_uploads_and_no_more(self, ledger: Ledger) -> None:
        three = Ceilings(uploads=3, bytes="1 TB")
        first = [inserted(ledger, three) for _ in range(3)]
        too_many = record(ledger)
        with promised(QuotaExceeded, "The fourth of three is refused."):
            ledger.insert(too_many, three)
        promise(ledger.get(too_many.id) is None, "A refused record is not there.")
        inserted(ledger, three, owner="another")
        ledger.remove(first[0].id)
        ledger.insert(too_many, three)

    @part_of(8)
    def test_an_owner_holds_so_many_bytes_and_no_more(self, ledger: Ledger) -> None:
        thousand = Ceilings(uploads=100, bytes=1_000)
        inserted(ledger, thousand, reserved=600)
        inserted(ledger, thousand, offset=300, reserved=100)
        with promised(QuotaExceeded, "Bytes that are reserved or here are counted, whichever is more."):
            inserted(ledger, thousand, reserved=101)
        inserted(ledger, thousand, reserved=100)
        inserted(ledger, thousand, owner="another", reserved=1_000)
        with promised(QuotaExceeded, "A full owner cannot add a byte."):
            inserted(ledger, thousand, reserved=1)

    @part_of(8)
    def test_one_intake_policy_brings_so_many_uploads_and_no_more(self, ledger: Ledger) -> None:
        two = Ceilings(policy_uploads=2)
        first = [inserted(ledger, two, policy="one") for _ in range(2)]
        too_many = record(ledger, policy="one")
        with promised(TooMany, "The third of two is refused."):
            ledger.insert(too_many, two)
        promise(ledger.get(too_many.id) is None, "A refused record is not there.")
        for another in ({"policy": "another"}, {"policy": ""}, {"policy": "one", "owner": "another"}):
            for _ in range(2):
                inserted(ledger, two, **another)
        inserted(ledger, two)
        ledger.bury(first[0].id)
        ledger.insert(too_many, two)

    @part_of(8)
    def test_what_is_saved_or_over_is_not_counted(self, ledger: Ledger) -> None:
        one = Ceilings(uploads=1, bytes=100)
        inserted(ledger, one, state=State.PROMOTED, offset=100)
        inserted(ledger, one, offset=100, expires_at=float(int(ledger.now())) - 10)
        inserted(ledger, one, reserved=100)
        with promised(QuotaExceeded, "What waits is counted."):
            inserted(ledger, one)

    @part_of(8)
    def test_a_tombstone_does_not_count(self, ledger: Ledger) -> None:
        one = Ceilings(uploads=1, bytes=100)
        first = inserted(ledger, one, reserved=100)
        ledger.bury(first.id)
        inserted(ledger, one, reserved=100)

    @part_of(8)
    def test_all_owners_together_hold_so_many_and_no_more(self, ledger: Ledger) -> None:
        for ceilings in (Ceilings(total_uploads=3), Ceilings(total_bytes=300)):
            first = [inserted(ledger, ceilings, owner=new_id(), reserved=100) for _ in range(3)]
            too_many = record(ledger, owner=new_id(), reserved=100)
            with promised(TotalExceeded, "The fourth of three is refused, whoever holds the three."):
                ledger.insert(too_many, ceilings)
            promise(ledger.get(too_many.id) is None, "A refused record is not there.")
            ledger.remove(first.pop().id)
            ledger.insert(too_many, ceilings)
            for upload in (*first, too_many):
                ledger.remove(upload.id)

    @part_of(8)
    def test_what_has_no_length_is_reserved_as_it_comes(self, ledger: Ledger) -> None:
        for ceilings in (Ceilings(bytes=1_000), Ceilings(total_bytes=1_000)):
            other, upload = inserted(ledger, ceilings, reserved=600), inserted(ledger, ceilings)
            ledger.reserve(upload, 400, ceilings)
            with promised(Refused, "A byte over the ceiling is refused."):
                ledger.reserve(upload, 401, ceilings)
            ledger.reserve(upload, 100, ceilings)
            here = ledger.get(upload.id)
            promise(here is not None and here.reserved == 400, "What is reserved once never gets less.")
            with promised(Refused, "It counts."):
                inserted(ledger, ceilings, reserved=1)
            ledger.remove(other.id)
            ledger.reserve(upload, 1_000, ceilings)
            ledger.remove(upload.id)
            ledger.reserve(upload, 100, ceilings)
            promise(ledger.get(upload.id) is None, "Nothing is reserved for what is gone.")

    @part_of(8)
    def test_ceilings_hold_when_all_come_at_once(self, ledger: Ledger) -> None:
        for ceilings, each in (
            (Thoughtful(uploads=5, bytes="1 TB"), "somebody"),
            (Thoughtful(uploads=100, bytes=500), "somebody else"),
            (Thoughtful(total_uploads=15), ""),
            (Thoughtful(total_bytes=2_000), ""),
        ):
            fitted, refused = insert_at_once(ledger, ceilings, each, self.thread_ended)
            promise(len(fitted) == 5, f"Exactly what fits is taken: 5 of {THREADS}. Got: {len(fitted)}")
            promise(all(map(ledger.get, fitted)), "What was taken is there.")
            promise(not any(map(ledger.get, refused)), "What was refused is not there.")

    @part_of(8)
    def test_what_is_reserved_at_once_fits(self, ledger: Ledger) -> None:
        for ceilings in (Thoughtful(bytes=500), Thoughtful(total_bytes=500)):
            uploads = [inserted(ledger) for _ in range(THREADS)]
            fitted: list[str] = []

            def reserve(upload: Upload, ceilings: Ceilings, fitted: list[str]) -> Callable[[], None]:
                def run() -> None:
                    try:
                        ledger.reserve(upload, 100, ceilings)
                    except (QuotaExceeded, TotalExceeded):
                        return
                    fitted.append(upload.id)

                return run

            at_once([reserve(each, ceilings, fitted) for each in uploads], ended=self.thread_ended)
            promise(len(fitted) == 5, f"Exactly what fits is reserved: 5 of {THREADS}. Got: {len(fitted)}")
            held = [here.reserved for each in uploads if (here := ledger.get(each.id))]
            promise(sum(held) == 500, "What was refused has reserved nothing.")
            ledger.remove(*(each.id for each in uploads))

    @part_of(10)
    def test_an_overtaken_writer_reserves_nothing(self, ledger: Ledger) -> None:
        before, buried = inserted(ledger), inserted(ledger)
        promise(ledger.swap(before, replace(before, epoch=1)), "A writer can be overtaken.")
        with promised(Busy, "Who has been overtaken is told so."):
            ledger.reserve(before, 100, ROOMY)
        here = ledger.get(before.id)
        promise(here is not None and here.reserved == 0, "An overtaken writer counts nothing more.")
        if here is not None:
            ledger.reserve(here, 200, ROOMY)
        with promised(Busy, "Also where as much is reserved by now."):
            ledger.reserve(before, 100, ROOMY)
        ledger.bury(buried.id)
        ledger.reserve(buried, 100, ROOMY)
        here = ledger.get(buried.id)
        promise(here is not None and here.reserved == 0, "A tombstone counts nothing more either.")

    @part_of(8)
    def test_what_is_announced_finds_room_on_the_disk(self, ledger: Ledger) -> None:
        disk = Room(250)
        tight = Ceilings(store=disk)
        inserted(ledger, tight, reserved=100)
        growing = inserted(ledger, tight, owner="another")
        ledger.reserve(growing, 100, tight)
        inserted(ledger, reserved=100, state=State.STAGED, offset=100)  # its bytes have come already
        with promised(DiskFull, "What all have announced has to fit before more is taken, whoever they are."):
            inserted(ledger, tight, owner="a third", reserved=51)
        with promised(DiskFull, "What grows has to fit as well."):
            ledger.reserve(growing, 151, tight)
        inserted(ledger, tight, owner="a third", reserved=50)
        disk.here[growing.id] = 100  # and the room is what it was, because others have removed something
        inserted(ledger, tight, owner="a third", reserved=100)
        with promised(DiskFull, "What has come needs no room any more, what has not does."):
            inserted(ledger, tight, owner="a third", reserved=1)


def insert_at_once(
    ledger: Ledger, ceilings: Ceilings, owner: str, ended: Callable[[], None]
) -> tuple[list[str], list[str]]:
    """The ids of what was taken, and of what was refused; without an owner each is somebody else's."""
    fitted: list[str] = []
    refused: list[str] = []

    def insert() -> None:
        upload = record(ledger, owner=owner or new_id(), reserved=100)
        try:
            ledger.insert(upload, ceilings)
        except (QuotaExceeded, TotalExceeded):
            refused.append(upload.id)
        else:
            fitted.append(upload.id)

    at_once([insert] * THREADS, ended=ended)
    return fitted, refused
