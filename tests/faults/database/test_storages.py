"""Promise 19: a storage that is elsewhere may fail at any moment, and leaves nothing torn and nothing lost.

There is no object store for held files yet. What is far away today is the storage that they are saved into: one
without local paths, as of S3 or SFTP, that is sent a stream.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import models

from greenroom.core.errors import Altered
from greenroom.sweeping import clear_staged
from tests.django.conftest import Guest
from tests.faults.tally import NIGHT, Injected
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)

DATA = bytes(range(256)) * 1024
THEIRS = b"theirs"
PIECE = 4_096 if NIGHT else 16_384


class Broken(OSError):
    """What the far end's library raises."""


class Far(Storage):
    """A storage behind a network. `faults` are the moments at which it breaks, by their names."""

    def __init__(self, *faults: str, after: int = 0, keeps_partial: bool = True) -> None:
        self.faults = set(faults)
        self.after = after
        self.keeps_partial = keeps_partial
        self.kept: dict[str, bytes] = {}

    def fail(self, moment: str) -> None:
        if moment in self.faults:
            raise Broken(f"The connection broke: {moment}.")

    def _save(self, name: str, content: Any) -> str:
        self.fail("before")
        if "taken" in self.faults:
            self.kept[name] = THEIRS
            self.fail("taken")
        data = b""
        while piece := content.read(PIECE):
            data += piece
            if "within" in self.faults and len(data) > self.after:
                if self.keeps_partial:
                    self.kept[name] = data
                self.fail("within")
        self.kept[name] = data[:-1] if "loses" in self.faults else data
        self.fail("after")
        return name

    def _open(self, name: str, mode: str = "rb") -> File:
        self.fail("open")
        return File(BytesIO(self.kept[name]), name=name)

    def exists(self, name: str) -> bool:
        self.fail("exists")
        return name in self.kept

    def size(self, name: str) -> int:
        self.fail("size")
        return len(self.kept[name])

    def delete(self, name: str) -> None:
        self.fail("delete")
        self.kept.pop(name, None)

    def url(self, name: str | None) -> str:
        return f"https://far.example/{name}"


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Far]:
    """Put such a storage behind the model's field."""

    def use(*faults: str, **options: Any) -> Far:
        field: Any = Paper._meta.get_field("body")
        storage = Far(*faults, **options)
        monkeypatch.setattr(field, "storage", storage)
        return storage

    return use


def save(guest: Guest, token: str, use: str) -> models.Model:
    file = guest.stage.open(token)
    file.use = use
    paper = Paper(title="tea", body=file)
    paper.save()
    return paper


def check(guest: Guest, storage: Far, fault: str) -> None:
    """Save while it is broken: nothing is saved, all is held. Then, mended, it is saved once, and nothing else is there."""
    file = guest.hold(DATA)
    with pytest.raises((Broken, Altered)):
        save(guest, file.token, fault)
    storage.faults.clear()
    guest.end_request()
    assert not Paper.objects.exists()
    assert guest.stage.open(file.token).read() == DATA
    assert storage.kept == {}, "something was left under a final name that no object has"
    assert guest.claims(file) == []
    paper = save(guest, file.token, fault)
    guest.end_request()
    assert storage.kept == {Paper.objects.get(pk=paper.pk).body.name: DATA}


@pytest.mark.parametrize("fault", ["exists", "before", "loses", "size"])
def test_it_breaks_at_a_step(fault: str, guest: Guest, far: Callable[..., Far], injected: Injected) -> None:
    with injected(19):
        check(guest, far(fault), fault)


@pytest.mark.parametrize("keeps_partial", [True, False])
@pytest.mark.parametrize("after", range(0, len(DATA), PIECE))
def test_it_breaks_after_so_many_bytes(
    after: int, keeps_partial: bool, guest: Guest, far: Callable[..., Far], injected: Injected
) -> None:
    with injected(19):
        check(guest, far("within", after=after, keeps_partial=keeps_partial), "within")


def test_the_answer_to_the_last_byte_is_lost(
    guest: Guest, far: Callable[..., Far], injected: Injected
) -> None:
    with injected(19):
        check(guest, far("after"), "after")


@pytest.mark.parametrize("fault", ["within", "after", "loses"])
def test_what_cannot_be_removed_at_once_is_removed_later(
    fault: str, guest: Guest, far: Callable[..., Far], injected: Injected
) -> None:
    storage = far(fault, "delete")
    with injected(19):
        file = guest.hold(DATA)
        with pytest.raises((Broken, Altered)):
            save(guest, file.token, fault)
        guest.end_request()
        assert guest.stage.open(file.token).read() == DATA
        storage.faults.clear()
        clear_staged()
        assert storage.kept == {}
        save(guest, file.token, fault)
        assert list(storage.kept.values()) == [DATA]


def test_what_somebody_else_puts_there_meanwhile_is_left_alone(
    guest: Guest, far: Callable[..., Far], injected: Injected
) -> None:
    storage = far("taken")
    with injected(19):
        file = guest.hold(DATA)
        with pytest.raises(Broken):
            save(guest, file.token, "taken")
        guest.end_request()
        assert storage.kept == {"papers/tea.bin": THEIRS}
        storage.faults.clear()
        save(guest, file.token, "taken")
        assert sorted(storage.kept.values()) == sorted([THEIRS, DATA])
