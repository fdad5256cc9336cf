"""`Stage` receives and holds."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenroom.core import Ceilings, Leases, Limits, MemoryLedger, Stage, State, Upload, UsageError
from greenroom.core.errors import (
    Altered,
    DiskFull,
    EmptyFile,
    NotFinished,
    NotHeld,
    QuotaExceeded,
    Refused,
    TooLarge,
    TypeNotAllowed,
)
from greenroom.core.upload import new_id
from greenroom.stores import LocalStore, MemoryStore
from greenroom.testing import FakeClock
from tests.core.holding import DATA, nothing_is_left, read, receive

GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"


# -- in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4_095, 4_096, 2_621_440, 2_621_441, 3_000_000])
def test_what_was_received_is_held_byte_for_byte(stage: Stage, clock: FakeClock, size: int) -> None:
    upload = receive(stage, DATA[:size], "tea.bin")
    assert read(stage, upload) == DATA[:size]
    assert upload == stage.get(upload.id)
    assert (upload.state, upload.size, upload.staged_at) == (State.STAGED, size, clock())
    assert upload.digest == "sha256:" + hashlib.sha256(DATA[:size]).hexdigest()
    assert upload.owner == "somebody"
    assert upload.expires_at == clock() + 24 * 3600


def test_an_empty_file_is_held_where_that_is_allowed(store, ledger: MemoryLedger) -> None:
    with pytest.raises(EmptyFile):
        receive(Stage(store, ledger=ledger), b"")
    stage = Stage(store, ledger=ledger, limits=Limits(allow_empty=True))
    assert nothing_is_left(stage)
    assert read(stage, receive(stage, b"")) == b""


def test_the_clients_words_are_kept_as_such(stage: Stage) -> None:
    upload = stage.receive([GIF], client_name="../../etc/tea\0.gif", client_type="text/html" * 50)
    assert upload.client_name == "tea.gif"
    assert upload.client_type == ("text/html" * 50)[:100]
    assert upload.media_type == "image/gif"


class Watched(MemoryStore):
    """A store that looks into the ledger whenever something is written."""

    def __init__(self, ledger: MemoryLedger) -> None:
        super().__init__()
        self.ledger, self.looks = ledger, 0

    def append(self, upload_id: str, offset: int):
        self.look(upload_id)
        return super().append(upload_id, offset)

    def take(self, upload_id: str, epoch: int):
        self.look(upload_id)
        return super().take(upload_id, epoch)

    def look(self, upload_id: str) -> None:
        record = self.ledger.get(upload_id)
        assert record is not None, "a byte came before its record"
        assert record.state is State.RECEIVING
        self.looks += 1


@pytest.mark.parametrize("size", [1, 3_000_000])
def test_the_record_is_there_before_the_first_byte(ledger: MemoryLedger, size: int) -> None:
    watched = Watched(ledger)
    stage = Stage(watched, ledger=ledger)
    receive(stage, DATA[:size], "tea.bin")
    assert watched.looks == 1
    upload = stage.create(client_name="tea.bin")
    stage.append(upload.id, [DATA[:size]], offset=0, last=True)
    assert watched.looks == 2


def test_the_record_goes_after_the_last_byte(ledger: MemoryLedger) -> None:
    class Removing(MemoryStore):
        def remove(self, upload_id: str) -> None:
            assert ledger.get(upload_id) is not None, "the record went before its bytes"
            super().remove(upload_id)

    stage = Stage(Removing(), ledger=ledger, limits=Limits(max_bytes=100))
    stage.discard(receive(stage).id)
    with pytest.raises(TooLarge):
        receive(stage, bytes(101))
    assert nothing_is_left(stage)


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        (Limits(max_bytes=2_999_999), TooLarge),
        (Limits(types=["image/*"]), TypeNotAllowed),
    ],
)
@pytest.mark.parametrize("size", [5, 3_000_000])
def test_of_a_refused_file_nothing_stays(store, ledger, limits, refusal, size: int) -> None:
    stage = Stage(store, ledger=ledger, limits=limits)
    if refusal is TooLarge and size == 5:
        limits = Limits(max_bytes=4)
        stage = Stage(store, ledger=ledger, limits=limits)
    with pytest.raises(refusal) as raised:
        receive(stage, DATA[:size], "tea.bin")
    assert raised.value.name == "tea.bin"
    assert nothing_is_left(stage)


def test_of_a_source_that_broke_nothing_stays(stage: Stage) -> None:
    def broken() -> Iterator[bytes]:
        yield DATA
        raise ConnectionError

    with pytest.raises(ConnectionError):
        stage.receive(broken(), client_name="tea.bin")
    assert nothing_is_left(stage)


def test_an_owner_s_ceilings(store, ledger: MemoryLedger) -> None:
    stage = Stage(store, ledger=ledger, ceilings=Ceilings(uploads=2, bytes=20), owner="somebody")
    receive(stage)
    with pytest.raises(QuotaExceeded) as refusal:
        stage.create(client_name="pot.txt", length=12)
    assert refusal.value.name == "pot.txt"
    second = stage.create(client_name="pot.txt", length=11)
    with pytest.raises(QuotaExceeded):
        receive(stage)
    receive(stage.for_owner("another"))
    stage.discard(second.id)
    receive(stage)


def test_a_full_disk_is_a_refusal_and_loses_nothing(small_disk: Path, ledger: MemoryLedger) -> None:
    stage = Stage(LocalStore(small_disk, keep_free=0), ledger=ledger)
    first = receive(stage, DATA[:300_000], "tea.bin")
    for size in (800_000, 3_000_000):
        with pytest.raises(DiskFull) as refusal:
            receive(stage, DATA[:size], "pot.bin")
        assert refusal.value.name == "pot.bin"
    assert read(stage, first) == DATA[:300_000]
    assert list(stage.store.ids()) == [first.id]
    second = receive(stage, DATA[:500_000], "pot.bin")
    assert read(stage, second) == DATA[:500_000]


# -- while it is held ------------------------------------------------------------------------------


def test_whatever_is_not_held_is_answered_alike(stage: Stage, clock: FakeClock) -> None:
    expired = receive(stage)
    clock.advance(24 * 3600)
    foreign = receive(stage.for_owner("another"), name="secret.txt")
    discarded = receive(stage)
    stage.discard(discarded.id)
    garbled = ["", "../x", "a" * 21, "a" * 23, "a\0" * 11, "\ud800" * 22, None, 7, b"a" * 22]
    answers = set()
    for upload_id in (new_id(), foreign.id, expired.id, discarded.id, *garbled):
        for call in (stage.get, stage.open, stage.discard, lambda i: stage.promote(i, "/nowhere/tea")):
            with pytest.raises(NotHeld) as refusal:
                call(upload_id)  # type: ignore[arg-type]
            answers.add((str(refusal.value), repr(refusal.value), refusal.value.name))
        with pytest.raises(NotHeld) as refusal:
            stage.append(upload_id, [b"more"], offset=0)  # type: ignore[arg-type]
        answers.add((str(refusal.value), repr(refusal.value), refusal.value.name))
    assert len(answers) == 1
    # Nobody else's upload was touched.
    assert stage.ledger.get(foreign.id) == foreign


def test_the_ledger_is_not_asked_for_what_is_no_id(store) -> None:
    class Strict(MemoryLedger):
        def get(self, upload_id: str) -> Upload | None:
            upload_id.encode()  # as PostgreSQL's driver does, which refuses a NUL and half a surrogate, too
            assert "\0" not in upload_id
            return super().get(upload_id)

    stage = Stage(store, ledger=Strict())
    for garbled in ("a\0" * 11, "\ud800" * 22, None):
        with pytest.raises(NotHeld):
            stage.get(garbled)  # type: ignore[arg-type]


def test_what_is_not_finished_cannot_be_used(stage: Stage, tmp_path: Path) -> None:
    upload = stage.create(client_name="tea.txt", length=9)
    stage.append(upload.id, [b"green"], offset=0)
    for call in (stage.open, lambda i: stage.promote(i, tmp_path / "tea")):
        with pytest.raises(NotFinished, match=r"“tea.txt” has not arrived completely"):
            call(upload.id)
    assert not (tmp_path / "tea").exists()


def test_a_lease_is_renewed_by_use_up_to_the_longest(stage: Stage, clock: FakeClock) -> None:
    upload = receive(stage)
    clock.advance(3600)
    assert stage.touch(upload) is upload  # an hour of 24 is not worth a write
    for day in range(1, 7):
        clock.advance(23 * 3600 if day > 1 else 22 * 3600)
        upload = stage.touch(upload)
        assert upload.expires_at == clock() + 24 * 3600
        assert stage.get(upload.id) == upload
    clock.advance(20 * 3600)
    assert stage.touch(upload).expires_at == upload.created_at + 7 * 24 * 3600
    clock.advance(10 * 3600)
    with pytest.raises(NotHeld):
        stage.get(upload.id)


def test_altered_bytes_are_refused_by_name(local_stage: Stage, tmp_path: Path) -> None:
    upload = receive(local_stage)
    saved = tmp_path / "saved.txt"
    local_stage.promote(upload.id, saved)
    assert os.path.samefile(saved, local_stage.store.path(upload.id))
    before = saved.stat().st_mtime_ns
    with saved.open("r+b") as file:  # a model that rewrites its file in place, after saving
        while saved.stat().st_mtime_ns == before:
            file.seek(0)
            file.write(b"black")
            file.flush()
    for call in (local_stage.open, lambda i: local_stage.promote(i, tmp_path / "second.txt")):
        with pytest.raises(Altered, match=r"“tea.txt” was changed on the server"):
            call(upload.id)
    assert not (tmp_path / "second.txt").exists()


def test_bytes_that_are_gone_are_not_held(stage: Stage, tmp_path: Path) -> None:
    upload = receive(stage)
    stage.store.remove(upload.id)
    for call in (stage.open, lambda i: stage.promote(i, tmp_path / "tea")):
        with pytest.raises(NotHeld):
            call(upload.id)


# -- mistakes --------------------------------------------------------------------------------------


def test_mistakes_of_the_caller_are_told_with_what_is_allowed(stage: Stage) -> None:
    with pytest.raises(UsageError, match=r"such as LocalStore\('held/'\).* Got: 'held/'"):
        Stage("held/")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"such as \[data\]"):
        stage.receive(b"tea", client_name="tea.txt")  # type: ignore[arg-type]
    for length in (-1, True, 1.5, "9"):
        with pytest.raises(UsageError, match="A length is a number of bytes"):
            stage.create(client_name="tea.txt", length=length)  # type: ignore[arg-type]
    assert nothing_is_left(stage)


def test_a_use_needs_a_ledger_of_uses(store, ledger: MemoryLedger, tmp_path: Path) -> None:
    class Bare:
        """The required methods of a ledger and nothing else."""

        def __getattr__(self, name: str):
            if name in {"now", "insert", "reserve", "get", "swap", "remove", "due"}:
                return getattr(ledger, name)
            raise AttributeError(name)

    stage = Stage(store, ledger=Bare())  # type: ignore[arg-type]
    upload = receive(stage)
    with pytest.raises(UsageError, match="`Uses`"):
        stage.promote(upload.id, tmp_path / "saved", use="form-1")
    stage.promote(upload.id, tmp_path / "saved")


def test_leases_are_what_they_are_declared(store, ledger: MemoryLedger, clock: FakeClock) -> None:
    stage = Stage(store, ledger=ledger, leases=Leases(held=10, promoted=5, receiving=3, longest=12))
    assert receive(stage).expires_at == clock() + 10
    assert stage.create(client_name="tea.txt").expires_at == clock() + 10
    assert stage.intake(client_name="tea.txt").upload.expires_at == clock() + 3


def test_every_refusal_of_a_stage_names_its_file(stage: Stage) -> None:
    upload = receive(stage)
    with pytest.raises(Refused) as refusal:
        stage.append(upload.id, [b"more"], offset=9)
    assert refusal.value.name == "tea.txt"
