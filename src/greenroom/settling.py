"""Settling claims: did a save that was begun become true? If not, its copy goes and the upload is held as before."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, cast

from django.apps import apps
from django.db import connections, models, router, transaction

from .core import LocalFiles, SideFiles, Stage, State, Store, Upload
from .core.claims import Claim, UnreadableClaim, claims_of, is_claimed
from .core.digests import same_bytes
from .core.errors import NotHeld
from .core.place import remove_partial
from .ledger import OrmLedger, use_key
from .models import StagedUse
from .owners import Visit
from .promotion import Promotion, is_local

logger = logging.getLogger("greenroom")

NOBODYS: Mapping[str, Promotion] = MappingProxyType({})


def settle_promotions(visit: Visit) -> None:
    """At the end of a request: whatever it has begun to save and not finished. What cannot be settled now stays."""
    own = {each.claim.id: each for each in visit.promotions}
    for each in list(visit.promotions):
        if not each.finished:
            settle(each.staged.stage, each.upload.id, own=own)
        if not each.finished:  # there is no claim of it, or its upload's could not be settled
            if each.in_place:
                each.end(saved=row_holds(each.claim))  # the sweeper settles the claim
            elif each.taken:
                each.ledger.release(each.known, each.claim.use)
        visit.promotions.remove(each)


def settle(stage: Stage, upload_id: str, own: Mapping[str, Promotion] = NOBODYS) -> bool:
    """Settle the claims of one upload; False if one of them may still be under way.

    Taking a claim's use is what tells a dead claim from a live one: while the transaction that took it
    runs, the database makes us wait for its end. `own` are promotions that are known to have ended, by the
    ids of their claims: they get to know what became of them.
    """
    store = cast(SideFiles, stage.store)
    ledger = cast(OrmLedger, stage.ledger)
    try:
        claims = list(claims_of(store, upload_id))
    except UnreadableClaim:
        logger.exception("A claim is damaged, so its upload is kept; auditstaged says what to do.")
        return False
    if not claims:
        return True
    upload = ledger.get(upload_id)
    if upload is None:
        return False  # received and saved in one transaction that may still run: its record is not visible
    with transaction.atomic(using=ledger.alias):
        # Claims may share a use, and have taken it by other contents (a sample, a digest): those are others' chances.
        keys = {claim.id: use_key(claim.known(upload), claim.use) for claim in claims}
        others = {keys[claim.id]: claim for claim in claims if claim.id not in own}
        ended = {key for key, claim in others.items() if is_over(ledger, claim.known(upload), claim.use)}
        over = [claim for claim in claims if claim.id in own or keys[claim.id] in ended]
        saved = [claim for claim in over if row_holds(claim)]
        # These first: the claims of one request share its use, and one that is closed is not given back.
        for claim in sorted(over, key=lambda claim: claim not in saved):
            settle_one(stage, upload, claim, saved=claim in saved)
    for claim in over:
        claim.erase(store)
        if claim.id in own:
            own[claim.id].end(saved=claim in saved)
    return len(over) == len(claims)


def settle_one(stage: Stage, upload: Upload, claim: Claim, *, saved: bool) -> None:
    """Make the records say what became of a claim, and take back what was put in place for nothing."""
    ledger = cast(OrmLedger, stage.ledger)
    if saved:
        ledger.close(claim.known(upload), claim.use)
        if upload.state is State.STAGED:  # not of a record that a rollback has set back to the time before
            stage.mark_promoted(upload)
    else:
        remove_placed(claim, stage.store)
        ledger.release(claim.known(upload), claim.use)


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


def is_over(ledger: OrmLedger, upload: Upload, use: str) -> bool:
    """Whether nobody is still saving under this use. Afterwards it is taken, by them or by us."""
    try:
        if ledger.claim(upload, use):
            return True
    except NotHeld:  # removed at this moment
        return False
    row = ledger.uses(upload, use).first()
    return row is None or row.closed or ledger.is_abandoned(row)


def row_holds(claim: Claim) -> bool:
    """Whether an object of the claim's model has the claim's file. When in doubt, yes."""
    target = target_of(claim)
    if target is None:
        return True
    model, field = target
    if claim.database:
        # Of a database that is not configured any more nobody can know.
        return claim.database not in connections or is_named_in(claim.database, model, field, claim.place)
    usual = router.db_for_write(model)
    return any(
        is_named_in(alias, model, field, claim.place)
        for alias in connections
        if alias == usual or has_table(alias, model)
    )


def is_named_in(alias: str, model: type[models.Model], field: models.FileField, place: str) -> bool:
    """Whether a row in this database has `place` as its file."""
    return model._base_manager.using(alias).filter(**{field.name: place}).exists()


def has_table(alias: str, model: type[models.Model]) -> bool:
    """Whether this database has rows of the model at all. Asked first: an error would break a transaction there."""
    return model._meta.db_table in connections[alias].introspection.table_names(include_views=True)


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
    """Whether the claim's name is that of what it has put there: of the very file, or of a copy, byte for byte.

    A storage elsewhere may also show the beginning of a copy that broke off.
    """
    if not storage.exists(claim.place):
        return False  # asked by itself: what `open` raises then is each storage's own affair
    if is_local(storage) and isinstance(store, LocalFiles):
        source = store.path(claim.upload_id, claim.source or None)
        if os.path.samefile(source, storage.path(claim.place)):
            return True  # known without reading gigabytes
    with storage.open(claim.place) as placed, open_source(claim, store) as held:
        return same_bytes(held, placed, beginning=not is_local(storage))


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
