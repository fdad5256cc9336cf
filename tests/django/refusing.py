"""A database that refuses to write certain rows, as SQLite and PostgreSQL can be told to."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

SQLITE = [
    "CREATE TRIGGER refuse AFTER INSERT ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'refused'); END"
]
POSTGRES = [
    "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$ LANGUAGE plpgsql",
    "CREATE TRIGGER refuse AFTER INSERT ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse()",
]


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def refusing(table: str, when: str) -> Iterator[None]:
    """Every INSERT into `table` that `when` is true of fails (`NEW` is the row)."""
    sqlite = connection.vendor == "sqlite"
    execute(*(each.format(table=table, when=when) for each in (SQLITE if sqlite else POSTGRES)))
    try:
        yield
    finally:
        execute("DROP TRIGGER refuse") if sqlite else execute("DROP FUNCTION refuse CASCADE")
