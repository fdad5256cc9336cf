"""Uploads that come in parts."""

import hashlib
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.core import Limits, MemoryLedger, Stage, State, Upload
from greenroom.core.errors import (
    CutShort,
    DiskFull,
    EmptyFile,
    LengthChanged,
    LengthExceeded,
    OffsetMismatch,
    TooLarge,
    TypeNotAllowed,
)
from greenroom.stores import LocalStore, MemoryStore
from greenroom.testing import FakeClock
from greenroom.testing.stores import pattern

DATA = pattern(200_000)
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".ljust(20_000, b"\0")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["local", "memory"])
def stage(request: pytest.FixtureRequest, tmp_path, clock: FakeClock) -> Stage:
    store = LocalStore(tmp_path / "held", keep_free=0) if request.param == "local" else MemoryStore()
    return Stage(store, ledger=MemoryLedger(clock))


def held(stage: Stage, upload: Upload) -> bytes:
    with stage.store.open(upload.id) as file:
        return file.read()


@given(
    data=st.binary(min_size=1, max_size=20_000),
    cuts=st.lists(st.integers(0, 20_000), max_size=6),
    declared=st.booleans(),
)
def test_parts_add_up_to_the_whole(data: bytes, cuts: list[int], declared: bool) -> None:
    stage = Stage(MemoryStore())
    upload = stage.create(client_name="tea.bin", length=len(data) if declared else None)
    edges = [*sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    for end in edges:
        last = end == len(data) and not declared
        upload = stage.append(upload.id, [data[upload.offset : end]], offset=upload.offset, last=last)
        assert upload.offset == end
    assert upload.state is State.STAGED
    assert upload.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert held(stage, upload) == data
    whole = stage.receive([data], client_name="tea.bin")
    assert upload.media_type == whole.media_type


def test_each_part_is_kept_and_written_down(stage: Stage) -> None:
    upload = stage.create(client_name="tea.bin", length=len(DATA))
    assert (upload.state, upload.offset, upload.reserved) == (State.RECEIVING, 0, len(DATA))
    upload = stage.append(upload.id, io.BytesIO(DATA[:5]), offset=0)
    assert (upload.state, upload.offset) == (State.RECEIVING, 5)
    assert upload == stage.get(upload.id)
    assert held(stage, upload) == DATA[:5]
    upload = stage.append(upload.id, io.BytesIO(DATA[5:]), offset=5)
    assert (upload.state, upload.reserved) == (State.STAGED, 0)
    with stage.open(upload.id) as file:
        assert file.read() == DATA


@pytest.mark.parametrize("offset", [0, 4, 6, 200_000])
def test_another_offset_is_refused_and_nothing_is_touched(stage: Stage, offset: int) -> None:
    upload = stage.create(client_name="tea.bin", length=len(DATA))
    upload = stage.append(upload.id, [DATA[:5]], offset=0)
    with pytest.raises(OffsetMismatch, match=rf"“tea.bin” was continued at byte {offset}, but 5 bytes"):
        stage.append(upload.id, [DATA[offset:]], offset=offset)
    assert stage.get(upload.id) == upload
    assert held(stage, upload) == DATA[:5]


def test_a_finished_upload_is_immutable(stage: Stage, tmp_path) -> None:
    upload = stage.create(client_name="tea.bin", length=5)
    upload = stage.append(upload.id, [DATA[:5]], offset=0)
    for _ in range(2):
        for offset in (0, 5):
            with pytest.raises(OffsetMismatch):
                stage.append(upload.id, [b"x"], offset=offset)
        assert held(stage, upload) == DATA[:5]
        upload = stage.promote(upload.id, tmp_path / "saved")
        (tmp_path / "saved").unlink()


def test_what_arrived_before_a_source_broke_is_kept(stage: Stage) -> None:
    def broken(start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, 1_000):
            yield DATA[at : at + 1_000]
        raise ConnectionError

    upload = stage.create(client_name="tea.bin", length=len(DATA))
    for start, end in ((0, 3_000), (3_000, 60_000), (60_000, 60_000)):
        with pytest.raises(ConnectionError):
            stage.append(upload.id, broken(start, end), offset=start)
        upload = stage.get(upload.id)
        assert (upload.state, upload.offset) == (State.RECEIVING, end)
        assert held(stage, upload) == DATA[:end]
    upload = stage.append(upload.id, [DATA[60_000:]], offset=60_000)
    assert held(stage, upload) == DATA


def test_what_a_broken_writer_left_beyond_the_record_counts(stage: Stage) -> None:
    upload = stage.create(client_name="tea.bin", length=len(DATA))
    stage.append(upload.id, [DATA[:5_000]], offset=0)
    writer = stage.store.append(upload.id, 5_000)
    writer.write(DATA[5_000:6_000])  # and killed before it was written down
    writer.close()
    with pytest.raises(OffsetMismatch, match="at byte 5000, but 6000 bytes are here"):
        stage.append(upload.id, [DATA[5_000:]], offset=5_000)
    assert stage.fence(upload.id).offset == stage.get(upload.id).offset == 6_000
    upload = stage.append(upload.id, [DATA[6_000:]], offset=6_000)
    assert held(stage, upload) == DATA


def test_the_last_byte_counts_together_with_the_record_of_the_whole(stage: Stage) -> None:
    """A writer that was killed between the two would leave an upload of which nobody sends anything more."""
    upload = stage.create(client_name="tea.bin", length=10)
    stage.append(upload.id, [DATA[:5]], offset=0)
    writer = stage.store.append(upload.id, 5)
    writer.write(DATA[5:10])
    writer.close()
    upload = stage.fence(upload.id)
    assert (upload.state, upload.offset) == (State.RECEIVING, 9)
    upload = stage.append(upload.id, [DATA[9:10]], offset=9)
    assert upload.state is State.STAGED
    assert held(stage, upload) == DATA[:10]
    assert upload.digest == "sha256:" + hashlib.sha256(DATA[:10]).hexdigest()


def test_a_source_that_breaks_after_its_last_byte_has_given_all(stage: Stage) -> None:
    def broken() -> Iterator[bytes]:
        yield DATA
        raise ConnectionError

    upload = stage.create(client_name="tea.bin", length=len(DATA))
    with pytest.raises(ConnectionError):
        stage.append(upload.id, broken(), offset=0)
    upload = stage.get(upload.id)
    assert upload.state is State.STAGED
    assert held(stage, upload) == DATA


def test_a_length_may_be_declared_late_and_once(stage: Stage) -> None:
    stage.limits = Limits(max_bytes=20)
    upload = stage.create(client_name="tea.bin")
    upload = stage.append(upload.id, [DATA[:5]], offset=0)
    for wrong, refusal in ((4, LengthExceeded), (21, TooLarge)):
        with pytest.raises(refusal):
            stage.append(upload.id, [], offset=5, length=wrong)
        assert stage.get(upload.id) == upload
    upload = stage.append(upload.id, [DATA[5:7]], offset=5, length=10)
    assert (upload.state, upload.length, upload.offset) == (State.RECEIVING, 10, 7)
    with pytest.raises(LengthChanged, match="announced with 10 bytes"):
        stage.append(upload.id, [DATA[7:9]], offset=7, length=9)
    with pytest.raises(LengthExceeded):
        stage.append(upload.id, [DATA[7:11]], offset=7)
    upload = stage.append(upload.id, [DATA[7:10]], offset=7, length=10)
    assert upload.state is State.STAGED
    assert held(stage, upload) == DATA[:10]


def test_a_length_that_is_here_already_finishes_the_upload(stage: Stage) -> None:
    upload = stage.create(client_name="tea.bin")
    stage.append(upload.id, [DATA[:5]], offset=0)
    upload = stage.append(upload.id, [], offset=5, length=5)
    assert (upload.state, upload.length) == (State.STAGED, 5)
    assert held(stage, upload) == DATA[:5]


def test_limits_hold_over_all_parts(stage: Stage) -> None:
    stage.limits = Limits(max_bytes=10)
    upload = stage.create(client_name="tea.bin")
    for offset in (0, 4):
        stage.append(upload.id, [DATA[offset : offset + 4]], offset=offset)
    with pytest.raises(TooLarge):
        stage.append(upload.id, [DATA[8:11]], offset=8)
    upload = stage.append(upload.id, [DATA[8:10]], offset=8, last=True)
    assert held(stage, upload) == DATA[:10]


def test_a_declared_length_is_law(stage: Stage) -> None:
    upload = stage.create(client_name="tea.bin", length=10)
    with pytest.raises(LengthExceeded):
        stage.append(upload.id, [DATA[:11]], offset=0)
    assert stage.get(upload.id).offset == 0
    with pytest.raises(CutShort):
        stage.append(upload.id, [DATA[:9]], offset=0, last=True)
    assert stage.get(upload.id).offset == 9
    assert stage.append(upload.id, [DATA[9:10]], offset=9).state is State.STAGED


def test_a_declared_length_is_held_against_the_limits_before_any_byte(stage: Stage) -> None:
    stage.limits = Limits(max_bytes="1 MB")
    with pytest.raises(TooLarge, match=r"“tea.bin” is too large: at most 1 MB"):
        stage.create(client_name="../tea.bin", length=1_000_001)
    with pytest.raises(EmptyFile, match=r"“tea.bin” is empty"):
        stage.create(client_name="tea.bin", length=0)
    with pytest.raises(TooLarge):
        stage.intake(client_name="tea.bin", length=1_000_001)
    assert not stage.ledger._uploads  # type: ignore[attr-defined]


def test_an_empty_upload(stage: Stage) -> None:
    stage.limits = Limits(allow_empty=True)
    for length in (0, None):
        upload = stage.create(client_name="tea.bin", length=length)
        upload = stage.append(upload.id, [], offset=0, last=length is None)
        assert upload.state is State.STAGED
        with stage.open(upload.id) as file:
            assert file.read() == b""


@pytest.mark.parametrize("step", [1, 1_000, 4_095, 4_096, 20_000])
def test_a_refused_type_does_not_reach_the_store(stage: Stage, step: int) -> None:
    stage.limits = Limits(types=["image/png"])
    upload = stage.create(client_name="tea.bin", length=len(GIF))
    parts = (GIF[at : at + step] for at in range(0, len(GIF), step))
    with pytest.raises(TypeNotAllowed):
        stage.append(upload.id, parts, offset=0)
    assert stage.get(upload.id).offset == 0
    with pytest.raises(FileNotFoundError):
        stage.store.open(upload.id)


def test_a_refused_type_is_told_as_soon_as_it_shows_also_in_a_later_part(stage: Stage) -> None:
    stage.limits = Limits(types=["image/png"])
    upload = stage.create(client_name="tea.bin", length=len(GIF))
    stage.append(upload.id, [GIF[:10]], offset=0)  # acknowledged, so kept: nobody can tell the type yet
    with pytest.raises(TypeNotAllowed):
        stage.append(upload.id, [GIF[10:5_000]], offset=10)
    assert held(stage, upload) == GIF[:10]


def test_a_short_file_of_a_refused_type_does_not_reach_the_store(stage: Stage) -> None:
    stage.limits = Limits(types=["image/png"])
    for length, last in ((14, False), (None, True)):
        upload = stage.create(client_name="tea.bin", length=length)
        with pytest.raises(TypeNotAllowed):
            stage.append(upload.id, [GIF[:14]], offset=0, last=last)
        with pytest.raises(FileNotFoundError):
            stage.store.open(upload.id)


def test_a_full_disk_keeps_what_was_acknowledged(small_disk, clock: FakeClock) -> None:
    data = pattern(900_000)
    store = LocalStore(small_disk, keep_free=0)
    stage = Stage(store, ledger=MemoryLedger(clock))
    upload = stage.create(client_name="tea.bin", length=len(data))
    ballast = small_disk / "of-somebody-else"
    ballast.write_bytes(pattern(500_000))
    upload = stage.append(upload.id, [data[:100_000]], offset=0)
    pieces = (data[at : at + 50_000] for at in range(100_000, len(data), 50_000))
    with pytest.raises(DiskFull, match=r"“tea.bin” could not be kept"):
        stage.append(upload.id, pieces, offset=100_000)
    upload = stage.get(upload.id)
    assert 100_000 < upload.offset < len(data)
    assert held(stage, upload)[: upload.offset] == data[: upload.offset]
    ballast.unlink()
    upload = stage.append(upload.id, [data[upload.offset :]], offset=upload.offset)
    assert held(stage, upload) == data


def test_the_lease_goes_on_while_parts_arrive(stage: Stage, clock: FakeClock) -> None:
    upload = stage.create(client_name="tea.bin", length=10)
    for offset in range(7):
        clock.advance(20 * 3600)
        upload = stage.append(upload.id, [b"x"], offset=offset)
        assert upload.expires_at == clock() + 24 * 3600
    clock.advance(20 * 3600)
    # Seven days at most, whatever happens.
    upload = stage.append(upload.id, [b"x"], offset=7)
    assert upload.expires_at == upload.created_at + 7 * 24 * 3600


def test_bytes_that_are_gone_cannot_be_gone_on_with(stage: Stage) -> None:
    upload = stage.create(client_name="tea.bin", length=10)
    stage.append(upload.id, [b"x"], offset=0)
    stage.store.remove(upload.id)
    with pytest.raises(Exception, match="no longer here"):
        stage.append(upload.id, [b"x"], offset=1)
    assert list(stage.store.ids()) == []
