"""A whole file from somebody who pushes its bytes."""

import pytest

from greenroom.core import Leases, Limits, MemoryLedger, Stage, State, UsageError
from greenroom.core.errors import DiskFull, NotHeld, TooLarge
from greenroom.core.intake import Intake
from greenroom.core.upload import Picture
from greenroom.stores import LocalStore
from greenroom.testing import FakeClock
from greenroom.testing.stores import pattern

DATA = pattern(100_000)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stage(tmp_path, clock: FakeClock) -> Stage:
    return Stage(LocalStore(tmp_path / "held", keep_free=0), ledger=MemoryLedger(clock))


def pushed(stage: Stage, data: bytes = DATA, **options: object) -> Intake:
    intake = stage.intake(client_name="tea.bin", **options)  # type: ignore[arg-type]
    for start in range(0, len(data), 10_000):
        intake.write(data[start : start + 10_000])
    return intake


def finish(intake: Intake, data: bytes) -> None:
    intake.write(data)
    intake.finish()
    intake.keep()


def nothing_is_left(stage: Stage) -> bool:
    return list(stage.store.ids()) == [] and not stage.ledger._uploads  # type: ignore[attr-defined]


def read(intake: Intake) -> bytes:
    with intake.open() as file:
        return file.read()


def test_small_files_stay_in_memory_until_they_are_kept(stage: Stage) -> None:
    intake = pushed(stage)
    assert intake.finish().state is State.STAGED
    assert intake.in_memory
    assert list(stage.store.ids()) == []
    assert stage.get(intake.upload.id).state is State.RECEIVING
    assert read(intake) == DATA
    upload = intake.keep()
    assert stage.get(upload.id) == upload
    with stage.open(upload.id) as held:
        assert held.read() == read(intake) == DATA


def test_large_files_are_kept_at_their_end(stage: Stage) -> None:
    intake = pushed(stage, memory="50 kB")
    assert not intake.in_memory
    upload = intake.finish()
    assert intake.kept
    assert stage.get(upload.id) == upload
    assert read(intake) == DATA


def test_doing_it_again_changes_nothing(stage: Stage) -> None:
    for memory in ("1 MB", "1 kB"):
        intake = pushed(stage, memory=memory)
        upload = intake.finish()
        assert intake.finish() == upload
        kept = intake.keep()
        assert intake.keep() == intake.finish() == kept
        assert stage.get(upload.id) == kept
        assert read(intake) == DATA


def test_giving_up_leaves_nothing(stage: Stage) -> None:
    for memory in ("1 MB", "1 kB"):
        intake = pushed(stage, memory=memory)
        intake.abandon()
        intake.abandon()
        assert nothing_is_left(stage)
        intake = pushed(stage, memory=memory)
        intake.finish()
        intake.abandon()
        assert nothing_is_left(stage)


def test_nothing_comes_back_after_giving_up(stage: Stage) -> None:
    intake = pushed(stage)
    intake.finish()
    intake.abandon()
    with pytest.raises(NotHeld):
        intake.keep()
    assert nothing_is_left(stage)


@pytest.mark.parametrize("memory", ["1 MB", "1 kB"])
def test_a_refusal_ends_it(stage: Stage, memory: str) -> None:
    with pytest.raises(TooLarge):
        pushed(stage, limits=Limits(max_bytes=99_999), memory=memory)
    assert nothing_is_left(stage)
    intake = pushed(stage, length=100_001, memory=memory)
    with pytest.raises(Exception, match="did not arrive whole"):
        intake.finish()
    assert nothing_is_left(stage)


def test_only_what_is_finished_is_kept(stage: Stage) -> None:
    intake = pushed(stage)
    with pytest.raises(UsageError, match="finish"):
        intake.keep()
    assert list(stage.store.ids()) == []


def test_keeping_can_be_tried_again_when_the_disk_was_full(small_disk) -> None:
    stage = Stage(LocalStore(small_disk, keep_free=0))
    data = pattern(400_000)
    intake = pushed(stage, data)
    intake.finish()
    ballast = small_disk / "of-somebody-else"
    ballast.write_bytes(pattern(800_000))
    for _ in range(2):
        with pytest.raises(DiskFull, match=r"“tea.bin”"):
            intake.keep()
        assert not intake.kept
        assert read(intake) == data
    ballast.unlink()
    upload = intake.keep()
    with stage.open(upload.id) as held:
        assert held.read() == data


def test_what_a_probe_finds_before_it_is_kept_is_written_down(stage: Stage) -> None:
    intake = pushed(stage)
    picture = Picture(media_type="image/png", width=4, height=3)
    intake.upload = intake.finish().probed(picture)
    assert stage.get(intake.keep().id).picture == picture


def test_the_lease_does_not_end_while_bytes_arrive(stage: Stage, clock: FakeClock) -> None:
    # A lease so short that its sixteenth has passed by the time of the next call.
    stage.leases = Leases(receiving=1e-4)
    intake = stage.intake(client_name="tea.bin")
    for _ in range(10):
        intake.write(b"x" * 1_000)
        assert stage.ledger.get(intake.upload.id).expires_at > clock()
        assert stage.expire() == []
        clock.advance(6e-5)
    intake.write(b"x")
    assert stage.get(intake.finish().id)


def test_the_lease_of_what_is_in_memory_does_not_end_while_it_is_renewed(
    stage: Stage, clock: FakeClock
) -> None:
    stage.leases = Leases(receiving=1e-4)
    intake = pushed(stage, b"Darjeeling")
    whole = intake.finish()
    for _ in range(10):
        clock.advance(6e-5)
        intake.renew()
        assert stage.expire() == []
    assert intake.upload == whole
    assert stage.open(intake.keep().id).read() == b"Darjeeling"
    intake.renew()
    assert stage.get(intake.upload.id) == intake.upload


def test_after_the_sweeper_no_byte_is_written_without_a_record(stage: Stage) -> None:
    for memory in ("1 MB", "50 kB"):
        intake = stage.intake(client_name="tea.bin", memory=memory)
        intake.write(DATA[:40_000])
        stage.ledger.remove(intake.upload.id)
        with pytest.raises(NotHeld):
            finish(intake, DATA[40_000:])
        assert nothing_is_left(stage)
