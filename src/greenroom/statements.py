"""SQL of the statements that run for every upload. The ORM would build each of them anew, which takes several times
as long as the database does with them.

Values are prepared by the fields of the model, as the ORM does it; names are quoted as the database wants it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connections, models

from .core.upload import State
from .models import StagedUpload

Values = Mapping[str, Any]


def insert(alias: str, model: type[models.Model], values: Values) -> None:
    """Insert a row. `values` are by the names of attributes (`owner_id`), one for each column."""
    connection = connections[alias]
    statement = _insert(alias, model, tuple(values))
    with connection.cursor() as cursor:
        cursor.execute(statement, _prepared(connection, model, values))


def update(alias: str, model: type[models.Model], values: Values, where: Values) -> int:
    """Update the rows whose columns are equal to all of `where` (None: are empty); returns how many there were."""
    connection = connections[alias]
    equal = {name: value for name, value in where.items() if value is not None}
    empty = tuple(name for name, value in where.items() if value is None)
    statement = _update(alias, model, tuple(values), tuple(equal), empty)
    with connection.cursor() as cursor:
        cursor.execute(
            statement, [*_prepared(connection, model, values), *_prepared(connection, model, equal)]
        )
        return int(cursor.rowcount)


def get(alias: str, model: type[models.Model], pk: Any) -> dict[str, Any] | None:
    """The row with that primary key, by the names of attributes; None if there is none."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(_get(alias, model), [pk])
        row = cursor.fetchone()
    if row is None:
        return None
    values = dict(zip(_fields(model), row, strict=True))
    for name, column, converters in _converters(alias, model):
        for convert in converters:
            values[name] = convert(values[name], column, connection)
    return values


def held(alias: str, owner: str, now: datetime, but: str = "") -> tuple[int, int]:
    """How many uploads, and how many bytes, count against the ceilings of an owner; not counting one of them."""
    connection = connections[alias]
    where = {"owner_id": owner, "expires_at": now, "state": State.PROMOTED.value, "id": but}
    with connection.cursor() as cursor:
        cursor.execute(_held(alias), _prepared(connection, StagedUpload, where))
        count, size = cursor.fetchone()
    return int(count), int(size)


def count_under(alias: str, owner: str, now: datetime, mark: str) -> int:
    """How many uploads of an owner wait that have `mark`, a random text, in their terms."""
    connection = connections[alias]
    where = {"owner_id": owner, "expires_at": now, "state": State.PROMOTED.value, "terms": f"%{mark}%"}
    with connection.cursor() as cursor:
        cursor.execute(_count_under(alias), _prepared(connection, StagedUpload, where))
        return int(cursor.fetchone()[0])


def _prepared(connection: Any, model: type[models.Model], values: Values) -> list[Any]:
    fields = _fields(model)
    return [fields[name].get_db_prep_save(value, connection) for name, value in values.items()]


@functools.cache
def _fields(model: type[models.Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


@functools.cache
def _insert(alias: str, model: type[models.Model], names: tuple[str, ...]) -> str:
    table, columns = _quoted(alias, model, names)
    places = ", ".join(["%s"] * len(names))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names are the model's


@functools.cache
def _update(
    alias: str,
    model: type[models.Model],
    names: tuple[str, ...],
    equal: tuple[str, ...],
    empty: tuple[str, ...],
) -> str:
    table, columns = _quoted(alias, model, names)
    values = ", ".join(f"{column} = %s" for column in columns)
    conditions = [f"{column} = %s" for column in _quoted(alias, model, equal)[1]]
    conditions += [f"{column} IS NULL" for column in _quoted(alias, model, empty)[1]]
    condition = " AND ".join(conditions)
    return f"UPDATE {table} SET {values} WHERE {condition}"  # noqa: S608 - names are the model's


@functools.cache
def _get(alias: str, model: type[models.Model]) -> str:
    table, columns = _quoted(alias, model, tuple(_fields(model)))
    pk = _quoted(alias, model, (str(model._meta.pk.attname),))[1][0]
    return f"SELECT {', '.join(columns)} FROM {table} WHERE {pk} = %s"  # noqa: S608 - names are the model's


@functools.cache
def _converters(alias: str, model: type[models.Model]) -> list[tuple[str, Any, list[Any]]]:
    """Of the columns that this database gives as something else than Python's value."""
    connection, table = connections[alias], model._meta.db_table
    columns = {name: field.get_col(table) for name, field in _fields(model).items()}
    converters = {
        name: [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
        for name, column in columns.items()
    }
    return [(name, columns[name], found) for name, found in converters.items() if found]


@functools.cache
def _held(alias: str) -> str:
    names = ("offset", "reserved", "owner_id", "expires_at", "state", "id", "buried_at")
    table, (offset, reserved, owner, expires_at, state, pk, buried_at) = _quoted(alias, StagedUpload, names)
    size = f"CASE WHEN {offset} > {reserved} THEN {offset} ELSE {reserved} END"
    condition = (
        f"{owner} = %s AND {expires_at} > %s AND {state} <> %s AND {pk} <> %s AND {buried_at} IS NULL"
    )
    return f"SELECT COUNT(*), COALESCE(SUM({size}), 0) FROM {table} WHERE {condition}"  # noqa: S608


@functools.cache
def _count_under(alias: str) -> str:
    names = ("owner_id", "expires_at", "state", "terms", "buried_at")
    table, (owner, expires_at, state, terms, buried_at) = _quoted(alias, StagedUpload, names)
    condition = (
        f"{owner} = %s AND {expires_at} > %s AND {state} <> %s AND {terms} LIKE %s AND {buried_at} IS NULL"
    )
    return f"SELECT COUNT(*) FROM {table} WHERE {condition}"  # noqa: S608


def _quoted(alias: str, model: type[models.Model], names: tuple[str, ...]) -> tuple[str, list[str]]:
    quote, fields = connections[alias].ops.quote_name, _fields(model)
    return quote(model._meta.db_table), [quote(fields[name].column) for name in names]
