"""SQL of the statements that run for every upload. The ORM would build each of them anew, which takes several times
as long as the database does with them.

Values are prepared by the fields of the model, as the ORM does it, where there is anything to prepare; names are quoted
as the database wants it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connections, models

Values = Mapping[str, Any]


def insert(alias: str, model: type[models.Model], values: Values) -> None:
    """Insert a row. `values` are by the names of attributes (`owner_id`), one for each column."""
    connection = connections[alias]
    statement = _insert(alias, model, tuple(values))
    with connection.cursor() as cursor:
        cursor.execute(statement, prepared(connection, model, values))


def update(alias: str, model: type[models.Model], values: Values, where: Values) -> int:
    """Update the rows whose columns are equal to all of `where` (None: are empty); returns how many there were."""
    connection = connections[alias]
    equal = {name: value for name, value in where.items() if value is not None}
    empty = tuple(name for name, value in where.items() if value is None)
    statement = _update(alias, model, tuple(values), tuple(equal), empty)
    with connection.cursor() as cursor:
        cursor.execute(statement, [*prepared(connection, model, values), *prepared(connection, model, equal)])
        return int(cursor.rowcount)


def get(alias: str, model: type[models.Model], pk: Any, *names: str) -> dict[str, Any] | None:
    """The row with that primary key, by the names of attributes (all of them, or `names`); None if there is none."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(_get(alias, model, names), [pk])
        row = cursor.fetchone()
    if row is None:
        return None
    values = dict(zip(names or _fields(model), row, strict=True))
    for name, column, converters in _converters(alias, model, names):
        for convert in converters:
            values[name] = convert(values[name], column, connection)
    return values


def prepared(connection: Any, model: type[models.Model], values: Values) -> list[Any]:
    """Values by the names of attributes as the database takes them, in their order."""
    changing = _changing(model)
    return [as_database(connection, changing.get(name), value) for name, value in values.items()]


def as_database(connection: Any, field: Any, value: Any) -> Any:
    """One value as the database takes it; without a `field` it is that already."""
    if value is None or field is None:
        return value
    if isinstance(value, datetime):
        # What the field would do besides is for those who give it something else than a date and a time.
        return connection.ops.adapt_datetimefield_value(value)
    return field.get_db_prep_save(value, connection)


@functools.cache
def _fields(model: type[models.Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


@functools.cache
def _changing(model: type[models.Model]) -> dict[str, Any]:
    """The fields whose values databases want in another form than Python's. Texts and numbers they take as they are."""
    plain = (models.CharField, models.TextField, models.BigIntegerField, models.BooleanField)
    kinds = {name: getattr(field, "target_field", field) for name, field in _fields(model).items()}
    return {name: _fields(model)[name] for name, kind in kinds.items() if not isinstance(kind, plain)}


@functools.cache
def _insert(alias: str, model: type[models.Model], names: tuple[str, ...]) -> str:
    table, columns = quoted(alias, model, names)
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
    table, columns = quoted(alias, model, names)
    values = ", ".join(f"{column} = %s" for column in columns)
    conditions = [f"{column} = %s" for column in quoted(alias, model, equal)[1]]
    conditions += [f"{column} IS NULL" for column in quoted(alias, model, empty)[1]]
    condition = " AND ".join(conditions)
    return f"UPDATE {table} SET {values} WHERE {condition}"  # noqa: S608 - names are the model's


@functools.cache
def _get(alias: str, model: type[models.Model], names: tuple[str, ...]) -> str:
    table, columns = quoted(alias, model, names or tuple(_fields(model)))
    pk = quoted(alias, model, (str(model._meta.pk.attname),))[1][0]
    return f"SELECT {', '.join(columns)} FROM {table} WHERE {pk} = %s"  # noqa: S608 - names are the model's


@functools.cache
def _converters(
    alias: str, model: type[models.Model], names: tuple[str, ...]
) -> list[tuple[str, Any, list[Any]]]:
    """Of the columns that this database gives as something else than Python's value."""
    connection, table = connections[alias], model._meta.db_table
    columns = {name: _fields(model)[name].get_col(table) for name in names or _fields(model)}
    converters = {
        name: [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
        for name, column in columns.items()
    }
    return [(name, columns[name], found) for name, found in converters.items() if found]


def quoted(alias: str, model: type[models.Model], names: tuple[str, ...]) -> tuple[str, list[str]]:
    """The table and the columns of a model's attributes, as SQL names them."""
    quote, fields = connections[alias].ops.quote_name, _fields(model)
    return quote(model._meta.db_table), [quote(fields[name].column) for name in names]
