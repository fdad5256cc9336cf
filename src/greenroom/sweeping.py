"""The sweeper, as a function for schedulers. `manage.py clearstaged` calls it."""

from __future__ import annotations

import logging
from typing import cast

from . import signals
from .clocks import check_clock
from .core import SideFiles, Stage
from .core.claims import is_claimed
from .ledger import OrmLedger
from .measures import measuring
from .owners import make_stage
from .settling import free_uses, settle, settle_unrecorded

OWNERS_SECONDS = 7 * 24 * 3600.0

logger = logging.getLogger("greenroom")


def clear_staged(*, trust_clock: bool = False) -> list[str]:
    """Bury uploads whose time is over, and remove what was buried an hour ago; returns the ids of what was removed.

    So goes what has been seen in the store without a record for an hour. What is just being saved is left for the
    next time. Owners who hold nothing are forgotten after a week.

    Raises `greenroom.clocks.ClockJumped`, with nothing removed, where the host's own clock decides and is not where
    it should be; `trust_clock` is for somebody who has looked at it.
    """
    stage = make_stage()
    ledger = cast(OrmLedger, stage.ledger)
    if not check_clock(ledger, trust=trust_clock):
        return []
    with measuring("sweep") as measured:
        settle_promoted(stage)
        free_uses(stage)
        gone = stage.expire(lambda upload_id: settle_over(stage, upload_id))
        ledger.forget_owners(ledger.now() - OWNERS_SECONDS)
        ledger.forget_addresses()
        measured.count = len(gone)
    if gone:
        signals.expired.send(sender=Stage, upload_ids=gone)
    return gone


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
