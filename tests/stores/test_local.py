"""`LocalStore` keeps the promises of every store, and some about the disk."""

import math
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greenroom.core import Bounded, Fencing, LocalFiles, SideFiles, Writer
from greenroom.core.errors import DiskFull, UsageError
from greenroom.core.upload import new_id
from greenroom.stores import LocalStore
from greenroom.stores.local import HeldFile
from greenroom.testing import StoreSuite
from greenroom.testing.promise import at_once
from greenroom.testing.stores import append, pattern, put, read

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "held", keep_free=0)


class TestLocalStore(StoreSuite):
    offers = (SideFiles, LocalFiles, Fencing, Bounded)

    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path / "held", keep_free=0)

    def program(self, store: LocalStore) -> str:
        return (
            f"from greenroom.stores import LocalStore\nstore = LocalStore({str(store.root)!r}, keep_free=0)"
        )

    def full(self, store: LocalStore) -> LocalStore:
        return LocalStore(store.root, keep_free=10**18)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def everything(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def write_for_ever(writer: Writer) -> None:
    while True:
        writer.write(bytes(65_536))


# -- where things are ------------------------------------------------------------------------------


def test_nothing_is_made_before_the_first_upload(store: LocalStore) -> None:
    assert list(store.ids()) == []
    store.remove(new_id())
    store.list_beside(new_id())
    assert not store.root.exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_this_user_can_look_in(store: LocalStore, umask: int) -> None:
    before = os.umask(umask)
    try:
        upload_id = put(store, b"tea")
        store.put_beside(upload_id, "claim-1", b"{}")
    finally:
        os.umask(before)
    path = store.path(upload_id)
    assert [mode(each) for each in (store.root, path.parent.parent, path.parent)] == [0o700] * 3
    assert mode(path) == 0o600


def test_every_byte_lies_under_the_name_of_its_upload(store: LocalStore) -> None:
    upload_id = put(store, b"tea")
    store.put_beside(upload_id, "claim-1", b"{}")
    shard = upload_id[:1]
    assert everything(store.root) == [
        shard,
        f"{shard}/{upload_id}",
        f"{shard}/{upload_id}/bytes",
        f"{shard}/{upload_id}/claim-1",
    ]
    store.remove(upload_id)
    assert everything(store.root) == []


def test_what_is_open_can_be_read_by_its_path(store: LocalStore) -> None:
    upload_id = put(store, b"tea")
    with store.open(upload_id) as held:
        assert isinstance(held, HeldFile)
        assert held.local_path == store.path(upload_id)


def test_the_names_of_its_own_files_are_taken(store: LocalStore) -> None:
    upload_id = put(store, b"tea")
    for name in ("bytes", "claim-1.part"):
        for call in (store.path, store.read_beside, store.remove_beside):
            with pytest.raises(UsageError, match="are taken"):
                call(upload_id, name)
    assert read(store, upload_id) == b"tea"


def test_other_things_in_the_directory_are_not_ours(store: LocalStore) -> None:
    upload_id = put(store, b"tea")
    (store.root / "README").write_text("hands off")
    (store.root / "xx").mkdir()
    (store.root / "xx" / "notes.txt").write_text("hands off")
    (store.root / "xx" / upload_id).mkdir()  # an id in the wrong place
    (store.root / "lost+found").mkdir()
    assert list(store.ids()) == [upload_id]


def test_a_store_goes_to_another_process(store: LocalStore) -> None:
    upload_id = put(store, b"tea")
    assert read(pickle.loads(pickle.dumps(store)), upload_id) == b"tea"  # noqa: S301 - we made it
    assert repr(store) == f"LocalStore({str(store.root)!r})"


def test_a_reader_reads_on_when_the_whole_directory_is_gone(store: LocalStore) -> None:
    data = pattern(1_000_000)
    with store.open(put(store, data)) as held:
        shutil.rmtree(store.root)
        assert held.read() == data


# -- time ------------------------------------------------------------------------------------------


def test_age_is_that_of_the_youngest_thing(store: LocalStore) -> None:
    upload_id = put(store, b"tea")
    store.put_beside(upload_id, "claim-1", b"{}")
    paths = [store.path(upload_id).parent, store.path(upload_id), store.path(upload_id, "claim-1")]
    for path, seconds in zip(paths, (300, 200, 100), strict=True):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))
    assert 100 <= store.age(upload_id) < 160
    append(store, upload_id, 3, b"pot")
    assert store.age(upload_id) < 60
    assert store.age(new_id()) == math.inf


def test_age_does_not_ask_this_host_s_clock(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    upload_id = put(store, b"tea")
    real = time.time
    # Nobody sets the clock of the machine that runs the tests, so the function that reads it is set.
    monkeypatch.setattr(time, "time", lambda: real() + 30 * 24 * 3600)
    assert store.age(upload_id) < 60


# -- room ------------------------------------------------------------------------------------------


def test_some_of_the_disk_is_kept_free(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    store = LocalStore(tmp_path / "held", keep_free=free * 2)
    with pytest.raises(DiskFull):
        put(store, b"tea")
    put(LocalStore(tmp_path / "held", keep_free=free // 2), b"tea")


def test_the_room_is_looked_at_again_while_it_is_used_up(small_disk: Path) -> None:
    store = LocalStore(small_disk, keep_free=500_000)
    # One piece at a time is looked at closely enough when the pieces are large.
    with pytest.raises(DiskFull):
        put(store, bytes(700_000))
    upload_id = put(store, bytes(300_000))
    assert len(read(store, upload_id)) == 300_000


def test_a_full_disk_is_a_refusal_and_leaves_what_was_held(small_disk: Path) -> None:
    store = LocalStore(small_disk, keep_free=0)
    first = put(store, pattern(400_000))
    store.put_beside(first, "claim-1", b"{}")
    second = new_id()
    writer = store.append(second, 0)
    with pytest.raises(DiskFull):
        write_for_ever(writer)
    writer.close()
    with pytest.raises(DiskFull):
        store.put_beside(first, "w640.jpg", bytes(300_000))
    with pytest.raises(DiskFull):
        store.put_beside(first, "claim-1", bytes(300_000))
    assert store.list_beside(first) == ["claim-1"]
    assert store.read_beside(first, "claim-1") == b"{}"
    assert sorted(os.listdir(store.path(first).parent)) == ["bytes", "claim-1"]
    assert read(store, first) == pattern(400_000)
    store.remove(second)
    assert read(store, put(store, pattern(300_000))) == pattern(300_000)


def test_a_disk_without_a_place_for_one_more_file_is_full(few_files: Path) -> None:
    store = LocalStore(few_files, keep_free=0)
    held: list[str] = []
    with pytest.raises(DiskFull):
        held.extend(put(store, b"tea") for _ in range(8))
    assert held
    assert all(read(store, upload_id) == b"tea" for upload_id in held)


# -- killed, and in each other's way ---------------------------------------------------------------

WRITER = """
import itertools, sys
from greenroom.stores import LocalStore
writer = LocalStore(sys.argv[1], keep_free=0).append(sys.argv[2], 0)
for n in itertools.count():
    writer.write(n.to_bytes(8, "big") * 1024)
    print((n + 1) * 8192, flush=True)
"""


def test_what_a_killed_writer_had_acknowledged_is_here(store: LocalStore) -> None:
    for lines in (1, 50, 400):
        upload_id = new_id()
        command = [sys.executable, "-c", WRITER, str(store.root), upload_id]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT / "src")}
        ) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            acknowledged = process.stdout.read().splitlines()
        least = max(lines * 8192, int(acknowledged[-1]) if acknowledged else 0)
        here = read(store, upload_id)
        assert len(here) >= least
        wanted = b"".join(n.to_bytes(8, "big") * 1024 for n in range(len(here) // 8192 + 1))
        assert wanted.startswith(here)
        append(store, upload_id, least, b"and on")
        assert read(store, upload_id) == here[:least] + b"and on"


def test_an_interrupted_removal_is_found_and_ended(store: LocalStore) -> None:
    whole, begun, other = put(store, b"tea"), put(store, b"tea"), put(store, b"tea")
    grave = store.path(begun).parent.with_name(f"{begun}.removed-{new_id()}")
    os.rename(store.path(begun).parent, grave)
    assert sorted(store.ids()) == sorted([whole, begun, other])
    with pytest.raises(FileNotFoundError):
        store.open(begun)
    assert store.age(begun) < 60  # since it was begun
    store.remove(begun)
    assert sorted(store.ids()) == sorted([whole, other])
    # Received again after a removal that did not end: listed once.
    os.renames(store.path(other).parent, store.path(other).parent.with_name(f"{other}.removed-{new_id()}"))
    append(store, other, 0, b"pot")
    assert sorted(store.ids()) == sorted([whole, other])
    store.remove(other)
    store.remove(whole)
    assert everything(store.root) == []


def test_a_killed_side_file_is_not_listed_and_goes_with_the_upload(store: LocalStore) -> None:
    upload_id = put(store, b"tea")
    store.path(upload_id).with_name(f"claim-1.{new_id()}.part").write_bytes(b"{")
    assert store.list_beside(upload_id) == []
    store.remove(upload_id)
    assert everything(store.root) == []


def test_uploads_come_while_their_neighbours_go(store: LocalStore) -> None:
    """Directories of the first level are shared: one is removed when its last upload is."""
    ids = [f"aa{new_id()[2:]}" for _ in range(3)]

    def come_and_go(upload_id: str) -> None:
        for _ in range(1_000):
            store.append(upload_id, 0).close()
            store.remove(upload_id)

    at_once([lambda upload_id=upload_id: come_and_go(upload_id) for upload_id in ids])
    assert everything(store.root) == []


def test_what_failed_to_open_leaves_no_complaint(store: LocalStore) -> None:
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            store.open(new_id())  # with -W error, a half-made file would fail the test when it is collected
