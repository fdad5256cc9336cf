"""One hook for counters and timings: each fact once, with numbers, and nothing in it that a client wrote."""

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from django.db import transaction

from greenroom import signals
from greenroom.core.errors import Refused
from greenroom.measures import Measure, measuring
from greenroom.sweeping import clear_staged
from tests.django.conftest import Browser, Guest
from tests.django.uploading import Script, metadata
from tests.pages import page_of
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)


class Heard(list[Measure]):
    """The measures, in their order."""

    def facts(self, *names: str) -> list[tuple[str, str, str, int, int]]:
        told = [each for each in self if each.name in names or not names]
        return [(each.name, each.kind, each.outcome, each.bytes, each.count) for each in told]


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()

    def note(measure: Measure, **_others: Any) -> None:
        heard.append(measure)

    signals.measured.connect(note)
    yield heard
    signals.measured.disconnect(note)


def test_an_upload_in_parts(heard: Heard) -> None:
    script = Script()
    url = script.tus_create(10, upload_metadata=metadata(filename="tea.txt"))
    script.patch(url, b"Darje", 0)
    script.offset(url)
    script.patch(url, b"eling", 5)
    script.patch(url, b"", 10)  # the answer was lost
    script.patch(url, b"more", 3)
    script.tus("DELETE", url)
    assert heard.facts() == [
        ("receive", "tus", "done", 0, 0),
        ("receive", "tus", "done", 5, 0),
        ("look", "tus", "done", 0, 1),
        ("receive", "tus", "done", 5, 1),
        ("receive", "tus", "done", 0, 0),
        ("receive", "tus", "offset_mismatch", 0, 0),
        ("discard", "tus", "done", 0, 1),
    ]
    assert {each.upload_id for each in heard} == {url.rstrip("/").rpartition("/")[2]}
    assert all(0 <= each.seconds < 60 for each in heard)


def test_an_upload_by_the_draft(heard: Heard) -> None:
    script = Script()
    url = script.ietf_create()
    script.ietf_patch(url, b"Assam", 0, ends=True)
    script.ietf("POST", url)
    script.ietf("HEAD", "/greenroom/uploads/no-such-upload/")
    assert heard.facts() == [
        ("receive", "draft", "done", 0, 0),
        ("receive", "draft", "done", 5, 1),
        ("look", "draft", "method_not_allowed", 0, 0),
        ("look", "draft", "not_held", 0, 0),
    ]
    assert heard[-1].upload_id == ""  # what a client says is no id


def test_files_of_a_form(heard: Heard, browser: Browser) -> None:
    files = [("a.txt", b"a" * 3_000), ("b.txt", b""), ("c.txt", b"c"), ("d.txt", b"d")]
    browser.fill("/papers/", {"title": ""}, {"papers": files})
    assert heard.facts("receive") == [
        ("receive", "form", "done", 3_000, 1),
        ("receive", "form", "empty", 0, 0),
        ("receive", "form", "done", 1, 1),
        ("receive", "form", "too_many", 0, 0),
    ]
    assert all(each.upload_id for each in heard if each.outcome == "done")


def test_a_form_that_may_not_be_sent(heard: Heard, browser: Browser) -> None:
    browser.fill("/paper/", {"csrfmiddlewaretoken": "x" * 64}, {"body": ("tea.txt", b"tea")})
    assert heard.facts() == [("receive", "form", "forbidden", 0, 0)]


def test_a_preview_is_told_when_it_is_made(heard: Heard, browser: Browser, jpeg: bytes) -> None:
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    for _ in range(3):
        made = browser.client.get(page.images[0]).content
    assert heard.facts("render") == [("render", "preview", "done", len(made), 1)]


def test_a_save_is_told_when_its_row_is_safe(heard: Heard, guest: Guest) -> None:
    file = guest.hold(b"tea")
    with transaction.atomic():
        Paper.objects.create(title="tea", body=file)
        assert not heard.facts("save")
    assert heard.facts("save") == [("save", "", "done", 3, 1)]
    guest.end_request()
    assert len(heard.facts("save")) == 1
    assert heard[-1].upload_id == file.upload.id


def test_a_save_that_is_rolled_back_is_undone(heard: Heard, guest: Guest) -> None:
    with transaction.atomic():
        Paper.objects.create(title="tea", body=guest.hold(b"tea"))
        transaction.set_rollback(True)
    assert not heard.facts("save")
    guest.end_request()
    assert heard.facts("save") == [("save", "", "undone", 3, 0)]


def test_one_save_of_a_request_is_done_and_the_other_undone(heard: Heard, guest: Guest) -> None:
    """The first is committed, but a hook before ours raises; the second is rolled back."""

    def fail() -> None:
        raise RuntimeError("The mail server is away.")

    with contextlib.suppress(RuntimeError), transaction.atomic():
        transaction.on_commit(fail)
        Paper.objects.create(title="tea", body=guest.hold(b"tea"))
    with transaction.atomic():
        Paper.objects.create(title="pot", body=guest.hold(b"a pot"))
        transaction.set_rollback(True)
    assert not heard.facts("save")
    guest.end_request()
    assert heard.facts("save") == [("save", "", "done", 3, 1), ("save", "", "undone", 5, 0)]


def test_a_save_that_is_refused(heard: Heard, guest: Guest) -> None:
    file = guest.hold(b"tea", use="one-chance")
    Paper.objects.create(title="tea", body=file)
    guest.end_request()
    again = guest.stage.open(file.token)
    again.use = "one-chance"
    with pytest.raises(Refused):
        Paper.objects.create(title="tea", body=again)
    guest.end_request()
    assert heard.facts("save") == [("save", "", "done", 3, 1), ("save", "", "already_saved", 0, 0)]


def test_the_rest(heard: Heard, guest: Guest, browser: Browser, jpeg: bytes) -> None:
    file = guest.hold(b"Darjeeling")
    guest.stage.open(file.token)
    guest.stage.discard(file.token)
    with pytest.raises(Refused):
        guest.stage.open("no token")
    clear_staged()
    assert heard.facts() == [
        ("receive", "code", "done", 10, 1),
        ("open", "", "done", 0, 1),
        ("discard", "code", "done", 0, 1),
        ("open", "", "not_held", 0, 0),
        ("sweep", "", "done", 0, 0),
    ]
    heard.clear()
    post = browser.get("/product/").body({"name": "", "photo-policy": ""}, {"photo": ("tea.jpg", jpeg)})
    browser.post_body("/product/", post)
    assert heard.facts("receive", "check") == [
        ("receive", "ordinary", "done", len(jpeg), 1),
        ("check", "form", "done", len(jpeg), 1),
    ]


# -- the log ---------------------------------------------------------------------------------------


def test_a_record_of_the_log_has_the_same_numbers(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "greenroom")
    script = Script()
    url = script.tus_create(5)
    script.patch(url, b"Assam", 0)
    script.patch(url, b"Assam", 3)
    records = [each for each in caplog.records if each.name == "greenroom.measures"]
    assert [each.levelname for each in records] == ["DEBUG", "DEBUG", "INFO"]
    for record, measure in zip(records, heard, strict=True):
        values = asdict(measure)
        values["measure"] = values.pop("name")
        assert {name: getattr(record, name) for name in values} == values
        assert json.loads(json.dumps(values)) == values
        assert record.getMessage() == str(measure)
    assert records[1].getMessage().startswith("receive tus: done, 1 file, 5 bytes in 0.")


@pytest.mark.parametrize(
    ("count", "size", "said"),
    [(12, 0, "12 files, 0 bytes"), (1, 1, "1 file, 1 byte"), (0, 5, "0 files, 5 bytes")],
)
def test_a_measure_can_be_read_aloud(count: int, size: int, said: str) -> None:
    measure = Measure(
        name="sweep", kind="", outcome="done", seconds=0.25, bytes=size, count=count, upload_id=""
    )
    assert str(measure) == f"sweep: done, {said} in 0.250 s"


def test_refusals_alone_are_what_a_site_logs_at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "greenroom")
    script = Script()
    script.patch(script.tus_create(5), b"Assam", 3)
    records: list[Any] = [each for each in caplog.records if each.name == "greenroom.measures"]
    assert [each.outcome for each in records] == ["offset_mismatch"]


# -- those who listen ------------------------------------------------------------------------------


def test_a_receiver_that_fails_breaks_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail(**_values: Any) -> None:
        raise RuntimeError("The counter is away.")

    signals.measured.connect(fail)
    try:
        script = Script()
        url = script.tus_create(5)
        assert script.patch(url, b"Assam", 0).status_code == 204
    finally:
        signals.measured.disconnect(fail)
    assert "The counter is away." in caplog.text


def test_what_fails_by_our_own_fault_is_told_as_an_error(heard: Heard) -> None:
    with pytest.raises(ZeroDivisionError), measuring("render", "preview"):
        raise ZeroDivisionError
    assert heard.facts() == [("render", "preview", "error", 0, 0)]


def test_it_is_told_once(heard: Heard) -> None:
    with measuring("save") as measured:
        measured.goes_on = True
    assert not heard
    measured.end()
    measured.end("undone")
    assert heard.facts() == [("save", "", "done", 0, 1)]


def test_without_anybody_who_listens_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenroom.measures.Measure.__init__", lambda *_, **__: pytest.fail("made"))
    assert not signals.measured.has_listeners()
    with measuring("receive", "tus"):
        pass
