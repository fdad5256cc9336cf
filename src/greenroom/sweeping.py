"""The sweeper, as a function for schedulers. `manage.py clearstaged` calls it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import cast

from . import signals
from .clocks import check_clock
from .core import SideFiles, Stage
from .core.claims import is_claimed
from .core.expiring import found_at
from .ledger import OrmLedger
from .measures import measuring
from .owners import make_stage
from .settling import free_uses, settle, settle_unrecorded

OWNERS_SECONDS = 7 * 24 * 3600.0

MANY = 20
"""Uploads without a record of which a crash may be the cause. More are rather those of another database."""

logger = logging.getLogger("greenroom")


class StoreUnknown(Exception):
    """The store is full of uploads that the database knows nothing of. The message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep did: the ids of what it removed, and how many tombstones stand now, for a later one.

    Not `compared` is the very first, if it had nothing to compare the clock with, and so left all to the next.
    """

    removed: list[str]
    buried: int
    compared: bool = True


def clear_staged(*, trust_clock: bool = False, trust_database: bool = False) -> list[str]:
    """As `sweep`; returns the ids of what was removed."""
    return sweep(trust_clock=trust_clock, trust_database=trust_database).removed


def sweep(*, trust_clock: bool = False, trust_database: bool = False) -> Swept:
    """Bury uploads whose time is over, and remove what was buried an hour ago.

    So goes what has been seen in the store without a record for an hour. What is just being saved is left for the
    next time. Owners who hold nothing are forgotten after a week.

    Raises `greenroom.clocks.ClockJumped`, with nothing removed, where the host's own clock decides and is not where
    it should be; `trust_clock` is for somebody who has looked at it. Raises `StoreUnknown`, with nothing removed, where
    the database is likely not the one to which the store belongs; `trust_database` is for who knows that it is.
    """
    stage = make_stage()
    ledger = cast(OrmLedger, stage.ledger)
    if not check_clock(ledger, trust=trust_clock):
        return Swept(removed=[], buried=0, compared=False)
    # Before anything is settled, too: of a save that has begun the right database knows what became of it.
    if not trust_database and (found := strangers(stage)):
        raise StoreUnknown(sentence(stage, len(found)))
    with measuring("sweep") as measured:
        settle_promoted(stage)
        free_uses(stage)
        gone = stage.expire(lambda upload_id: settle_over(stage, upload_id))
        ledger.forget_owners(ledger.now() - OWNERS_SECONDS)
        ledger.forget_addresses()
        measured.count = len(gone)
    if gone:
        signals.expired.send(sender=Stage, upload_ids=gone)
    return Swept(removed=gone, buried=len(ledger.buried(ledger.now())))


def strangers(stage: Stage) -> set[str]:
    """The uploads without a record, if they are many, and more than those with one; without those found before."""
    held = set(stage.store.ids())
    unrecorded = held.difference(stage.ledger.ids())
    if len(unrecorded) <= MANY:
        return set()
    store = cast(SideFiles, stage.store)
    # Looked at once more, as another sweeper may have removed them meanwhile.
    found = {each for each in unrecorded.intersection(stage.store.ids()) if found_at(store, each) is None}
    return found if len(found) > max(MANY, len(held) - len(unrecorded)) else set()


def sentence(stage: Stage, count: int) -> str:
    """What an operator has to know and to do."""
    return (
        f"{stage.store!r} holds {count} uploads of which this database has no record, and fewer of which it has one. "
        "So it looks when the settings name another database or another store, or when the database is new, or was "
        "restored from a backup. Nothing was removed. Look which database and which STORE the settings name. If both "
        "are right, and no better backup will follow, run `manage.py clearstaged --trust-database` once: these "
        "uploads are then removed an hour later."
    )


def settle_promoted(stage: Stage) -> None:
    """Saves that a killed process has begun are settled now, long before the upload's time is over."""
    for upload_id in stage.store.ids():
        try:
            settle(stage, upload_id)
        except Exception:
            logger.exception("Upload %s could not be settled; the next sweep tries it again.", upload_id)


def settle_over(stage: Stage, upload_id: str) -> bool:
    """The last look at what is about to be removed: False if it is still being saved."""
    if not is_claimed(cast(SideFiles, stage.store), upload_id):
        return True
    if stage.ledger.get(upload_id) is None:
        return settle_unrecorded(stage, upload_id)
    return settle(stage, upload_id)
