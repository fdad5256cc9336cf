"""A program: saves a held file again and again, and stops the PostgreSQL server in the midst of it.

python -m tests.faults.database.stopping_postgres BIN SOCKET [every]

For each statement of a save, in autocommit and in a transaction, the server is stopped before the statement
(`-m immediate`: as a crash does it) or just behind it. The request ends without a database. Then the server is started
again, and the sweeper comes: it is all there or nothing, and the form can be sent again. Prints how often that was.
"""

import contextlib
import logging
import sys
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, InterfaceError, connection, connections, transaction  # noqa: E402

from greenroom.files import OwnersStage  # noqa: E402
from greenroom.images import Crop  # noqa: E402
from greenroom.middleware import end  # noqa: E402
from greenroom.models import StagedUpload, StagedUse  # noqa: E402
from greenroom.owners import Visit, visiting  # noqa: E402
from greenroom.promotion import TakenUse  # noqa: E402
from greenroom.sweeping import clear_staged  # noqa: E402
from scripts.postgres import start, stop  # noqa: E402
from tests.faults.database.explained import unexplained  # noqa: E402
from tests.images import pictures  # noqa: E402
from tests.pages import files_under  # noqa: E402
from tests.shop.forms import ProductForm  # noqa: E402
from tests.shop.models import Product  # noqa: E402

CROP = Crop.parse({"v": 1, "src": [120, 90], "x": 0, "y": 0, "w": 80, "h": 60, "rot": 0, "flip": False})
LONG_AGO = "2001-01-01T00:00:00Z"
PICTURE = pictures.encoded(pictures.coded(120, 90), "png")


class Stopper:
    """Stops the server before or behind the `at`-th statement of a save; `commit` counts as one."""

    def __init__(self, bin_dir: Path, directory: Path, at: int, behind: bool) -> None:
        self.bin_dir, self.directory = bin_dir, directory
        self.at, self.behind = at, behind
        self.count = 0
        self.stopped = ""

    def __call__(self, execute: Any, sql: str, *rest: Any) -> Any:
        return self.around(sql, lambda: execute(sql, *rest))

    def around(self, name: str, do: Any) -> Any:
        self.count += 1
        if self.count != self.at or self.stopped:
            return do()
        if self.behind:
            do()
        self.stopped = name
        stop(self.bin_dir, self.directory)
        return None if self.behind else do()


def save(token: str, *, atomic: bool, stopper: Stopper | None = None) -> None:
    """As a request does it: a form is cleaned, an object is saved, and what is over is settled."""
    visit = Visit(find_owner=lambda create: "session:one")
    data = {"name": "tea", "photo-0-token": token, "photo-0-use": "one-chance"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(visiting(visit))
        stack.callback(end, visit)
        if stopper is not None:
            stack.enter_context(connection.execute_wrapper(stopper))
            commit = connection._commit
            connection._commit = lambda: stopper.around("COMMIT", commit)
            stack.callback(setattr, connection, "_commit", commit)
        if atomic:
            stack.enter_context(transaction.atomic())
        form = ProductForm(data)
        assert form.is_valid(), form.errors
        form.save()


def hold() -> str:
    visit = Visit(find_owner=lambda create: "session:one")
    with visiting(visit):
        file = OwnersStage(visit.stage).receive([PICTURE], client_name="tea.png")
        file.probe()
        token = file.cropped(CROP, file.bake).token
        end(visit)
    return token


def attempt(bin_dir: Path, directory: Path, at: int, *, behind: bool, atomic: bool) -> bool:
    """One save with one stop; False if it came to its end before."""
    token = hold()
    stopper = Stopper(bin_dir, directory, at, behind)
    with contextlib.suppress(DatabaseError, InterfaceError):
        save(token, atomic=atomic, stopper=stopper)
    connections.close_all()
    if not stopper.stopped:
        clear_away()
        return False
    where = (at, behind, atomic, stopper.stopped)
    start(bin_dir, directory)
    # Its process lives on here, so nobody could know that it has ended: after a while it is taken for it.
    StagedUse.objects.update(claimed_at=LONG_AGO)
    clear_staged()
    assert unexplained() == [], (where, unexplained())
    before = Product.objects.count()
    assert before <= 1, where
    with contextlib.suppress(TakenUse):
        save(token, atomic=atomic)
        assert before == 0, (where, "saved twice")
    assert Product.objects.count() == 1, where
    assert unexplained() == [], (where, unexplained())
    clear_away()
    return True


def clear_away() -> None:
    for product in Product.objects.all():
        product.photo.delete(save=False)
        product.delete()
    StagedUpload.objects.update(expires_at=LONG_AGO, buried_at=LONG_AGO)
    clear_staged()
    assert not StagedUpload.objects.exists()
    assert files_under(Path(settings.MEDIA_ROOT)) == []


def main(bin_dir: Path, directory: Path, every: int) -> None:
    logging.disable(logging.CRITICAL)  # that the request could not be tidied up is what is tried here
    Path(settings.MEDIA_ROOT).mkdir(parents=True)
    call_command("migrate", verbosity=0, run_syncdb=True)
    stops = 0
    for number, (atomic, behind) in enumerate([(False, False), (True, True), (False, True), (True, False)]):
        at = 1 + number % every
        while attempt(bin_dir, directory, at, behind=behind, atomic=atomic):
            stops += 1
            at += every
    print(stops)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
