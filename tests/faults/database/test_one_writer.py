"""Promise 10: of several processes one writes, and who was overtaken lands no byte, at whatever moment it stood still."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from greenroom.core import Ceilings, Stage, State, Upload
from greenroom.core.errors import Busy, NotFinished
from greenroom.ledger import OrmLedger
from greenroom.models import StagedUpload
from greenroom.stores import LocalStore
from tests.django.servers import Server, Visitor, wait_until
from tests.faults.database.serving import shared_servers, store_of
from tests.faults.database.stalling import PIECE, PIECES
from tests.faults.tally import NIGHT, Injected

ROOT = Path(__file__).resolve().parents[3]
SIZE = 400_000
AT_ONCE = 16
ROUNDS = 20 if NIGHT else 3
FENCED_IN = 2.0  # seconds
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


# -- stopped at any line ---------------------------------------------------------------------------


class Stalled:
    """`stalling.py`, which has a writer for each moment."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    def says(self) -> str:
        return self._output.readline().strip()

    def tell(self, line: str) -> None:
        self._input.write(line + "\n")
        self._input.flush()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    store = LocalStore(tmp_path / "held", keep_free=0)
    return Stage(store, ledger=OrmLedger(), ceilings=Ceilings(uploads=10_000), owner="somebody")


@pytest.fixture
def stalled(stage: Stage, tmp_path: Path) -> Iterator[Stalled]:
    program = Path(__file__).with_name("stalling.py")
    process = subprocess.Popen(
        [sys.executable, str(program), str(connection.settings_dict["NAME"]), str(tmp_path / "held")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
        start_new_session=True,  # to be killed with its writers, of whom one may stand still
    )
    try:
        each = Stalled(process)
        assert each.says() == "ready"
        yield each
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def begun(stage: Stage) -> Upload:
    """Some of it is here, in good order, and more than that is still to come."""
    upload = stage.create(client_name="tea.bin", length=PIECE * (PIECES + 4))
    return stage.append(upload.id, [b"0" * PIECE], offset=0)


def test_a_writer_that_is_stopped_at_any_line_adds_nothing_afterwards(
    stage: Stage, stalled: Stalled, injected: Injected
) -> None:
    stalled.tell(f"{begun(stage).id} {PIECE} 0")
    result, lines = stalled.says().split()
    assert (result, stalled.says()) == ("receiving", "ended")
    step = 1 if NIGHT else max(int(lines) // 24, 1)
    unsettled: list[int] = []
    for moment in range(1, int(lines), step):
        with injected(10):
            upload = begun(stage)
            stalled.tell(f"{upload.id} {PIECE} {moment}")
            assert stalled.says() == "stopped", moment
            began = time.monotonic()
            try:
                here = stage.fence(upload.id)
            except Busy:  # it has the lock by which `.writers` settles who goes on where
                unsettled.append(moment)
                stalled.tell("on")
            took = time.monotonic() - began
            assert took < FENCED_IN, (moment, took)
            if moment in unsettled:
                assert stalled.says().split()[0] == "busy"
                assert whole(stage, upload) == b"0" * PIECE, (
                    "nobody has overtaken it, and it has added nothing"
                )
                continue
            size = here.offset
            assert PIECE <= size <= PIECE * (PIECES + 1)
            wanted = b"0" * PIECE + b"a" * (size - PIECE)
            assert whole(stage, here)[:size] == wanted
            here = stage.append(upload.id, [b"b" * PIECE], offset=size)
            stalled.tell("on")  # with everything that it still had in its hands
            said = stalled.says().split()[0]
            # Who was stopped before it looked is told that it is late, and behind its last word has done all it had to.
            assert said in ("busy", "offset_mismatch", "receiving"), (moment, said)
            rest = PIECE * (PIECES + 4) - here.offset
            here = stage.append(upload.id, [b"c" * rest], offset=here.offset)
            wanted += b"b" * PIECE + b"c" * rest
            assert here.state is State.STAGED
            assert whole(stage, here) == wanted, moment
            assert here.digest == "sha256:" + hashlib.sha256(wanted).hexdigest()
    assert len(unsettled) * 8 < int(lines) // step, (
        "that is a few lines, in none of which anybody is waited for"
    )


def whole(stage: Stage, upload: Upload) -> bytes:
    try:
        file = stage.open(upload.id)
    except NotFinished:
        file = stage.store.open(upload.id)
    with file as held:
        return held.read()


# -- over HTTP, at several servers -----------------------------------------------------------------


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    with shared_servers(tmp_path, "gunicorn", "uvicorn", "gunicorn-plain") as started:
        yield started


def bytes_of(scratch: Path, path: str) -> Path:
    name = path.rstrip("/").rpartition("/")[2]
    return store_of(scratch) / name[:1] / name / "bytes"


def statuses(servers: list[Server], visitor: Visitor, path: str, offset: int) -> list[int]:
    """What they were answered who sent at one offset, at the same moment, to all servers; each a letter of its own."""
    given: list[int] = []
    ready = threading.Barrier(AT_ONCE)

    def send(number: int) -> None:
        same = Visitor.__new__(Visitor)
        same.__dict__.update(visitor.__dict__, server=servers[number % len(servers)])
        ready.wait()
        given.append(same.patch(path, bytes([65 + number]) * SIZE, offset).status_code)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(given)


@pytest.mark.timeout(180)
def test_of_sixteen_at_one_offset_one_is_kept_and_no_letter_of_another(
    servers: list[Server], tmp_path: Path, injected: Injected
) -> None:
    visitor = Visitor(servers[0])
    path = visitor.create(ROUNDS * SIZE)
    for number in range(ROUNDS):
        with injected(10, AT_ONCE - 1):
            given = statuses(servers, visitor, path, number * SIZE)
            assert given.count(204) == 1, given
            assert set(given) <= {204, 409, 423}, given
            here = bytes_of(tmp_path, path).read_bytes()
            assert len(here) == (number + 1) * SIZE
            assert len(set(here[number * SIZE :])) == 1, "all of it is of one writer"
    assert StagedUpload.objects.get().state == State.STAGED


@pytest.mark.timeout(180)
def test_a_server_that_stands_still_is_overtaken_at_another_one(
    servers: list[Server], tmp_path: Path, injected: Injected
) -> None:
    for server, other in ((servers[0], servers[1]), (servers[1], servers[2]), (servers[2], servers[0])):
        visitor, elsewhere = Visitor(server), Visitor(other)
        elsewhere.http.cookies = visitor.http.cookies
        elsewhere.http.headers.update(visitor.http.headers)
        for sent in (0, 1, 100_000, SIZE - 1) if not NIGHT else range(0, SIZE, SIZE // 40):
            path = visitor.create(SIZE)
            with injected(10), visitor.begin_patch(path, 0, SIZE) as sending:
                sending.sendall(b"a" * sent)
                # It has its place, and waits for bytes. Before that it might stand still inside of a transaction, for
                # which everybody else waits who writes to an SQLite database, whatever they want to write.
                wait_until(bytes_of(tmp_path, path).with_name(".writers").exists, "it has begun")
                if sent > 8_192:  # fewer wait until the type is known
                    wait_until(lambda here=path: size_of(tmp_path, here) > 0, "it writes")  # type: ignore[misc]
                with standing_still(server):
                    with contextlib.suppress(OSError):  # its socket takes no more
                        sending.setblocking(False)
                        sending.sendall(b"a" * (SIZE - sent))
                    began = time.monotonic()
                    answer = elsewhere.head(path)
                    assert answer.status_code == 200, (
                        server.kind,
                        sent,
                        answer.status_code,
                        other.log.read_text()[-2_000:],
                    )
                    offset = int(answer.headers["Upload-Offset"])
                    assert time.monotonic() - began < FENCED_IN
                    half = (SIZE - offset) // 2
                    assert elsewhere.patch(path, b"b" * half, offset).status_code == 204
                sending.setblocking(True)
                assert sending.recv(12) in (b"HTTP/1.1 423", b"HTTP/1.1 409", b"")
                end = offset + half
                assert elsewhere.patch(path, b"c" * (SIZE - end), end).status_code == 204
            here = bytes_of(tmp_path, path).read_bytes()
            assert here == b"a" * offset + b"b" * half + b"c" * (SIZE - end)


def size_of(scratch: Path, path: str) -> int:
    file = bytes_of(scratch, path)
    return file.stat().st_size if file.exists() else 0


@contextlib.contextmanager
def standing_still(server: Server) -> Iterator[None]:
    """All processes of a server are stopped, as a machine is that runs out of memory.

    Not while one of them writes to an SQLite database, or closes it: then nobody else can, whatever they want.
    """
    for _ in range(50):
        tell(server, signal.SIGSTOP)
        wait_until(lambda: stands_still(server), "it stands still")
        if not is_locked():
            break
        tell(server, signal.SIGCONT)
    else:
        raise AssertionError("Something of it is in the way all the time.")
    try:
        yield
    finally:
        tell(server, signal.SIGCONT)


def tell(server: Server, what: signal.Signals) -> None:
    for each in server.processes:
        os.kill(each, what)


def stands_still(server: Server) -> bool:
    """Whether every thread has stopped: one that is inside of the system ends that first, and may have a lock then."""
    stats = [each for pid in server.processes for each in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(each.read_text().rpartition(")")[2].split()[0] == "T" for each in stats)


def is_locked() -> bool:
    """Whether nobody can write to the database."""
    if connection.vendor != "sqlite":
        return False
    with contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0.3)) as own:
        try:
            own.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        own.rollback()
    return False
