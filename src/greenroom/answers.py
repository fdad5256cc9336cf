"""A form that is sent twice: the second request gets the answer of the first, and nothing is saved again."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from typing import cast

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render

from . import statements
from .core import Stage, Token
from .core.errors import Busy, NotHeld, Refused
from .files import StagedFile, token_signer
from .ledger import OrmLedger, use_key
from .models import StagedUse
from .owners import Visit, current_visit, visit_at
from .promotion import TakenUse
from .settling import free_use

logger = logging.getLogger("greenroom")

PATIENCE = 10.0
"""Seconds that the second submit waits for the first: longer than a save takes, shorter than a proxy waits."""
_PAUSE = 0.05


def remember(visit: Visit, response: HttpResponseBase) -> None:
    """Keep where this request was redirected to with the uses that it took."""
    keys = {each.key for each in visit.promotions if each.taken}
    if keys:
        ledger = cast(OrmLedger, visit.stage.ledger)
        location = response.headers.get("Location", "") if 300 <= response.status_code < 400 else ""
        for key in keys:
            statements.update(ledger.alias, StagedUse, {"answered": True, "location": location}, {"key": key})


def take_uses(files: Sequence[StagedFile]) -> bool:
    """Take the uses of these files for this visit, before anything is made of them.

    Who comes second waits here until the first has ended. If that one has saved the very same form, raises
    `TakenUse`; files of which only samples were taken are compared with the saved ones for that. If the form has been
    changed since, answers False: it is not the same submit, and what was
    changed must not be lost without a word. If after all this time the use is neither free nor anybody's, raises
    `Busy`.
    """
    visit = current_visit()
    wanted = [each for each in files if each.use]
    until = time.monotonic() + PATIENCE
    while visit is not None and wanted:
        is_last = time.monotonic() > until
        taken = claim_all(wanted, visit)
        if taken is None:
            return True
        key = use_key(taken.known, taken.use)
        if wait_for_close(key, taken.stage):
            ledger = cast(OrmLedger, taken.stage.ledger)
            if StagedUse.objects.using(ledger.alias).filter(pk=key).exclude(post=visit.post).exists():
                return False
            if not all(is_saved(each) for each in (*wanted, *visit.find_files())):
                return False
            raise TakenUse(name=taken.upload.client_name, key=key)
        if is_last:  # others take it again and again and give it back, or the database refuses every use
            logger.error("The use %s of upload %s cannot be taken, and nobody has it.", key, taken.upload.id)
            raise Busy(name=taken.upload.client_name)
        time.sleep(_PAUSE)
    return True


def give_first_answer(token: object, use: str) -> None:
    """Raise `TakenUse` if this very form has saved this upload, which cannot be opened any more.

    It was altered (a model has rewritten its file, with which the held one shares its bytes), or given up since.
    """
    visit = current_visit()
    if visit is None or not use:
        return
    ledger = cast(OrmLedger, visit.stage.ledger)
    upload = ledger.get(Token.decode(token, token_signer()).upload_id)
    if upload is None or upload.owner != visit.stage.owner:  # of another's nothing is told
        return
    # By its id: no sample can be taken of what was altered. The form says which of its uses it is.
    its_own = Q(pk=use_key(upload, use)) | Q(upload=upload.id)
    taken = StagedUse.objects.using(ledger.alias).filter(its_own, closed=True, post=visit.post).first()
    if taken is not None and all(map(is_saved, visit.find_files())):
        raise TakenUse(name=upload.client_name, key=taken.key)


def is_saved(file: StagedFile) -> bool:
    """Whether what was saved under its use are these very bytes, where it has only a sample of them to say so.

    They are compared with those that are held. Where that cannot be done any more (a model has rewritten its file) they
    count as others: the person is asked, and nothing is saved twice without a word, or lost.
    """
    if not file.sample:
        return True
    ledger = cast(OrmLedger, file.stage.ledger)
    key = use_key(file.known, file.use)
    if not wait_for_close(key, file.stage):
        return False
    row = StagedUse.objects.using(ledger.alias).filter(pk=key).first()
    saved = ledger.get(row.upload_id) if row is not None else None
    with contextlib.suppress(Refused):
        return saved is not None and file.has_bytes_of(saved)
    return False


def claim_all(files: Sequence[StagedFile], visit: Visit) -> StagedFile | None:
    """All of the uses or none, in one transaction; returns the first file whose use somebody else has."""
    ledger = cast(OrmLedger, files[0].stage.ledger)
    keys = {use_key(each.known, each.use): each for each in files}
    wanted = {key: each for key, each in keys.items() if key not in visit.uses}
    several = len(wanted) > 1  # one claim is all or nothing by itself
    try:
        with transaction.atomic(using=ledger.alias) if several else contextlib.nullcontext():
            for each in wanted.values():
                if not ledger.claim(each.known, each.use, visit.post):
                    if several:
                        transaction.set_rollback(True, using=ledger.alias)
                    return each
            visit.uses.update(keys)  # as the last step: what is taken is known to be taken
    except IntegrityError:  # SQLite looks at the end whether the uploads are still here
        visit.uses -= set(wanted)
        for each in files:
            if ledger.get(each.upload.id) is None:
                raise NotHeld(name=each.upload.client_name) from None
        raise
    return None


def wait_for_close(key: str, stage: Stage) -> bool:
    """Whether the use is taken; an open one is waited for, since its save may still fail."""
    ledger = cast(OrmLedger, stage.ledger)
    until = time.monotonic() + PATIENCE
    while True:
        row = StagedUse.objects.using(ledger.alias).filter(pk=key).first()
        if row is None:
            return False
        # Inside a transaction nothing would change while we look, so the database's own lock decides later.
        if row.closed or transaction.get_connection(ledger.alias).in_atomic_block:
            return True
        free_use(stage, row)  # a server that was killed in the middle of a save does not come back to it
        if time.monotonic() > until:
            return True
        time.sleep(_PAUSE)


def again(request: HttpRequest, taken: TakenUse) -> HttpResponse:
    """The redirect that the first submit got; without one, a page (409) that says it is saved."""
    visit = visit_at(request)
    ledger = cast(OrmLedger, visit.stage.ledger)
    until = time.monotonic() + PATIENCE
    while True:
        row = StagedUse.objects.using(ledger.alias).filter(pk=taken.key).first()
        if row is None or row.answered or ledger.is_abandoned(row) or time.monotonic() > until:
            break  # nobody else will say more: the first has its answer, or its server was killed
        time.sleep(_PAUSE)
    if row is not None and row.location:
        return HttpResponseRedirect(row.location)
    context = {"saved": row is not None and row.closed, "name": taken.name}
    return render(request, "greenroom/already_saved.html", context, status=409)
