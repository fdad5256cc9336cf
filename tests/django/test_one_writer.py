"""Server processes that write to one upload, over the ledger in the database: at once, stopped and killed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, connections

from greenroom.core import Stage, State, Upload
from greenroom.core.ceilings import Ceilings
from greenroom.core.errors import Busy, OffsetMismatch
from greenroom.ledger import OrmLedger
from greenroom.stores import LocalStore
from greenroom.testing.promise import at_once
from tests.django.sending import PIECE

ROOT = Path(__file__).resolve().parents[2]
PIECES = 40
pytestmark = pytest.mark.django_db(transaction=True)  # processes meet only what has been committed


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    store = LocalStore(tmp_path / "held", keep_free=0)
    return Stage(store, ledger=OrmLedger(), ceilings=Ceilings(), owner="somebody")


@pytest.fixture
def upload(stage: Stage) -> Upload:
    return stage.create(client_name="tea.bin", length=PIECES * PIECE)


class Sender:
    """One of those processes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    def line(self) -> str:
        return self._output.readline().strip()

    def begin(self) -> None:
        self._input.write("go\n")
        self._input.flush()

    def result(self) -> str:
        """The last line that it says."""
        return self._output.read().strip().splitlines()[-1]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)


@contextlib.contextmanager
def sender(stage: Stage, upload: Upload, letter: str, pieces: int = PIECES) -> Iterator[Sender]:
    """Ready to begin at the offset of `upload`."""
    assert isinstance(stage.store, LocalStore)
    arguments = [connection.settings_dict["NAME"], stage.store.root, upload.id, upload.offset, letter, pieces]
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("sending.py")), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
    )
    try:
        each = Sender(process)
        assert each.line() == "ready"
        yield each
    finally:
        process.kill()
        process.communicate()


def held(stage: Stage, upload: Upload) -> bytes:
    with stage.store.open(upload.id) as file:
        return file.read()


def letters(upload: Upload, here: bytes) -> list[str]:
    """Whose pieces they are, in the order of the file."""
    return list(dict.fromkeys(here.decode()))


def test_of_many_threads_at_the_same_offset_one_is_taken(stage: Stage, upload: Upload) -> None:
    done: list[Upload] = []
    refused: list[Exception] = []

    def send(letter: bytes) -> None:
        try:
            done.append(stage.append(upload.id, [letter * PIECE] * PIECES, offset=0))
        except (Busy, OffsetMismatch) as refusal:
            refused.append(refusal)

    works = [lambda letter=bytes([65 + n]): send(letter) for n in range(16)]
    at_once(works, ended=connections.close_all)
    assert (len(done), len(refused)) == (1, 15)
    here = held(stage, upload)
    assert len(letters(upload, here)) == 1
    assert stage.get(upload.id).digest == "sha256:" + hashlib.sha256(here).hexdigest()


def test_of_many_processes_at_the_same_offset_one_is_taken(stage: Stage, upload: Upload) -> None:
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(sender(stage, upload, chr(65 + n))) for n in range(16)]
        for each in senders:
            each.begin()
        results = sorted(each.result() for each in senders)
    done = [result for result in results if result.startswith("staged")]
    assert len(done) == 1, results
    assert set(results) - set(done) <= {"busy", "offset_mismatch"}
    here = held(stage, upload)
    assert len(here) == PIECES * PIECE
    assert len(letters(upload, here)) == 1
    assert stage.get(upload.id).digest == "sha256:" + hashlib.sha256(here).hexdigest()


@pytest.mark.parametrize("pieces", [1, 4, 25])
def test_a_stopped_process_is_ended_and_adds_nothing_when_it_is_continued(stage: Stage, pieces: int) -> None:
    # Counted before, so that it needs no transaction on its way: who stands still inside of one has SQLite's one lock,
    # and keeps everybody waiting. It fills its pipe long before that much is written.
    upload = stage.create(client_name="tea.bin", reserve=15_000 * PIECE)
    with sender(stage, upload, "a", 1_000_000) as stale:
        stale.begin()
        for _ in range(pieces):
            assert stale.line().startswith("sent")
        stale.stop()
        began = time.monotonic()
        upload = stage.fence(upload.id)
        assert time.monotonic() - began < 2
        size = upload.offset
        assert size >= pieces * PIECE
        assert held(stage, upload)[:size] == b"a" * size
        upload = stage.append(upload.id, [b"b" * 1_000_000], offset=size)
        stale.process.send_signal(signal.SIGCONT)
        assert stale.result() == "busy"
        upload = stage.append(upload.id, [b"c" * 1_000_000], offset=upload.offset, last=True)
    whole = b"a" * size + b"b" * 1_000_000 + b"c" * 1_000_000
    assert upload.state is State.STAGED
    assert held(stage, upload) == whole
    assert upload.digest == "sha256:" + hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("pieces", [1, 7, PIECES - 1, PIECES])
def test_what_a_killed_process_had_acknowledged_is_kept_and_gone_on_with(
    stage: Stage, upload: Upload, pieces: int
) -> None:
    with sender(stage, upload, "a") as killed:
        killed.begin()
        for number in range(pieces):
            assert killed.line() == f"sent {number + 1}"
        killed.process.kill()
        killed.process.wait()
    # Its last word was lost perhaps, and it may even have finished: whoever comes next asks.
    began = time.monotonic()
    upload = stage.fence(upload.id)
    assert time.monotonic() - began < 2
    assert upload.offset >= min(pieces * PIECE, PIECES * PIECE - 1)
    assert stage.get(upload.id) == upload
    if upload.state is State.RECEIVING:
        start = held(stage, upload)[: upload.offset]
        assert start == b"a" * upload.offset
        rest = PIECES * PIECE - upload.offset
        upload = stage.append(upload.id, [b"b" * rest], offset=upload.offset)
        assert held(stage, upload) == start + b"b" * rest
    assert upload.state is State.STAGED
    assert upload.digest == "sha256:" + hashlib.sha256(held(stage, upload)).hexdigest()


def test_asking_during_an_append_of_another_process_ends_it(stage: Stage) -> None:
    upload = stage.create(client_name="endless.bin")
    with sender(stage, upload, "a", 1_000_000) as each:
        each.begin()
        for _ in range(5):
            assert each.line().startswith("sent")
        with pytest.raises(Busy):
            stage.append(upload.id, [b"b"], offset=5 * PIECE)
        began = time.monotonic()
        upload = stage.fence(upload.id)
        assert time.monotonic() - began < 2
        assert each.result() == "busy"
    assert upload.offset >= 5 * PIECE
    assert held(stage, upload) == b"a" * upload.offset
    assert stage.fence(upload.id) == upload
