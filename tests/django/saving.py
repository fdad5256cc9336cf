"""A process that saves a held file and is killed at a given moment, and one that tidies up afterwards.

    python saving.py prepare|save|sweep [moment] [atomic]

Each prints one JSON document. The moments are those between which the save leaves traces.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections, models, transaction  # noqa: E402

import greenroom.ledger  # noqa: E402
from greenroom import conf, promotion  # noqa: E402
from greenroom.core import place  # noqa: E402
from greenroom.core.claims import Claim, claims_of  # noqa: E402
from greenroom.files import OwnersStage  # noqa: E402
from greenroom.ledger import OrmLedger  # noqa: E402
from greenroom.models import StagedUpload  # noqa: E402
from greenroom.owners import Visit, visiting  # noqa: E402
from greenroom.settling import settle_promotions  # noqa: E402
from greenroom.sweeping import clear_staged  # noqa: E402
from tests.shop.models import Paper  # noqa: E402

SCRATCH = Path(os.environ["GREENROOM_TEST_SCRATCH"])
DATA = bytes(range(256)) * 10_000
HOUR, MONTH = 3_660, 31 * 24 * 3_600  # seconds: longer than a save can be open, and than anything is held
GUEST = Visit(find_owner=lambda create: "session:guest")


def die(*args: object, **kwargs: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(place_of: object, name: str) -> None:
    setattr(place_of, name, die)


def after(place_of: object, name: str) -> None:
    original = getattr(place_of, name)

    def wrapper(*args: object, **kwargs: object) -> None:
        original(*args, **kwargs)
        die()

    setattr(place_of, name, wrapper)


def second_time(place_of: object, name: str) -> None:
    original, calls = getattr(place_of, name), []

    def wrapper(*args: object, **kwargs: object) -> None:
        calls.append(None)
        if len(calls) == 2:
            die()
        original(*args, **kwargs)

    setattr(place_of, name, wrapper)


MOMENTS = {
    "before the use is claimed": lambda: before(OrmLedger, "claim"),
    "before the journal": lambda: before(Claim, "write"),
    "after the journal": lambda: after(Claim, "write"),
    "in the middle of a copy": lambda: second_time(place, "write_all"),
    "before the name appears": lambda: before(os, "link"),
    "after the name has appeared": lambda: after(os, "link"),
    "before the row": lambda: before(models.Model, "_save_table"),
    "after the row": lambda: before(promotion.Promotion, "close"),
    "after the use is closed": lambda: after(promotion.Promotion, "close"),
    "after the commit": lambda: before(promotion.Promotion, "finish"),
    "before the request ends": lambda: after(promotion.Promotion, "finish"),
}


def prepare() -> dict[str, object]:
    call_command("migrate", verbosity=0, run_syncdb=True)
    with visiting(GUEST):
        file = OwnersStage(GUEST.stage).receive([DATA], client_name="tea.bin")
        connections.close_all()
        return {"token": file.token}


def save(token: str, moment: str, atomic: bool) -> dict[str, object]:
    with visiting(GUEST):
        file = OwnersStage(GUEST.stage).open(token)
        file.use = "of one form"
        if "copy" in moment:
            settings.GREENROOM = {"PLACE": "copy"}
            conf.current.cache_clear()
        if moment:
            MOMENTS[moment]()
        if atomic:
            with transaction.atomic():
                Paper.objects.create(title="tea", body=file)
        else:
            Paper.objects.create(title="tea", body=file)
        settle_promotions(GUEST)
    return {"survived": True}


def look(token: str) -> dict[str, object]:
    media = Path(settings.MEDIA_ROOT)
    files = {str(each.relative_to(media)): each.read_bytes() for each in media.rglob("*") if each.is_file()}
    with visiting(GUEST):
        upload = GUEST.stage.get(OwnersStage(GUEST.stage).open(token).upload.id)
        return {
            "visible": [name for name in files if not Path(name).name.startswith(".")],
            "hidden": [name for name in files if Path(name).name.startswith(".")],
            "torn": [
                name for name, data in files.items() if data != DATA and not Path(name).name.startswith(".")
            ],
            "rows": [each.body.name for each in Paper.objects.all()],
            "state": upload.state,
            "claims": len(list(claims_of(GUEST.stage.store, upload.id))),
            "whole": OwnersStage(GUEST.stage).open(token).read() == DATA,
        }


def clear_later(seconds: int) -> None:
    """What an operator has the sweeper do `seconds` from now, who has looked at the clock."""
    clock = time.time
    greenroom.ledger.time.time = lambda: clock() + seconds
    try:
        clear_staged(trust_clock=True)
    finally:
        greenroom.ledger.time.time = clock


def kept() -> dict[str, object]:
    """What is there, whether or not the upload can be opened: rows and their files, the record, the bytes."""
    media = Path(settings.MEDIA_ROOT)
    return {
        "rows": [each.body.name for each in Paper.objects.all()],
        "visible": [str(each.relative_to(media)) for each in media.rglob("*") if each.is_file()],
        "whole": all(Path(each.body.path).read_bytes() == DATA for each in Paper.objects.all()),
        "records": [each.buried_at is not None for each in StagedUpload.objects.all()],
        "bytes": list(conf.current_store().ids()),
    }


def sweep(token: str) -> dict[str, object]:
    """Look, sweep an hour and a bit later, look again, and then save what was not saved.

    Of what was saved the time is over in the end: it is `buried`, and an hour later removed, with its row and
    file as they were.
    """
    found = look(token)
    clear_later(HOUR)
    swept = look(token)
    if not swept["rows"]:
        save(token, "", atomic=False)
        return {"found": found, "swept": swept, "at last": kept()}
    clear_later(MONTH)
    buried = kept()
    clear_later(MONTH + HOUR)
    return {"found": found, "swept": swept, "buried": buried, "at last": kept()}


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    answer = (
        prepare()
        if what == "prepare"
        else save(arguments[0], arguments[1], arguments[2] == "atomic")
        if what == "save"
        else sweep(arguments[0])
    )
    print(json.dumps(answer))
