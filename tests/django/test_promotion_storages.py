"""Saving into storages that are no directory of this machine, or that have ways of their own."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage

from greenroom.core.errors import Altered
from tests.pages import files_under
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)
DATA = bytes(range(256)) * 40


@pytest.fixture
def body() -> Any:
    return Paper._meta.get_field("body")


def save(guest: Any, file: Any) -> Paper:
    paper = Paper(title="tea", body=file)
    paper.save()
    return Paper.objects.get(pk=paper.pk)


class InMemory(Storage):
    """A storage without local paths."""

    loses = 0

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.chunks: list[int] = []

    def _save(self, name: str, content: Any) -> str:
        data = b""
        for chunk in content.chunks():
            self.chunks.append(len(chunk))
            data += chunk
        self.kept[name] = data[: len(data) - self.loses]
        return name

    def _open(self, name: str, mode: str = "rb") -> File:
        return File(BytesIO(self.kept[name]), name=name)

    def exists(self, name: str) -> bool:
        return name in self.kept

    def size(self, name: str) -> int:
        return len(self.kept[name])

    def delete(self, name: str) -> None:
        self.kept.pop(name, None)

    def url(self, name: str | None) -> str:
        return f"memory:{name}"


def test_a_storage_without_paths_gets_a_stream(guest: Any, body: Any, monkeypatch: Any) -> None:
    storage = InMemory()
    monkeypatch.setattr(body, "storage", storage)
    file = guest.hold(DATA * 20)
    paper = save(guest, file)
    assert storage.kept == {"papers/tea.bin": DATA * 20} == {paper.body.name: DATA * 20}
    assert max(storage.chunks) < len(DATA * 20)
    guest.end_request()
    assert storage.kept
    assert guest.claims(file) == []


def test_a_storage_that_loses_bytes_is_found_out(guest: Any, body: Any, monkeypatch: Any) -> None:
    storage = InMemory()
    storage.loses = 1
    monkeypatch.setattr(body, "storage", storage)
    file = guest.hold(DATA)
    with pytest.raises(Altered):
        save(guest, file)
    guest.end_request()
    assert storage.kept == {}
    assert not Paper.objects.exists()
    assert guest.stage.open(file.token).read() == DATA


def test_a_storage_that_cannot_tell_sizes_is_trusted(guest: Any, body: Any, monkeypatch: Any) -> None:
    class Sizeless(InMemory):
        size = Storage.size  # type: ignore[assignment]

    storage = Sizeless()
    monkeypatch.setattr(body, "storage", storage)
    save(guest, guest.hold(DATA))
    assert list(storage.kept.values()) == [DATA]


def test_a_storage_that_renames_is_followed(guest: Any, body: Any, monkeypatch: Any) -> None:
    class Renaming(InMemory):
        def _save(self, name: str, content: Any) -> str:
            return super()._save(f"renamed/{name}", content)

    storage = Renaming()
    monkeypatch.setattr(body, "storage", storage)
    file = guest.hold(DATA)
    assert save(guest, file).body.name == "renamed/papers/tea.bin"
    guest.end_request()
    assert list(storage.kept) == ["renamed/papers/tea.bin"]


def test_a_storage_that_overwrites_does_so(guest: Any, body: Any, monkeypatch: Any, media: Path) -> None:
    monkeypatch.setattr(body, "storage", FileSystemStorage(allow_overwrite=True))
    save(guest, guest.hold(b"first"))
    paper = save(guest, guest.hold(DATA))
    assert paper.body.name == "papers/tea.bin"
    assert Path(paper.body.path).read_bytes() == DATA
    assert files_under(media) == [media / "papers" / "tea.bin"]
