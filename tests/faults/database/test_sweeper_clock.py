"""Promise 5, whatever the clock of an application host says: the sweeper and the pages run under another time.

libfaketime gives a process a clock of its own. On PostgreSQL the database's clock decides all the same; SQLite has none,
so that the sweeper has to find out that its host's clock has jumped.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenroom.clocks import TOLERANCE, check_clock
from greenroom.core.upload import new_id
from greenroom.ledger import OrmLedger, to_datetime
from greenroom.models import StagedUpload
from greenroom.sweeping import clear_staged
from tests.django.conftest import Guest
from tests.faults.database.sweepers import DATA, HOUR
from tests.faults.database.test_sweeper import answer, process
from tests.pages import files_under

DAYS = 30
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
Wrong = Callable[[str], dict[str, str]]


@pytest.fixture
def wrong(require: Any) -> Wrong:
    """The environment of a process whose clock is off by so much, such as "+30d"."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    require("libfaketime (the package faketime)", found)

    def by(off: str) -> dict[str, str]:
        # Files keep their own times: they are those of the file system's clock, which is another one.
        return {"LD_PRELOAD": str(found[0]), "FAKETIME": off, "NO_FAKE_STAT": "1"}

    return by


@pytest.fixture
def litter(guest: Guest) -> dict[str, str]:
    """The ids of what a sweeper meets: one of each kind."""
    ago, store = OrmLedger().now() - 2 * HOUR, guest.visit.stage.store
    ids = {name: guest.hold(DATA, f"{name}.bin").upload.id for name in ("held", "due", "buried")}
    StagedUpload.objects.filter(pk=ids["due"]).update(expires_at=to_datetime(ago))
    StagedUpload.objects.filter(pk=ids["buried"]).update(buried_at=to_datetime(ago))
    for name in ("stray", "found"):
        ids[name] = new_id()
        store.append(ids[name], 0).close()
    store.put_beside(ids["found"], f"found-{int(ago)}", b"")  # type: ignore[attr-defined]
    return ids


def left(litter: dict[str, str], guest: Guest) -> set[str]:
    """Of what there are bytes."""
    here = set(guest.visit.stage.store.ids())
    return {name for name, upload_id in litter.items() if upload_id in here}


@pytest.mark.parametrize("off", [f"+{DAYS}d", f"-{DAYS}d"])
def test_a_sweeper_on_a_host_whose_clock_is_wrong(
    off: str, guest: Guest, litter: dict[str, str], media: Path, wrong: Wrong, injected: Any
) -> None:
    everything = set(litter)
    StagedUpload.objects.filter(pk=litter["held"]).update(expires_at=to_datetime(OrmLedger().now() + HOUR))
    check_clock(OrmLedger())  # as by the sweep before, at which nothing was over yet
    with injected(5):
        for _ in range(2):
            with process(media, "command", "clearstaged", "-v", "0", **wrong(off)) as running:
                out, complaints = running.communicate(timeout=60)
            if OrmLedger().has_host_clock:
                assert running.returncode == 1
                assert "30 days" in complaints
                assert "manage.py clearstaged --trust-clock" in complaints
                assert "Traceback" not in complaints
                assert left(litter, guest) == everything
                assert not StagedUpload.objects.filter(pk=litter["due"]).exclude(buried_at=None)
            else:
                assert running.returncode == 0, complaints
                assert (
                    abs(float(out.partition(": ")[2].strip("}\n")) - OrmLedger().now())
                    > (DAYS - 1) * 24 * HOUR
                )
                # As it is right: what had its time is gone, what is over has its hour, what is held is held.
                assert left(litter, guest) == {"held", "due", "stray"}
                assert StagedUpload.objects.exclude(buried_at=None).get().pk == litter["due"]
        for _ in range(2):
            clear_staged()  # by the right clock it goes on, without anybody's help
        assert guest.visit.stage.get(litter["held"])
        assert left(litter, guest) == {"held", "due", "stray"}


@pytest.mark.parametrize("off", [f"+{DAYS}d", f"-{DAYS}d"])
def test_pages_on_a_host_whose_clock_is_wrong(
    off: str, db: None, media: Path, held_root: Path, wrong: Wrong, injected: Any
) -> None:
    """A file is held for a day by the ledger's clock, and the form goes on with it."""
    with injected(5), process(media, "visit", **wrong(off)) as running:
        said = answer(running)
        assert said["status"] == 302
        assert abs(said["lease"] - 24 * HOUR) < 60
        row = StagedUpload.objects.get()
        promoted_for = row.expires_at.timestamp() - OrmLedger().now()
        if OrmLedger().has_host_clock:
            assert abs(promoted_for) > TOLERANCE  # of this clock nobody is surprised: it was the only one
        else:
            assert 0 < promoted_for <= HOUR
            assert len(files_under(media)) == 1
