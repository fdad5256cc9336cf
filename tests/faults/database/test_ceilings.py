"""Promise 8: two hundred clients of several processes at once, and not a byte or an upload over any ceiling."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Greatest

from greenroom.core import Ceilings, Leases, Stage, State, Upload
from greenroom.core.errors import Busy, DiskFull, NotHeld, QuotaExceeded, Refused
from greenroom.core.intake import Intake
from greenroom.core.ledger import Ledger, MemoryLedger
from greenroom.core.store import Standing
from greenroom.ledger import OrmLedger
from greenroom.models import StagedUpload
from greenroom.stores import LocalStore
from greenroom.testing import FakeClock
from tests.disks import mounted
from tests.faults.tally import NIGHT, Injected

ROOT = Path(__file__).resolve().parents[3]
PROCESSES = 5
CLIENTS = 200
SIZE = 50_000
KINDS = ["declared", "sent", "form", "unknown", "deferred"]
SCOPES: dict[str, tuple[str, str, dict[str, str]]] = {
    "owner": ("", "quota_exceeded", {"owner": "somebody"}),
    "total": ("total_", "total_exceeded", {}),
    "address": ("address_", "address_exceeded", {"address": "of-a-school"}),
}
FITS = 37
pytestmark = pytest.mark.django_db(transaction=True)  # processes meet only what has been committed


@pytest.fixture(scope="module")
def processes(django_db_setup: None) -> Iterator[list[subprocess.Popen[str]]]:
    """Started once, as that takes longer than what they do."""
    command = [
        sys.executable,
        str(Path(__file__).with_name("holding.py")),
        str(connection.settings_dict["NAME"]),
    ]
    path = f"{ROOT}{os.pathsep}{ROOT / 'src'}"
    with contextlib.ExitStack() as stack:
        started = []
        for _ in range(PROCESSES):
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": path},
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            started.append(process)
        assert [said(process) for process in started] == ["ready\n"] * PROCESSES
        yield started


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


AtOnce = Callable[..., Counter[str]]


@pytest.fixture
def all_at_once(processes: list[subprocess.Popen[str]]) -> AtOnce:
    """`all_at_once(root=..., ...)`, a `Plan`: what two hundred clients were answered."""

    def answers(**plan: Any) -> Counter[str]:
        for number, process in enumerate(processes):
            each = {**plan, "clients": CLIENTS // PROCESSES, "name": f"process-{number}"}
            assert process.stdin is not None
            process.stdin.write(json.dumps({**each, "root": str(plan["root"])}) + "\n")
            process.stdin.flush()
        given: Counter[str] = Counter()
        for process in processes:
            given.update(json.loads(said(process)))
        assert sum(given.values()) == CLIENTS, given
        return given

    return answers


def held() -> tuple[int, int]:
    """How many uploads wait, and what they count."""
    rows = StagedUpload.objects.all()
    return rows.count(), rows.aggregate(all=Sum(Greatest("offset", "reserved")))["all"] or 0


def on_disk(root: Path) -> int:
    return sum(path.stat().st_size for path in root.glob("*/*/bytes"))


DAY = [("owner", "form"), ("total", "declared"), ("total", "unknown"), ("address", "deferred")]


@pytest.mark.parametrize(("scope", "kind"), list(itertools.product(SCOPES, KINDS)) if NIGHT else DAY)
def test_no_byte_is_over_when_all_come_at_once(
    all_at_once: AtOnce, scope: str, kind: str, tmp_path: Path, injected: Injected
) -> None:
    prefix, code, who = SCOPES[scope]
    ceiling = FITS * SIZE + SIZE // 2
    ceilings = {"uploads": 1_000, f"{prefix}bytes": ceiling}
    with injected(8, CLIENTS):
        answers = all_at_once(root=tmp_path / "held", kind=kind, size=SIZE, ceilings=ceilings, **who)
        assert set(answers) == {"taken", code}
        count, size = held()
        assert size <= ceiling
        assert on_disk(tmp_path / "held") <= ceiling
        if kind in (
            "declared",
            "sent",
            "form",
        ):  # what comes without a length may find that no other was refused in time
            assert (answers["taken"], count) == (FITS, FITS)
        whole = StagedUpload.objects.filter(state=State.STAGED)
        assert all(upload.offset == SIZE for upload in whole), "what was taken is whole"


@pytest.mark.parametrize("scope", SCOPES)
def test_no_upload_is_over_when_all_come_at_once(
    all_at_once: AtOnce, scope: str, tmp_path: Path, injected: Injected
) -> None:
    prefix, code, who = SCOPES[scope]
    ceilings = {"bytes": "1 TB", "uploads": 1_000, f"{prefix}uploads": FITS}
    with injected(8, CLIENTS):
        answers = all_at_once(root=tmp_path / "held", kind="declared", size=1, ceilings=ceilings, **who)
        assert answers == {"taken": FITS, code: CLIENTS - FITS}
        assert held()[0] == FITS


def test_what_was_announced_finds_its_room(
    all_at_once: AtOnce, tmp_path: Path, require: Any, injected: Injected
) -> None:
    """Two files that fit each, and not together, are not both taken to fail in the middle."""
    with mounted(tmp_path / "disk", "size=4m", require) as disk, injected(8, CLIENTS):
        root = disk / "held"
        root.mkdir()
        answers = all_at_once(root=root, kind="declared", size=600_000, ceilings={})
        taken = list(StagedUpload.objects.all())
        assert answers == {"taken": len(taken), "disk_full": CLIENTS - len(taken)}
        assert len(taken) == (4 * 2**20 - 100_000) // 600_000
        for row in taken:
            stage = Stage(LocalStore(root, keep_free=0), ledger=OrmLedger(), owner=row.owner_id)
            upload = stage.append(row.pk, [b"x" * 600_000], offset=0)
            assert upload.state is State.STAGED


@pytest.mark.parametrize("ledger", [MemoryLedger, OrmLedger])
def test_what_was_announced_finds_its_room_on_a_disk_of_any_size(
    ledger: Callable[[], Ledger], tmp_path: Path, injected: Injected
) -> None:
    """Sixty owners announce five gigabytes each; what has come already is asked of the store if it matters."""
    free = 120 * 10**9

    class Large(LocalStore):
        def room(self) -> int:
            return free

        def size(self, upload_id: str) -> int:
            return come.get(upload_id, 0)

    come: dict[str, int] = {}
    stage, here = Stage(Large(tmp_path), ledger=ledger(), ceilings=Ceilings(bytes="5 GB"), owner="last"), []
    for number in range(60):
        with injected(8), contextlib.suppress(DiskFull):
            here.append(stage.for_owner(f"owner-{number}").create(client_name="film.mp4", length=5 * 10**9))
    assert len(here) == 24
    come[here[0].id], free = 5 * 10**9, free - 5 * 10**9  # nobody has written it down yet
    with pytest.raises(DiskFull):
        stage.create(client_name="film.mp4", length=1)
    stage.ledger.remove(here[1].id)
    stage.create(client_name="film.mp4", length=5 * 10**9)


def test_a_reserve_that_somebody_fills_is_not_taken_back(tmp_path: Path, injected: Injected) -> None:
    """A second request at the same upload, which announces less, does not make room for a third."""
    ceilings = Ceilings(bytes=1_000)
    stage = Stage(LocalStore(tmp_path, keep_free=0), ledger=OrmLedger(), ceilings=ceilings, owner="somebody")
    upload = stage.create(client_name="tea.bin")
    with injected(8, 2):
        stage.ledger.reserve(upload, 900, ceilings)
        stage.ledger.reserve(upload, 1, ceilings)
        with pytest.raises(Refused):
            stage.create(client_name="second.bin", length=200)
        stage.append(upload.id, [b"x" * 900], offset=0)
        with pytest.raises(Refused):
            stage.create(client_name="second.bin", length=200)


@pytest.mark.parametrize("ledger", [MemoryLedger, OrmLedger])
def test_who_is_overtaken_counts_nothing_more(ledger: Callable[[], Ledger], tmp_path: Path) -> None:
    class Counted(LocalStore):
        """Its writer counts some more while somebody is about to overtake it."""

        def standing(self, upload_id: str, epoch: int) -> Standing:
            stage.ledger.reserve(upload, 400, stage.ceilings)
            return super().standing(upload_id, epoch)

    stage = Stage(Counted(tmp_path, keep_free=0), ledger=ledger(), owner="somebody")
    new = stage.create(client_name="tea.bin")
    upload = replace(new, epoch=1)
    assert stage.ledger.swap(new, upload)
    with contextlib.closing(stage.store.take(upload.id, upload.epoch)):  # type: ignore[attr-defined]
        here = stage.fence(upload.id)
        assert (here.epoch, here.reserved) == (upload.epoch + 1, 400)
        for size in (300, 900):
            with pytest.raises(Busy, match=r"tea\.bin"):
                stage.ledger.reserve(upload, size, stage.ceilings)
    assert stage.get(upload.id) == here


def push(intake: Intake, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        intake.write(piece)
    intake.finish()


class ClockedLedger(OrmLedger):
    """For which time passes when a test says so."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.now = clock  # type: ignore[method-assign]


@pytest.mark.parametrize("ledger", [MemoryLedger, ClockedLedger])
@pytest.mark.parametrize("way", ["form", "form, at its end", "append", "append, at its end"])
def test_who_goes_on_after_the_lease_is_told_and_adds_nothing(
    ledger: Callable[[FakeClock], Ledger], way: str, tmp_path: Path, injected: Injected
) -> None:
    """It counted no more, and somebody else has taken the room meanwhile."""
    clock = FakeClock()
    lease = 1e-3 if "end" not in way else 3_600.0  # which is looked at with every piece, or at the end
    stage = Stage(
        LocalStore(tmp_path, keep_free=0),
        ledger=ledger(clock),
        leases=Leases(receiving=lease, held=lease),
        ceilings=Ceilings(bytes="1 MB"),
        owner="somebody",
    )
    second: list[Upload] = []

    def pause() -> None:
        clock.advance(3_601)
        second.append(stage.create(client_name="second.bin", length=900_000))

    def pieces(upload: Upload) -> Iterator[bytes]:
        yield b"x" * 450_000
        if "end" in way:
            yield b"x" * 450_000
        pause()
        if "end" not in way:
            yield b"x" * 450_000
            raise AssertionError("It was taken.")

    with injected(8):
        if way.startswith("append"):
            first = stage.create(client_name="first.bin", length=900_000)
            with pytest.raises(NotHeld, match=r"first\.bin"):
                stage.append(first.id, pieces(first), offset=0)
        else:
            intake = stage.intake(client_name="first.bin", reserve=900_000, memory=0)
            first = intake.upload
            with pytest.raises(NotHeld, match=r"first\.bin"):
                push(intake, pieces(first))
        with pytest.raises(NotHeld):
            stage.get(first.id)
        with pytest.raises(QuotaExceeded):
            stage.create(client_name="third.bin", length=100_001)
        assert on_disk(tmp_path) <= 900_000
        assert stage.append(second[0].id, [b"x" * 900_000], offset=0).state is State.STAGED


def test_what_is_saved_or_given_up_makes_room_and_nothing_else_does(
    tmp_path: Path, injected: Injected
) -> None:
    ceilings = Ceilings(bytes=3_000, total_bytes=3_000, total_uploads=3)
    stage = Stage(LocalStore(tmp_path, keep_free=0), ledger=OrmLedger(), ceilings=ceilings, owner="somebody")
    uploads = [stage.receive([b"x" * 1_000], client_name="tea.bin") for _ in range(3)]
    with injected(8, 6):
        for owner in ("somebody", "else"):
            with pytest.raises(Refused):
                stage.for_owner(owner).create(client_name="one.bin", length=1)
        stage.promote(uploads[0].id, tmp_path / "saved")
        stage.discard(uploads[1].id)
        for owner in ("somebody", "else"):
            stage.for_owner(owner).create(client_name="one.bin", length=1_000)
        for owner in ("somebody", "else"):
            with pytest.raises(Refused):
                stage.for_owner(owner).create(client_name="one.bin", length=1)
        with stage.open(uploads[2].id) as here:
            assert here.read() == b"x" * 1_000


def test_a_ceiling_that_is_set_later_counts_what_was_there_before(tmp_path: Path, injected: Injected) -> None:
    store = LocalStore(tmp_path, keep_free=0)

    def stage(**ceilings: Any) -> Stage:
        return Stage(store, ledger=OrmLedger(), ceilings=Ceilings(**ceilings), owner="somebody")

    with injected(8, 2):
        for _ in range(3):
            stage().create(client_name="tea.bin", length=1_000)
        stage(total_bytes=4_000).create(client_name="tea.bin", length=1_000)
        for other in (stage(total_bytes=4_999), stage(total_uploads=4)):
            with pytest.raises(Refused):
                other.create(client_name="tea.bin", length=1_000)
