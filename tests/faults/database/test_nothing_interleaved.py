"""Promises 3, 4 and 6: a save that stops before each of its lines in turn while somebody else does something to the upload."""

import random
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.utils import timezone

from greenroom.core.errors import NotHeld
from greenroom.files import OwnersStage
from greenroom.forms import StagedFileField
from greenroom.middleware import end
from greenroom.models import StagedUpload
from greenroom.owners import Visit, visiting
from greenroom.promotion import TakenUse
from greenroom.sweeping import clear_staged
from tests.faults.database.explained import unexplained
from tests.faults.database.faults import PACKAGE, Broken
from tests.faults.tally import NIGHT, Injected
from tests.shop.models import Paper

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]
DATA = bytes(range(256)) * 40
LONG_AGO = "2001-01-01T00:00:00Z"
PATIENCE = 0.3  # seconds: whoever has not come through by then waits for the database, that is, for us


def save(token: str) -> None:
    """As a form does it: the use is taken when it is cleaned, and then the object is saved."""
    field = StagedFileField()
    data = {"body-0-token": token, "body-0-use": "one-chance"}
    file = field.clean(field.widget.value_from_datadict(data, {}, "body"))
    Paper.objects.create(title="tea", body=file)


def in_autocommit(token: str) -> None:
    save(token)


def in_a_transaction(token: str) -> None:
    with transaction.atomic():
        save(token)


def taken_back(token: str) -> None:
    with transaction.atomic():
        save(token)
        raise Broken


def discard(token: str) -> None:
    visit = Visit(find_owner=lambda create: "session:one")
    OwnersStage(visit.stage).discard(token)


def sweep_when_it_is_over(token: str) -> None:
    StagedUpload.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    clear_staged()


def sweep(token: str) -> None:
    clear_staged()


def request(work: Callable[[str], None], token: str) -> BaseException | None:
    """In a thread with a connection of its own; refusals and the planned exception are an answer, the rest is raised."""
    visit = Visit(find_owner=lambda create: "session:one")
    try:
        with visiting(visit):
            try:
                work(token)
            finally:
                end(visit)
    except Exception as error:
        return error
    finally:
        connections.close_all()
    return None


class Stop:
    """Stops a thread before its n-th line of Greenroom, until it is told to go on or its patience is at an end."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0
        self.where = ""
        self.reached, self.go_on = threading.Event(), threading.Event()

    def trace(self, frame: FrameType, event: str, argument: object) -> Any:
        return self.line if frame.f_code.co_filename.startswith(PACKAGE) else None

    def line(self, frame: FrameType, event: str, argument: object) -> Any:
        self.count += event == "line"
        if self.count == self.at and not self.reached.is_set():
            self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
            self.reached.set()
            self.go_on.wait(PATIENCE)
        return self.line


def meet(
    first: Callable[[str], None], second: Callable[[str], None], token: str, stop: Stop
) -> list[BaseException | None]:
    """`first` stops, `second` is done or blocked, `first` goes on; what the two came to."""
    answers: list[BaseException | None] = [None, None]

    def run_first() -> None:
        sys.settrace(stop.trace)
        try:
            answers[0] = request(first, token)
        finally:
            sys.settrace(None)
            stop.reached.set()  # also when there were not as many lines

    def run_second() -> None:
        stop.reached.wait()
        answers[1] = request(second, token)
        stop.go_on.set()

    threads = [threading.Thread(target=run_first), threading.Thread(target=run_second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def hold() -> str:
    visit = Visit(find_owner=lambda create: "session:one")
    with visiting(visit):
        return OwnersStage(visit.stage).receive([DATA], client_name="tea.bin").token


def clear_away() -> None:
    for paper in Paper.objects.all():
        paper.body.delete(save=False)
        paper.delete()
    StagedUpload.objects.update(expires_at=LONG_AGO, buried_at=LONG_AGO)
    clear_staged()
    assert not StagedUpload.objects.exists()


FIRST = [in_autocommit, in_a_transaction, taken_back]
SECOND = [discard, sweep_when_it_is_over, sweep, in_autocommit, in_a_transaction]
EXPECTED = (type(None), TakenUse, NotHeld, Broken)
"""What a person can be told. NotHeld may also be what a form says in its errors."""


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("second", SECOND)
def test_while_a_save_stops(first: Any, second: Any, injected: Injected, media: Path) -> None:
    counting = Stop(0)
    meet(first, sweep, hold(), counting)
    clear_away()
    places = range(1, counting.count + 1)
    for at in places if NIGHT else sorted(random.sample(places, 5)):
        with injected(3), injected(4), injected(6):
            token, stop = hold(), Stop(at)
            answers = meet(first, second, token, stop)
            where = (first.__name__, second.__name__, at, stop.where, answers)
            assert all(is_an_answer(each) for each in answers), where
            assert unexplained() == [], where
            saved = [Path(paper.body.path).read_bytes() for paper in Paper.objects.all()]
            assert saved in ([], [DATA]), where
            ways = [way for way in (first, second) if way in FIRST and way is not taken_back]
            if second in (sweep, in_autocommit, in_a_transaction) and ways:
                assert saved, where
        clear_away()


def is_an_answer(error: BaseException | None) -> bool:
    """Whether it is one of those that a person can be told, rather than an error of the server."""

    if isinstance(error, ValidationError):
        return all(each.code == NotHeld.code for each in error.error_list)
    return isinstance(error, EXPECTED)
