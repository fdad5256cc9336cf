"""A program: other processes of the site, that sweep, hold, save and look on while somebody else does the same.

python sweepers.py DATABASE MEDIA JOB [ARGUMENT ...]

Each job prints one JSON document. `killed` forks sweepers and kills each of them before another line of Greenroom.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import execute_from_command_line  # noqa: E402
from django.db import connections  # noqa: E402
from django.db.models.signals import pre_save  # noqa: E402
from django.test import Client  # noqa: E402

import greenroom  # noqa: E402
from greenroom import sweeping  # noqa: E402
from greenroom.auditing import audit_staged  # noqa: E402
from greenroom.core import Leases, Stage, State, Upload  # noqa: E402
from greenroom.core.errors import NotHeld  # noqa: E402
from greenroom.core.upload import new_id  # noqa: E402
from greenroom.files import OwnersStage, StagedFile  # noqa: E402
from greenroom.ledger import to_datetime, to_seconds  # noqa: E402
from greenroom.models import StagedUpload, StagedUse  # noqa: E402
from greenroom.owners import Visit, make_stage, visiting  # noqa: E402
from greenroom.settling import settle_promotions  # noqa: E402
from greenroom.sweeping import clear_staged  # noqa: E402
from tests.pages import CONTENT_TYPE, Page, files_under, page_of  # noqa: E402
from tests.shop.models import Paper  # noqa: E402

PACKAGE = str(Path(greenroom.__file__).parent)
DATA = b"Darjeeling" * 2_000
HOUR = 3_600.0
LEASE = 1.2  # seconds: so short that it ends in the middle of things
SLOW = 40.0  # seconds more on a machine that is so busy that nothing has come of it yet
SHORT = Leases(held=LEASE, longest=60, promoted=LEASE, receiving=LEASE, grace=0.3)


# -- killed ----------------------------------------------------------------------------------------


def killed(first: str, step: str) -> dict[str, int]:
    """Sweepers that are killed at every `step`th line from the `first` on, and what the next one makes of it."""
    with visiting(Visit(find_owner=lambda create: "session:guest")) as visit:
        stage, guest = visit.stage, OwnersStage(visit.stage)
        kept = guest.receive([DATA], client_name="kept.bin")
        line, died = int(first), 0
        while True:
            due = litter(visit, guest)
            connections.close_all()
            pid = os.fork()
            if pid == 0:
                kill_at(line)
                clear_staged(trust_clock=True)
                os._exit(0)
            status = os.waitpid(pid, 0)[1]
            assert status in (0, signal.SIGKILL), status
            at = f"line {line}"
            assert guest.open(kept.token).read() == DATA, at
            assert stage.store.open(due).read() == DATA, f"{at}: bytes went before their grace"
            assert not (found := audit_staged()), (at, found)
            clear_staged(trust_clock=True)
            # Of a stray that was half removed the mark is gone with the rest: it is found once more.
            for mark in stage.store.root.glob("*/*/found-*"):
                mark.rename(mark.with_name(f"found-{int(stage.ledger.now() - 2 * HOUR)}"))
            clear_staged(trust_clock=True)
            assert set(stage.store.ids()) == {kept.upload.id, due}, at
            assert set(stage.ledger.ids()) == {kept.upload.id, due}, at
            assert files_under(Path(settings.MEDIA_ROOT)) == [], f"{at}: what was never saved has stayed"
            StagedUpload.objects.filter(pk=due).update(buried_at=to_datetime(stage.ledger.now() - 2 * HOUR))
            assert clear_staged(trust_clock=True) == [due], at
            if status == 0:
                return {"killed": died}
            died, line = died + 1, line + int(step)


def litter(visit: Visit, guest: OwnersStage) -> str:
    """One of everything that a sweeper meets; the id of what is over only now."""
    stage, ago = visit.stage, to_datetime(visit.stage.ledger.now() - 2 * HOUR)
    due = guest.receive([DATA], client_name="due.bin").upload.id
    cut_off = guest.receive([DATA], client_name="saved and cut off.bin")
    cut_off.use = new_id()
    paper = Paper(title="never", body=cut_off)
    pre_save.send(sender=Paper, instance=paper, raw=False, using="default", update_fields=None)
    visit.promotions.clear()
    half_removed = guest.receive([DATA], client_name="half removed.bin").upload.id
    directory = stage.store.path(half_removed).parent
    directory.rename(directory.with_name(f"{half_removed}.removed-{new_id()}"))
    gone = guest.receive([DATA], client_name="without bytes.bin").upload.id
    stage.store.remove(gone)
    stray = new_id()
    stage.store.append(stray, 0).close()
    stage.store.put_beside(stray, f"found-{int(stage.ledger.now() - 2 * HOUR)}", b"")
    rows = StagedUpload.objects
    rows.filter(pk__in=[cut_off.upload.id, half_removed, gone]).update(buried_at=ago)
    rows.filter(pk=due).update(expires_at=ago)
    StagedUse.objects.update(claimed_at=ago)
    return due


def kill_at(number: int) -> None:
    """SIGKILL before the line of Greenroom that is executed as the `number`th from now."""
    left = number

    def on_line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    def on_call(frame: FrameType, event: str, argument: object) -> Any:
        return on_line if frame.f_code.co_filename.startswith(PACKAGE) else None

    sys.settrace(on_call)


# -- at once ---------------------------------------------------------------------------------------


def sweep(seconds: str) -> dict[str, Any]:
    """Sweep again and again, with leases that end all the time."""
    sweeping.make_stage = short_stage
    gone: list[str] = []
    sweeps = 0
    end = time.monotonic() + float(seconds)
    while time.monotonic() < (end if gone else end + SLOW):
        gone += clear_staged(trust_clock=True)
        sweeps += 1
    return {"gone": len(gone), "twice": len(gone) - len(set(gone)), "sweeps": sweeps}


def audit(seconds: str, repair: str = "") -> dict[str, Any]:
    """Audit again and again; what is found is found in the middle of things, and must be nothing."""
    found: list[str] = []
    audits = 0
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        findings = audit_staged(repair=bool(repair))
        found += [f"{each.code} {each.upload_id} {each.path}" for each in findings]
        audits += 1
    return {"found": found, "audits": audits}


def use(seconds: str, name: str) -> dict[str, Any]:
    """Hold files, keep their leases, read them, save some of them, give some up, and let go of the others."""
    chance, did, early = random.Random(name), Counter[str](), list[str]()
    end = time.monotonic() + float(seconds)
    while time.monotonic() < (end if did["saved"] else end + SLOW):
        with visiting(Visit(find_owner=lambda create: f"session:{name}")) as visit:
            stage = visit.stage = short_stage().for_owner(f"session:{name}")
            upload = stage.create(client_name="tea.bin", length=len(DATA))
            try:
                for _ in range(chance.randrange(2, 8)):
                    upload = gone_on_with(stage, upload, chance)
                    time.sleep(chance.random() * LEASE * 1.1)  # mostly in time, and sometimes too late
                did[ended(stage, visit, upload, chance)] += 1
            except NotHeld:
                # What it said last is a promise: until then it is held, whoever sweeps.
                if stage.ledger.now() < upload.expires_at:
                    early.append(upload.id)
                did["too late"] += 1
            settle_promotions(visit)
    return {"did": did, "early": early}


def gone_on_with(stage: Stage, upload: Upload, chance: random.Random) -> Upload:
    """Send some more, or all that is left; of what is whole all is read."""
    if upload.state is State.RECEIVING:
        size = chance.choice([1_000, len(DATA) - upload.offset])
        return stage.append(upload.id, [DATA[upload.offset :][:size]], offset=upload.offset)
    upload = stage.touch(stage.get(upload.id))
    with stage.open_upload(upload) as held:
        assert held.read() == DATA
    return upload


def ended(stage: Stage, visit: Visit, upload: Upload, chance: random.Random) -> str:
    """Save it if it is whole, give it up, or leave it."""
    what = chance.choice(["saved", "saved", "given up", "left"])
    if what == "saved" and upload.state is not State.RECEIVING:
        file = StagedFile(stage, stage.get(upload.id))
        file.use = new_id()
        paper = Paper.objects.create(title="tea", body=file)
        assert Path(paper.body.path).read_bytes() == DATA
    elif what == "given up":
        stage.discard(upload.id)
    return what


def short_stage() -> Stage:
    """As by the settings, with short leases."""
    stage = make_stage()
    stage.leases = SHORT
    return stage


# -- on a host whose clock is wrong ----------------------------------------------------------------


def command(*arguments: str) -> dict[str, float]:
    """As from cron; the exit status is that of the command."""
    execute_from_command_line(["manage.py", *arguments])
    return {"clock": time.time()}


def visit() -> dict[str, Any]:
    """Somebody sends a file with a form that has an error, and the form again without it."""
    client = Client()
    page = page_of(client.get("/paper/"))
    again = page_of(post(client, page, {"title": ""}, {"body": ("tea.bin", DATA)}))
    held = StagedUpload.objects.get()
    lease = to_seconds(held.expires_at) - make_stage().ledger.now()
    saved = post(client, again, {"title": "tea"}, {})
    return {"clock": time.time(), "lease": lease, "status": saved.status_code}


def post(client: Client, page: Page, changes: dict[str, str], files: dict[str, Any]) -> Any:
    return client.generic("POST", "/paper/", page.body(changes, files), content_type=CONTENT_TYPE)


JOBS = {each.__name__: each for each in (killed, sweep, audit, use, command, visit)}


def main() -> None:
    database, media, job, *arguments = sys.argv[1:]
    connections["default"].settings_dict["NAME"] = database
    settings.MEDIA_ROOT = media
    print(json.dumps(JOBS[job](*arguments)), flush=True)
    connections.close_all()


if __name__ == "__main__":
    main()
