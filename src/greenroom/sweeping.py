"""The sweeper, as a function for schedulers. `manage.py clearstaged` calls it."""

from __future__ import annotations

from typing import cast

from . import signals
from .core import Stage
from .ledger import OrmLedger
from .owners import make_stage
from .settling import free_uses, settle, settle_unrecorded

OWNERS_SECONDS = 7 * 24 * 3600.0


def clear_staged() -> list[str]:
    """Remove uploads whose time is over, and bytes that nothing explains; returns the ids.

    What is just being saved is left for the next time. Owners who hold nothing are forgotten after a week.
    """
    stage = make_stage()
    ledger = cast(OrmLedger, stage.ledger)
    settle_promoted(stage)
    free_uses(stage)
    gone = stage.expire(lambda upload_id: settle_over(stage, upload_id))
    ledger.forget_owners(ledger.now() - OWNERS_SECONDS)
    ledger.forget_addresses()
    if gone:
        signals.expired.send(sender=Stage, upload_ids=gone)
    return gone


def settle_promoted(stage: Stage) -> None:
    """Saves that a killed process has begun are settled now, long before the upload's time is over."""
    for upload_id in stage.store.ids():
        settle(stage, upload_id)


def settle_over(stage: Stage, upload_id: str) -> bool:
    """The last look at what is about to be removed: False if it is still being saved."""
    if stage.ledger.get(upload_id) is None:
        return settle_unrecorded(stage, upload_id)
    return settle(stage, upload_id)
