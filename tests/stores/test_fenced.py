"""`LocalStore` ends writers of other processes, whatever has become of them."""

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from greenroom.core import Stage
from greenroom.core.errors import Busy, DiskFull
from greenroom.core.upload import new_id
from greenroom.stores import LocalStore, fenced
from greenroom.testing.stores import pattern, read
from tests.stores.stopping import MOMENTS, STALE

ROOT = Path(__file__).resolve().parents[2]
START = pattern(300_000)
MINE = pattern(200_000)
# Moments at which it holds the lock on the bytes, which no other writer gets from it then.
LOCKED = {"before it cuts", "inside of a write", "in the middle of a write"}
# Moments at which nobody else can settle where the upload stands. It is over in a few microseconds.
SETTLING = {"before it settles"}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "held", keep_free=0)


@pytest.fixture
def upload_id(store: LocalStore) -> str:
    upload_id = new_id()
    write(store, upload_id, 1, START)
    return upload_id


def write(store: LocalStore, upload_id: str, epoch: int, data: bytes) -> int:
    """Take the place and add `data`; returns the size that was found."""
    place = store.take(upload_id, epoch)
    try:
        size = place.size
        place.writer(size).write(data)
        return size
    finally:
        place.close()


@contextlib.contextmanager
def stopped(store: LocalStore, upload_id: str, epoch: int, moment: str) -> Iterator[subprocess.Popen[str]]:
    """A writer in another process that has been stopped at that moment."""
    command = [sys.executable, str(ROOT / "tests/stores/stopping.py"), str(store.root), upload_id]
    process = subprocess.Popen(
        [*command, str(epoch), moment],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
    )
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), "it was to be stopped, and ended"
        yield process
    finally:
        process.kill()
        process.communicate()


def continued(process: subprocess.Popen[str]) -> str:
    """Let it go on to its end."""
    process.send_signal(signal.SIGCONT)
    return process.communicate(timeout=30)[0].strip()


@pytest.mark.parametrize("moment", sorted(MOMENTS.keys() - SETTLING - {"with its copy made"}))
def test_a_stopped_writer_is_overtaken_in_time_and_adds_nothing(
    store: LocalStore, upload_id: str, moment: str
) -> None:
    inode = store.path(upload_id).stat().st_ino
    with stopped(store, upload_id, 2, moment) as process:
        began = time.monotonic()
        place = store.take(upload_id, 3)
        size = place.size
        assert time.monotonic() - began < 2
        landed = read(store, upload_id)[:size]
        assert landed.startswith(START)
        place.writer(size).write(MINE)
        assert continued(process).startswith("busy")
        place.close()
    assert read(store, upload_id) == landed + MINE
    assert set(landed[len(START) :]) <= set(STALE)
    # Only one that is stopped inside of a write costs a copy.
    assert (store.path(upload_id).stat().st_ino != inode) == (moment in LOCKED)


@pytest.mark.parametrize("moment", sorted(LOCKED))
def test_what_a_stopped_writer_adds_before_the_next_one_comes_does_not_count(
    store: LocalStore, upload_id: str, moment: str
) -> None:
    with stopped(store, upload_id, 2, moment) as process:
        place = store.take(upload_id, 3)  # somebody asks how far it is, and is told
        size = place.size
        place.close()
        landed = read(store, upload_id)[:size]
        continued(process)
    assert store.standing(upload_id, 3).size == size
    assert store.standing(upload_id, 3).idle is None
    assert write(store, upload_id, 4, MINE) == size
    assert read(store, upload_id) == landed + MINE
    assert sorted(os.listdir(store.path(upload_id).parent)) == [".writers", "bytes"]
    assert store.list_beside(upload_id) == []


def test_a_late_look_of_somebody_from_before_does_not_end_the_writer(
    store: LocalStore, upload_id: str
) -> None:
    place = store.take(upload_id, 2)
    writer = place.writer(place.size)
    with open(store.path(upload_id), "rb") as late:
        fcntl.flock(late, fcntl.LOCK_EX)
        thread = threading.Thread(target=writer.write, args=(MINE,))
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()  # it waits, and writes nothing
        assert store.path(upload_id).stat().st_size == len(START)
    thread.join(10)
    place.close()
    assert read(store, upload_id) == START + MINE


def test_whoever_was_stopped_with_a_copy_made_does_not_put_it_in_place(
    store: LocalStore, upload_id: str
) -> None:
    with (
        stopped(store, upload_id, 2, "inside of a write"),
        stopped(store, upload_id, 3, "with its copy made") as copying,
    ):
        size = write(store, upload_id, 4, MINE)
        assert continued(copying) == "busy 0"
    here = read(store, upload_id)
    assert here == START + here[len(START) : size] + MINE
    assert sorted(os.listdir(store.path(upload_id).parent)) == [".writers", "bytes"]


def test_whoever_is_stopped_while_settling_is_waited_for_no_longer_than_that(
    store: LocalStore, upload_id: str
) -> None:
    """Nothing is lost and nothing is answered wrongly: it is said that somebody is at it."""
    with stopped(store, upload_id, 2, "before it settles") as process:
        began = time.monotonic()
        with pytest.raises(Busy):
            store.take(upload_id, 3)
        assert time.monotonic() - began < 2
        stage = Stage(store)
        upload = replace(stage.create(client_name="tea.bin"), id=upload_id, epoch=2)
        stage.ledger.insert(upload, stage.ceilings)
        began = time.monotonic()
        with pytest.raises(Busy, match=r"“tea.bin” is being sent"):
            stage.fence(upload_id)
        assert time.monotonic() - began < 2
        process.kill()
        process.wait()
        assert write(store, upload_id, 9, MINE) == len(START)
    assert read(store, upload_id) == START + MINE


def test_a_killed_writer_costs_no_copy_and_loses_nothing(store: LocalStore, upload_id: str) -> None:
    inode = store.path(upload_id).stat().st_ino
    with stopped(store, upload_id, 2, "in the middle of a write") as process:
        process.kill()
        process.wait()
        size = write(store, upload_id, 3, MINE)
    assert size == len(START) + len(STALE) * 3 // 2
    assert read(store, upload_id) == START + STALE + STALE[: len(STALE) // 2] + MINE
    assert store.path(upload_id).stat().st_ino == inode


def test_the_copy_is_whole_also_where_the_system_cannot_make_it(
    store: LocalStore, upload_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: object) -> int:
        raise OSError(95, "not here")

    monkeypatch.setattr(os, "copy_file_range", refused)
    with stopped(store, upload_id, 2, "inside of a write"):
        size = write(store, upload_id, 3, MINE)
        here = read(store, upload_id)
    assert hashlib.sha256(here[: len(START)]).digest() == hashlib.sha256(START).digest()
    assert here[size:] == MINE


def test_no_room_for_a_copy_is_a_refusal_and_leaves_what_is_here(small_disk: Path) -> None:
    store = LocalStore(small_disk, keep_free=0)
    upload_id = new_id()
    write(store, upload_id, 1, pattern(600_000))
    with stopped(store, upload_id, 2, "inside of a write") as process:
        with pytest.raises(DiskFull):
            write(store, upload_id, 3, MINE)
        continued(process)
    assert sorted(os.listdir(store.path(upload_id).parent)) == [".cut", ".writers", "bytes"]
    assert read(store, upload_id)[:600_000] == pattern(600_000)
    assert store.standing(upload_id, 3).size == 601_000


def test_a_clock_that_was_set_back_does_not_keep_anybody_waiting(store: LocalStore, upload_id: str) -> None:
    store.take(upload_id, 2)  # begun, and never ended
    ahead = time.time() + 3_600
    os.utime(store.path(upload_id).with_name(fenced.WRITERS), (ahead, ahead))
    idle = store.standing(upload_id, 2).idle
    assert idle is not None
    assert idle > 1
