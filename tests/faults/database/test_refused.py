"""Promise 7: refused before stored. Nothing of a refused file reaches a disk, and at most 5 s of it are read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.django.servers import Server, Visitor, serving
from tests.faults.tally import NIGHT, Injected

from .refusals import Outcome, Refusal, attempt, new_canary, on_disk, reasons, tracer, written

SECONDS = 5.0
SLACK = 3.0  # of a machine that does other things as well

OPTIONS = {
    "gunicorn": ["--threads=90"],
    "gunicorn-plain": ["--threads=90"],
    "uvicorn": [],
    "uvicorn-h11": [],
}
KINDS = list(OPTIONS) if NIGHT else ["gunicorn", "uvicorn"]


@pytest.fixture(params=KINDS)
def server(
    request: pytest.FixtureRequest, tmp_path: Path, require: Callable[[str, object], None]
) -> Iterator[Server]:
    strace = shutil.which("strace")
    require("strace", strace)
    variables = {name: value for name, value in os.environ.items() if name == "GREENROOM_TEST_POSTGRES"}
    server = Server(
        request.param,
        tmp_path / "server",
        settings="tests.faults.database.refusing_site",
        options=OPTIONS[request.param],
        under=tracer(str(strace), tmp_path / "writes"),
        **variables,
    )
    yield from serving(server)


def complaints(outcome: Outcome) -> Iterator[str]:
    """What is wrong with how one reason was answered."""
    refusal = outcome.refusal
    if not outcome.raw:
        yield f"no answer was read, after {outcome.sent:,} bytes, ended {outcome.ended}"
        return
    answer = outcome.answer()
    body = answer.read()
    if answer.status != refusal.status:
        yield f"{answer.status} instead of {refusal.status}: {body[-200:]!r}"
    if refusal.code and json.loads(body)["code"] != refusal.code:
        yield f"{body!r} instead of {refusal.code}"
    if outcome.ended is None:
        yield f"the connection did not end, after {outcome.sent:,} bytes"
    elif outcome.ended - (outcome.answered or 0.0) > SECONDS + SLACK:
        yield f"it was read on for {outcome.ended - (outcome.answered or 0.0):.1f} s"


def everybody(server: Server) -> list[Refusal]:
    return list(reasons(lambda page: Visitor(server, page)))


def test_nothing_of_what_is_refused_reaches_a_disk(
    server: Server, tmp_path: Path, injected: Injected
) -> None:
    """For every reason somebody sends without end, all at the same time."""
    refusals, canary, taken = everybody(server), new_canary(), new_canary()
    with injected(7, len(refusals)):
        with ThreadPoolExecutor(len(refusals)) as threads:
            outcomes = list(threads.map(lambda refusal: attempt(server, refusal, canary), refusals))
        wrong = {each.refusal.reason: said for each in outcomes if (said := list(complaints(each)))}
        assert wrong == {}
        assert written(tmp_path / "writes", canary) == []
        assert on_disk(tmp_path / "server", canary) == []
        # What is taken is seen to be written: the watcher is awake.
        visitor = Visitor(server)
        url = visitor.create(100_000)
        assert visitor.patch(url, taken * (100_000 // len(taken)), 0).status_code == 204
        assert written(tmp_path / "writes", taken)
        assert on_disk(server.held, taken)


def test_what_the_header_says_is_answered_before_a_byte_is_asked_for(
    server: Server, injected: Injected
) -> None:
    """uvicorn says 100 when somebody reads the body for the first time; gunicorn says it by itself."""
    if server.kind.startswith("gunicorn"):
        return
    refusals = [each for each in everybody(server) if each.by_header]
    with injected(7, len(refusals)):
        outcomes = [attempt(server, each, b"x", waits=True) for each in refusals]
        first = {each.refusal.reason: each.raw[:12] for each in outcomes}
        assert first == {each.reason: f"HTTP/1.1 {each.status}".encode() for each in refusals}
