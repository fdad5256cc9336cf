"""One writer at a time: who may add to an upload, who is overtaken, and what is kept."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from greenroom.core import Fencing, Limits, MemoryLedger, Stage, State, Store, Upload
from greenroom.core.errors import Busy, NotHeld, OffsetMismatch
from greenroom.stores import LocalStore, MemoryStore
from greenroom.testing import BareStore
from greenroom.testing.promise import at_once
from greenroom.testing.stores import pattern

DATA = pattern(200_000)
WRITERS = 16


def stage_of(kind: str, tmp_path: Path) -> Stage:
    stores: dict[str, Callable[[], Store]] = {
        "local": lambda: LocalStore(tmp_path / "held", keep_free=0),
        "memory": MemoryStore,
        "bare": BareStore,  # knows nothing of writers, so the ledger alone decides
    }
    return Stage(stores[kind](), ledger=MemoryLedger())


@pytest.fixture(params=["local", "memory", "bare"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return stage_of(request.param, tmp_path)


@pytest.fixture(params=["local", "memory"])
def fencing(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return stage_of(request.param, tmp_path)


class Client:
    """Sends to an upload from a thread of its own, piece by piece, as it is told."""

    def __init__(self, stage: Stage, upload: Upload, offset: int = 0) -> None:
        self.error: BaseException | None = None
        self.result: Upload | None = None
        self._next: list[bytes | None] = []
        self._changed = threading.Condition()
        self._asked = 0
        self._thread = threading.Thread(target=self._run, args=(stage, upload.id, offset), daemon=True)
        self._thread.start()
        self.wait(1)

    def send(self, data: bytes) -> None:
        """Returns when the piece is written, or the writer has ended."""
        with self._changed:
            self._next.append(data)
            self._changed.notify_all()
            asked = self._asked
        self.wait(asked + 1)

    def end(self) -> None:
        with self._changed:
            self._next.append(None)
            self._changed.notify_all()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def wait(self, asked: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._asked >= asked or self.over, 10)

    @property
    def over(self) -> bool:
        return self.error is not None or self.result is not None

    def _pieces(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._asked += 1
                self._changed.notify_all()
                assert self._changed.wait_for(lambda: self._next, 60)
                piece = self._next.pop(0)
            if piece is None:
                return
            yield piece

    def _run(self, stage: Stage, upload_id: str, offset: int) -> None:
        result, error = None, None
        try:
            result = stage.append(upload_id, self._pieces(), offset=offset)
        except BaseException as caught:
            error = caught
        with self._changed:
            self.result, self.error = result, error
            self._changed.notify_all()


def held(stage: Stage, upload: Upload) -> bytes:
    with stage.store.open(upload.id) as file:
        return file.read()


def test_of_many_at_the_same_offset_one_is_taken(stage: Stage) -> None:
    upload = stage.create(client_name="tea.bin", length=100_000)
    done: list[Upload] = []
    refused: list[Exception] = []

    def send(letter: int) -> Callable[[], None]:
        def run() -> None:
            try:
                done.append(stage.append(upload.id, [bytes([letter]) * 10_000] * 10, offset=0))
            except (Busy, OffsetMismatch) as refusal:
                refused.append(refusal)

        return run

    at_once([send(letter) for letter in range(WRITERS)])
    assert len(done) == 1
    assert len(refused) == WRITERS - 1
    assert done[0].state is State.STAGED
    if not isinstance(stage.store, Fencing):
        return  # a write that has begun is not stopped there
    here = held(stage, upload)
    assert here == bytes([here[0]]) * 100_000
    assert done[0].digest == "sha256:" + hashlib.sha256(here).hexdigest()


def test_who_has_just_written_is_not_overtaken(fencing: Stage) -> None:
    upload = fencing.create(client_name="tea.bin", length=len(DATA))
    client = Client(fencing, upload)
    for sent in (0, 5_000):
        before = fencing.get(upload.id)
        with pytest.raises(Busy, match=r"“tea.bin” is being sent over another connection"):
            fencing.append(upload.id, [b"x"], offset=sent)
        assert fencing.get(upload.id) == before
        client.send(DATA[sent : sent + 5_000])
    client.send(DATA[10_000:])
    client.end()
    assert client.result is not None
    assert client.result.state is State.STAGED
    assert held(fencing, upload) == DATA


def test_who_has_been_idle_is_overtaken(fencing: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = fencing.create(client_name="tea.bin", length=len(DATA))
    client = Client(fencing, upload)
    client.send(DATA[:5_000])
    monkeypatch.setattr("greenroom.core.appending.IDLE", 0.0)  # a second has passed
    with pytest.raises(OffsetMismatch, match="5000 bytes are here"):
        fencing.append(upload.id, [b"x"], offset=0)
    client.send(DATA[5_000:6_000])  # a stale offset has ended nobody
    assert not client.over
    after = fencing.append(upload.id, [DATA[6_000:]], offset=6_000)
    assert after.state is State.STAGED
    client.send(b"stale")
    assert isinstance(client.error, Busy)
    assert held(fencing, upload) == DATA
    assert fencing.get(upload.id) == after
    assert after.digest == "sha256:" + hashlib.sha256(DATA).hexdigest()


def test_a_second_without_a_byte_is_idle(fencing: Stage) -> None:
    upload = fencing.create(client_name="tea.bin", length=len(DATA))
    client = Client(fencing, upload)
    client.send(DATA[:5_000])
    began = time.monotonic()
    while True:
        try:
            after = fencing.append(upload.id, [DATA[5_000:]], offset=5_000)
        except Busy:
            assert time.monotonic() - began < 10
            time.sleep(0.01)  # that time passes is what is waited for
        else:
            break
    assert time.monotonic() - began > 0.9
    assert after.state is State.STAGED
    client.end()
    assert isinstance(client.error, Busy)


def test_who_was_killed_on_the_way_to_the_store_is_overtaken(fencing: Stage) -> None:
    upload = fencing.create(client_name="tea.bin", length=len(DATA))
    assert fencing.ledger.swap(upload, replace(upload, epoch=1))
    began = time.monotonic()
    after = fencing.append(upload.id, [DATA], offset=0)
    assert 0.9 < time.monotonic() - began < 2
    assert after.state is State.STAGED
    assert held(fencing, upload) == DATA


def test_who_is_on_the_way_to_the_store_is_waited_for(
    fencing: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = fencing.create(client_name="tea.bin", length=len(DATA))
    coming, looked = threading.Event(), threading.Event()
    take, standing = fencing.store.take, fencing.store.standing  # type: ignore[attr-defined]

    def late(*arguments: Any) -> Any:
        coming.set()
        assert looked.wait(10)
        return take(*arguments)

    def look(*arguments: Any) -> Any:
        if coming.is_set():
            looked.set()
        return standing(*arguments)

    monkeypatch.setattr(fencing.store, "take", late)
    monkeypatch.setattr(fencing.store, "standing", look)
    thread = threading.Thread(target=lambda: Client(fencing, upload).send(DATA))
    thread.start()
    assert coming.wait(10)
    with pytest.raises(Busy):
        fencing.append(upload.id, [b"x"], offset=0)
    thread.join(10)
    assert fencing.fence(upload.id).offset == len(DATA) - 1


def test_asking_how_far_it_is_ends_the_writer(fencing: Stage) -> None:
    upload = fencing.create(client_name="tea.bin", length=len(DATA))
    client = Client(fencing, upload)
    client.send(DATA[:50_000])
    began = time.monotonic()
    upload = fencing.fence(upload.id)
    assert time.monotonic() - began < 2
    assert (upload.state, upload.offset) == (State.RECEIVING, 50_000)
    assert fencing.get(upload.id) == upload
    client.send(b"stale")
    assert isinstance(client.error, Busy)
    assert str(client.error).startswith("“tea.bin” is being sent")
    # Nobody has to wait for the one that was ended.
    upload = fencing.append(upload.id, [DATA[50_000:]], offset=50_000)
    assert upload.state is State.STAGED
    assert held(fencing, upload) == DATA


def test_asking_when_nobody_writes_changes_nothing(stage: Stage) -> None:
    upload = stage.create(client_name="tea.bin", length=len(DATA))
    assert stage.fence(upload.id).offset == 0
    stage.append(upload.id, [DATA[:5]], offset=0)
    for _ in range(3):
        assert stage.fence(upload.id).offset == 5
    upload = stage.append(upload.id, [DATA[5:]], offset=5)
    assert stage.fence(upload.id) == upload
    stage.discard(upload.id)
    with pytest.raises(NotHeld):
        stage.fence(upload.id)


def test_asking_a_store_that_knows_nothing_of_writers_ends_them_by_the_ledger() -> None:
    stage = Stage(BareStore())
    upload = stage.create(client_name="tea.bin", length=len(DATA))
    client = Client(stage, upload)
    client.send(DATA[:50_000])
    stage.fence(upload.id)
    client.send(b"stale")
    assert isinstance(client.error, Busy)
    assert held(stage, upload) == DATA[:50_000]


def test_what_is_given_up_while_it_is_written_leaves_nothing(fencing: Stage) -> None:
    for sent, fenced in ((50_000, True), (50_000, False), (0, True), (0, False)):
        upload = fencing.create(client_name="tea.bin", length=len(DATA))
        client = Client(fencing, upload)
        client.send(DATA[:sent])
        if fenced:
            fencing.fence(upload.id)
        fencing.discard(upload.id)
        client.send(DATA[50_000:60_000])
        client.end()
        assert isinstance(client.error, NotHeld)
        assert str(client.error).startswith("“tea.bin” is no longer here")
        assert list(fencing.store.ids()) == []


def test_who_was_overtaken_before_its_first_byte_leaves_nothing_to_the_one_that_finished(
    fencing: Stage,
) -> None:
    upload = fencing.create(client_name="tea.bin")
    client = Client(fencing, upload)
    fencing.fence(upload.id)
    upload = fencing.append(upload.id, [DATA], offset=0, last=True)
    client.send(b"x" * 300_000)
    assert isinstance(client.error, Busy)
    assert held(fencing, upload) == DATA
    with fencing.open(upload.id) as file:
        assert file.read() == DATA


def test_many_who_ask_and_send_at_once_keep_what_was_acknowledged(fencing: Stage) -> None:
    """Whoever is told an offset finds those bytes unchanged for ever."""
    fencing.limits = Limits(max_bytes=100_000)
    upload = fencing.create(client_name="tea.bin")
    told: list[tuple[int, bytes]] = []

    def send(letter: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(30):
                try:
                    offset = fencing.fence(upload.id).offset
                    if offset:
                        told.append((offset, held(fencing, upload)[:offset]))
                    fencing.append(upload.id, [bytes([letter]) * 100] * 3, offset=offset)
                except (Busy, OffsetMismatch):
                    continue

        return run

    at_once([send(letter) for letter in range(1, 9)])
    here = held(fencing, upload)
    assert fencing.fence(upload.id).offset == len(here) > 0
    assert len(told) > 10
    for offset, seen in told:
        assert here[:offset] == seen
