"""`Stage` promotes, discards and expires."""

import os
import stat
from pathlib import Path

import pytest

from greenroom.core import Leases, MemoryLedger, Stage, State, Upload
from greenroom.core.claims import Claim, claims_of
from greenroom.core.errors import AlreadySaved, DiskFull, NotHeld
from greenroom.core.place import partial_path
from greenroom.core.upload import new_id
from greenroom.stores import LocalStore
from greenroom.testing import FakeClock
from greenroom.testing.promise import at_once
from tests.core.holding import DATA, nothing_is_left, read, receive

# -- out -------------------------------------------------------------------------------------------


def test_promotion_saves_the_bytes_and_goes_on_holding_them(
    stage: Stage, tmp_path: Path, clock: FakeClock
) -> None:
    upload = receive(stage, DATA, "tea.bin")
    promoted = stage.promote(upload.id, tmp_path / "saved.bin", mode=0o640)
    assert (tmp_path / "saved.bin").read_bytes() == DATA
    assert stat.S_IMODE((tmp_path / "saved.bin").stat().st_mode) == 0o640
    assert (promoted.state, promoted.promoted_at) == (State.PROMOTED, clock())
    assert promoted.expires_at == clock() + 3600
    assert stage.get(upload.id) == promoted
    assert read(stage, upload) == DATA
    stage.promote(upload.id, str(tmp_path / "again.bin"))
    assert (tmp_path / "again.bin").read_bytes() == DATA
    assert set(os.listdir(tmp_path)) - {"held"} == {"again.bin", "saved.bin"}


def test_promotion_on_one_file_system_copies_no_byte(local_stage: Stage, tmp_path: Path) -> None:
    upload = receive(local_stage, DATA, "tea.bin")
    local_stage.promote(upload.id, tmp_path / "saved.bin")
    assert os.path.samefile(tmp_path / "saved.bin", local_stage.store.path(upload.id))
    local_stage.discard(upload.id)
    assert (tmp_path / "saved.bin").read_bytes() == DATA


def test_a_use_saves_once(stage: Stage, tmp_path: Path) -> None:
    upload = receive(stage)
    stage.promote(upload.id, tmp_path / "one", use="form-1")
    with pytest.raises(AlreadySaved, match=r"“tea.txt” is saved already"):
        stage.promote(upload.id, tmp_path / "two", use="form-1")
    # The same form sent twice carries the same bytes twice, as two uploads.
    with pytest.raises(AlreadySaved):
        stage.promote(receive(stage).id, tmp_path / "two", use="form-1")
    assert not (tmp_path / "two").exists()
    stage.promote(upload.id, tmp_path / "two", use="form-2")


def test_a_use_saves_once_when_all_come_at_once(local_stage: Stage, tmp_path: Path) -> None:
    upload = receive(local_stage)
    answers: list[object] = []

    def save(n: int) -> None:
        try:
            local_stage.promote(upload.id, tmp_path / f"saved-{n}", use="form-1")
        except AlreadySaved as refusal:
            answers.append(refusal)

    at_once([lambda n=n: save(n) for n in range(16)])
    assert len(answers) == 15
    assert len(list(tmp_path.glob("saved-*"))) == 1
    assert list(claims_of(local_stage.store, upload.id)) == []


def test_a_failed_promotion_gives_the_use_back_and_leaves_nothing(stage: Stage, tmp_path: Path) -> None:
    upload = receive(stage)
    (tmp_path / "taken").write_bytes(b"mine")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(FileExistsError):
        stage.promote(upload.id, tmp_path / "taken", use="form-1")
    with pytest.raises(FileNotFoundError):
        stage.promote(upload.id, tmp_path / "no" / "such", use="form-1")
    assert (tmp_path / "taken").read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == before
    if hasattr(stage.store, "list_beside"):
        assert stage.store.list_beside(upload.id) == []
    assert stage.get(upload.id) == upload
    stage.promote(upload.id, tmp_path / "saved", use="form-1")


def test_the_journal_names_the_place_while_bytes_are_put_there(
    local: LocalStore, ledger: MemoryLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Journaled(Stage):
        def put_in_place(self, upload: Upload, target: Path, **options: object) -> None:
            (claim,) = claims_of(local, upload.id)
            assert (claim.upload_id, claim.use, claim.target) == (upload.id, "form-1", "path")
            assert claim.place == str(tmp_path / "saved.txt")
            super().put_in_place(upload, target, **options)  # type: ignore[arg-type]

    stage = Journaled(local, ledger=ledger)
    upload = receive(stage)
    monkeypatch.chdir(tmp_path)
    stage.promote(upload.id, "saved.txt", use="form-1")
    assert (tmp_path / "saved.txt").exists()
    assert list(claims_of(local, upload.id)) == []


def test_discarding_removes_bytes_and_record(stage: Stage) -> None:
    upload, other = receive(stage), receive(stage)
    stage.discard(upload.id)
    assert list(stage.store.ids()) == [other.id]
    assert stage.ledger.get(upload.id) is None
    assert read(stage, other) == b"green tea"


# -- expiry ----------------------------------------------------------------------------------------


def test_expiry_removes_what_is_over_and_only_that(stage: Stage, clock: FakeClock, tmp_path: Path) -> None:
    saved, waits = receive(stage), receive(stage)
    stage.promote(saved.id, tmp_path / "saved.txt")
    begun = stage.create(client_name="half.txt", length=9)
    stage.append(begun.id, [b"gree"], offset=0)
    assert stage.expire() == []
    clock.advance(3600 - 1)
    assert stage.expire() == []
    assert stage.get(saved.id)
    clock.advance(1)
    assert stage.expire() == []  # a tombstone from now on
    with pytest.raises(NotHeld):
        stage.get(saved.id)
    assert saved.id in stage.store.ids()
    clock.advance(3600 - 1)
    assert stage.expire() == []
    clock.advance(1)
    assert stage.expire() == [saved.id]
    clock.advance(22 * 3600)
    assert stage.expire() == []
    clock.advance(3600)
    assert sorted(stage.expire()) == sorted([waits.id, begun.id])
    assert nothing_is_left(stage)
    assert (tmp_path / "saved.txt").read_bytes() == b"green tea"


def test_expiry_asks_first(stage: Stage, clock: FakeClock) -> None:
    busy, over = receive(stage), receive(stage)
    clock.advance(24 * 3600)
    stage.expire()
    clock.advance(3600)
    assert stage.expire(lambda upload_id: upload_id != busy.id) == [over.id]
    assert list(stage.store.ids()) == [busy.id]
    assert stage.expire() == [busy.id]


def test_expiry_spares_what_was_renewed_in_the_meantime(stage: Stage, clock: FakeClock) -> None:
    upload = receive(stage)
    clock.advance(24 * 3600 - 1)
    stage.touch(upload)  # a request that had it open just before its time was over
    clock.advance(1)
    assert stage.expire() == []
    clock.advance(3600)
    assert stage.expire() == []
    assert read(stage, upload) == b"green tea"


def test_what_was_buried_cannot_be_renewed_and_is_there_for_who_was_at_it(
    stage: Stage, clock: FakeClock
) -> None:
    upload = receive(stage)
    held = stage.open(upload.id)
    clock.advance(24 * 3600)
    stage.expire()
    stage.touch(upload)
    with pytest.raises(NotHeld):
        stage.get(upload.id)
    with held, stage.open_upload(upload) as again:
        assert held.read() == again.read() == b"green tea"


def test_expiry_removes_bytes_that_nothing_explains_an_hour_after_it_has_found_them(
    local_stage: Stage,
) -> None:
    clock = FakeClock()
    local_stage.ledger = MemoryLedger(clock)
    store, held = local_stage.store, receive(local_stage)
    stray, later = new_id(), new_id()
    store.append(stray, 0).close()
    age(store.path(stray).parent, 30 * 24 * 3600)  # by a clock that may be wrong
    assert local_stage.expire() == []  # the record may be in a transaction that still runs
    clock.advance(3600 - 1)
    store.append(later, 0).close()
    assert local_stage.expire() == []
    clock.advance(1)
    assert local_stage.expire() == [stray]
    assert sorted(store.ids()) == sorted([later, held.id])


def test_a_disk_without_room_for_a_mark_keeps_nothing_else_from_going(tmp_path: Path) -> None:
    class Full(LocalStore):
        full = False

        def put_beside(self, upload_id: str, name: str, data: bytes) -> None:
            if self.full:
                raise DiskFull
            super().put_beside(upload_id, name, data)

    clock = FakeClock()
    stage = Stage(Full(tmp_path / "held", keep_free=0), ledger=MemoryLedger(clock))
    over, stray = receive(stage), new_id()
    stage.store.append(stray, 0).close()
    clock.advance(24 * 3600)
    stage.store.full = True  # type: ignore[attr-defined]
    stage.expire()
    clock.advance(3600)
    assert stage.expire() == [over.id]
    stage.store.full = False  # type: ignore[attr-defined]
    stage.expire()
    clock.advance(3600)
    assert stage.expire() == [stray]


def test_expiry_removes_copies_that_were_never_finished(local_stage: Stage, tmp_path: Path) -> None:
    local_stage.leases = Leases(grace=0)
    upload = receive(local_stage)
    target = tmp_path / "saved.txt"
    Claim.new(upload.id, use="", target="path", place=str(target)).write(local_stage.store)
    partial_path(target).write_bytes(b"gree")
    local_stage.ledger.remove(upload.id)
    assert local_stage.expire() == []
    assert local_stage.expire() == [upload.id]
    assert sorted(os.listdir(tmp_path)) == ["held"]


def age(directory: Path, seconds: float) -> None:
    """As if nothing had been written there for so long."""
    for path in (*directory.iterdir(), directory):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))
