"""How what is over goes: a tombstone first, then a time of grace, then the bytes, and the record last.

Between each two of these steps whoever does them may be killed: what is left is explained by what was there before,
and the next one to come goes on. Several may do it at once.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from . import place as placing
from .claims import claims_of, is_claimed
from .errors import Refused
from .store import SideFiles
from .upload import State

if TYPE_CHECKING:
    from .stage import Stage

logger = logging.getLogger("greenroom")

FOUND = "found-"
"""How the side file is called that says when bytes were first seen without a record, by the ledger's clock."""

BATCH = 100
"""Records that are forgotten at once, when their bytes are gone: each alone would be a transaction."""


def clear(stage: Stage, upload_id: str) -> None:
    """Remove the bytes and the tombstone now, if nobody has saved them or is about to.

    Who saves writes the claim down first and then looks whether the upload is still held; here it is buried first,
    and then the claims are looked for: one of the two always sees the other.
    """
    upload = stage.ledger.get(upload_id)
    if upload is not None and upload.state is State.PROMOTED:
        return
    with contextlib.suppress(Refused):  # it is given up all the same; `expire` removes the rest
        if not (isinstance(stage.store, SideFiles) and is_claimed(stage.store, upload_id)):
            stage.store.remove(upload_id)
            stage.ledger.remove(upload_id)


def expire(stage: Stage, settle: Callable[[str], bool]) -> list[str]:
    """As `Stage.expire`."""
    stage.ledger.bury_due()
    until = stage.ledger.now() - stage.leases.grace
    over = [*stage.ledger.buried(until), *unrecorded(stage, until)]
    gone: list[str] = []
    for start in range(0, len(over), BATCH):
        batch = [each for each in over[start : start + BATCH] if is_cleared(stage, each, settle)]
        stage.ledger.remove(*batch)
        gone += batch
    return gone


def is_cleared(stage: Stage, upload_id: str, settle: Callable[[str], bool]) -> bool:
    """Settle, and remove the bytes; False if that was not possible."""
    try:
        if not settle(upload_id):
            return False
        if isinstance(stage.store, SideFiles):
            # The journal goes with the bytes, so what it explains goes first: copies that were never finished.
            for claim in claims_of(stage.store, upload_id):
                if claim.target == "path":
                    placing.remove_partial(Path(claim.place))
        stage.store.remove(upload_id)
    except Exception:
        logger.exception("Upload %s could not be removed; the next sweep tries it again.", upload_id)
        return False
    return True


def unrecorded(stage: Stage, until: float) -> Iterator[str]:
    """The ids of bytes that were without a record at `until` already. What is found only now is marked.

    The record of what was received in a transaction that still runs cannot be seen yet. How old the files are does
    not count: they have the clock of a host, which may be wrong.
    """
    if not isinstance(stage.store, SideFiles):
        return
    # In this order: the record is there before the first byte, and the last byte goes before the record.
    found = set(stage.store.ids()).difference(stage.ledger.ids())
    # Looked at once more, as another sweeper may have removed it: a mark would bring it back.
    for upload_id in found and sorted(found.intersection(stage.store.ids())):
        try:
            at = found_at(stage.store, upload_id)
            if at is None:
                stage.store.put_beside(upload_id, f"{FOUND}{int(stage.ledger.now())}", b"")
            elif at <= until:
                yield upload_id
        except Refused:  # a full disk has no room for a mark, and will have when this sweep is done
            logger.exception("What lies under %s without a record could not be marked.", upload_id)


def found_at(store: SideFiles, upload_id: str) -> float | None:
    """When bytes were first found without a record, by the ledger's clock; None if they were not."""
    names = (each.removeprefix(FOUND) for each in store.list_beside(upload_id) if each.startswith(FOUND))
    return min((float(each) for each in names if each.isdecimal()), default=None)
