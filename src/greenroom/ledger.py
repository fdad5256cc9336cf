"""The ledger in the database: `greenroom.core.ledger` over the ORM."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connections, models, router, transaction
from django.utils import timezone

from . import counting, statements
from .core.ceilings import Ceilings
from .core.errors import Busy, NotHeld
from .core.ledger import changes, claim_key
from .core.upload import Picture, State, Upload
from .holders import is_dead, this_holder
from .models import StagedOwner, StagedUpload, StagedUse

OPEN_FOR = 3600.0
"""Seconds after which an open use of a process that cannot be seen from here is taken for abandoned."""

_COLUMNS = tuple(field.attname for field in StagedUpload._meta.concrete_fields)
_COLUMN_OF = {"owner": "owner_id"}
_TIMES = ("created_at", "expires_at", "staged_at", "promoted_at", "buried_at")
_BATCH = 500  # records that are buried, or owners that are forgotten, in one transaction
# The database's clock decides, so that hosts whose clocks differ agree. SQLite's clock is this host's.
_CLOCKS = {
    "postgresql": "SELECT EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": "SELECT UNIX_TIMESTAMP(NOW(6))",
}


class OrmLedger:
    """A `Ledger` and `Uses` in the database that the router gives for `StagedUpload`.

    `user_id` is written down beside an owner's key, for the admin to show; nothing is decided by it. `address` is
    the hash of where the owner has come from, if that is counted, and kept for `new_for` seconds if they are new.
    """

    def __init__(self, user_id: Any = None, address: str = "", new_for: float = 0.0) -> None:
        self.user_id = user_id
        self.address = address
        self.new_for = new_for

    @functools.cached_property
    def alias(self) -> str:
        """The database that holds the ledger."""
        return router.db_for_write(StagedUpload)

    @property
    def has_host_clock(self) -> bool:
        """Whether `now` is this host's clock, because the database has none of its own."""
        return connections[self.alias].vendor not in _CLOCKS

    # -- Ledger ------------------------------------------------------------------------------------

    def now(self) -> float:
        connection = connections[self.alias]
        statement = _CLOCKS.get(connection.vendor)
        if statement is None:
            return time.time()
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return float(cursor.fetchone()[0])

    def insert(self, upload: Upload, ceilings: Ceilings) -> None:
        with transaction.atomic(using=self.alias):
            now = self.now()
            counting.check(self.alias, upload, ceilings, to_datetime(now), self._seen(now))
            record = {name: getattr(upload, name) for name in upload.__dataclass_fields__}
            statements.insert(self.alias, StagedUpload, to_columns(record))

    def under(self, owner: str, policy: str) -> list[Upload]:
        """The owner's uploads that wait and came by an intake policy."""
        rows = StagedUpload.objects.using(self.alias).filter(
            owner_id=owner, policy=policy, expires_at__gt=to_datetime(self.now()), buried_at=None
        )
        return [to_upload(row) for row in rows.exclude(state=State.PROMOTED)]

    def reserve(self, upload: Upload, size: int, ceilings: Ceilings) -> None:
        with transaction.atomic(using=self.alias):
            now = self.now()
            seen = self._seen(now)
            # Whoever else counts for this owner waits from here on, so that what is read now stays true.
            statements.update(self.alias, StagedOwner, seen.values, {"key": upload.owner})
            here = self.get(upload.id)
            if here is None or here.buried_at is not None:
                return
            if here.epoch == upload.epoch and here.reserved >= size:
                return
            counting.check(
                self.alias, replace(here, reserved=size), ceilings, to_datetime(now), seen, before=here
            )
            same = {"id": upload.id, "epoch": upload.epoch, "buried_at": None}
            if not statements.update(self.alias, StagedUpload, {"reserved": size}, same):
                raise Busy(name=upload.client_name)

    def get(self, upload_id: str) -> Upload | None:
        columns = statements.get(self.alias, StagedUpload, upload_id)
        return from_columns(columns) if columns is not None else None

    def has(self, upload_id: str) -> bool:
        """Whether there is a record, and no tombstone; without reading all of it."""
        columns = statements.get(self.alias, StagedUpload, upload_id, "buried_at")
        return columns is not None and columns["buried_at"] is None

    def swap(self, before: Upload, after: Upload) -> bool:
        changed = changes(before, after)
        if after.state is not before.state:
            changed["reserved"] = after.reserved  # `reserve` may have counted more since `before` was read
        version = to_columns({name: getattr(before, name) for name in ("id", "state", "offset", "epoch")})
        version["buried_at"] = None
        if not changed:
            return StagedUpload.objects.using(self.alias).filter(**version).exists()
        return bool(statements.update(self.alias, StagedUpload, to_columns(changed), version))

    def bury(self, upload_id: str) -> bool:
        return bool(self._bury(self._waiting().filter(pk=upload_id)))

    def bury_due(self) -> list[str]:
        ids: list[str] = []
        # What a form is saving just now can wait; uses that nobody is at any more are freed before.
        in_use = models.Exists(self.open_uses().filter(upload=models.OuterRef("pk")))
        while True:
            due = self._waiting().filter(~in_use, expires_at__lte=to_datetime(self.now()))
            with transaction.atomic(using=self.alias):
                # Skipped is what another transaction has written to, as the one does that is saving it.
                rows = due.order_by("pk").select_for_update(skip_locked=True)
                batch = list(rows.values_list("pk", flat=True)[:_BATCH])
                # The lease is compared once more: without locks it may have been renewed since.
                self._bury(due.filter(pk__in=batch))
            if not batch:
                return ids
            ids += batch

    def buried(self, until: float) -> list[str]:
        rows = StagedUpload.objects.using(self.alias).filter(buried_at__lte=to_datetime(until))
        return list(rows.order_by("buried_at").values_list("pk", flat=True))

    def ids(self) -> set[str]:
        return set(StagedUpload.objects.using(self.alias).order_by().values_list("pk", flat=True))

    def remove(self, *upload_ids: str) -> None:
        StagedUpload.objects.using(self.alias).filter(pk__in=upload_ids).delete()

    def afterwards(self, do: Callable[[], object]) -> None:
        transaction.on_commit(do, using=self.alias)

    def _waiting(self) -> models.QuerySet[StagedUpload]:
        return StagedUpload.objects.using(self.alias).filter(buried_at=None)

    def _bury(self, rows: models.QuerySet[StagedUpload]) -> int:
        return rows.update(buried_at=to_datetime(self.now()), epoch=models.F("epoch") + 1)

    def _seen(self, now: float) -> counting.Seen:
        values: dict[str, Any] = {"seen_at": to_datetime(now)}
        new: dict[str, Any] = {}
        if self.user_id is not None:
            values["user_id"] = self.user_id
        if self.address:
            new = {"address": self.address, "new_until": to_datetime(now + self.new_for)}
        return counting.Seen(values, new)

    # -- Uses --------------------------------------------------------------------------------------

    def claim(self, upload: Upload, use: str, post: str = "") -> bool:
        """Inside a transaction the claim is part of it: a rollback gives the chance back, and a second
        claimant waits here until the first has ended. `post` is the digest of the form, by which an equal submit is
        told from a changed one. Raises `NotHeld` if the upload has been removed."""
        try:
            with transaction.atomic(using=self.alias):
                row = StagedUse(
                    key=use_key(upload, use),
                    upload_id=upload.id,
                    claimed_at=to_datetime(self.now()),
                    holder=this_holder(),
                    post=post,
                )
                columns = [field.attname for field in StagedUse._meta.concrete_fields]
                statements.insert(self.alias, StagedUse, {name: getattr(row, name) for name in columns})
                return True  # as the last step: what is taken is known to be taken
        except IntegrityError:
            if self.get(upload.id) is None:  # removed meanwhile: nobody else will take it
                raise NotHeld(name=upload.client_name) from None
            return False

    def release(self, upload: Upload, use: str) -> None:
        """What was closed stays closed."""
        self.uses(upload, use).filter(closed=False).delete()

    def close(self, upload: Upload, use: str) -> None:
        """What was claimed is saved, for good."""
        statements.update(self.alias, StagedUse, {"closed": True}, {"key": use_key(upload, use)})

    def uses(self, upload: Upload, use: str) -> models.QuerySet[StagedUse]:
        """The row of one use, if it is taken."""
        return StagedUse.objects.using(self.alias).filter(pk=use_key(upload, use))

    def open_uses(self) -> models.QuerySet[StagedUse]:
        """Uses that have been taken and not closed."""
        return StagedUse.objects.using(self.alias).filter(closed=False)

    def is_abandoned(self, use: StagedUse) -> bool:
        """Whether nobody can be saving under an open use any more: its process has ended, or it is long ago."""
        return is_dead(use.holder) or use.claimed_at <= to_datetime(self.now() - OPEN_FOR)

    def forget_addresses(self) -> int:
        """Remove what is written down of where owners came from who are not new any more; returns how many."""
        return counting.forget_addresses(self.alias, to_datetime(self.now()))

    def forget_owners(self, unseen_since: float) -> int:
        """Remove the owners who hold nothing and were not seen since; returns how many."""
        rows = StagedOwner.objects.using(self.alias).filter(
            ~models.Exists(StagedUpload.objects.filter(owner=models.OuterRef("pk"))),
            seen_at__lt=to_datetime(unseen_since),
        )
        forgotten = 0
        while True:
            with transaction.atomic(using=self.alias):
                # Locked before they are removed: whoever comes back at this moment writes to their row first, and
                # waits. An upload that is inserted meanwhile would go with its owner.
                batch = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:_BATCH])
                rows.filter(pk__in=batch).delete()
            if not batch:
                return forgotten
            forgotten += len(batch)


def use_key(upload: Upload, use: str) -> str:
    """What can be claimed once, in 64 characters whatever a form sends as its use."""
    return hashlib.sha256("\0".join(claim_key(upload, use)).encode()).hexdigest()


def to_columns(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record, or some fields of it, as the columns of its row."""
    return {_COLUMN_OF.get(name, name): to_column(name, value) for name, value in record.items()}


def to_column(name: str, value: Any) -> Any:
    """The value of one field as that of its column."""
    if value is None:
        return None
    if name in _TIMES:
        return to_datetime(value)
    if name == "state":
        return value.value
    return asdict(value) if name == "picture" else value


def to_upload(row: StagedUpload) -> Upload:
    """A row as a record."""
    return from_columns({name: getattr(row, name) for name in _COLUMNS})


def from_columns(columns: dict[str, Any]) -> Upload:
    """The inverse of `to_columns`, for all of them."""
    values = dict(columns, owner=columns["owner_id"], state=State(columns["state"]))
    del values["owner_id"]
    for name in _TIMES:
        values[name] = to_seconds(values[name]) if values[name] is not None else None
    values["picture"] = Picture(**values["picture"]) if values["picture"] else None
    return Upload(**values)


def to_datetime(moment: float) -> datetime:
    """For the database: aware or naive, as USE_TZ says."""
    aware = datetime.fromtimestamp(moment, tz=UTC)
    return aware if settings.USE_TZ else timezone.make_naive(aware)


def to_seconds(moment: datetime) -> float:
    """The inverse of `to_datetime`."""
    return (moment if settings.USE_TZ else timezone.make_aware(moment)).timestamp()
