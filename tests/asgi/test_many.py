"""Hundreds of slow clients at once, each of whom has next to nothing of the server."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.django.servers import Server, Visitor, wait_until

pytestmark = pytest.mark.slow

MB = 10**6
SLOW = 300
SIZE, HEAD, PIECE = 100_000, 10_000, 1_000

Started = Callable[[str], Server]


@pytest.fixture(params=["gunicorn", "uvicorn"])
def server(request: pytest.FixtureRequest, started: Started) -> Server:
    return started(request.param)


@pytest.fixture
def descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4_096, hard)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("descriptors")
def test_300_slow_clients_are_served_and_hold_neither_memory_nor_connections(server: Server) -> None:
    visitors = [Visitor(server) for _ in range(SLOW // 50)]  # as an owner has a ceiling of 100 uploads
    paths = [(visitor, visitor.create(SIZE)) for visitor in visitors for _ in range(50)]
    idle = server.memory
    database = str(server.scratch / "db.sqlite3")
    with contextlib.ExitStack() as open_ones:
        connections = [open_ones.enter_context(visitor.begin_patch(path, 0, SIZE)) for visitor, path in paths]
        sent = 0
        # The head of a file waits until its type is known; and then each sends a little now and then, so that
        # none is ever silent for long.
        for piece in (HEAD, PIECE, PIECE, PIECE):
            for connection in connections:
                connection.sendall(b"x" * piece)
            sent += piece
            wait_until(lambda here=sent: least(server, paths) >= here, "each one's bytes are kept")  # type: ignore[misc]
        wait_until(lambda: server.open_files().count(database) <= 8, "nobody who waits holds the database")
        assert server.memory - idle < SLOW * MB
        # Meanwhile the server answers, and takes what is fast.
        assert requests.get(server.url + "/backup/", timeout=30).status_code == 200
        fast = Visitor(server)
        whole = os.urandom(20 * MB)
        assert fast.patch(fast.create(len(whole)), whole, 0).status_code == 204
        for connection in connections:
            connection.sendall(b"x" * (SIZE - sent))
        for connection in connections:
            assert connection.recv(12) == b"HTTP/1.1 204"


def least(server: Server, paths: list[tuple[Visitor, str]]) -> int:
    """How much of the slowest upload is in the store."""
    sizes = [0]
    for _, path in paths:
        name = path.rstrip("/").rpartition("/")[2]
        file = Path(server.held, name[:1], name, "bytes")
        if not file.exists():
            return 0
        sizes.append(file.stat().st_size)
    return min(sizes[1:])


@pytest.mark.parametrize("server", ["gunicorn-plain", "uvicorn-plain"], indirect=True)
def test_a_servers_own_reading_uses_the_same_memory_again(
    server: Server, require: Callable[[str, object], None]
) -> None:
    """Each page that is new is a fault, and is filled with zeros first: it takes as long as to receive into it."""
    require("glibc", hasattr(ctypes.CDLL(None), "mallopt"))
    visitor, body = Visitor(server), os.urandom(50 * MB)
    assert visitor.patch(visitor.create(len(body)), body, 0).status_code == 204
    before = faults(server)
    assert visitor.patch(visitor.create(len(body)), body, 0).status_code == 204
    new = (faults(server) - before) * resource.getpagesize()
    assert new < 25 * MB


def faults(server: Server) -> int:
    """How often its processes have got a page (`minflt` of proc_pid_stat)."""
    stats = (Path(f"/proc/{each}/stat").read_text() for each in server.processes)
    return sum(int(each.rpartition(")")[2].split()[7]) for each in stats)
