"""`LedgerSuite`: what every ledger promises."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from greenroom.core.ledger import Ledger, Uses
from greenroom.core.upload import Picture, State, Upload, new_id

from .ceilings import CeilingPromises
from .promise import at_once, check_offers, part_of, promise
from .recording import ROOMY, THREADS, Abandoned, inserted, record
from .uses import UsePromises


class LedgerSuite(CeilingPromises, UsePromises):
    """Subclass it and give a fixture `ledger`: an empty ledger, a fresh one for each test.

    `offers` is `[Uses]` where it has that. The times in it are of the ledger's own clock, which may run or stand
    still. A ledger that keeps something for each thread (a connection) lets it go in `thread_ended`, and one that
    has transactions gives one in `transaction`.
    """

    @part_of(3)
    def test_it_offers_what_its_suite_says(self, ledger: Ledger) -> None:
        check_offers(ledger, [Ledger, *self.offers], [Ledger, Uses])

    # -- records -------------------------------------------------------------------------------------

    @part_of(2)
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

    @part_of(6)
    def test_an_unknown_id_has_no_record(self, ledger: Ledger) -> None:
        ledger.insert(record(ledger), ROOMY)
        promise(ledger.get(new_id()) is None, "An unknown id has no record.")

    @part_of(6)
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

    # -- swap ----------------------------------------------------------------------------------------

    @part_of(2)
    def test_a_swap_changes_the_record(self, ledger: Ledger) -> None:
        upload, other = inserted(ledger), inserted(ledger)
        after = upload.received(10)
        promise(ledger.swap(upload, after), "A swap from what is there is done.")
        promise(ledger.get(upload.id) == after, "After a swap the new record is there.")
        promise(ledger.get(other.id) == other, "Other records stay as they are.")

    @part_of(10)
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

    @part_of(5)
    def test_nothing_is_swapped_into_a_ledger_that_does_not_have_it(self, ledger: Ledger) -> None:
        unknown = record(ledger)
        promise(not ledger.swap(unknown, unknown.received(1)), "An unknown record cannot be swapped.")
        promise(ledger.get(unknown.id) is None, "A refused swap adds nothing.")
        gone = inserted(ledger)
        ledger.remove(gone.id)
        promise(not ledger.swap(gone, gone.received(1)), "A removed record cannot be swapped.")
        promise(ledger.get(gone.id) is None, "A refused swap brings nothing back.")

    @part_of(2)
    def test_a_swap_changes_only_what_it_is_about(self, ledger: Ledger) -> None:
        before = inserted(ledger, state=State.STAGED)
        picture = Picture(media_type="image/png", width=4, height=3)
        promise(ledger.swap(before, before.probed(picture)), "What a probe found can be written down.")
        later = before.leased(before.expires_at + 100)
        promise(ledger.swap(before, later), "A lease is renewed by somebody who did not see the probe.")
        here = ledger.get(before.id)
        promise(here is not None and here.picture == picture, "A swap leaves alone what it does not change.")
        promise(here is not None and here.expires_at == later.expires_at, "A swap changes what it is about.")

    @part_of(10)
    def test_of_many_swaps_at_once_one_is_done(self, ledger: Ledger) -> None:
        upload = inserted(ledger)
        done: list[int] = []

        def swap(offset: int) -> Callable[[], None]:
            return lambda: done.append(offset) if ledger.swap(upload, upload.received(offset)) else None

        at_once([swap(n + 1) for n in range(THREADS)], ended=self.thread_ended)
        here = ledger.get(upload.id)
        promise(len(done) == 1, f"Of {THREADS} swaps from one record one is done. Got: {len(done)}")
        promise(here is not None and [here.offset] == done, "The record is that of the swap that was done.")

    # -- time ----------------------------------------------------------------------------------------

    @part_of(5)
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

    @part_of(5)
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

    @part_of(6)
    def test_tombstones_can_be_listed_by_their_age(self, ledger: Ledger) -> None:
        buried, other = inserted(ledger), inserted(ledger)
        ledger.bury(buried.id)
        promise(set(ledger.ids()) == {buried.id, other.id}, "All ids are those of tombstones as well.")
        promise(list(ledger.buried(ledger.now() + 1)) == [buried.id], "A tombstone is listed.")
        promise(not list(ledger.buried(ledger.now() - 60)), "Not among older ones.")

    @part_of(5)
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

    @part_of(5)
    def test_a_lease_that_is_renewed_as_it_ends_is_kept_or_buried_and_never_both(
        self, ledger: Ledger
    ) -> None:
        over = float(int(ledger.now())) - 1

        def renew(upload: Upload, done: list[bool]) -> Callable[[], None]:
            return lambda: done.append(ledger.swap(upload, upload.leased(over + 1_000)))

        def sweep(buried: list[str]) -> Callable[[], None]:
            return lambda: buried.extend(ledger.bury_due())

        for _ in range(THREADS):
            uploads = [inserted(ledger, expires_at=over) for _ in range(4)]
            renewed: list[list[bool]] = [[] for _ in uploads]
            buried: list[str] = []
            at_once([sweep(buried), *map(renew, uploads, renewed)], ended=self.thread_ended)
            for upload, done in zip(uploads, renewed, strict=True):
                here = ledger.get(upload.id)
                is_buried = here is not None and here.buried_at is not None
                promise(is_buried is (upload.id in buried), "What is said to be buried is, and nothing else.")
                promise(is_buried is not done[0], "A lease that was renewed is never buried.")

    @part_of(5)
    def test_two_sweeps_at_once_bury_each_record_once(self, ledger: Ledger) -> None:
        over = float(int(ledger.now())) - 1
        uploads = [inserted(ledger, expires_at=over) for _ in range(THREADS)]
        buried: list[str] = []
        at_once([lambda: buried.extend(ledger.bury_due())] * 4, ended=self.thread_ended)
        buried += ledger.bury_due()
        promise(set(buried) == {upload.id for upload in uploads}, "What is due is buried, whoever sweeps.")
        for upload in uploads:
            here = ledger.get(upload.id)
            promise(here is not None and here.epoch == upload.epoch + 1, "It is buried once.")

    # -- transactions --------------------------------------------------------------------------------

    @part_of(4)
    def test_without_a_transaction_what_is_to_be_done_afterwards_is_done_at_once(
        self, ledger: Ledger
    ) -> None:
        done: list[int] = []
        ledger.afterwards(lambda: done.append(1))
        promise(done == [1], "Nothing is waited for.")

    @part_of(4)
    def test_a_rollback_leaves_everything_as_it_was(self, ledger: Ledger) -> None:
        transaction = self.transaction(ledger)
        if transaction is None:
            return
        upload, due = inserted(ledger), inserted(ledger, expires_at=float(int(ledger.now())) - 1)
        new, done = record(ledger), list[int]()
        with contextlib.suppress(Abandoned), transaction:
            ledger.insert(new, ROOMY)
            ledger.reserve(upload, 100, ROOMY)
            promise(ledger.swap(upload, upload.received(10)), "A record can be changed in a transaction.")
            ledger.bury_due()
            ledger.afterwards(lambda: done.append(1))
            promise(done == [], "What is to be done afterwards waits for the end.")
            raise Abandoned
        promise(ledger.get(new.id) is None, "What was inserted is gone.")
        promise(ledger.get(upload.id) == upload, "What was changed is as it was.")
        promise(ledger.get(due.id) == due, "What was buried is as it was.")
        promise(done == [], "What was to be done afterwards is not done.")

    @part_of(4)
    def test_at_the_end_of_a_transaction_it_is_done(self, ledger: Ledger) -> None:
        transaction = self.transaction(ledger)
        if transaction is None:
            return
        upload, seen = inserted(ledger), list[Upload | None]()
        with transaction:
            ledger.swap(upload, upload.received(10))
            ledger.afterwards(lambda: seen.append(ledger.get(upload.id)))
            promise(seen == [], "What is to be done afterwards waits for the end.")
        promise(seen == [upload.received(10)], "It is done once, when what was written is safe.")
