"""What a ledger promises of uses (`Uses`): a part of `LedgerSuite`."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Protocol

from greenroom.core.ledger import Ledger, Uses

from .promise import at_once, part_of, promise
from .recording import THREADS, Abandoned, Recording, inserted


class LedgerWithUses(Ledger, Uses, Protocol):
    """A ledger that offers `Uses`."""


class UsePromises(Recording):
    """The part of `LedgerSuite` about who has saved what. A ledger that does not offer `Uses` is asked nothing."""

    @part_of(3, Uses)
    def test_a_use_is_claimed_once(self, ledger: LedgerWithUses) -> None:
        upload = inserted(ledger, digest="sha256:" + "1" * 64)
        promise(ledger.claim(upload, "use"), "The first claim is granted.")
        promise(not ledger.claim(upload, "use"), "The second claim of the same use is not.")
        promise(ledger.claim(upload, "another"), "Another form has a chance of its own.")
        promise(not ledger.claim(upload, "use"), "What another form does changes nothing.")

    @part_of(3, Uses)
    def test_a_use_is_of_one_owner_and_one_content(self, ledger: LedgerWithUses) -> None:
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

    @part_of(3, Uses)
    def test_a_use_can_be_given_back(self, ledger: LedgerWithUses) -> None:
        upload = inserted(ledger, digest="sha256:" + "1" * 64)
        ledger.claim(upload, "use")
        ledger.claim(upload, "another")
        ledger.release(upload, "use")
        ledger.release(upload, "never claimed")
        promise(ledger.claim(upload, "use"), "A chance that was given back can be taken again.")
        promise(not ledger.claim(upload, "use"), "Once.")
        promise(not ledger.claim(upload, "another"), "Only what was given back is free.")

    @part_of(3, Uses)
    def test_of_many_claims_at_once_one_is_granted(self, ledger: LedgerWithUses) -> None:
        upload = inserted(ledger, digest="sha256:" + "1" * 64)
        granted: list[bool] = []
        at_once([lambda: granted.append(ledger.claim(upload, "use"))] * THREADS, ended=self.thread_ended)
        promise(sum(granted) == 1, f"Of {THREADS} claims at once one is granted. Got: {sum(granted)}")

    @part_of(3, Uses)
    def test_a_claim_stands_whatever_becomes_of_others(self, ledger: LedgerWithUses) -> None:
        upload, other = inserted(ledger, digest="sha256:" + "1" * 64), inserted(ledger)
        ledger.claim(upload, "use")
        ledger.claim(other, "use")
        ledger.release(other, "use")
        ledger.remove(other.id)
        promise(
            not ledger.claim(upload, "use"), "Neither release nor removal of another gives the chance back."
        )
        promise(ledger.swap(upload, upload.received(10)), "What has been claimed can change.")
        promise(not ledger.claim(upload, "use"), "A change does not give the chance back.")

    @part_of(4, Uses)
    def test_a_rollback_gives_the_chance_back(self, ledger: LedgerWithUses) -> None:
        transaction = self.transaction(ledger)
        if transaction is None:
            return
        upload = inserted(ledger, digest="sha256:" + "1" * 64)
        with contextlib.suppress(Abandoned), transaction:
            promise(ledger.claim(upload, "use"), "A use can be claimed in a transaction.")
            raise Abandoned
        promise(
            ledger.claim(upload, "use"), "What was rolled back has saved nothing, so the chance is there."
        )
