"""Promise 20: while a body is waited for nothing of the database is held, whoever sends it, in whatever way."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connection

from greenroom.models import StagedOwner, StagedUpload, StagedUse
from tests.django.servers import Server, Visitor, wait_until
from tests.faults.database.serving import shared_servers, store_of
from tests.faults.tally import NIGHT, Injected
from tests.pages import CONTENT_TYPE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SIZE = 300_000
SENT = 200_000
WRITES = 20  # of another process meanwhile
KINDS = ["gunicorn", "gunicorn-plain", "uvicorn", "uvicorn-plain", "django"]
DAY = [("gunicorn", True), ("uvicorn", True), ("gunicorn-plain", False)]


@pytest.fixture(
    scope="module",
    params=[(kind, atomic) for kind in KINDS[:4] for atomic in (False, True)] if NIGHT else DAY,
    ids=lambda each: f"{each[0]}{'-atomic' if each[1] else ''}",
)
def server(
    request: pytest.FixtureRequest, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    kind, atomic = request.param
    scratch = tmp_path_factory.mktemp("slow")
    with shared_servers(scratch, kind, atomic=atomic) as (started,):
        started.held_bytes = store_of(scratch)  # type: ignore[attr-defined]
        yield started


@dataclass
class Slow:
    """A request of which a part has been sent, and the rest."""

    connection: socket.socket
    rest: bytes


def tus(visitor: Visitor) -> Slow:
    sending = visitor.begin_patch(visitor.create(SIZE), 0, SIZE)
    sending.sendall(b"x" * SENT)
    return Slow(sending, b"x" * (SIZE - SENT))


def tus_in_chunks(visitor: Visitor) -> Slow:
    """Of unknown length, so that the ledger is asked for room in between."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Defer-Length": "1"}
    path = visitor.http.post(visitor.server.url + "/greenroom/uploads/", headers=headers, timeout=30).headers[
        "Location"
    ]
    sending = visitor.begin_patch(path, 0, None)
    for _ in range(SENT // 50_000):
        sending.sendall(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
    return Slow(sending, b"c350\r\n" + b"x" * 50_000 + b"\r\n0\r\n\r\n")


def creation(visitor: Visitor) -> Slow:
    sending = visitor.begin(
        "POST",
        "/greenroom/uploads/",
        Tus_Resumable="1.0.0",
        Upload_Length=str(SIZE),
        Content_Type="application/offset+octet-stream",
        Content_Length=str(SIZE),
    )
    sending.sendall(b"x" * SENT)
    return Slow(sending, b"x" * (SIZE - SENT))


def draft(visitor: Visitor) -> Slow:
    sending = visitor.begin(
        "POST",
        "/greenroom/uploads/",
        Upload_Draft_Interop_Version="8",
        Upload_Complete="?1",
        Content_Length=str(SIZE),
    )
    sending.sendall(b"x" * SENT)
    return Slow(sending, b"x" * (SIZE - SENT))


def form(visitor: Visitor) -> Slow:
    """Of /paper/, whose field takes 100 kB into memory, and a second one behind it that stays there."""
    page = Visitor(visitor.server, "/paper/")
    body = page.page.body({"title": "slow"}, {"body": ("tea.bin", b"x" * SIZE)})
    sending = page.begin("POST", "/paper/", Content_Type=CONTENT_TYPE, Content_Length=str(len(body)))
    sending.sendall(body[: len(body) - (SIZE - SENT)])
    return Slow(sending, body[len(body) - (SIZE - SENT) :])


WAYS: dict[str, Callable[[Visitor], Slow]] = {
    each.__name__: each for each in (tus, tus_in_chunks, creation, draft, form)
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_the_database_is_held_while_a_body_is_waited_for(
    server: Server, way: str, injected: Injected
) -> None:
    visitor = Visitor(server)
    held: Path = server.held_bytes  # type: ignore[attr-defined]
    before = set(StagedUpload.objects.values_list("pk", flat=True))
    with injected(20):
        slow = WAYS[way](visitor)
        with slow.connection as sending:
            wait_until(lambda: arriving(held, before, way), "its bytes arrive")
            (row,) = arriving(held, before, way)
            for number in range(WRITES):
                began = time.monotonic()
                # Its very rows: of the upload, of its owner, and new ones beside them.
                StagedUpload.objects.filter(pk=row.pk).update(client_type=f"text/{number}")
                StagedOwner.objects.filter(pk=row.owner_id).update(seen_at=row.created_at)
                StagedUse.objects.create(key=f"{number}", upload_id=row.pk, claimed_at=row.created_at)
                assert time.monotonic() - began < 5, "another process writes at once"
            assert not transactions()
            sending.sendall(slow.rest)
            assert sending.recv(12)[9:10] in (b"2", b"3")


def arriving(held: Path, before: set[str], way: str) -> list[StagedUpload]:
    """The new upload, when as much of it is here as a server gives at once that waits for all that it is asked for."""
    rows = list(StagedUpload.objects.exclude(pk__in=before))
    # So much of a form may be in the server's memory still.
    return [
        each for each in rows if way == "form" or size_of(held / each.pk[:1] / each.pk / "bytes") >= 65_536
    ]


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def transactions() -> list[object]:
    """What other connections of PostgreSQL have open: transactions that wait for their client, and locks."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT state, query, l.mode, l.relation::regclass::text
            FROM pg_stat_activity a LEFT JOIN pg_locks l ON l.pid = a.pid AND l.granted AND l.locktype = 'relation'
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
              AND (a.state LIKE 'idle in transaction%%' OR a.xact_start IS NOT NULL OR l.mode IS NOT NULL)
            """
        )
        return list(cursor.fetchall())


def test_a_slow_client_has_no_connection_to_the_database(server: Server, injected: Injected) -> None:
    """Not even an idle one, after about a second."""
    visitor = Visitor(server)
    if server.kind == "gunicorn-plain":
        return  # it waits inside of the server's own `read`, where nobody can do anything
    with injected(20), tus(visitor).connection:
        wait_until(lambda: connections_of(server) == 0, "the connection is given back")


def connections_of(server: Server) -> int:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            return int(cursor.fetchone()[0])
    return server.open_files().count(str(connection.settings_dict["NAME"]))
