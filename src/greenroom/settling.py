"""Settling claims: did a save that was begun become true? If not, its copy goes and the upload is held as before."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.apps import apps
from django.db import models, router, transaction

from .core import LocalFiles, SideFiles, Stage, Store, Upload
from .core.claims import Claim, UnreadableClaim, claims_of, is_claimed
from .core.digests import same_bytes
from .core.place import remove_partial
from .ledger import OrmLedger
from .models import StagedUse
from .owners import Visit
from .promotion import is_local

logger = logging.getLogger("greenroom")


def settle_promotions(visit: Visit) -> None:
    """At the end of a request: whatever it has begun to save and not finished."""
    promotions, visit.promotions = visit.promotions, []
    unfinished = {each.upload.id: each.staged.stage for each in promotions if not each.finished}
    own = {each.claim.id for each in promotions}
    for upload_id, stage in unfinished.items():
        settle(stage, upload_id, own=own)


def settle(stage: Stage, upload_id: str, own: AbstractSet[str] = frozenset()) -> bool:
    """Settle every claim of one upload; False if one of them may still be under way.

    Taking a claim's use is what tells a dead claim from a live one: while the transaction that took it
    runs, the database makes us wait for its end. `own` are the ids of claims that are known to have ended.
    """
    store = cast(SideFiles, stage.store)
    ledger = cast(OrmLedger, stage.ledger)
    try:
        claims = list(claims_of(store, upload_id))
    except UnreadableClaim:
        logger.exception("A claim is damaged, so its upload is kept; auditstaged says what to do.")
        return False
    upload = ledger.get(upload_id)
    if not claims:
        return True
    if upload is None:
        return False  # received and saved in one transaction that may still run: its record is not visible yet
    with transaction.atomic(using=ledger.alias):
        if not all(is_over(ledger, upload, claim, own) for claim in claims):
            transaction.set_rollback(True, using=ledger.alias)
            return False
        for claim in claims:
            if row_holds(claim):
                ledger.close(upload, claim.use)
            else:
                remove_placed(claim, stage.store)
                ledger.release(upload, claim.use)
    for claim in claims:
        claim.erase(store)
    return True


def settle_unrecorded(stage: Stage, upload_id: str) -> bool:
    """The same for bytes of which it is certain that they have no record, and will have none."""
    store = cast(SideFiles, stage.store)
    for claim in list(claims_of(store, upload_id)):  # one that is damaged is raised, and nothing is removed
        if not row_holds(claim):
            remove_placed(claim, stage.store)
        claim.erase(store)
    return True


def free_uses(stage: Stage) -> None:
    """Give the chances back that a killed process has taken before it came to write its claim down."""
    for use in cast(OrmLedger, stage.ledger).open_uses():
        free_use(stage, use)


def free_use(stage: Stage, use: StagedUse) -> None:
    """Settle what was begun under one open use, if its process cannot be at it any more."""
    if not cast(OrmLedger, stage.ledger).is_abandoned(use):
        return
    settle(stage, use.upload_id)
    if not is_claimed(cast(SideFiles, stage.store), use.upload_id):
        cast(OrmLedger, stage.ledger).open_uses().filter(pk=use.pk).delete()


def is_over(ledger: OrmLedger, upload: Upload, claim: Claim, own: AbstractSet[str]) -> bool:
    """Whether nobody is still saving under this claim. Afterwards its use is taken, by them or by us."""
    if ledger.claim(upload, claim.use):
        return True
    row = ledger.uses(upload, claim.use).first()
    if row is None or row.closed or claim.id in own:
        return True
    return ledger.is_abandoned(row)


def row_holds(claim: Claim) -> bool:
    """Whether an object of the claim's model has the claim's file. When in doubt, yes."""
    target = target_of(claim)
    if target is None:
        return True
    model, field = target
    rows = model._base_manager.using(router.db_for_write(model))
    return rows.filter(**{field.name: claim.place}).exists()


def remove_placed(claim: Claim, store: Store) -> None:
    """Remove what was put in place and never saved: only if it is what this claim has put there."""
    target = target_of(claim)
    if target is None or not claim.place:
        return
    storage: Any = target[1].storage
    if is_local(storage):
        remove_partial(Path(storage.path(claim.place)))
    # The name may have been somebody else's all along: we may have died before we found it taken.
    with contextlib.suppress(FileNotFoundError):
        if is_placed(claim, store, storage):
            storage.delete(claim.place)


def is_placed(claim: Claim, store: Store, storage: Any) -> bool:
    """Whether the claim's name is that of what it has put there: of the very file, or of a copy, byte for byte."""
    if is_local(storage) and isinstance(store, LocalFiles):
        source = store.path(claim.upload_id, claim.source or None)
        if os.path.samefile(source, storage.path(claim.place)):
            return True  # known without reading gigabytes
    with storage.open(claim.place) as placed, open_source(claim, store) as held:
        return same_bytes(held, placed)


def open_source(claim: Claim, store: Store) -> BinaryIO:
    """What the claim was to put in place."""
    if not claim.source:
        return store.open(claim.upload_id)
    if isinstance(store, LocalFiles):
        return open(store.path(claim.upload_id, claim.source), "rb")
    return io.BytesIO(cast(SideFiles, store).read_beside(claim.upload_id, claim.source))


def target_of(claim: Claim) -> tuple[type[models.Model], models.FileField] | None:
    """The model and the field that a claim names; None if they do not exist any more."""
    label, _, name = claim.target.rpartition(".")
    try:
        model = apps.get_model(label)
        return model, cast(models.FileField, model._meta.get_field(name))
    except (LookupError, ValueError):
        return None
