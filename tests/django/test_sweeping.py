"""The sweeper: never early, always in the end, and it says what it did."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.models.signals import pre_save

from greenroom import signals, sweeping
from greenroom.core.upload import new_id
from greenroom.ledger import OrmLedger
from greenroom.models import StagedOwner, StagedUpload, StagedUse
from greenroom.owners import Visit, visiting
from greenroom.stores import LocalStore
from greenroom.sweeping import clear_staged
from tests.django.conftest import Guest
from tests.pages import files_under
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3_600.0
DATA = b"Darjeeling" * 1_000


@pytest.fixture
def later(monkeypatch: Any) -> Callable[[float], None]:
    """Move the ledger's clock on by so many seconds."""
    moved = SimpleNamespace(by=0.0)
    original = OrmLedger.now
    monkeypatch.setattr(OrmLedger, "now", lambda ledger: original(ledger) + moved.by)

    def move(seconds: float) -> None:
        moved.by += seconds

    return move


@pytest.fixture
def file_system_later(monkeypatch: Any) -> Callable[[float], None]:
    """Move the file system's clock, by which the age of unexplained bytes is told."""
    original = LocalStore._now
    moved = SimpleNamespace(by=0.0)
    monkeypatch.setattr(LocalStore, "_now", lambda store: original(store) + moved.by)

    def move(seconds: float) -> None:
        moved.by += seconds

    return move


def test_what_is_held_is_kept_until_its_lease_ends(guest: Guest, later: Any, held_root: Path) -> None:
    file = guest.hold(DATA)
    later(23.9 * HOUR)
    assert clear_staged() == []
    assert file.stage.store.open(file.upload.id).read() == DATA
    later(0.2 * HOUR)
    assert clear_staged() == [file.upload.id]
    assert files_under(held_root) == []
    assert not StagedUpload.objects.exists()
    assert clear_staged() == []


def test_what_is_used_gets_a_new_lease_up_to_the_longest(guest: Guest, later: Any) -> None:
    file = guest.hold(DATA)
    for _ in range(7):
        later(23 * HOUR)
        guest.stage.open(file.token)
        assert clear_staged() == []
    later(23 * HOUR)  # more than seven days in all
    assert clear_staged() == [file.upload.id]


def test_what_was_saved_is_held_an_hour_longer_and_the_saved_file_stays(guest: Guest, later: Any) -> None:
    file = guest.hold(DATA, use="once")
    Paper.objects.create(title="tea", body=file)
    later(0.9 * HOUR)
    assert clear_staged() == []
    later(0.2 * HOUR)
    assert clear_staged() == [file.upload.id]
    assert Path(Paper.objects.get().body.path).read_bytes() == DATA
    assert not StagedUse.objects.exists()


def test_what_never_arrived_is_removed(guest: Guest, later: Any, held_root: Path) -> None:
    intake = guest.visit.stage.intake(client_name="tea.bin", memory=0)
    intake.write(DATA)
    assert len(files_under(held_root)) == 1
    later(0.9 * HOUR)
    assert clear_staged() == []
    later(0.2 * HOUR)
    assert clear_staged() == [intake.upload.id]
    assert files_under(held_root) == []


def test_bytes_that_nothing_explains_are_removed_after_an_hour(
    guest: Guest, held_root: Path, file_system_later: Any
) -> None:
    store = guest.visit.stage.store
    upload_id = new_id()
    writer = store.append(upload_id, 0)
    writer.write(DATA)
    writer.close()
    kept = guest.hold(DATA)
    assert clear_staged() == []
    file_system_later(1.1 * HOUR)
    assert clear_staged() == [upload_id]
    assert guest.stage.open(kept.token).read() == DATA


def test_a_save_under_way_is_left_alone_and_settled_when_it_must_be_dead(
    guest: Guest, later: Any, media: Path
) -> None:
    """An INSERT that failed outside of a request: nobody was there to settle it."""
    file = guest.hold(DATA, use="once")
    paper = Paper(title="tea", body=file)
    pre_save.send(sender=Paper, instance=paper, raw=False, using="default", update_fields=None)
    guest.visit.promotions.clear()
    assert len(files_under(media)) == 1
    assert clear_staged() == []
    assert len(files_under(media)) == 1
    later(1.1 * HOUR)
    assert clear_staged() == []
    assert files_under(media) == []
    assert guest.claims(file) == []
    Paper.objects.create(title="tea", body=guest.stage.open(file.token))


def test_an_expired_upload_that_is_being_saved_is_left_for_the_next_time(guest: Guest, later: Any) -> None:
    file = guest.hold(DATA, use="once")
    paper = Paper(title="tea", body=file)
    later(24.5 * HOUR - 300)
    StagedUpload.objects.update(expires_at="2000-01-01T00:00Z")
    pre_save.send(sender=Paper, instance=paper, raw=False, using="default", update_fields=None)
    assert clear_staged() == []
    assert file.stage.store.open(file.upload.id).read() == DATA


def test_owners_who_hold_nothing_are_forgotten_after_a_week(guest: Guest, later: Any) -> None:
    guest.hold(DATA)
    with visiting(Visit(find_owner=lambda create: "session:busy")) as busy:
        other = Guest(busy)
        other.hold(DATA)
    later(6.9 * 24 * HOUR)
    clear_staged()
    assert StagedOwner.objects.count() == 2
    with visiting(busy):
        other.hold(DATA)
    later(0.2 * 24 * HOUR)
    clear_staged()
    assert [each.key for each in StagedOwner.objects.all()] == ["session:busy"]


def test_the_sweeper_tells_what_it_removed(guest: Guest, later: Any) -> None:
    told: list[Any] = []

    def note(**values: Any) -> None:
        told.append(values["upload_ids"])

    signals.expired.connect(note)
    try:
        clear_staged()
        assert told == []
        file = guest.hold(DATA)
        later(25 * HOUR)
        clear_staged()
        assert told == [[file.upload.id]]
    finally:
        signals.expired.disconnect(note)


@pytest.mark.parametrize(("verbosity", "expected"), [(0, ""), (1, "1 removed.\n"), (2, "{id}\n1 removed.\n")])
def test_the_command(guest: Guest, later: Any, verbosity: int, expected: str) -> None:
    file = guest.hold(DATA)
    later(25 * HOUR)
    output = StringIO()
    call_command("clearstaged", verbosity=verbosity, stdout=output)
    assert output.getvalue() == expected.format(id=file.upload.id)


def test_a_lease_that_is_renewed_at_the_last_moment_counts(
    guest: Guest, later: Any, monkeypatch: Any
) -> None:
    file = guest.hold(DATA)
    token = file.token
    later(23.99 * HOUR)
    original = sweeping.settle

    calls: list[str] = []

    def renew_first(stage: Any, upload_id: str, *arguments: Any) -> bool:
        calls.append(upload_id)
        if len(calls) == 2:  # it was found to be over, and now somebody opens a page with it
            StagedUpload.objects.update(expires_at="2999-01-01T00:00Z")
        return original(stage, upload_id, *arguments)

    later(1 * HOUR)
    monkeypatch.setattr(sweeping, "settle", renew_first)
    assert clear_staged() == []
    assert len(calls) == 2
    assert guest.stage.open(token).read() == DATA


def test_a_transaction_that_still_runs_is_waited_for(guest: Guest) -> None:
    with transaction.atomic():
        file = guest.hold(DATA, use="once")
        Paper.objects.create(title="tea", body=file)
        assert clear_staged() == []
    assert Path(Paper.objects.get().body.path).read_bytes() == DATA
