"""`LedgerSuite`: what every ledger promises, and what it promises of uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from greenroom.core.ceilings import Ceilings
from greenroom.core.errors import QuotaExceeded, Refused, TotalExceeded
from greenroom.core.ledger import Ledger, Uses
from greenroom.core.upload import Picture, State, Upload, new_id

from .promise import at_once, promise, promised

ROOMY = Ceilings(uploads=1_000, bytes="1 TB")
THREADS = 16


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


class LedgerSuite:
    """Subclass it and give a fixture `ledger`: an empty ledger, a fresh one for each test.

    The times in it are of the ledger's own clock, which may run or stand still. A ledger that keeps
    something for each thread (a connection) lets it go in `thread_ended`.
    """

    def thread_ended(self) -> None:
        """Called in every thread that a test has started, as it ends."""

    # -- records -----------------------------------------------------------------------------------

    def test_a_record_comes_back_as_it_was_inserted(self, ledger: Ledger) -> None:
        plain = record(ledger)
        full = record(
            ledger,
            client_name="緑茶 🍵.png",
            client_type="image/png",
            state=State.PROMOTED,
            length=5_000_000_000,
            reserved=5_000_000_000,
            offset=5_000_000_000,
            epoch=7,
            digest="sha256:" + "0" * 64,
            media_type="image/png",
            stamp="5000000000-1700000000000000000",
            picture=Picture(media_type="image/png", width=4000, height=3000, orientation=6, frames=2),
            staged_at=float(int(ledger.now())),
            promoted_at=float(int(ledger.now())),
        )
        other = record(ledger, state=State.STAGED, digest="blake3:" + "f" * 64)
        for upload in (plain, full, other):
            ledger.insert(upload, ROOMY)
        for upload in (plain, full, other):
            here = ledger.get(upload.id)
            promise(here is not None, "What was inserted is there.")
            for field in fields(upload):
                wanted, got = getattr(upload, field.name), getattr(here, field.name)
                promise(wanted == got, f"`{field.name}` comes back as it was: {wanted!r}. Got: {got!r}")

    def test_an_unknown_id_has_no_record(self, ledger: Ledger) -> None:
        ledger.insert(record(ledger), ROOMY)
        promise(ledger.get(new_id()) is None, "An unknown id has no record.")

    def test_removing_forgets_one_record_and_may_be_repeated(self, ledger: Ledger) -> None:
        upload, other = inserted(ledger), inserted(ledger)
        ledger.remove(upload.id)
        ledger.remove(upload.id)
        ledger.remove(new_id())
        promise(ledger.get(upload.id) is None, "A removed record is gone.")
        promise(ledger.get(other.id) is not None, "Other records stay.")
        more = inserted(ledger)
        ledger.remove(other.id, new_id(), more.id)
        ledger.remove()
        promise(not list(ledger.ids()), "Many can be removed at once, or none.")

    # -- swap --------------------------------------------------------------------------------------

    def test_a_swap_changes_the_record(self, ledger: Ledger) -> None:
        upload, other = inserted(ledger), inserted(ledger)
        after = upload.received(10)
        promise(ledger.swap(upload, after), "A swap from what is there is done.")
        promise(ledger.get(upload.id) == after, "After a swap the new record is there.")
        promise(ledger.get(other.id) == other, "Other records stay as they are.")

    def test_a_stale_swap_changes_nothing(self, ledger: Ledger) -> None:
        upload = inserted(ledger)
        changes: list[dict[str, Any]] = [{"offset": 10}, {"epoch": 1}, {"state": State.STAGED}]
        for change in changes:
            before = ledger.get(upload.id)
            promise(before is not None, "A record is there until it is removed.")
            if before is not None:
                now = replace(before, **change)
                promise(ledger.swap(before, now), "A swap from what is there is done.")
                promise(
                    not ledger.swap(before, replace(before, client_type="late/late")),
                    f"A swap from before {change} came too late and is refused.",
                )
                promise(ledger.get(upload.id) == now, "A refused swap changes nothing.")

    def test_nothing_is_swapped_into_a_ledger_that_does_not_have_it(self, ledger: Ledger) -> None:
        unknown = record(ledger)
        promise(not ledger.swap(unknown, unknown.received(1)), "An unknown record cannot be swapped.")
        promise(ledger.get(unknown.id) is None, "A refused swap adds nothing.")
        gone = inserted(ledger)
        ledger.remove(gone.id)
        promise(not ledger.swap(gone, gone.received(1)), "A removed record cannot be swapped.")
        promise(ledger.get(gone.id) is None, "A refused swap brings nothing back.")

    def test_a_swap_changes_only_what_it_is_about(self, ledger: Ledger) -> None:
        before = inserted(ledger, state=State.STAGED)
        picture = Picture(media_type="image/png", width=4, height=3)
        promise(ledger.swap(before, before.probed(picture)), "What a probe found can be written down.")
        later = before.leased(before.expires_at + 100)
        promise(ledger.swap(before, later), "A lease is renewed by somebody who did not see the probe.")
        here = ledger.get(before.id)
        promise(here is not None and here.picture == picture, "A swap leaves alone what it does not change.")
        promise(here is not None and here.expires_at == later.expires_at, "A swap changes what it is about.")

    def test_of_many_swaps_at_once_one_is_done(self, ledger: Ledger) -> None:
        upload = inserted(ledger)
        done: list[int] = []

        def swap(offset: int) -> Callable[[], None]:
            return lambda: done.append(offset) if ledger.swap(upload, upload.received(offset)) else None

        at_once([swap(n + 1) for n in range(THREADS)], ended=self.thread_ended)
        here = ledger.get(upload.id)
        promise(len(done) == 1, f"Of {THREADS} swaps from one record one is done. Got: {len(done)}")
        promise(here is not None and [here.offset] == done, "The record is that of the swap that was done.")

    # -- ceilings ----------------------------------------------------------------------------------

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

    def test_what_is_saved_or_over_is_not_counted(self, ledger: Ledger) -> None:
        one = Ceilings(uploads=1, bytes=100)
        inserted(ledger, one, state=State.PROMOTED, offset=100)
        inserted(ledger, one, offset=100, expires_at=float(int(ledger.now())) - 10)
        inserted(ledger, one, reserved=100)
        with promised(QuotaExceeded, "What waits is counted."):
            inserted(ledger, one)

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

    # -- time --------------------------------------------------------------------------------------

    def test_records_are_buried_when_their_lease_has_ended(self, ledger: Ledger) -> None:
        now = float(int(ledger.now()))
        over = [inserted(ledger, expires_at=now - seconds) for seconds in (1, 1_000_000)]
        over.append(inserted(ledger, expires_at=now - 1, state=State.PROMOTED))
        waits, renewed = inserted(ledger, expires_at=now + 1_000), inserted(ledger, expires_at=now - 1)
        promise(ledger.swap(renewed, renewed.leased(now + 1_000)), "A lease can be renewed.")
        promise(
            set(ledger.bury_due()) == {upload.id for upload in over},
            "Due is what is over, in whatever state, and only that.",
        )
        promise(not ledger.bury_due(), "What is a tombstone is not due again.")
        promise(ledger.swap(waits, replace(waits, expires_at=now - 1)), "A lease can be ended.")
        promise(ledger.bury_due() == [waits.id], "A lease that was ended is over.")
        here = ledger.get(renewed.id)
        promise(here is not None and here.buried_at is None, "A lease that was renewed is not over.")

    def test_a_tombstone_does_not_change(self, ledger: Ledger) -> None:
        before = inserted(ledger)
        promise(ledger.bury(before.id), "A record can be buried before its time.")
        promise(not ledger.bury(before.id), "Once.")
        promise(not ledger.bury(new_id()), "An unknown one cannot.")
        here = ledger.get(before.id)
        promise(here is not None and here.buried_at is not None, "It is there, and says when it was buried.")
        promise(here is not None and here.epoch > before.epoch, "Its epoch is a later one.")
        promise(not ledger.swap(before, before.received(1)), "Who has seen it before cannot change it.")
        if here is not None:
            promise(not ledger.swap(here, here.received(1)), "Who sees it now cannot change it.")
            promise(not ledger.swap(here, replace(here, buried_at=None)), "Nobody brings it back.")
        promise(ledger.get(before.id) == here, "A tombstone stays as it is.")
        ledger.remove(before.id)
        promise(ledger.get(before.id) is None, "It can be removed.")

    def test_tombstones_can_be_listed_by_their_age(self, ledger: Ledger) -> None:
        buried, other = inserted(ledger), inserted(ledger)
        ledger.bury(buried.id)
        promise(set(ledger.ids()) == {buried.id, other.id}, "All ids are those of tombstones as well.")
        promise(list(ledger.buried(ledger.now() + 1)) == [buried.id], "A tombstone is listed.")
        promise(not list(ledger.buried(ledger.now() - 60)), "Not among older ones.")

    def test_a_tombstone_does_not_count(self, ledger: Ledger) -> None:
        one = Ceilings(uploads=1, bytes=100)
        first = inserted(ledger, one, reserved=100)
        ledger.bury(first.id)
        inserted(ledger, one, reserved=100)

    def test_of_a_swap_and_a_burial_at_once_the_burial_is_the_last(self, ledger: Ledger) -> None:
        def swap(upload: Upload, done: list[bool]) -> Callable[[], None]:
            return lambda: done.append(ledger.swap(upload, upload.received(1)))

        def bury(upload: Upload) -> Callable[[], None]:
            return lambda: promise(
                ledger.bury(upload.id), "What is changed meanwhile is buried all the same."
            )

        for _ in range(THREADS):
            upload, done = inserted(ledger), list[bool]()
            at_once([swap(upload, done), bury(upload)], ended=self.thread_ended)
            here = ledger.get(upload.id)
            promise(here is not None and here.buried_at is not None, "What was buried stays buried.")
            promise(
                here is not None and here.offset == int(done[0]), "A swap is done before it, or not at all."
            )

    def test_without_a_transaction_what_is_to_be_done_afterwards_is_done_at_once(
        self, ledger: Ledger
    ) -> None:
        done: list[int] = []
        ledger.afterwards(lambda: done.append(1))
        promise(done == [1], "Nothing is waited for.")

    # -- uses --------------------------------------------------------------------------------------

    def test_a_use_is_claimed_once(self, ledger: Ledger) -> None:
        if not isinstance(ledger, Uses):
            return
        upload = inserted(ledger, digest="sha256:" + "1" * 64)
        promise(ledger.claim(upload, "use"), "The first claim is granted.")
        promise(not ledger.claim(upload, "use"), "The second claim of the same use is not.")
        promise(ledger.claim(upload, "another"), "Another form has a chance of its own.")
        promise(not ledger.claim(upload, "use"), "What another form does changes nothing.")

    def test_a_use_is_of_one_owner_and_one_content(self, ledger: Ledger) -> None:
        if not isinstance(ledger, Uses):
            return
        upload = inserted(ledger, digest="sha256:" + "1" * 64)
        again = inserted(ledger, digest="sha256:" + "1" * 64)
        promise(ledger.claim(upload, "use"), "The first claim is granted.")
        promise(not ledger.claim(again, "use"), "The same bytes, sent twice by one form, are saved once.")
        promise(
            ledger.claim(inserted(ledger, digest="sha256:" + "2" * 64), "use"),
            "Other bytes are another matter.",
        )
        stranger = inserted(ledger, owner="another", digest="sha256:" + "1" * 64)
        promise(ledger.claim(stranger, "use"), "Another owner's claims are not in the way.")
        # Without a digest the id stands for the content.
        one, other = inserted(ledger), inserted(ledger)
        promise(ledger.claim(one, "use") and ledger.claim(other, "use"), "Without a digest the id decides.")
        promise(not ledger.claim(one, "use"), "Without a digest the id decides.")
        later = replace(other, digest="blake3:" + "3" * 64)
        promise(ledger.swap(other, later) and ledger.claim(later, "use"), "A digest may be taken later.")
        again = inserted(ledger, digest=later.digest)
        promise(not ledger.claim(again, "use"), "From then on it stands for the content, by any algorithm.")

    def test_a_use_can_be_given_back(self, ledger: Ledger) -> None:
        if not isinstance(ledger, Uses):
            return
        upload = inserted(ledger, digest="sha256:" + "1" * 64)
        ledger.claim(upload, "use")
        ledger.claim(upload, "another")
        ledger.release(upload, "use")
        ledger.release(upload, "never claimed")
        promise(ledger.claim(upload, "use"), "A chance that was given back can be taken again.")
        promise(not ledger.claim(upload, "use"), "Once.")
        promise(not ledger.claim(upload, "another"), "Only what was given back is free.")

    def test_of_many_claims_at_once_one_is_granted(self, ledger: Ledger) -> None:
        if not isinstance(ledger, Uses):
            return
        uses, upload = ledger, inserted(ledger, digest="sha256:" + "1" * 64)
        granted: list[bool] = []
        at_once([lambda: granted.append(uses.claim(upload, "use"))] * THREADS, ended=self.thread_ended)
        promise(sum(granted) == 1, f"Of {THREADS} claims at once one is granted. Got: {sum(granted)}")


def record(ledger: Ledger, **values: Any) -> Upload:
    """A record that is not in the ledger yet. Whole seconds: a database may keep no more than microseconds."""
    now = float(int(ledger.now()))
    given: dict[str, Any] = {
        "id": new_id(),
        "owner": "somebody",
        "client_name": "tea.jpg",
        "client_type": "",
        "created_at": now,
        "expires_at": now + 1_000,
    }
    return Upload(**{**given, **values})


def inserted(ledger: Ledger, ceilings: Ceilings = ROOMY, **values: Any) -> Upload:
    """A record that is in the ledger."""
    upload = record(ledger, **values)
    ledger.insert(upload, ceilings)
    return upload


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
