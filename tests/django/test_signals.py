"""Signals come after the fact, with what happened."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.dispatch import Signal

from greenroom import signals
from greenroom.files import StagedFile
from tests.django.conftest import Browser, Guest
from tests.pages import page_of
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told() -> Iterator[Callable[[Signal], list[dict[str, Any]]]]:
    connected: list[tuple[Signal, Any]] = []

    def listen(signal: Signal) -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []

        def note(**values: Any) -> None:
            heard.append(values)

        signal.connect(note, weak=False)
        connected.append((signal, note))
        return heard

    yield listen
    for signal, note in connected:
        signal.disconnect(note)


def test_promoted(guest: Guest, told: Any) -> None:
    heard = told(signals.promoted)
    file = guest.hold(b"tea")
    paper = Paper.objects.create(title="tea", body=file)
    (said,) = heard
    assert (said["sender"], said["instance"]) == (Paper, paper)
    assert (said["upload"].id, said["name"]) == (file.upload.id, paper.body.name)


def test_received_once_for_each_file_that_came_whole(browser: Browser, told: Any) -> None:
    heard = told(signals.received)
    files = [("a.txt", b"a"), ("b.txt", b""), ("c.txt", b"c")]
    page = page_of(browser.fill("/papers/", {"title": ""}, {"papers": files}))
    assert [said["file"].upload.client_name for said in heard] == ["a.txt", "c.txt"]
    assert {said["sender"] for said in heard} == {StagedFile}
    browser.send("/papers/", page, {"title": "tea"})
    assert len(heard) == 2


class Broken(Exception):
    pass


def fail(**_values: Any) -> None:
    raise Broken("The receiver is away.")


def test_promoted_is_sent_although_a_hook_of_the_view_raises(guest: Guest, told: Any) -> None:
    heard, measures = told(signals.promoted), told(signals.measured)
    file = guest.hold(b"tea")
    with contextlib.suppress(Broken), transaction.atomic():
        transaction.on_commit(fail)
        paper = Paper.objects.create(title="tea", body=file)
    assert heard == []
    guest.end_request()
    (said,) = heard
    assert (said["sender"], said["instance"], said["name"]) == (Paper, paper, paper.body.name)
    assert [each["measure"].outcome for each in measures if each["measure"].name == "save"] == ["done"]
    guest.end_request()
    assert len(heard) == 1


def test_a_receiver_that_raises_leaves_no_file_unfinished(
    guest: Guest, told: Any, caplog: pytest.LogCaptureFixture
) -> None:
    files = [guest.hold(data) for data in (b"tea", b"pot")]
    signals.promoted.connect(fail)
    heard = told(signals.promoted)
    try:
        with transaction.atomic():
            for file in files:
                Paper.objects.create(title="tea", body=file)
    finally:
        signals.promoted.disconnect(fail)
    assert [said["upload"].id for said in heard] == [file.upload.id for file in files]
    assert [guest.claims(file) for file in files] == [[], []]
    assert caplog.text.count("The receiver is away.") >= 2
