"""A full disk is a message. What is held stays, and it goes on as soon as there is room, without a restart."""

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from greenroom import LocalStore, Stage
from greenroom.core import Upload
from greenroom.core.errors import DiskFull
from greenroom.testing.stores import pattern
from tests.disks import mounted
from tests.django.servers import Server, Visitor
from tests.faults.tally import Injected
from tests.pages import CONTENT_TYPE, encode, page_of, sha256

SIZES = 200
DISK = 1 << 20
HELD = 300_001
WORDS = "could not be kept: the server has no room left. What you sent before is safe; try later."


@pytest.fixture
def disk(tmp_path: Path, require: Callable[[str, object], None]) -> Iterator[Path]:
    """A file system of 1 MiB."""
    with mounted(tmp_path / "disk", f"size={DISK}", require) as path:
        yield path


def sizes() -> list[int]:
    """Around what is left, most of them, and none of them a number of whole pieces."""
    rng = random.Random(18)
    some = [rng.randrange(1, DISK) for _ in range(SIZES // 2)]
    some += [DISK - HELD + rng.randrange(-80_000, 80_000) for _ in range(SIZES // 2)]
    return [size + 1 if size % 65_536 == 0 else size for size in some]


def free(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bfree * status.f_frsize


def pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 65_536):
        yield data[start : start + 65_536]


def whole_or_refused(stage: Stage, data: bytes, receive: Callable[[], Upload]) -> bool:
    """Whether it was taken; then it is here whole."""
    said = ""
    try:
        upload = receive()
    except DiskFull as refusal:
        said = str(refusal)
    if said:
        assert WORDS in said
        return False
    with stage.open(upload.id) as file:
        assert file.read() == data
    stage.discard(upload.id)
    return True


def test_every_size_is_held_whole_or_refused(disk: Path, injected: Injected) -> None:
    stage = Stage(LocalStore(disk / "held", keep_free=0))
    held = stage.receive([pattern(HELD)], client_name="held before.bin")
    before, taken = free(disk), 0
    for size in sizes():
        data = pattern(size)
        with injected(18), injected(1):

            def receive(data: bytes = data) -> Upload:
                return stage.receive(pieces(data), client_name="tea.bin")

            def append(data: bytes = data) -> Upload:
                upload = stage.create(client_name="tea.bin", length=len(data))
                try:
                    return stage.append(upload.id, pieces(data), offset=0)
                except DiskFull:
                    # What came is held, and can be gone on with as far as there is room.
                    kept = stage.fence(upload.id)
                    with stage.store.open(upload.id) as file:
                        assert file.read(kept.offset) == data[: kept.offset]
                    stage.discard(upload.id)
                    raise

            for way in (receive, append):
                taken += whole_or_refused(stage, data, way)
                assert free(disk) == before
            with stage.open(held.id) as file:
                assert sha256(file.read()) == sha256(pattern(HELD))
    assert 40 < taken < 2 * SIZES - 40  # the disk was really full, and not always


def test_every_size_is_saved_whole_or_not_at_all(disk: Path, tmp_path: Path, injected: Injected) -> None:
    stage = Stage(LocalStore(tmp_path / "held", keep_free=0))
    (disk / "ballast").write_bytes(bytes(HELD))
    before, saved = free(disk), 0
    for size in sizes():
        upload = stage.receive([pattern(size)], client_name="tea.bin")
        with injected(18), injected(1):
            with contextlib.suppress(DiskFull):
                stage.promote(upload.id, disk / "tea.bin", use="once")
                saved += 1
                assert (disk / "tea.bin").read_bytes() == pattern(size)
                (disk / "tea.bin").unlink()
            assert os.listdir(disk) == ["ballast"]
            assert free(disk) == before
            with stage.open(upload.id) as file:
                assert file.read() == pattern(size)
        stage.store.remove(upload.id)
    assert 20 < saved < SIZES - 20


@pytest.fixture
def server(tmp_path: Path, require: Callable[[str, object], None]) -> Iterator[tuple[Server, Path]]:
    """gunicorn, and the disk of 8 MiB that its store is on."""
    with mounted(tmp_path / "disk", "size=8m", require) as disk:
        server = Server(
            "gunicorn",
            tmp_path / "site",
            settings="tests.faults.files.small",
            GREENROOM_TEST_SMALL=str(disk / "held"),
            GREENROOM_TEST_POSTGRES="",
        )
        server.start()
        yield server, disk
        server.stop()
        assert "Traceback" not in server.log.read_text(), server.log.read_text()


def fill(disk: Path, leave: int) -> Path:
    """Something else takes all room but `leave` bytes."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(free(disk) - leave))
    return ballast


def test_an_upload_goes_on_when_there_is_room_again(server: tuple[Server, Path], injected: Injected) -> None:
    site, disk = server
    visitor, data = Visitor(site), pattern(3_000_001)
    first = visitor.create(1_000_003)
    assert visitor.patch(first, data[:1_000_003], 0).status_code == 204
    second = visitor.create(len(data))
    assert visitor.patch(second, data[:500_001], 0).status_code == 204
    with injected(18, 2), injected(2, 2):
        ballast = fill(disk, 700_001)
        response = visitor.patch(second, data[500_001:], 500_001)
        assert response.status_code == 507
        assert WORDS in response.json()["detail"]
        assert response.json()["code"] == "disk_full"
        kept = visitor.offset(second)
        assert 500_001 <= kept < len(data)
        refused = visitor.patch(second, data[kept:], kept)
        assert refused.status_code == 507
        assert visitor.offset(first) == 1_000_003
        ballast.unlink()
        offset = visitor.offset(second)
        assert offset >= kept
        assert visitor.patch(second, data[offset:], offset).status_code == 204
        for path, size in ((first, 1_000_003), (second, len(data))):
            use = f"chance-{size}"
            token = visitor.head(path).headers["Greenroom-Token"]
            assert visitor.save(token, use=use).status_code == 302
    saved = sorted((each.read_bytes() for each in site.media.rglob("*") if each.is_file()), key=len)
    assert saved == [data[:1_000_003], data]


@pytest.mark.parametrize("size", [3_000_001, 1_000_001])  # straight to the disk, and first in memory
def test_a_form_says_so_and_is_taken_when_there_is_room_again(
    server: tuple[Server, Path], size: int, injected: Injected
) -> None:
    site, disk = server
    visitor, data = Visitor(site), pattern(size)
    held = visitor.create(500_003)
    assert visitor.patch(held, data[:500_003], 0).status_code == 204
    with injected(18), injected(2):
        ballast = fill(disk, 300_001)
        response = post(visitor, data)
        assert response.status_code in (200, 507), response.text
        assert "the server has no room left" in page_of(response.text).text
        assert [each for each in site.media.rglob("*") if each.is_file()] == []
        assert visitor.offset(held) == 500_003
        ballast.unlink()
        assert post(visitor, data).status_code == 302
        saved = [each for each in site.media.rglob("*") if each.is_file()]
        assert [each.read_bytes() for each in saved] == [data]


def post(visitor: Visitor, data: bytes) -> requests.Response:
    """The form of the page, with a file."""
    page = page_of(visitor.http.get(f"{visitor.server.url}/backup/", timeout=30).text)
    return visitor.http.post(
        f"{visitor.server.url}/backup/",
        data=encode(page.parts({"title": "tea"}, {"body": ("tea.bin", data)})),
        headers={"Content-Type": CONTENT_TYPE},
        allow_redirects=False,
        timeout=60,
    )
