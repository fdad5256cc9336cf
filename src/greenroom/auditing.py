"""The audit: every byte in the store and every row of the ledger is explained, or it is a finding.

What is under way is explained: bytes that are just coming, a save that has begun, a tombstone in its grace, and what
the sweeper has to do and had no time for yet. Whatever looks wrong is looked at a second time, because the site goes
on meanwhile. The audit changes nothing; `repair` lets the sweeper do its part, and then mends what is certain.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from django.apps import apps
from django.db import models

from .core import LocalFiles, Refused, SideFiles, Stage, State, Upload
from .core.claims import PREFIX, UnreadableClaim, claims_of
from .core.expiring import found_at
from .core.place import partial_path, try_lock
from .ledger import OrmLedger, to_datetime, to_seconds
from .models import StagedUpload
from .owners import make_stage
from .promotion import is_local
from .settling import target_of
from .stores import LocalStore
from .stores.strays import strays
from .sweeping import clear_staged, strangers

YOUNG = 3600.0
"""Seconds for which bytes may be without a record that can be seen: its transaction may still run."""

LATE = 24 * 3600.0
"""Seconds after which the sweeper, which runs hourly, should long have done its part."""

TO_DO = {
    "bytes_without_record": "clearstaged removes it, an hour after it has found it first",
    "record_without_bytes": "--repair gives the upload up; who sent the file has to pick it again",
    "database_is_another": "look whether the settings name the database of this store; clearstaged says what to do",
    "store_is_another": "look whether the store's directory is mounted, and is the one that STORE names",
    "bytes_altered": "they are refused by name, and go with their upload; look who writes into the store",
    "bytes_unreadable": "look at the disk, and at the system's log; nothing is given up for it",
    "record_unreadable": "look at this row of greenroom_stagedupload: something else has written to it",
    "claim_unreadable": "`find MEDIA_ROOT -samefile` its bytes says whether a file was saved; then delete the claim",
    "claim_overdue": "clearstaged settles it: look whether cron runs it, and what it logs",
    "use_overdue": "clearstaged frees it: look whether cron runs it, and what it logs",
    "upload_overdue": "clearstaged removes it: look whether cron runs it, and what it logs",
    "partial_left": "--repair removes it: a copy that was cut off, of which nothing else is known",
    "stray": "not ours, so nobody here touches it: move it elsewhere",
}
"""Every code of a finding, and what to do about it."""

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
"""What a row raises that something else has written to."""

_PARTIAL = re.compile(r"\.greenroom-[0-9a-f]+\.part", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is not explained. `bytes` is its size on the disk, `age` in seconds, None where it is unknown."""

    code: str
    what: str
    upload_id: str = ""
    path: str = ""
    bytes: int = 0
    age: float | None = None
    repaired: bool = False

    @property
    def to_do(self) -> str:
        """What an operator does about it."""
        return TO_DO[self.code]

    def to_json(self) -> dict[str, Any]:
        """As `auditstaged --json` prints it."""
        return {**asdict(self), "to_do": self.to_do}


def audit_staged(*, repair: bool = False) -> list[Finding]:
    """All that is not explained; empty when everything is.

    With `repair` the sweeper runs first (and raises `ClockJumped` or `StoreUnknown`, with nothing changed), and then
    what is certain is mended; what is not found any more afterwards is `repaired`.
    """
    audit = Audit(make_stage())
    findings = list(audit.findings())
    if not repair:
        return findings
    clear_staged()
    for finding in audit.findings():
        audit.mend(finding)
    left = {(each.code, each.upload_id, each.path) for each in audit.findings()}
    return [replace(each, repaired=(each.code, each.upload_id, each.path) not in left) for each in findings]


class Audit:
    """One look at a store and its ledger."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.ledger = cast(OrmLedger, stage.ledger)
        self.store = cast(SideFiles, stage.store)

    def findings(self) -> Iterator[Finding]:
        """Everything, in turn, and last the files that could not be looked at."""
        self.failed: dict[str, Finding] = {}
        yield from self.overdue()
        with self.noting(""):
            yield from self.looks()
        yield from self.failed.values()

    def looks(self) -> Iterator[Finding]:
        """All that the store has a part in."""
        # In this order: a record is there before the first byte, and the last byte goes before the record.
        held = set(self.stage.store.ids())
        records = set(self.ledger.ids())
        partials = list(self.partials())
        yield from self.without_record(held - records)
        yield from self.records(records)
        yield from self.journal(held)
        yield from self.unclaimed(partials)
        if isinstance(self.stage.store, LocalStore):
            for path in strays(self.stage.store.root):
                yield self.finding("stray", f"{path} is not Greenroom's", path=path)

    @contextlib.contextmanager
    def noting(self, upload_id: str) -> Iterator[None]:
        """A disk that fails at one upload is a finding, and keeps nobody from looking at the others."""
        try:
            yield
        except (Refused, OSError) as error:
            what = f"{'its files' if upload_id else 'the store'} cannot be read ({error.__cause__ or error})"
            self.failed[upload_id] = self.finding("bytes_unreadable", what, upload_id=upload_id)

    def mend(self, finding: Finding) -> None:
        """Do what is certain, and nothing else."""
        if finding.code == "record_without_bytes":
            self.stage.remove(finding.upload_id)
        elif finding.code == "partial_left":
            remove_unlocked(Path(finding.path))

    # -- the ledger against the store --------------------------------------------------------------

    def without_record(self, suspects: set[str]) -> Iterator[Finding]:
        """Bytes that have no row, and that the sweeper has not found yet, or has not removed in time."""
        if found := strangers(self.stage):
            what = f"{len(found)} uploads in the store have no row, and fewer have one"
            yield self.finding("database_is_another", what)
            return
        # Looked at again: the sweeper may just have removed it, or a transaction may have ended.
        for upload_id in suspects and sorted(suspects.intersection(self.stage.store.ids())):
            with self.noting(upload_id):
                age, since = self.age(upload_id), found_at(self.store, upload_id)
                handed_over = since is not None and self.ledger.now() - since < LATE
                if handed_over or (age is not None and age < YOUNG) or self.ledger.get(upload_id) is not None:
                    continue
                what = "there is no row for these bytes"
                yield self.finding("bytes_without_record", what, upload_id=upload_id, age=age)

    def records(self, ids: set[str]) -> Iterator[Finding]:
        """Rows whose bytes are not as they say."""
        missing: dict[str, Finding] = {}
        for upload_id in sorted(ids):
            finding = None
            with self.noting(upload_id):
                finding = self.record(upload_id)
            if finding is not None and finding.code == "record_without_bytes":
                missing[upload_id] = finding
            elif finding is not None:
                yield finding
        if not missing:
            return
        # The directory of a disk that is not mounted has only what came later. So bytes are lost for certain only if
        # they came when this was the store already: something is here that was whole before they came.
        since = self.known_since()
        rows = StagedUpload.objects.using(self.ledger.alias)
        later = rows.filter(created_at__gt=to_datetime(since)) if since is not None else rows.none()
        lost = missing.keys() & set(later.values_list("pk", flat=True))
        yield from (missing.pop(upload_id) for upload_id in sorted(lost))
        if missing:
            what = f"{len(missing)} uploads have no bytes here ({min(missing)} is one), nor has any that came before"
            yield self.finding("store_is_another", what)

    def known_since(self) -> float | None:
        """When the first upload had come of all that are whole here now; None if there is none."""
        rows = StagedUpload.objects.using(self.ledger.alias).filter(buried_at=None, staged_at__isnull=False)
        for upload_id in rows.order_by("staged_at").values_list("pk", flat=True):
            with contextlib.suppress(*UNREADABLE, Refused, OSError):
                upload = self.ledger.get(upload_id)
                if upload is not None and upload.buried_at is None and not self.wrong_with(upload):
                    return upload.staged_at
        return None

    def record(self, upload_id: str) -> Finding | None:
        """What is wrong with one row, and still is at a second look."""
        try:
            before = self.ledger.get(upload_id)
            wrong = self.wrong_with(before)
            # Somebody may have finished or given it up between the row and its bytes.
            if not wrong or self.ledger.get(upload_id) != before or self.wrong_with(before) != wrong:
                return None
        except UNREADABLE as error:
            return self.finding("record_unreadable", f"its row cannot be read ({error})", upload_id=upload_id)
        what = {
            "record_without_bytes": "its bytes are gone, or fewer than were acknowledged",
            "bytes_altered": "its bytes are not those that were received",
        }
        assert before is not None
        age = self.ledger.now() - before.created_at
        return self.finding(wrong, what[wrong], upload_id=upload_id, age=age)

    def wrong_with(self, upload: Upload | None) -> str:
        """The code of what is wrong with the bytes of a row; empty for those that are as they should be, or absent."""
        if upload is None or upload.buried_at is not None:
            return ""
        try:
            if upload.state is not State.RECEIVING:
                same = self.stage.store.seal(upload.id) == upload.stamp
                # The saved file is a link to the same bytes, and a model may write to its own file.
                return "" if same or upload.state is State.PROMOTED else "bytes_altered"
            if upload.offset:
                with self.stage.store.open(upload.id) as held:
                    return "record_without_bytes" if held.seek(0, os.SEEK_END) < upload.offset else ""
        except FileNotFoundError:
            return "record_without_bytes"
        return ""

    def overdue(self) -> Iterator[Finding]:
        """What the sweeper should have done long ago."""
        now = self.ledger.now()
        rows = StagedUpload.objects.using(self.ledger.alias)
        late = models.Q(expires_at__lte=to_datetime(now - LATE), buried_at=None)
        late |= models.Q(buried_at__lte=to_datetime(now - LATE))
        for upload_id, expires_at, buried_at in rows.filter(late).values_list(
            "pk", "expires_at", "buried_at"
        ):
            what = "its time has been over for more than a day"
            age = now - to_seconds(buried_at or expires_at)
            yield self.finding("upload_overdue", what, upload_id=upload_id, age=age)
        uses = self.ledger.open_uses().filter(claimed_at__lte=to_datetime(now - LATE))
        for use in uses:
            what = f"its use {use} was taken more than a day ago, and nothing was saved"
            age = now - to_seconds(use.claimed_at)
            yield self.finding("use_overdue", what, upload_id=use.upload_id, age=age)

    # -- the journal, and copies under way ---------------------------------------------------------

    def journal(self, held: set[str]) -> Iterator[Finding]:
        """Claims that say nothing, and those of saves that have ended long ago."""
        for upload_id in sorted(held):
            with self.noting(upload_id):
                try:
                    open_claims = list(claims_of(self.store, upload_id))
                except UnreadableClaim as error:
                    what = f"{error} cannot be read"
                    yield self.finding("claim_unreadable", what, upload_id=upload_id)
                    continue
                # Their own age, which no picture makes young that is put beside. It goes by their names, as what they
                # say may be anything.
                names = [each for each in self.store.list_beside(upload_id) if each.startswith(PREFIX)]
                age = max((self.age(upload_id, each) or 0.0 for each in names), default=0.0)
                if open_claims and age > LATE:
                    what = f"a save as {open_claims[0].place} was begun and not settled"
                    yield self.finding("claim_overdue", what, upload_id=upload_id, age=age)

    def partials(self) -> Iterator[Path]:
        """Copies that grow, or have stopped to, beside the final names of every model's files."""
        roots: set[str] = set()
        for model in apps.get_models():
            for field in model._meta.local_fields:
                if isinstance(field, models.FileField) and is_local(field.storage):
                    roots.add(str(cast(Any, field.storage).location))
        for root in sorted(roots):
            for directory, _, names in os.walk(root):
                yield from (Path(directory, name) for name in names if _PARTIAL.fullmatch(name))

    def unclaimed(self, partials: list[Path]) -> Iterator[Finding]:
        """Copies that no claim explains, and nobody is writing."""
        if not partials:
            return
        claimed: set[Path] = set()
        for upload_id in self.stage.store.ids():
            with self.noting(upload_id):
                claimed.update(self.claimed(upload_id))
        if self.failed:  # the claims of that upload may be what explains them
            return
        for path in partials:
            age = age_of(path)
            if path not in claimed and age is not None and age >= YOUNG and not is_locked(path):
                yield self.finding("partial_left", f"{path} is a copy that was cut off", path=path, age=age)

    def claimed(self, upload_id: str) -> Iterator[Path]:
        """Where copies for the claims of one upload grow."""
        with contextlib.suppress(UnreadableClaim):
            for claim in claims_of(self.store, upload_id):
                target = target_of(claim)
                if target is not None and claim.place and is_local(target[1].storage):
                    yield partial_path(Path(cast(Any, target[1].storage).path(claim.place)))

    # -- how large, how old ------------------------------------------------------------------------

    def finding(
        self,
        code: str,
        what: str,
        *,
        upload_id: str = "",
        path: Path | None = None,
        age: float | None = None,
    ) -> Finding:
        """A finding, with its size."""
        if path is None and upload_id and isinstance(self.stage.store, LocalFiles):
            path = self.stage.store.path(upload_id).parent
        if age is None and path is not None:
            age = age_of(path)
        size = size_of(path) if path is not None else 0
        return Finding(code=code, what=what, upload_id=upload_id, path=str(path or ""), bytes=size, age=age)

    def age(self, upload_id: str, name: str = "") -> float | None:
        """Seconds since anything of it was written, or one side file; None if nothing is here any more."""
        if not isinstance(self.stage.store, LocalFiles):
            return None
        if name:
            return age_of(self.stage.store.path(upload_id, name))
        age = self.stage.store.age(upload_id)
        return age if age != float("inf") else None


def age_of(path: Path) -> float | None:
    """Seconds since it was written, by the clock of its own file system, which a file made just now tells."""
    with contextlib.suppress(OSError):
        written = path.lstat().st_mtime
        with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=path.parent) as now:
            return os.fstat(now.fileno()).st_mtime - written
        return time.time() - written  # nothing can be made where it may only be read
    return None


def size_of(path: Path) -> int:
    """How many bytes it has, or all files in it."""
    total = 0
    for directory, _, names in os.walk(path):  # which passes over what it cannot list
        for each in names:
            with contextlib.suppress(OSError):
                total += Path(directory, each).lstat().st_size
    with contextlib.suppress(OSError):
        total += 0 if path.is_dir() else path.lstat().st_size
    return total


def is_locked(path: Path) -> bool:
    """Whether somebody is writing it at this moment."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # gone by now, or not ours to write
        return True
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def remove_unlocked(path: Path) -> None:
    """Remove a copy that was cut off, unless somebody has begun anew with it."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if try_lock(descriptor):
                os.unlink(path)
        finally:
            os.close(descriptor)
