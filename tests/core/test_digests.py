"""The digest is a choice: by which algorithm, or none. Whatever it is, no byte is hashed that nobody asked about."""

import hashlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from greenroom.core import Fencing, MemoryLedger, Stage, State, Store, Upload, UsageError
from greenroom.core import digests as digesting
from greenroom.core.digests import CHOICES, Digests, Hash, check_choice, digest_of, new_hash, same_bytes
from greenroom.core.errors import Altered, DigestMismatch, NotHeld
from greenroom.core.sniff import HEAD_BYTES
from greenroom.stores import LocalStore, MemoryStore
from greenroom.testing.stores import pattern

DATA = pattern(300_000)
DIGESTS = {
    "sha256": "sha256:" + hashlib.sha256(DATA).hexdigest(),
    "sha512": "sha512:" + hashlib.sha512(DATA).hexdigest(),
    "blake3": "blake3:" + blake3(DATA).hexdigest(),
    None: "",
}


@pytest.fixture(params=CHOICES)
def digest(request: pytest.FixtureRequest) -> str | None:
    return request.param


class Written(MemoryLedger):
    """Remembers every record that anybody could have seen."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Upload] = []

    def swap(self, before: Upload, after: Upload) -> bool:
        self.seen.append(after)
        return super().swap(before, after)


@pytest.fixture
def stage(store: Store, digest: str | None) -> Stage:
    return Stage(store, ledger=Written(), digest=digest)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many bytes each algorithm has been fed."""
    fed: dict[str, int] = {}

    class Counted:
        def __init__(self, algorithm: str) -> None:
            self.algorithm, self.hash = algorithm, new_hash(algorithm)
            fed.setdefault(algorithm, 0)

        def update(self, data: bytes | bytearray | memoryview) -> None:
            fed[self.algorithm] += len(data)
            self.hash.update(data)

        def hexdigest(self) -> str:
            return self.hash.hexdigest()

    monkeypatch.setattr(digesting, "new_hash", Counted)
    return fed


def in_parts(stage: Stage, *sizes: int, **options: object) -> Upload:
    """All of DATA, so many bytes at a time."""
    upload = stage.create(client_name="tea.bin", length=len(DATA))
    for size in sizes:
        part = DATA[upload.offset : upload.offset + size]
        upload = stage.append(upload.id, [part], offset=upload.offset, **options)  # type: ignore[arg-type]
    return upload


# -- what can be set -------------------------------------------------------------------------------


def test_the_choices() -> None:
    for choice in CHOICES:
        check_choice(choice)
        assert Stage(MemoryStore(), digest=choice).digest == choice
    assert Stage(MemoryStore()).digest == "sha256"


@pytest.mark.parametrize("wrong", ["", "sha1", "md5", "SHA256", "sha512", 256, True])
def test_what_is_no_choice_is_refused_with_what_is(wrong: object) -> None:
    with pytest.raises(UsageError, match=r'"sha256", "blake3" or None\. Got: '):
        Stage(MemoryStore(), digest=wrong)  # type: ignore[arg-type]


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blake3", None)  # what an import meets where there is no such package
    with pytest.raises(UsageError, match=r'pip install "django-greenroom\[blake3\]"'):
        Stage(MemoryStore(), digest="blake3")
    Stage(MemoryStore(), digest="sha256")


# -- digests ---------------------------------------------------------------------------------------


def test_one_pass_makes_every_digest_and_each_once(hashed: dict[str, int]) -> None:
    digests = Digests("sha256", expect=[DIGESTS["sha256"], DIGESTS["sha512"], DIGESTS["sha256"]])
    for at in range(0, len(DATA), 70_000):
        digests.update(memoryview(DATA)[at : at + 70_000])
    assert digests.finish() == DIGESTS["sha256"]
    assert hashed == {"sha256": len(DATA), "sha512": len(DATA)}


def test_nothing_is_hashed_for_nobody(hashed: dict[str, int]) -> None:
    digests = Digests(None)
    digests.update(DATA)
    assert (bool(digests), digests.finish(), hashed) == (False, "", {})


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "blake3"])
def test_a_digest_that_was_expected_and_is_another(algorithm: str) -> None:
    for wanted in CHOICES:
        digests = Digests(wanted, expect=[DIGESTS[algorithm]])
        digests.update(DATA[:-1])
        with pytest.raises(DigestMismatch, match=r"“tea\.bin” was damaged"):
            digests.finish(name="tea.bin")


def test_what_is_expected_by_an_unknown_algorithm_is_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"sha256, sha512, blake3. Got: 'crc32'"):
        Digests("sha256", expect=["crc32:00000000"])


def test_files_are_compared_to_the_last_byte() -> None:
    class Short(io.BytesIO):
        """Reads as a network does: less than was asked for."""

        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 1, 1_001))

    data = pattern(2_500_000)
    assert same_bytes(io.BytesIO(data), Short(data))
    assert digest_of(Short(data)) == "sha256:" + hashlib.sha256(data).hexdigest()
    for other in (data[:-1], data + b"x", data[:-1] + b"x", b"x" + data[1:], b""):
        assert not same_bytes(io.BytesIO(data), Short(other))


# -- coming in -------------------------------------------------------------------------------------


def test_the_record_says_by_which_algorithm(stage: Stage, digest: str | None) -> None:
    assert stage.receive([DATA], client_name="tea.bin").digest == DIGESTS[digest]
    assert stage.receive([b"", DATA[:9], DATA[9:]], client_name="tea.bin").digest == DIGESTS[digest]


@pytest.mark.parametrize("sizes", [(300_000,), (100_000, 200_000), (1, 4_095, 1, 295_903), (299_999, 1)])
def test_it_is_of_the_whole_in_however_many_parts(
    stage: Stage, digest: str | None, sizes: tuple[int, ...]
) -> None:
    upload = in_parts(stage, *sizes)
    assert (upload.state, upload.digest) == (State.STAGED, DIGESTS[digest])
    assert upload.media_type == stage.receive([DATA], client_name="tea.bin").media_type


def test_the_type_of_what_came_in_parts_is_that_of_its_head(stage: Stage) -> None:
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".ljust(20_000, b"\0")
    for first in (3, HEAD_BYTES, 10_000):
        upload = stage.create(client_name="tea.png", length=len(png))
        stage.append(upload.id, [png[:first]], offset=0)
        assert stage.append(upload.id, [png[first:]], offset=first).media_type == "image/png"


def test_no_byte_is_hashed_twice_or_for_nothing(
    stage: Stage, digest: str | None, hashed: dict[str, int]
) -> None:
    once = {} if digest is None else {digest: len(DATA)}
    stage.receive([DATA], client_name="tea.bin")
    assert hashed == once
    hashed.clear()
    in_parts(stage, 300_000)
    assert hashed == once
    # Of several parts none is hashed, where it is known that it is one; the whole is, at the end.
    for size in (100_000, 150_000):
        hashed.clear()
        in_parts(stage, *[size] * (len(DATA) // size), size=size)
        assert hashed == once
    hashed.clear()
    upload = stage.create(client_name="tea.bin")
    stage.append(upload.id, [DATA[:9]], offset=0)
    stage.append(upload.id, [DATA[9:]], offset=9)
    assert sum(hashed.values()) == 0
    stage.append(upload.id, [], offset=len(DATA), last=True)
    assert hashed == once


def test_a_size_that_was_wrong_costs_time_and_nothing_else(stage: Stage, digest: str | None) -> None:
    for size in (0, 1, 299_999, 300_001):
        assert in_parts(stage, 300_000, size=size).digest == DIGESTS[digest]


def test_without_a_digest_what_is_here_is_not_read_again(tmp_path: Path) -> None:
    read: list[int] = []

    class Counting(LocalStore):
        def open(self, upload_id: str):  # type: ignore[no-untyped-def]
            held = super().open(upload_id)
            read_ = held.read
            held.read = lambda size=-1: read.append(size) or read_(size)  # type: ignore[method-assign,func-returns-value]
            return held

    in_parts(Stage(Counting(tmp_path / "held", keep_free=0), digest=None), 100_000, 100_000, 100_000)
    assert read == [HEAD_BYTES, HEAD_BYTES]


# -- what is expected ------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "blake3"])
@pytest.mark.parametrize("sizes", [(300_000,), (100_000, 200_000)])
def test_what_has_the_digest_that_was_announced_is_staged(
    stage: Stage, digest: str | None, algorithm: str, sizes: tuple[int, ...]
) -> None:
    upload = in_parts(stage, *sizes, expect=[DIGESTS[algorithm]])
    assert (upload.state, upload.digest) == (State.STAGED, DIGESTS[digest])


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "blake3"])
@pytest.mark.parametrize("sizes", [(300_000,), (100_000, 200_000)])
def test_what_has_another_is_never_staged_and_is_gone(
    stage: Stage, algorithm: str, sizes: tuple[int, ...]
) -> None:
    wrong = DIGESTS[algorithm][:-1] + ("0" if DIGESTS[algorithm][-1] != "0" else "1")
    with pytest.raises(DigestMismatch, match=r"“tea\.bin” was damaged on the way"):
        in_parts(stage, *sizes, expect=[DIGESTS["sha256"], wrong])
    assert list(stage.store.ids()) == []
    assert isinstance(stage.ledger, Written)
    assert {each.state for each in stage.ledger.seen} == {State.RECEIVING}
    (upload_id,) = {each.id for each in stage.ledger.seen}
    with pytest.raises(NotHeld):
        stage.get(upload_id)


def test_a_source_that_breaks_after_damaged_bytes_leaves_nothing_either(stage: Stage) -> None:
    def broken() -> Iterator[bytes]:
        yield DATA[:-1] + b"!"
        raise ConnectionError

    upload = stage.create(client_name="tea.bin", length=len(DATA))
    with pytest.raises(DigestMismatch):
        stage.append(upload.id, broken(), offset=0, expect=[DIGESTS["sha256"]])
    assert list(stage.store.ids()) == []


def test_a_whole_file_can_be_expected_too(stage: Stage) -> None:
    stage.receive([DATA], client_name="tea.bin", expect=[DIGESTS["sha512"]])
    with pytest.raises(DigestMismatch):
        stage.receive([DATA[1:]], client_name="tea.bin", expect=[DIGESTS["sha512"]])
    assert len(list(stage.store.ids())) == 1


# -- out -------------------------------------------------------------------------------------------


def test_each_upload_is_judged_by_its_own_digest_whatever_is_set_now(
    local: LocalStore, digest: str | None, other_device: Path
) -> None:
    stage = Stage(local, digest=digest)
    whole, damaged = (stage.receive([DATA], client_name="tea.bin") for _ in range(2))
    for number, later in enumerate(CHOICES):
        stage.digest = later
        stage.promote(whole.id, other_device / str(number))
        assert (other_device / str(number)).read_bytes() == DATA
        (other_device / str(number)).unlink()
    # Altered so that size and time tell nothing: only a digest can.
    path, stamp = local.path(damaged.id), local.path(damaged.id).stat()
    with path.open("r+b") as file:
        file.seek(200_000)
        file.write(b"!!!")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    if digest is not None:
        with pytest.raises(Altered, match=r"tea\.bin"):
            stage.promote(damaged.id, other_device / "damaged")
        assert list(other_device.iterdir()) == []


def test_altered_bytes_are_refused_without_a_digest_too(local: LocalStore, tmp_path: Path) -> None:
    stage = Stage(local, digest=None)
    upload = stage.receive([DATA], client_name="tea.bin")
    with local.path(upload.id).open("ab") as file:
        file.write(b"!")
    for use in (lambda: stage.open(upload.id), lambda: stage.promote(upload.id, tmp_path / "saved")):
        with pytest.raises(Altered):
            use()


def test_a_digest_can_be_taken_later(stage: Stage, digest: str | None, hashed: dict[str, int]) -> None:
    upload = stage.receive([DATA], client_name="tea.bin")
    hashed.clear()
    identified = stage.identify(upload)
    assert identified.digest == DIGESTS[digest or "sha256"]
    assert stage.get(upload.id) == identified
    assert stage.identify(identified) == identified
    assert hashed == ({} if digest else {"sha256": len(DATA)})


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("memory", [0, "1 MB"])
def test_also_of_what_is_in_memory_only(store: Store, kept: bool, memory: int | str) -> None:
    stage = Stage(store, digest=None)
    intake = stage.intake(client_name="tea.bin", memory=memory)
    intake.write(DATA)
    intake.finish()
    if kept:
        intake.keep()
    intake.identify()
    intake.identify()
    assert intake.upload.digest == DIGESTS["sha256"]
    assert stage.get(intake.keep().id).digest == DIGESTS["sha256"]


# -- whose memory it is ----------------------------------------------------------------------------


def overwritten(stage: Stage) -> list[Callable[[], Upload]]:
    """Ways in, through one buffer that is used for every piece and overwritten between them."""
    buffer = bytearray(7_000)

    def pieces() -> Iterator[memoryview]:
        for at in range(0, len(DATA), len(buffer)):
            size = min(len(buffer), len(DATA) - at)
            buffer[:size] = DATA[at : at + size]
            yield memoryview(buffer)[:size]
            buffer[:] = b"x" * len(buffer)
            buffer.extend(b"x")  # raises BufferError while anybody refers to its memory
            buffer.pop()

    def pushed(memory: int | str) -> Upload:
        intake = stage.intake(client_name="tea.bin", memory=memory)
        for piece in pieces():
            intake.write(piece)
            piece.release()
        intake.finish()
        return intake.keep()

    def appended() -> Upload:
        upload = stage.create(client_name="tea.bin", length=len(DATA))
        place = None
        if isinstance(stage.store, Fencing):
            place = stage.store.take(upload.id, 1)
            writer = place.writer(0)
        else:
            writer = stage.store.append(upload.id, 0)
        for piece in pieces():
            writer.write(piece)
            piece.release()
        writer.close()
        if place is not None:
            place.close()
        return upload

    return [lambda: pushed(0), lambda: pushed(10_000), lambda: pushed("1 MB"), appended]


def test_a_piece_is_its_callers_again_after_the_write(stage: Stage, digest: str | None) -> None:
    for receive in overwritten(stage):
        upload = receive()
        with stage.store.open(upload.id) as held:
            assert held.read() == DATA
        assert upload.digest == (DIGESTS[digest] if upload.state is State.STAGED else "")


def test_every_hash_has_what_is_used_of_it() -> None:
    for algorithm in ("sha256", "sha512", "blake3"):
        made: Hash = new_hash(algorithm)
        made.update(bytearray(b"te"))
        made.update(memoryview(b"a"))
        assert f"{algorithm}:{made.hexdigest()}" == digest_of(io.BytesIO(b"tea"), algorithm)
