"""A form that is sent twice saves once, and everybody gets the first one's answer."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django import forms
from django.db import connection, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.test import Client
from django.urls import path

from greenroom.forms import StagedFileField
from greenroom.ledger import OrmLedger
from tests.django.conftest import Browser, Guest
from tests.pages import CONTENT_TYPE, Page, errors_of, page_of
from tests.shop.models import Album, Paper
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]
DATA = bytes(range(256)) * 100


class NoteForm(forms.ModelForm):
    body = StagedFileField()

    class Meta:
        model = Paper
        fields = ["title", "body"]


def note(request: HttpRequest) -> HttpResponse:
    form = NoteForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return redirect(f"/saved/{form.save().pk}/")
    return render(request, "shop/form.html", {"form": form})


def silent(request: HttpRequest) -> HttpResponse:
    """A view that answers a save with a page."""
    form = NoteForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return HttpResponse(f"saved {form.save().pk}")
    return render(request, "shop/form.html", {"form": form})


def failing(request: HttpRequest) -> HttpResponse:
    """A view whose save is taken back."""
    form = NoteForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            transaction.set_rollback(True)
        return redirect("/failed/")
    return render(request, "shop/form.html", {"form": form})


urlpatterns = [*shop, path("note/", note), path("silent/", silent), path("failing/", failing)]


@pytest.fixture(params=[False, True], ids=["autocommit", "atomic requests"], autouse=True)
def atomic_requests(request: Any, monkeypatch: Any) -> bool:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", request.param)
    return bool(request.param)


@pytest.fixture(params=["token", "bytes"])
def body(request: Any, browser: Browser) -> bytes:
    """What a form sends that has the file held already, or that carries it along."""
    if request.param == "bytes":
        return browser.get("/note/").body({"title": "tea"}, {"body": ("tea.bin", DATA)})
    page = page_of(browser.fill("/note/", {"title": ""}, {"body": ("tea.bin", DATA)}))
    return page.body({"title": "tea"})


def test_the_second_submit_gets_the_answer_of_the_first(browser: Browser, body: bytes) -> None:
    first = browser.post_body("/note/", body)
    assert first.status_code == 302
    second = browser.post_body("/note/", body)
    assert (second.status_code, second.headers["Location"]) == (302, first.headers["Location"])
    assert Paper.objects.count() == 1


def test_where_the_first_was_no_redirect_the_second_is_told_that_it_is_saved(
    browser: Browser, body: bytes
) -> None:
    assert browser.post_body("/silent/", body).content.startswith(b"saved")
    second = browser.post_body("/silent/", body)
    assert second.status_code == 409
    assert "saved already" in page_of(second).text
    assert "tea.bin" in page_of(second).text
    assert Paper.objects.count() == 1


def test_an_invalid_first_submit_takes_no_chance_away(browser: Browser) -> None:
    page = browser.get("/note/")
    files = {"body": ("tea.bin", DATA)}
    assert browser.send("/note/", page, {"title": ""}, files).status_code == 200
    assert browser.send("/note/", page, {"title": "tea"}, files).status_code == 302  # Back, and once more
    assert Paper.objects.count() == 1


def test_a_first_submit_that_was_taken_back_takes_no_chance_away(browser: Browser, body: bytes) -> None:
    assert browser.post_body("/failing/", body).headers["Location"] == "/failed/"
    assert not Paper.objects.exists()
    assert browser.post_body("/note/", body).status_code == 302
    assert Paper.objects.count() == 1


def test_back_and_another_file_is_another_save(browser: Browser) -> None:
    page = browser.get("/note/")
    for data in (b"first", b"second"):
        assert browser.send("/note/", page, {"title": "x"}, {"body": ("tea.bin", data)}).status_code == 302
    assert Paper.objects.count() == 2


def test_a_page_that_is_opened_anew_may_save_the_same_file_again(browser: Browser) -> None:
    for _ in range(2):
        assert browser.fill("/note/", {"title": "x"}, {"body": ("tea.bin", DATA)}).status_code == 302
    assert Paper.objects.count() == 2


def test_a_preview_is_never_told_that_it_is_saved(browser: Browser, jpeg: bytes) -> None:
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    assert browser.send("/product/", page, {"name": "tea"}).status_code == 302
    assert browser.send("/product/", page, {"name": "tea", "photo-preview": "1"}).status_code == 200


def test_the_second_submit_is_told_before_the_view_has_made_anything(browser: Browser, png: bytes) -> None:
    page = browser.get("/album/")
    files = {"photos": [("a.png", png), ("b.png", png)]}
    first, second = (browser.send("/album/", page, {"title": "tea"}, files) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert Album.objects.count() == 1, "not even an album without pictures"


def test_what_was_changed_after_back_is_neither_lost_nor_saved_in_silence(
    browser: Browser, png: bytes, jpeg: bytes
) -> None:
    page = browser.get("/album/")
    picked = ("a.png", png)
    assert browser.send("/album/", page, {"title": "tea"}, {"photos": [picked]}).status_code == 302
    changed = browser.send("/album/", page, {"title": "coffee"}, {"photos": [picked, ("b.jpg", jpeg)]})
    assert changed.status_code == 200
    assert "saved already" in page_of(changed).text
    assert Album.objects.get().title == "tea"
    again = page_of(changed)
    assert again.names("photos") == ["a.png", "b.jpg"]
    assert browser.send("/album/", again).status_code == 302
    assert [album.photos.count() for album in Album.objects.order_by("pk")] == [1, 2]


# -- at once ---------------------------------------------------------------------------------------


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """Do it in so many threads at the same moment; each has database connections of its own."""
    start, results, failures = threading.Barrier(count), [], []

    def run() -> None:
        try:
            start.wait(30)
            results.append(work())
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    return results


@pytest.mark.parametrize("count", [2, 12])
def test_equal_submits_at_once_save_one_object(browser: Browser, body: bytes, count: int) -> None:
    cookies = {name: morsel.value for name, morsel in browser.client.cookies.items()}

    def submit() -> tuple[int, str]:
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        client.cookies.load(cookies)
        answer = client.generic("POST", "/note/", body, content_type=CONTENT_TYPE)
        return answer.status_code, answer.headers.get("Location", "")

    answers = Counter(at_once(count, submit))
    assert Paper.objects.count() == 1, answers
    location = f"/saved/{Paper.objects.get().pk}/"
    assert set(answers) <= {(302, location), (409, "")}, answers
    assert answers[302, location] >= 1


def test_submits_that_have_all_looked_before_one_has_saved(
    browser: Browser, body: bytes, atomic_requests: bool, monkeypatch: Any
) -> None:
    """A use that was not taken in `clean()` is taken at the save."""
    if not atomic_requests:  # there the transactions of SQLite come one after the other anyway
        together = threading.Barrier(6)
        monkeypatch.setattr("greenroom.cleaning.take_uses", lambda files: together.wait(30) >= 0)
    else:
        monkeypatch.setattr("greenroom.cleaning.take_uses", lambda files: True)
    cookies = {name: morsel.value for name, morsel in browser.client.cookies.items()}

    def submit() -> tuple[int, str]:
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        client.cookies.load(cookies)
        answer = client.generic("POST", "/note/", body, content_type=CONTENT_TYPE)
        return answer.status_code, answer.headers.get("Location", "")

    answers = at_once(6, submit)
    location = f"/saved/{Paper.objects.get().pk}/"
    assert set(answers) <= {(302, location), (409, "")}, answers
    assert (302, location) in answers


def test_equal_submits_at_once_make_nothing_beside_the_one_object(browser: Browser, png: bytes) -> None:
    """A view that makes its object first, and then its files, makes one."""
    files = {"photos": [("a.png", png), ("b.png", png)]}
    body = browser.get("/album/").body({"title": "tea"}, files)
    cookies = {name: morsel.value for name, morsel in browser.client.cookies.items()}

    def submit() -> tuple[int, str]:
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        client.cookies.load(cookies)
        answer = client.generic("POST", "/album/", body, content_type=CONTENT_TYPE)
        return answer.status_code, answer.headers.get("Location", "")

    answers = set(at_once(6, submit))
    assert Album.objects.count() == 1, "not even an album without pictures"
    assert answers <= {(302, f"/album/{Album.objects.get().pk}/"), (409, "")}
    assert Album.objects.get().photos.count() == 2


def test_two_forms_of_one_upload_save_twice_at_once(browser: Browser) -> None:
    token = page_of(browser.fill("/note/", {"title": ""}, {"body": ("tea.bin", DATA)}))["body-0-token"]
    cookies = {name: morsel.value for name, morsel in browser.client.cookies.items()}
    pages: list[Page] = [browser.get("/note/") for _ in range(2)]
    bodies = [
        page.body({"title": "tea", "body-0-token": token, "body-0-use": f"use-{number}"})
        for number, page in enumerate(pages)
    ]

    def submit() -> int:
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        client.cookies.load(cookies)
        return client.generic("POST", "/note/", bodies.pop(), content_type=CONTENT_TYPE).status_code

    assert at_once(2, submit) == [302, 302]
    assert Paper.objects.count() == 2


@pytest.fixture
def no_more_uses(guest: Guest) -> Iterator[Callable[[], None]]:
    """The database refuses every further use as one that is there already, until it is told to stop."""
    assert OrmLedger().claim(guest.hold(b"pot").upload, "another-form")
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX only_one ON greenroom_stageduse (closed)")

    def stop() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS only_one")

    yield stop
    stop()


def test_a_use_that_cannot_be_taken_and_that_nobody_has(
    browser: Browser, no_more_uses: Callable[[], None], monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("greenroom.answers.PATIENCE", 0.2)
    page = page_of(browser.fill("/note/", {"title": ""}, {"body": ("tea.bin", DATA)}))
    answer = browser.send("/note/", page, {"title": "tea"})
    (error,) = errors_of(answer, "body")
    assert error.endswith("try again.")
    assert "cannot be taken" in caplog.text
    no_more_uses()
    assert browser.send("/note/", page_of(answer), {"title": "tea"}).status_code == 302
    assert Paper.objects.count() == 1
