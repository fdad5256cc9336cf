"""The sweeper: never early, always in the end, and it says what it did."""

import json
import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models.signals import pre_save

from greenroom import clocks, signals
from greenroom.core.errors import NotHeld
from greenroom.core.upload import new_id
from greenroom.ledger import OrmLedger
from greenroom.models import StagedOwner, StagedUpload, StagedUse
from greenroom.owners import Visit, visiting
from greenroom.sweeping import clear_staged
from tests.django.conftest import Guest
from tests.pages import files_under
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3_600.0
DATA = b"Darjeeling" * 1_000


@pytest.fixture
def later(db: None, monkeypatch: Any) -> Callable[[float], None]:
    """So many seconds pass: for the ledger's clock, and for the machine."""
    moved = SimpleNamespace(by=0.0)
    now, uptime = OrmLedger.now, clocks.uptime
    monkeypatch.setattr(OrmLedger, "now", lambda ledger: now(ledger) + moved.by)
    monkeypatch.setattr(clocks, "uptime", lambda: uptime() + moved.by)
    assert clear_staged() == []  # what later sweeps compare with

    def move(seconds: float) -> None:
        moved.by += seconds

    return move


@pytest.fixture
def swept(later: Callable[[float], None]) -> Callable[[], list[str]]:
    """Sweep, and again an hour later: what is over now is gone then."""

    def twice() -> list[str]:
        assert clear_staged() == []
        later(1.001 * HOUR)
        return clear_staged()

    return twice


def test_what_is_held_is_kept_until_its_lease_ends(
    guest: Guest, later: Any, swept: Any, held_root: Path
) -> None:
    file = guest.hold(DATA)
    later(22.8 * HOUR)
    assert swept() == []
    assert file.stage.get(file.upload.id)
    later(0.2 * HOUR)
    assert swept() == [file.upload.id]
    assert files_under(held_root) == []
    assert not StagedUpload.objects.exists()
    assert clear_staged() == []


def test_what_is_over_is_absent_at_once_and_its_bytes_are_there_for_an_hour(
    guest: Guest, later: Any, held_root: Path
) -> None:
    file = guest.hold(DATA)
    token, running = file.token, guest.stage.open(file.token)
    later(24.1 * HOUR)
    assert clear_staged() == []
    with pytest.raises(NotHeld):
        guest.stage.open(token)
    later(0.9 * HOUR)
    assert clear_staged() == []
    assert running.read() == DATA  # by a request that has had it open for long
    later(0.2 * HOUR)
    assert clear_staged() == [file.upload.id]
    assert files_under(held_root) == []


def test_what_is_used_gets_a_new_lease_up_to_the_longest(guest: Guest, later: Any, swept: Any) -> None:
    file = guest.hold(DATA)
    for _ in range(7):
        later(23 * HOUR)
        guest.stage.open(file.token)
        assert clear_staged() == []
    later(23 * HOUR)  # more than seven days in all
    assert swept() == [file.upload.id]


def test_what_was_saved_is_held_an_hour_longer_and_the_saved_file_stays(
    guest: Guest, later: Any, swept: Any
) -> None:
    file = guest.hold(DATA, use="once")
    Paper.objects.create(title="tea", body=file)
    later(0.9 * HOUR)
    assert clear_staged() == []
    assert guest.visit.stage.get(file.upload.id)
    later(0.2 * HOUR)
    assert swept() == [file.upload.id]
    assert Path(Paper.objects.get().body.path).read_bytes() == DATA
    assert not StagedUse.objects.exists()


def test_what_never_arrived_is_removed(guest: Guest, later: Any, swept: Any, held_root: Path) -> None:
    intake = guest.visit.stage.intake(client_name="tea.bin", memory=0)
    intake.write(DATA)
    assert len(files_under(held_root)) == 1
    later(0.9 * HOUR)
    assert clear_staged() == []
    later(0.2 * HOUR)
    assert swept() == [intake.upload.id]
    assert files_under(held_root) == []


def test_bytes_that_nothing_explains_are_removed_an_hour_after_they_are_found(
    guest: Guest, held_root: Path, later: Any
) -> None:
    store = guest.visit.stage.store
    upload_id = new_id()
    writer = store.append(upload_id, 0)
    writer.write(DATA)
    writer.close()
    kept = guest.hold(DATA)
    os.utime(store.path(upload_id), (0, 0))  # what a file says of its age is a host's word
    assert clear_staged() == []
    later(0.9 * HOUR)
    assert clear_staged() == []
    later(0.2 * HOUR)
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
    assert StagedUpload.objects.get().buried_at is None
    paper.save()
    assert Path(Paper.objects.get().body.path).read_bytes() == DATA


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


def test_the_sweeper_tells_what_it_removed(guest: Guest, later: Any, swept: Any) -> None:
    told: list[Any] = []

    def note(**values: Any) -> None:
        told.append(values["upload_ids"])

    signals.expired.connect(note)
    try:
        clear_staged()
        assert told == []
        file = guest.hold(DATA)
        later(25 * HOUR)
        swept()
        assert told == [[file.upload.id]]
    finally:
        signals.expired.disconnect(note)


@pytest.mark.parametrize(("verbosity", "expected"), [(0, ""), (1, "{end}\n"), (2, "{id}\n{end}\n")])
def test_the_command(guest: Guest, later: Any, verbosity: int, expected: str) -> None:
    file = guest.hold(DATA)
    later(25 * HOUR)
    clear_staged()
    later(1.1 * HOUR)
    output = StringIO()
    StagedUpload.objects.filter(pk=guest.hold(DATA).upload.id).update(expires_at="2000-01-01T00:00Z")
    call_command("clearstaged", verbosity=verbosity, stdout=output)
    end = "1 removed, 1 given up and left to a later sweep."
    assert output.getvalue() == expected.format(id=file.upload.id, end=end)


def test_a_transaction_that_still_runs_is_waited_for(guest: Guest) -> None:
    with transaction.atomic():
        file = guest.hold(DATA, use="once")
        Paper.objects.create(title="tea", body=file)
        assert clear_staged() == []
    assert Path(Paper.objects.get().body.path).read_bytes() == DATA


# -- giving up -------------------------------------------------------------------------------------


def test_what_is_given_up_inside_a_transaction_is_held_again_when_that_is_rolled_back(guest: Guest) -> None:
    file = guest.hold(DATA)
    with transaction.atomic():
        guest.stage.discard(file.token)
        with pytest.raises(NotHeld):
            guest.stage.open(file.token)
        transaction.set_rollback(True)
    assert guest.stage.open(file.token).read() == DATA
    with transaction.atomic():
        guest.stage.discard(file.token)
        assert file.stage.store.open(file.upload.id).read() == DATA
    assert list(file.stage.store.ids()) == []
    assert not StagedUpload.objects.exists()


def test_what_is_given_up_counts_no_more_although_it_is_just_being_saved(
    guest: Guest, swept: Any, media: Path
) -> None:
    file = guest.hold(DATA, use="once")
    paper = Paper(title="tea", body=file)
    pre_save.send(sender=Paper, instance=paper, raw=False, using="default", update_fields=None)
    guest.stage.discard(file.token)
    assert StagedUpload.objects.get().buried_at is not None
    assert guest.visit.stage.ledger.under(file.upload.owner, "") == []  # type: ignore[attr-defined]
    paper.save()
    assert swept() == [file.upload.id]
    assert Path(Paper.objects.get().body.path).read_bytes() == DATA


# -- the clock of a host ---------------------------------------------------------------------------


@pytest.fixture
def hosts_clock(monkeypatch: Any) -> SimpleNamespace:
    """A ledger whose clock is the host's, on whatever database; what it says, and how long the machine runs."""
    clock = SimpleNamespace(now=1_800_000_000.0, uptime=1_000.0, boot="one")
    monkeypatch.setattr(OrmLedger, "now", lambda ledger: clock.now)
    monkeypatch.setattr(OrmLedger, "has_host_clock", True)
    monkeypatch.setattr(clocks, "uptime", lambda: clock.uptime)
    monkeypatch.setattr(clocks, "boot", lambda: clock.boot)
    return clock


def passes(clock: SimpleNamespace, seconds: float) -> None:
    clock.now += seconds
    clock.uptime += seconds


@pytest.mark.parametrize("jump", [30 * 24 * HOUR, 1.1 * HOUR, -1.1 * HOUR, -30 * 24 * HOUR])
def test_a_clock_that_jumps_stops_the_sweep(guest: Guest, hosts_clock: SimpleNamespace, jump: float) -> None:
    clear_staged()
    guest.hold(DATA)
    passes(hosts_clock, HOUR)
    hosts_clock.now += jump
    for _ in range(2):
        with pytest.raises(CommandError, match=r"(ahead of|behind) what it should say.*--trust-clock"):
            call_command("clearstaged")
        assert StagedUpload.objects.get().buried_at is None
        passes(hosts_clock, HOUR)
    hosts_clock.now -= jump  # mended
    call_command("clearstaged", verbosity=0)


def test_time_that_the_machine_has_really_run_is_no_jump(guest: Guest, hosts_clock: SimpleNamespace) -> None:
    clear_staged()
    file = guest.hold(DATA)
    passes(hosts_clock, 30 * 24 * HOUR)
    clear_staged()
    passes(hosts_clock, 1.1 * HOUR)
    assert clear_staged() == [file.upload.id]


def test_a_restart_between_two_sweeps_needs_nobody_and_a_weekend_without_power_does(
    guest: Guest, hosts_clock: SimpleNamespace
) -> None:
    clear_staged()
    hosts_clock.now, hosts_clock.uptime, hosts_clock.boot = hosts_clock.now + HOUR + 30, 900.0, "two"
    clear_staged()
    file = guest.hold(DATA)
    hosts_clock.now, hosts_clock.uptime, hosts_clock.boot = hosts_clock.now + 60 * HOUR, 1200.0, "three"
    with pytest.raises(clocks.ClockJumped):
        clear_staged()
    call_command("clearstaged", "--trust-clock", verbosity=0)
    passes(hosts_clock, 1.1 * HOUR)
    assert clear_staged() == [file.upload.id]


@pytest.mark.parametrize(
    ("passed", "uptime", "goes_on"),
    [
        (600, 30 * 24 * HOUR, True),  # moved to a machine that has been up for long
        (-600, 30 * 24 * HOUR, True),
        (30 * 24 * HOUR, 30 * 24 * HOUR, True),  # restarted, and up since without a sweep
        (5 * HOUR, 30 * 24 * HOUR, False),  # moved, but not at once
        (30 * 24 * HOUR, 60 * 24 * HOUR, False),  # moved to where the clock is wrong
        (30 * 24 * HOUR, 600, False),  # off for long, or the clock is wrong
        (-30 * 24 * HOUR, 600, False),
    ],
)
def test_another_start_is_another_machine_or_the_same_one(
    passed: float, uptime: float, goes_on: bool, guest: Guest, hosts_clock: SimpleNamespace
) -> None:
    clear_staged()
    guest.hold(DATA)
    hosts_clock.now, hosts_clock.uptime, hosts_clock.boot = hosts_clock.now + passed, uptime, "another"
    if goes_on:
        clear_staged()
        return
    with pytest.raises(clocks.ClockJumped) as stopped:
        clear_staged()
    said = str(stopped.value)
    assert "started anew, or the site was moved" in said
    assert f"up for {clocks.lasting(uptime)}" in said
    assert f"{clocks.lasting(passed)} {'after' if passed > 0 else 'before'}" in said
    assert "should say" not in said, "which nobody knows"
    assert StagedUpload.objects.get().buried_at is None
    output = StringIO()
    with pytest.raises(CommandError) as ended:
        call_command("auditstaged", "--repair", "--json", stdout=output)
    assert ended.value.returncode == 2
    assert json.loads(output.getvalue())["stopped"] == said


def test_the_first_sweep_of_all_compares_with_who_was_here(
    guest: Guest, hosts_clock: SimpleNamespace
) -> None:
    file = guest.hold(DATA)
    StagedUpload.objects.update(expires_at="2000-01-01T00:00Z")
    passes(hosts_clock, 30 * 24 * HOUR)
    output = StringIO()
    call_command("clearstaged", stdout=output)
    assert "this first sweep has only noted what the clock says" in output.getvalue()
    assert StagedUpload.objects.get().buried_at is None
    passes(hosts_clock, HOUR)
    clear_staged()
    passes(hosts_clock, 1.1 * HOUR)
    assert clear_staged() == [file.upload.id]
