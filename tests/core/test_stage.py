"""`Stage` receives, opens, promotes, discards and expires."""

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenroom.core import Ceilings, Leases, Limits, MemoryLedger, Stage, State, Upload, UsageError
from greenroom.core.claims import claims_of
from greenroom.core.errors import (
    AlreadySaved,
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
from greenroom.testing import BareStore, FakeClock
from greenroom.testing.promise import at_once
from greenroom.testing.stores import pattern

DATA = pattern(3_000_000)
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock) -> MemoryLedger:
    return MemoryLedger(clock)


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "held", keep_free=0)


@pytest.fixture(params=["local", "memory", "bare"])
def store(request: pytest.FixtureRequest, local: LocalStore) -> LocalStore | MemoryStore | BareStore:
    return {"local": local, "memory": MemoryStore(), "bare": BareStore()}[request.param]


@pytest.fixture
def stage(store, ledger: MemoryLedger) -> Stage:
    return Stage(store, ledger=ledger, owner="somebody")


@pytest.fixture
def local_stage(local: LocalStore, ledger: MemoryLedger) -> Stage:
    return Stage(local, ledger=ledger, owner="somebody")


def receive(stage: Stage, data: bytes = b"green tea", name: str = "tea.txt") -> Upload:
    return stage.receive(io.BytesIO(data), client_name=name)


def read(stage: Stage, upload: Upload) -> bytes:
    with stage.open(upload.id) as held:
        return held.read()


def nothing_is_left(stage: Stage) -> bool:
    return list(stage.store.ids()) == [] and not stage.ledger._uploads  # type: ignore[attr-defined]


# -- in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4_095, 4_096, 2_621_440, 2_621_441, 3_000_000])
def test_what_was_received_is_held_byte_for_byte(stage: Stage, clock: FakeClock, size: int) -> None:
    upload = receive(stage, DATA[:size], "tea.bin")
    assert read(stage, upload) == DATA[:size]
    assert upload == stage.get(upload.id)
    assert (upload.state, upload.size, upload.staged_at) == (State.STAGED, size, clock())
    assert upload.sha256 == hashlib.sha256(DATA[:size]).hexdigest()
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
    assert sorted(os.listdir(tmp_path)) in ([*["again.bin", "held"], "saved.bin"], ["again.bin", "saved.bin"])


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
            assert claim.sha256 == upload.sha256
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
    clock.advance(1)
    assert stage.expire() == [saved.id]
    clock.advance(23 * 3600 - 1)
    assert stage.expire() == []
    clock.advance(1)
    assert sorted(stage.expire()) == sorted([waits.id, begun.id])
    assert nothing_is_left(stage)
    assert (tmp_path / "saved.txt").read_bytes() == b"green tea"


def test_expiry_asks_first(stage: Stage, clock: FakeClock) -> None:
    busy, over = receive(stage), receive(stage)
    clock.advance(24 * 3600)
    assert stage.expire(lambda upload_id: upload_id != busy.id) == [over.id]
    assert list(stage.store.ids()) == [busy.id]
    assert stage.expire() == [busy.id]


def test_expiry_spares_what_was_renewed_in_the_meantime(stage: Stage, clock: FakeClock) -> None:
    upload = receive(stage)
    clock.advance(24 * 3600)

    def settle(upload_id: str) -> bool:
        stage.touch(upload)  # a request that had it open just before its time was over
        return True

    assert stage.expire(settle) == []
    assert read(stage, upload) == b"green tea"


def test_expiry_removes_bytes_that_nothing_explains_once_they_are_old(local_stage: Stage) -> None:
    store, held = local_stage.store, receive(local_stage)
    strays = [new_id(), new_id()]
    for stray in strays:
        store.append(stray, 0).close()
    assert local_stage.expire() == []  # the record may be in a transaction that still runs
    age(store.path(strays[0]).parent, 3601)
    assert local_stage.expire() == [strays[0]]
    assert sorted(store.ids()) == sorted([strays[1], held.id])


def test_expiry_removes_copies_that_were_never_finished(local_stage: Stage, tmp_path: Path) -> None:
    from greenroom.core.claims import Claim
    from greenroom.core.place import partial_path

    upload = receive(local_stage)
    target = tmp_path / "saved.txt"
    Claim.new(upload.id, use="", target="path", sha256="", place=str(target)).write(local_stage.store)
    partial_path(target).write_bytes(b"gree")
    local_stage.ledger.remove(upload.id)
    age(local_stage.store.path(upload.id).parent, 3601)
    assert local_stage.expire() == [upload.id]
    assert sorted(os.listdir(tmp_path)) == ["held"]


def age(directory: Path, seconds: float) -> None:
    """As if nothing had been written there for so long."""
    for path in (*directory.iterdir(), directory):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


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
            if name in {"now", "insert", "get", "swap", "remove", "due"}:
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
