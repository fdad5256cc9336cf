"""What counts against the ceilings, in the database, while everybody waits who would count the same."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import connections, models

from . import statements
from .core.ceilings import Ceilings, counted_bytes
from .core.errors import Refused
from .core.upload import State, Upload
from .models import StagedCrowd, StagedOwner, StagedUpload
from .statements import prepared, quoted

EVERYBODY = "everybody"
COUNTED_EVERY = timedelta(minutes=1)
LONG_AGO = timedelta(hours=1)
"""Longer than any transaction takes."""
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Seen:
    """What is written down of an owner who is seen, and what besides if they are new."""

    values: Mapping[str, Any]
    new: Mapping[str, Any]


def check(
    alias: str, upload: Upload, ceilings: Ceilings, now: datetime, seen: Seen, before: Upload | None = None
) -> None:
    """Raise the refusal of the ceiling that `upload` would break; else it can be written in this transaction.

    `before` is its record as it is, if it is here already. Locks come in one order (owner, address, everybody), and the
    one that most others wait for is taken last.
    """
    add(alias, StagedOwner, upload.owner, upload, before, seen.values, seen.new)
    if ceilings.counts_policy_of(upload):
        ceilings.check_policy(upload, count_under(alias, upload.owner, now, upload.policy, but=upload.id))
    owner = judge(alias, StagedOwner, upload.owner, upload, now, ceilings.check, owner=upload.owner)
    address = owner["address"] if owner["new_until"] is not None and owner["new_until"] > now else ""
    if ceilings.counts_addresses and address:
        add(alias, StagedCrowd, address, upload, before)
        judge(alias, StagedCrowd, address, upload, now, ceilings.check_address, address=address)
    if not ceilings.counts_all and not ceilings.needs_room(upload):
        return
    add(alias, StagedCrowd, EVERYBODY, upload, before)
    if ceilings.counts_all:
        judge(alias, StagedCrowd, EVERYBODY, upload, now, ceilings.check_all)
    if ceilings.needs_room(upload):
        at_most = still_to_come(alias, upload, now)
        ceilings.check_room(upload, at_most, lambda: coming(alias, upload, now))


def add(
    alias: str,
    model: type[StagedOwner | StagedCrowd],
    key: str,
    upload: Upload,
    before: Upload | None,
    values: Mapping[str, Any] = NOTHING,
    new: Mapping[str, Any] = NOTHING,
) -> None:
    """Count `upload` in the row `key`. Until the transaction ends everybody else waits who counts there.

    If the row is not there it is made, with what is `new` besides. A lock without a write would let two be the last that
    fits where transactions see the database as it was when they began.
    """
    more = (0, counted_bytes(upload) - counted_bytes(before)) if before else (1, counted_bytes(upload))
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(_add(alias, model, tuple(values)), [*more, *prepared(connection, model, values), key])
        if cursor.rowcount:
            return
    # Somebody else may be faster; then their row is only waited for by a write to it.
    model._default_manager.using(alias).get_or_create(pk=key, defaults={**new, **values})
    add(alias, model, key, upload, before, values)


def judge(
    alias: str,
    model: type[StagedOwner | StagedCrowd],
    key: str,
    upload: Upload,
    now: datetime,
    rule: Callable[[Upload, int, int], None],
    **whose: str,
) -> Mapping[str, Any]:
    """Let `rule` say whether `upload`, which is in the counts of the row `key`, fits beside the others; returns the row.

    To count uploads takes longer the more there are, so it is not done each time. What was counted once, and all that
    has come since, is never less than what is there. Only if that is too much is it counted anew; and from time to time,
    as somebody may have come without being counted, before there was a ceiling.
    """
    size = counted_bytes(upload)
    row = cast(dict[str, Any], statements.get(alias, model, key))
    # Neither long ago nor in the future: what was counted while a clock was wrong may be too little.
    if row["counted_at"] is not None and abs(now - row["counted_at"]) < COUNTED_EVERY:
        with contextlib.suppress(Refused):
            rule(upload, row["uploads"] - 1, row["bytes"] - size)
            return row
    count, others = held(alias, upload, now, **whose)
    rule(upload, count, others)
    anew = {"uploads": count + 1, "bytes": others + size, "counted_at": now}
    statements.update(alias, model, anew, {"key": key})
    return row


def held(alias: str, but: Upload, now: datetime, *, owner: str = "", address: str = "") -> tuple[int, int]:
    """How many uploads, and how many bytes, an owner holds, or the new ones of an address, or all; not counting `but`."""
    connection = connections[alias]
    values = prepared(connection, StagedUpload, {**_waiting(now), "id": but.id})
    if owner:
        values += prepared(connection, StagedUpload, {"owner_id": owner})
    if address:
        values += prepared(connection, StagedOwner, {"address": address, "new_until": now})
    with connection.cursor() as cursor:
        cursor.execute(_held(alias, owner=bool(owner), address=bool(address)), values)
        count, size = cursor.fetchone()
    return int(count), int(size)


def count_under(alias: str, owner: str, now: datetime, policy: str, *, but: str = "") -> int:
    """How many uploads of an owner wait that came by an intake policy, not counting the one with the id `but`."""
    connection = connections[alias]
    where = {**_waiting(now), "owner_id": owner, "policy": policy, "id": but}
    with connection.cursor() as cursor:
        cursor.execute(_count_under(alias), prepared(connection, StagedUpload, where))
        return int(cursor.fetchone()[0])


def still_to_come(alias: str, but: Upload, now: datetime) -> int:
    """How many bytes of all that is reserved have not been written down as here, but for one upload."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        values = prepared(connection, StagedUpload, {"expires_at": now, "id": but.id})
        cursor.execute(_still_to_come(alias), values)
        return int(cursor.fetchone()[0])


def coming(alias: str, but: Upload, now: datetime) -> dict[str, int]:
    """What is reserved for each upload that is being received, but for one."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(_coming(alias), prepared(connection, StagedUpload, {"expires_at": now, "id": but.id}))
        return dict(cursor.fetchall())


def forget_addresses(alias: str, now: datetime) -> int:
    """Remove the addresses of owners who are not new any more; returns how many owners those were."""
    over = StagedOwner.objects.using(alias).filter(new_until__lte=now)
    forgotten = over.update(address="", new_until=None)
    here = StagedOwner.objects.using(alias).filter(address=models.OuterRef("key"), new_until__isnull=False)
    # Only where nobody has counted just now: an owner who comes at this moment may not be seen from here yet.
    crowds = StagedCrowd.objects.using(alias).exclude(key=EVERYBODY)
    crowds.filter(~models.Exists(here), counted_at__lt=now - LONG_AGO).delete()
    return forgotten


def _waiting(now: datetime) -> dict[str, Any]:
    return {"expires_at": now, "state": State.PROMOTED.value}


# As `greenroom.core.ceilings.waits`.
_WAITS = "{expires_at} > %s AND {state} <> %s AND {buried_at} IS NULL"


@functools.cache
def _add(alias: str, model: type[models.Model], others: tuple[str, ...]) -> str:
    table, names = _names(alias, model, "key", "uploads", "bytes", *others)
    values = "{uploads} = {uploads} + %s, {bytes} = {bytes} + %s".format(**names)
    values += "".join(f", {names[each]} = %s" for each in others)
    return f"UPDATE {table} SET {values} WHERE {names['key']} = %s"  # noqa: S608 - names are the model's


@functools.cache
def _held(alias: str, *, owner: bool, address: bool) -> str:
    table, names = _names(
        alias, StagedUpload, "offset", "reserved", "owner_id", "expires_at", "state", "id", "buried_at"
    )
    size = "CASE WHEN {offset} > {reserved} THEN {offset} ELSE {reserved} END".format(**names)
    condition = (_WAITS + " AND {id} <> %s").format(**names)
    if owner:
        condition += " AND {owner_id} = %s".format(**names)
    if address:
        owners, theirs = _names(alias, StagedOwner, "key", "address", "new_until")
        new = "{key} FROM " + owners + " WHERE {address} = %s AND {new_until} > %s"
        condition += f" AND {names['owner_id']} IN (SELECT {new.format(**theirs)})"
    return f"SELECT COUNT(*), COALESCE(SUM({size}), 0) FROM {table} WHERE {condition}"  # noqa: S608 - names are the model's


@functools.cache
def _coming(alias: str) -> str:
    return _of_coming(alias, "{id}, {reserved}")


@functools.cache
def _still_to_come(alias: str) -> str:
    size = "CASE WHEN {reserved} > {offset} THEN {reserved} - {offset} ELSE 0 END"
    return _of_coming(alias, f"COALESCE(SUM({size}), 0)")


def _of_coming(alias: str, what: str) -> str:
    table, names = _names(alias, StagedUpload, "id", "reserved", "offset", "expires_at", "state", "buried_at")
    # The state as a literal, by which both databases know the index that has these rows alone.
    condition = (
        "{state} = '"
        + State.RECEIVING.value
        + "' AND {expires_at} > %s AND {buried_at} IS NULL AND {id} <> %s"
    )
    return f"SELECT {what.format(**names)} FROM {table} WHERE {condition.format(**names)}"  # noqa: S608 - as above


@functools.cache
def _count_under(alias: str) -> str:
    table, names = _names(alias, StagedUpload, "owner_id", "expires_at", "state", "policy", "id", "buried_at")
    # The second condition on the policy is that of its index, by which databases know that they can use it.
    condition = (_WAITS + " AND {owner_id} = %s AND {policy} = %s AND {policy} > '' AND {id} <> %s").format(
        **names
    )
    return f"SELECT COUNT(*) FROM {table} WHERE {condition}"  # noqa: S608 - names are the model's


def _names(alias: str, model: type[models.Model], *names: str) -> tuple[str, dict[str, str]]:
    table, columns = quoted(alias, model, names)
    return table, dict(zip(names, columns, strict=True))
