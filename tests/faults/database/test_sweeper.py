"""Promise 5: the sweeper is never early, and always done in the end, whoever else is at work, and whenever it is killed."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from greenroom.auditing import audit_staged
from greenroom.clocks import check_clock
from greenroom.core.upload import new_id
from greenroom.ledger import OrmLedger, to_datetime
from greenroom.models import StagedUpload
from greenroom.owners import make_stage
from greenroom.sweeping import clear_staged
from tests.django.conftest import Guest
from tests.faults.database.sweepers import DATA, HOUR
from tests.faults.tally import NIGHT
from tests.pages import files_under
from tests.shop.models import Paper

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("sweepers.py")
pytestmark = pytest.mark.django_db(transaction=True)  # processes meet only what has been committed


@contextlib.contextmanager
def process(media: Path, *arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Another process of the site, at one of its jobs."""
    database = str(connection.settings_dict["NAME"])
    running = subprocess.Popen(
        [sys.executable, "-W", "error", str(PROGRAM), database, str(media), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def answer(running: subprocess.Popen[str], seconds: float = 100) -> Any:
    """What it has printed, if it ended well and had nothing to complain of."""
    out, complaints = running.communicate(timeout=seconds)
    assert running.returncode == 0, complaints
    assert complaints == ""
    return json.loads(out)


@pytest.mark.slow
@pytest.mark.timeout(3600 if NIGHT else 120)
def test_a_sweeper_that_is_killed_at_any_line_is_gone_on_with(
    db: None, media: Path, held_root: Path, injected: Any
) -> None:
    step = 1 if NIGHT else 37
    with process(media, "killed", 1, step) as running:
        died = answer(running, 3600 if NIGHT else 110)["killed"]
    with injected(5, died), injected(6, died):
        assert died > 500 // step


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_sweepers_beside_people_who_hold_read_append_save_and_give_up(
    db: None, media: Path, held_root: Path, injected: Any
) -> None:
    seconds = 60 if NIGHT else 5
    with contextlib.ExitStack() as stack:
        jobs = [("sweep", seconds), ("sweep", seconds), ("audit", seconds), ("audit", seconds, "repair")]
        jobs += [("use", seconds, name) for name in ("one", "two", "three", "four")]
        running = [stack.enter_context(process(media, *each)) for each in jobs]
        one, other, audits, repairs, *people = [answer(each, seconds + 60) for each in running]
    with injected(5, one["sweeps"] + other["sweeps"]):
        assert [each["early"] for each in people] == [[]] * len(people)
        assert one["twice"] == other["twice"] == 0
        assert one["gone"] + other["gone"] > 0, "bytes were really removed meanwhile"
        assert sum(each["did"].get("saved", 0) for each in people) > 0
    with injected(6, audits["audits"] + repairs["audits"]):
        assert audits["found"] == repairs["found"] == []
    in_the_end(media, held_root)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_sweepers_and_an_audit_over_thousands(
    guest: Guest, media: Path, held_root: Path, injected: Any
) -> None:
    kept = [guest.hold(DATA) for _ in range(20)]
    count = 10_000 if NIGHT else 1_000
    hold_many(guest, count)
    with contextlib.ExitStack() as stack:
        jobs = [("sweep", 1), ("sweep", 1), ("audit", 3), ("use", 2, "somebody")]
        running = [stack.enter_context(process(media, *each)) for each in jobs]
        one, other, audits, person = [answer(each, 500) for each in running]
    with injected(5, count):
        assert one["twice"] == other["twice"] == 0
        assert one["gone"] + other["gone"] >= count, "by the one or by the other"
        assert person["early"] == []
    with injected(6, audits["audits"]):
        assert audits["found"] == []
    for each in kept:
        assert guest.stage.open(each.token).read() == DATA
    in_the_end(media, held_root)


@pytest.mark.parametrize("known", [0, 10, 40])
def test_a_store_of_which_the_database_knows_nearly_nothing_is_left_alone(
    known: int, guest: Guest, held_root: Path, injected: Any
) -> None:
    """Wrong settings, an empty database, an old backup: only where it knows more than it does not it is the right one."""
    check_clock(OrmLedger())
    for _ in range(known):
        guest.hold(DATA)
    hold_many(guest, 30)
    StagedUpload.objects.exclude(buried_at=None).delete()
    StagedUpload.objects.filter(pk__in=StagedUpload.objects.values("pk")[known:]).delete()
    before = set(files_under(held_root))
    with injected(5):
        if known > 30:
            assert clear_staged() == []
            assert audit_staged() == []
        else:
            for _ in range(2):
                with pytest.raises(CommandError, match=r"holds \d+ uploads.*--trust-database"):
                    call_command("clearstaged")
            assert [each.code for each in audit_staged()] == ["database_is_another"]
            output = StringIO()
            with pytest.raises(CommandError) as stopped:
                call_command("auditstaged", "--repair", "--json", stdout=output)
            assert stopped.value.returncode == 2
            document = json.loads(output.getvalue())
            assert "--trust-database" in document["stopped"]
            assert document["unexplained"] == len(document["findings"]) == 1
            assert set(files_under(held_root)) == before, "nothing was removed, and nothing marked"
            call_command("clearstaged", "--trust-database", verbosity=0)
        for mark in held_root.glob("*/*/found-*"):
            mark.rename(mark.with_name("found-1"))
        assert len(clear_staged()) >= 30, "without being told again"
        assert len(list(guest.visit.stage.store.ids())) == known


def hold_many(guest: Guest, count: int) -> None:
    """As many tombstones whose grace is over, with their bytes."""
    now = OrmLedger().now()
    pattern = StagedUpload.objects.get(pk=guest.hold(DATA).upload.id)
    store = make_stage().store
    rows = []
    for _ in range(count):
        pattern.pk = new_id()
        pattern.expires_at = pattern.buried_at = to_datetime(now - 2 * HOUR)
        rows.append(
            StagedUpload(**{each.attname: getattr(pattern, each.attname) for each in pattern._meta.fields})
        )
        store.append(pattern.pk, 0).close()
    StagedUpload.objects.bulk_create(rows, batch_size=500)


def in_the_end(media: Path, held_root: Path) -> None:
    """What nobody needs any more goes, all of it, and what was saved stays."""
    StagedUpload.objects.update(expires_at=to_datetime(OrmLedger().now() - 1))
    clear_staged(trust_clock=True)
    StagedUpload.objects.update(buried_at=to_datetime(OrmLedger().now() - 2 * HOUR))
    for mark in held_root.glob("*/*/found-*"):
        mark.rename(mark.with_name("found-1"))
    clear_staged()
    assert not StagedUpload.objects.exists()
    assert files_under(held_root) == []
    assert audit_staged() == []
    papers = {Path(each.body.path) for each in Paper.objects.all()}
    assert papers == set(files_under(media))
    assert all(each.read_bytes() == DATA for each in papers)
