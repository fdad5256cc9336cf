"""Without a digest a use is taken by a sample of the content, and what has the same sample is compared."""

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from greenroom import conf
from greenroom.core.claims import Claim
from greenroom.core.digests import sample_of
from greenroom.forms import StagedFileField
from greenroom.ledger import use_key
from greenroom.models import StagedUpload, StagedUse
from greenroom.settling import settle
from tests.django.conftest import Browser, Guest
from tests.django.test_double_submit import failing, note
from tests.pages import Page, errors_of, page_of
from tests.shop.models import Paper
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]
LARGE = bytes(range(256)) * 2_400
BETWEEN = LARGE[:30_000] + b"!" + LARGE[30_001:]  # what no sample shows
SAVED_BEFORE = "This form was saved already."


class PairForm(forms.Form):
    one = StagedFileField()
    other = StagedFileField()


def pair(request: HttpRequest) -> HttpResponse:
    form = PairForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        for title in ("one", "other"):
            Paper.objects.create(title=title, body=form.cleaned_data[title])
        return redirect("/saved/")
    return render(request, "shop/form.html", {"form": form})


def unformed(request: HttpRequest) -> HttpResponse:
    """Saves what a form brings, without one."""
    return redirect(f"/saved/{Paper.objects.create(title='tea', body=request.FILES['body']).pk}/")


urlpatterns = [
    *shop,
    path("note/", note),
    path("failing/", failing),
    path("pair/", pair),
    path("unformed/", unformed),
]


@pytest.fixture(params=["memory", "disk"], autouse=True)
def without_a_digest(request: Any, settings: Any) -> None:
    settings.GREENROOM = {"DIGEST": None, "MEMORY": 0 if request.param == "disk" else "1 MB"}
    one, other = (sample_of(io.BytesIO(data), len(data)) for data in (LARGE, BETWEEN))
    assert one == other


@pytest.fixture(params=[False, True], ids=["autocommit", "atomic requests"])
def atomic_requests(request: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", request.param)


def send(browser: Browser, page: Page, data: bytes, to: str = "/note/") -> Any:
    return browser.send(to, page, {"title": "tea"}, {"body": ("tea.bin", data)})


def saved() -> list[bytes]:
    return [Path(each.body.path).read_bytes() for each in Paper.objects.order_by("pk")]


def test_a_form_that_is_sent_again_with_its_bytes_saves_once(browser: Browser, atomic_requests: None) -> None:
    page = browser.get("/note/")
    answers = [send(browser, page, LARGE) for _ in range(3)]
    assert [each.status_code for each in answers] == [302] * 3
    assert len({each.headers["Location"] for each in answers}) == 1
    assert saved() == [LARGE]
    assert [each.digest for each in StagedUpload.objects.all()] == [""]  # and what came again has gone


def test_what_was_held_and_saved_comes_again_with_its_bytes(browser: Browser, atomic_requests: None) -> None:
    page = browser.get("/note/")
    held = page_of(browser.send("/note/", page, {"title": ""}, {"body": ("tea.bin", LARGE)}))
    assert browser.send("/note/", held, {"title": "tea"}).status_code == 302
    again = browser.send("/note/", held, {"title": "tea"})
    assert again.status_code == 302
    assert saved() == [LARGE]


@pytest.mark.parametrize("change", ["in the file", "of the first file", "the first is gone"])
def test_what_may_be_another_file_is_asked_for_once_more(
    browser: Browser, atomic_requests: None, change: str
) -> None:
    """It is neither saved twice without a word, nor lost."""
    page = browser.get("/note/")
    assert send(browser, page, LARGE).status_code == 302
    first = conf.current_store().path(StagedUpload.objects.get().id)  # type: ignore[attr-defined]
    if change == "of the first file":  # as by a model that rewrites what it has saved
        with first.open("r+b") as file:
            file.write(b"rewritten")
    if change == "the first is gone":
        first.unlink()
    again = BETWEEN if change == "in the file" else LARGE
    for _ in range(2):
        answer = send(browser, page, again)
        (error,) = errors_of(answer, "body")
        assert error.startswith(SAVED_BEFORE)
        assert Paper.objects.count() == 1
    assert browser.send("/note/", page_of(answer), {"title": "tea"}).status_code == 302
    assert saved()[1:] == [again]


@pytest.mark.parametrize("changed", ["one", "other"])
def test_also_if_it_is_another_file_of_the_form(browser: Browser, changed: str) -> None:
    page = browser.get("/pair/")
    files = {"one": ("one.bin", LARGE), "other": ("other.bin", LARGE)}
    assert [browser.send("/pair/", page, {}, files).status_code for _ in range(2)] == [302, 302]
    files[changed] = (files[changed][0], BETWEEN)
    answer = browser.send("/pair/", page, {}, files)
    assert SAVED_BEFORE in page_of(answer).text
    assert saved() == [LARGE, LARGE]


def test_what_a_save_that_was_taken_back_has_tried_can_be_sent_again(browser: Browser) -> None:
    page = browser.get("/note/")
    for data in (LARGE, BETWEEN):
        assert send(browser, page, data, to="/failing/").status_code == 302
        assert not StagedUse.objects.exists()
    assert send(browser, page, BETWEEN).status_code == 302
    assert saved() == [BETWEEN]


def test_what_a_view_saves_without_a_form_has_a_digest(browser: Browser) -> None:
    """Nobody could be asked, so the digest decides, as with any other setting."""
    page = browser.get("/note/")
    for data in (LARGE, LARGE, BETWEEN, BETWEEN):
        assert send(browser, page, data, to="/unformed/").status_code == 302
    assert saved() == [LARGE, BETWEEN]


def test_a_killed_save_gives_back_what_it_has_taken_by_a_sample(guest: Guest) -> None:
    """Also where the record has got a digest since, and the claim says by what it was known."""
    file = guest.hold(LARGE)
    assert file.stage.ledger.claim(file.known, "once")  # type: ignore[attr-defined]
    target = Path(Paper._meta.get_field("body").storage.path("papers/tea"))  # type: ignore[union-attr]
    target.parent.mkdir(parents=True, exist_ok=True)
    claim = Claim.new(
        file.upload.id, use="once", target="shop.Paper.body", place="papers/tea", content=file.known.digest
    )
    claim.write(file.stage.store)  # type: ignore[arg-type]
    os.link(file.stage.store.path(file.upload.id), target)  # type: ignore[attr-defined]
    StagedUse.objects.update(holder="", claimed_at="2000-01-01T00:00:00Z")
    file.stage.identify(file.upload)
    assert settle(file.stage, file.upload.id)
    assert not target.exists()
    assert not StagedUse.objects.exists()
    assert guest.claims(file) == []


@pytest.mark.parametrize("live", ["sample", "digest"])
@pytest.mark.parametrize("names", [("a" * 22, "b" * 22), ("b" * 22, "a" * 22)], ids=["first", "last"])
def test_a_save_under_way_is_told_from_a_killed_one_of_the_same_use(
    guest: Guest, live: str, names: tuple[str, str]
) -> None:
    """One has taken the use by a sample, the other by the digest: two chances, and each claim is settled by its own."""
    file = guest.hold(LARGE)
    ledger: Any = file.stage.ledger
    contents = {"sample": file.known}
    file.identify()
    contents["digest"] = file.upload
    placed = {}
    for how, known in contents.items():
        target = Path(Paper._meta.get_field("body").storage.path(f"papers/{how}"))  # type: ignore[union-attr]
        target.parent.mkdir(parents=True, exist_ok=True)
        claim = Claim.new(
            file.upload.id,
            use="once",
            target="shop.Paper.body",
            place=f"papers/{how}",
            content=known.digest,
        )
        replace(claim, id=names[how != live]).write(file.stage.store)  # type: ignore[arg-type]
        file.stage.put_in_place(file.upload, target, mode=None, link=True)
        assert ledger.claim(known, "once")
        if how != live:
            ledger.uses(known, "once").update(holder="", claimed_at="2000-01-01T00:00:00Z")
        placed[how] = target
    assert not settle(file.stage, file.upload.id)
    assert [how for how, target in placed.items() if target.exists()] == [live]
    assert [each.pk for each in StagedUse.objects.all()] == [use_key(contents[live], "once")]
    assert len(guest.claims(file)) == 1
