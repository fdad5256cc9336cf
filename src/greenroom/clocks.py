"""Whether the clock can be trusted by which the sweeper finds that a time is over.

The clock of a database server decides for all hosts. SQLite has none: there it is this host's, and a host whose
clock jumps ahead would find everything over at once. So each sweep writes down what it has read, and the next one
compares: what the clock says has passed, and what of it the time since the start of the machine proves, which no
clock can set. What is not proved may be an hour, so that neither a restart between two hourly sweeps needs anybody,
nor a move to another machine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db.models import Max

from .holders import boot
from .ledger import OrmLedger, to_datetime, to_seconds
from .models import StagedOwner, StagedSweep

TOLERANCE = 3600.0
"""Seconds by which the clock may be away from where it should be."""


class ClockJumped(Exception):
    """The host's clock is not where it should be, so nothing can be said to be over. The message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the clocks said at one moment: the ledger's in seconds since the epoch, and since when the machine runs."""

    at: float
    boot: str
    uptime: float

    def is_same_start(self, before: Reading) -> bool:
        """Whether the machine has been running since `before`."""
        return self.boot == before.boot and self.uptime >= before.uptime

    def off_since(self, before: Reading) -> float:
        """By how many seconds the clock is ahead of what is proved, or behind it; the less if it may be either of two."""
        passed = self.at - before.at
        if self.is_same_start(before):
            return passed - (self.uptime - before.uptime)
        # The machine was started anew, and the time since then has passed; or the site has moved to a machine that had
        # been up for long, and nothing is proved. The clock may agree with either: ahead of neither, it is not early.
        return min(passed - self.uptime, passed, key=abs)


def check_clock(ledger: OrmLedger, *, trust: bool = False) -> bool:
    """Whether times can be found to be over now; the reading is written down then, for the next time.

    Raises `ClockJumped`, unless somebody who has looked says to `trust` the clock. False when there is nothing to
    compare with yet: then all is left to the next sweep.
    """
    if not ledger.has_host_clock:
        return True
    now = Reading(at=ledger.now(), boot=boot(), uptime=uptime())
    before = last_reading(ledger)
    if before is not None and not trust and abs(now.off_since(before)) > TOLERANCE:
        raise ClockJumped(sentence(now, before))
    compared = before is not None or trust or agrees_with_owners(ledger, now)
    StagedSweep.objects.using(ledger.alias).update_or_create(
        pk=1, defaults={"read_at": to_datetime(now.at), "boot": now.boot, "uptime": now.uptime}
    )
    return compared


def last_reading(ledger: OrmLedger) -> Reading | None:
    """What the last sweep has written down."""
    row = StagedSweep.objects.using(ledger.alias).first()
    return Reading(at=to_seconds(row.read_at), boot=row.boot, uptime=row.uptime) if row is not None else None


def agrees_with_owners(ledger: OrmLedger, now: Reading) -> bool:
    """Before the first sweep: whether somebody was here just now by the same clock, or nobody ever was."""
    seen_at = StagedOwner.objects.using(ledger.alias).aggregate(at=Max("seen_at"))["at"]
    return seen_at is None or abs(now.at - to_seconds(seen_at)) <= TOLERANCE


def uptime() -> float:
    """Seconds since this machine was started, its sleep included."""
    try:
        return float(Path("/proc/uptime").read_text().split()[0])
    except OSError:  # no Linux
        return time.monotonic()


def sentence(now: Reading, before: Reading) -> str:
    """What an operator has to know and to do."""
    if now.is_same_start(before):
        off = now.off_since(before)
        why = (
            f"That is {lasting(off)} {'ahead of' if off > 0 else 'behind'} what it should say: at the last sweep it "
            f"said {written(before.at)}, and the machine has been up for {lasting(now.uptime - before.uptime)} since."
        )
        right = "it was wrong before"
    else:
        why = (
            f"That is {lasting(now.at - before.at)} {'after' if now.at > before.at else 'before'} what it said at the "
            f"last sweep, {written(before.at)}. Since then the machine was started anew, or the site was moved to "
            f"another machine or container. This one has been up for {lasting(now.uptime)}, which does not bear it out."
        )
        right = "the machine was off, the site was moved, or the clock was wrong before"
    return (
        f"This machine's clock says {written(now.at)}. {why} Nothing was removed. If the clock is wrong, set it; the "
        f"next sweep compares again. If it is right ({right}), run `manage.py clearstaged --trust-clock` once."
    )


def lasting(seconds: float) -> str:
    """So long, as operators read it."""
    return str(timedelta(seconds=round(abs(seconds))))


def written(moment: float) -> str:
    """A time as operators compare it."""
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
