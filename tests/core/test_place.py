"""Under a final name stand all bytes, or none."""

import hashlib
import io
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from greenroom.core import place as placing
from greenroom.core.errors import Altered, DiskFull, StoreUnavailable
from greenroom.core.place import copy, partial_path, place, remove_partial
from greenroom.testing.promise import at_once
from greenroom.testing.stores import pattern

DATA = pattern(3_000_000)
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()
BLAKE3 = "blake3:" + blake3(DATA).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "bytes"
    path.write_bytes(DATA)
    path.chmod(0o600)
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    (tmp_path / "saved").mkdir()
    return tmp_path / "saved" / "tea.bin"


def names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_a_link_copies_no_byte(source: Path, saved: Path) -> None:
    place(source, saved, digest=DIGEST, mode=0o640)
    assert os.path.samefile(source, saved)
    assert stat.S_IMODE(saved.stat().st_mode) == 0o640
    assert names(saved.parent) == ["tea.bin"]


def test_two_saved_files_never_share_their_bytes(source: Path, saved: Path) -> None:
    place(source, saved, digest=DIGEST)
    second = saved.with_name("second")
    place(source, second, digest=DIGEST, mode=0o604)
    assert not os.path.samefile(source, second)
    assert second.read_bytes() == DATA
    assert stat.S_IMODE(second.stat().st_mode) == 0o604
    assert names(saved.parent) == ["second", "tea.bin"]


def test_two_saved_at_the_same_moment_do_not_share_either(source: Path, saved: Path) -> None:
    targets = [saved.with_name(f"tea-{n}") for n in range(8)]
    at_once([lambda target=target: place(source, target, digest=DIGEST) for target in targets])
    assert len({target.stat().st_ino for target in targets}) == 8
    assert sum(os.path.samefile(source, target) for target in targets) == 1


def test_copying_can_be_chosen(source: Path, saved: Path) -> None:
    place(source, saved, digest=DIGEST, mode=0o640, link=False)
    assert not os.path.samefile(source, saved)
    assert saved.read_bytes() == DATA
    assert stat.S_IMODE(saved.stat().st_mode) == 0o640
    assert stat.S_IMODE(source.stat().st_mode) == 0o600
    assert names(saved.parent) == ["tea.bin"]


@pytest.mark.parametrize("link", [True, False])
def test_without_a_mode_the_umask_decides(source: Path, saved: Path, link: bool) -> None:
    before = os.umask(0o027)
    try:
        place(source, saved, digest=DIGEST, link=link)
    finally:
        os.umask(before)
    assert stat.S_IMODE(saved.stat().st_mode) == 0o640


def test_across_two_devices_a_verified_copy_is_made(source: Path, other_device: Path) -> None:
    target = other_device / "tea.bin"
    place(source, target, digest=DIGEST, mode=0o644)
    assert target.read_bytes() == DATA
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert target.stat().st_nlink == 1
    assert names(other_device) == ["tea.bin"]


@pytest.mark.parametrize("link", [True, False])
def test_a_name_that_is_taken_is_left_alone(source: Path, saved: Path, link: bool) -> None:
    saved.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        place(source, saved, digest=DIGEST, link=link)
    assert saved.read_bytes() == b"mine"
    assert names(saved.parent) == ["tea.bin"]


@pytest.mark.parametrize("link", [True, False])
def test_a_link_that_leads_nowhere_takes_a_name_too(source: Path, saved: Path, link: bool) -> None:
    saved.symlink_to(saved.with_name("elsewhere"))
    with pytest.raises(FileExistsError):
        place(source, saved, digest=DIGEST, link=link)
    assert names(saved.parent) == ["tea.bin"]
    assert saved.is_symlink()


def test_a_name_that_is_taken_during_the_copy_is_left_alone(source: Path, saved: Path) -> None:
    class Slow:
        """A source at whose end somebody else takes the name."""

        def __init__(self) -> None:
            self.file = source.open("rb")

        def read(self, size: int) -> bytes:
            chunk = self.file.read(size)
            if not chunk:
                saved.write_bytes(b"mine")
            return chunk

        def tell(self) -> int:
            return self.file.tell()

    slow = Slow()
    with slow.file, pytest.raises(FileExistsError):
        copy(slow, saved, digest=DIGEST)  # type: ignore[arg-type]
    assert saved.read_bytes() == b"mine"
    assert names(saved.parent) == ["tea.bin"]


def test_of_many_who_want_one_name_one_gets_it(tmp_path: Path, saved: Path) -> None:
    sources = []
    for n in range(8):
        sources.append(tmp_path / f"bytes-{n}")
        sources[-1].write_bytes(bytes([n]) * 500_000)
    got, taken = [], []

    def want(path: Path) -> None:
        try:
            place(path, saved, digest="sha256:" + hashlib.sha256(path.read_bytes()).hexdigest(), link=False)
        except FileExistsError:
            taken.append(path)
        else:
            got.append(path)

    at_once([lambda path=path: want(path) for path in sources])
    assert (len(got), len(taken)) == (1, 7)
    assert saved.read_bytes() == got[0].read_bytes()
    assert names(saved.parent) == ["tea.bin"]


@pytest.mark.parametrize("digest", [DIGEST, BLAKE3])
def test_altered_bytes_are_not_copied_into_place(source: Path, saved: Path, digest: str) -> None:
    place(source, saved.with_name("before"), digest=digest, link=False)
    with source.open("r+b") as file:
        file.seek(1_500_000)
        file.write(b"!")
    with pytest.raises(Altered):
        place(source, saved, digest=digest, link=False)
    assert names(saved.parent) == ["before"]


@pytest.mark.parametrize("digest", [DIGEST, BLAKE3])
def test_bytes_that_were_cut_are_not_copied_into_place(source: Path, saved: Path, digest: str) -> None:
    os.truncate(source, 2_999_999)
    with pytest.raises(Altered):
        place(source, saved, digest=digest, link=False)
    assert names(saved.parent) == []


class Unreliable(io.BytesIO):
    """A source of which one read brings something else: what was written is then not what is held."""

    def __init__(self, damage: Callable[[bytes], bytes]) -> None:
        super().__init__(DATA)
        self.damage = [damage]

    def read(self, size: int | None = -1, /) -> bytes:
        return self.damage.pop()(super().read(size)) if self.damage and self.tell() else super().read(size)


@pytest.mark.parametrize("digest", [DIGEST, BLAKE3, ""])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data + b"!", lambda data: b"!" + data[1:]]
)
def test_a_copy_that_is_not_what_was_copied_gets_no_name(
    saved: Path, digest: str, damage: Callable[[bytes], bytes]
) -> None:
    copy(Unreliable(bytes), saved.with_name("before"), digest=digest)
    assert saved.with_name("before").read_bytes() == DATA
    with pytest.raises(StoreUnavailable):
        copy(Unreliable(damage), saved, digest=digest)
    assert names(saved.parent) == ["before"]


def test_without_a_digest_a_copy_is_compared_and_named(source: Path, other_device: Path) -> None:
    place(source, other_device / "tea.bin")
    assert (other_device / "tea.bin").read_bytes() == DATA
    assert names(other_device) == ["tea.bin"]


@pytest.mark.parametrize("link", [True, False])
def test_a_directory_that_is_missing_is_an_error(source: Path, saved: Path, link: bool) -> None:
    with pytest.raises(FileNotFoundError):
        place(source, saved.with_name("no") / "tea.bin", digest=DIGEST, link=link)
    assert names(saved.parent) == []


def test_a_full_disk_leaves_nothing(source: Path, small_disk: Path) -> None:
    (small_disk / "full").write_bytes(bytes(500_000))
    with pytest.raises(DiskFull):
        place(source, small_disk / "tea.bin", digest=DIGEST)
    assert names(small_disk) == ["full"]
    assert source.read_bytes() == DATA


@pytest.mark.parametrize("link", [True, False])
def test_a_name_that_cannot_be_made_durable_is_taken_back(
    source: Path, saved: Path, link: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(directory: Path) -> None:
        assert names(directory)
        raise OSError(5, "Input/output error")

    # No disk can be told to fail here, so the one call that would notice stands in for it.
    monkeypatch.setattr(placing, "sync_directory", broken)
    with pytest.raises(StoreUnavailable):
        place(source, saved, digest=DIGEST, link=link)
    assert names(saved.parent) == []


# -- what killed writers leave ---------------------------------------------------------------------


def test_what_a_killed_copy_has_left_makes_way(source: Path, saved: Path) -> None:
    partial_path(saved).write_bytes(b"half of it")
    place(source, saved, digest=DIGEST, link=False)
    assert saved.read_bytes() == DATA
    assert names(saved.parent) == ["tea.bin"]


def test_a_copy_killed_after_its_link_is_not_damaged_by_the_next(source: Path, saved: Path) -> None:
    place(source, saved, digest=DIGEST, link=False)
    os.link(saved, partial_path(saved))  # as if killed before the other name went
    with pytest.raises(FileExistsError):
        place(source, saved, digest=DIGEST, link=False)
    assert saved.read_bytes() == DATA
    os.rename(saved, saved.with_name("moved"))
    place(source, saved, digest=DIGEST, link=False)
    assert saved.with_name("moved").read_bytes() == saved.read_bytes() == DATA
    assert not os.path.samefile(saved.with_name("moved"), saved)
    assert names(saved.parent) == ["moved", "tea.bin"]


def test_a_copy_that_is_being_made_is_left_alone(source: Path, saved: Path) -> None:
    reached, go = threading.Event(), threading.Event()

    class Slow:
        """A source that waits in the middle."""

        def __init__(self) -> None:
            self.file = source.open("rb")

        def read(self, size: int) -> bytes:
            if self.file.tell():
                reached.set()
                assert go.wait(30)
            return self.file.read(size)

        def tell(self) -> int:
            return self.file.tell()

    slow = Slow()
    thread = threading.Thread(target=lambda: copy(slow, saved, digest=DIGEST))  # type: ignore[arg-type]
    thread.start()
    try:
        assert reached.wait(30)
        with pytest.raises(FileExistsError, match="somebody is writing"):
            place(source, saved, digest=DIGEST, link=False)
        remove_partial(saved)
        assert names(saved.parent) == [partial_path(saved).name]
    finally:
        go.set()
        thread.join()
        slow.file.close()
    assert saved.read_bytes() == DATA
    assert names(saved.parent) == ["tea.bin"]


def test_removing_what_a_killed_copy_has_left(saved: Path) -> None:
    partial_path(saved).write_bytes(b"half of it")
    remove_partial(saved)
    remove_partial(saved)
    remove_partial(saved / "no such directory" / "tea.bin")
    assert names(saved.parent) == []


def test_renaming_without_replacing(tmp_path: Path, saved: Path) -> None:
    """What stands in for a link where a file system has none."""
    saved.write_bytes(b"mine")
    partial = partial_path(saved)
    partial.write_bytes(b"new")
    with pytest.raises(FileExistsError):
        placing.renamed(partial, saved)
    assert (saved.read_bytes(), partial.read_bytes()) == (b"mine", b"new")
    saved.unlink()
    assert placing.renamed(partial, saved)
    assert saved.read_bytes() == b"new"
    assert names(saved.parent) == ["tea.bin"]
    with pytest.raises(FileNotFoundError):
        placing.renamed(partial, saved.with_name("other"))
