"""Django's limits of a form, DATA_UPLOAD_MAX_*: what they refuse is said, and never more than they are for."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path

from greenroom import Limits
from greenroom.decorators import receives
from greenroom.handlers import MOST_TOLD
from greenroom.models import StagedUpload
from greenroom.posted import MAX_ROW_FIELDS
from tests.django.conftest import Browser
from tests.pages import Page, encode, errors_of, page_of
from tests.shop.models import Album
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


@receives("paper", limits=Limits(max_bytes=1_000))
def one(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=201)


urlpatterns = [*shop, path("one/", one)]


@pytest.fixture
def page(browser: Browser, png: bytes) -> Page:
    """An album of four held pictures."""
    files = [(f"{number}.png", png) for number in range(4)]
    return page_of(browser.fill("/album/", {"title": ""}, {"photos": files}))


def test_more_files_than_django_takes_are_refused_by_name_and_the_others_are_held(
    browser: Browser, settings: Any, png: bytes
) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 3
    files = [(f"{number}.png", png) for number in range(5)]
    answer = browser.fill("/album/", {"title": "tea"}, {"photos": files})
    assert answer.status_code == 200
    assert errors_of(answer, "photos") == [
        f"“{name}” is one file too many: at most 3 can be sent here." for name in ("3.png", "4.png")
    ]
    again = page_of(answer)
    assert again.names("photos") == ["0.png", "1.png", "2.png"]
    assert browser.send("/album/", again).status_code == 302
    assert Album.objects.get().photos.count() == 3


def test_a_view_without_a_form_says_it_too(browser: Browser, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 3
    token = browser.get("/album/")["csrfmiddlewaretoken"]
    parts: list[Any] = [("csrfmiddlewaretoken", token)]
    parts += [("paper", (f"{number}.txt", b"tea")) for number in range(5)]
    answer = browser.post_body("/one/", encode(parts))
    assert answer.status_code == 400
    assert "“4.txt” is one file too many" in page_of(answer).text


def test_nobody_is_refused_without_end(browser: Browser) -> None:
    """Each refusal takes memory; what is beyond all reason is answered by Django, and nothing of it is held."""
    page = browser.get("/papers/")
    head = encode(page.parts({"title": "tea", "papers": None}), closed=False)
    files: list[Any] = [("papers", (f"{number}.txt", b"x")) for number in range(MOST_TOLD + 3)]
    answer = browser.post_body("/papers/", head + encode(files))
    assert answer.status_code == 200
    assert len(errors_of(answer, "papers")) == MOST_TOLD
    StagedUpload.objects.all().delete()
    files.append(("papers", ("one-more.txt", b"x")))
    assert browser.post_body("/papers/", head + encode(files)).status_code == 400
    assert not StagedUpload.objects.exists()


def test_the_inputs_of_held_files_are_not_counted_as_fields(
    browser: Browser, page: Page, settings: Any
) -> None:
    """Each has ten of them: of a hundred, which an owner may hold, nobody could send the form again."""
    assert len(page.fields) > 40
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 6  # the page's own
    mended = browser.send("/album/", page, {"title": "", "photos-1-remove": "on", "photos-2-crop-flip": "on"})
    assert page_of(mended).names("photos") == ["0.png", "1.png", "2.png", "3.png"]
    answer = browser.send("/album/", page_of(mended), {"title": "tea", "photos-1-remove": "on"})
    assert answer.status_code == 302
    assert Album.objects.get().photos.count() == 3


def test_what_only_looks_like_them_is(browser: Browser, page: Page, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 20
    for name in (
        "form-1-name",
        "photos-1-colour",
        "photos-12345-token",
        "photos-token",
        "-1-token",
        "photos-1-token-x",
    ):
        body = encode([*page.parts(), *((name, "x") for _ in range(20))])
        assert browser.post_body("/album/", body).status_code == 400, name


def test_nor_are_they_without_end(browser: Browser, page: Page) -> None:
    own = len([name for name, _value in page.fields if name.startswith("photos-")])
    for more, status in ((0, 200), (1_001, 400)):
        forged = [("photos-1-position", "1")] * (MAX_ROW_FIELDS - own + more)
        body = encode([*page.parts({"title": ""}), *forged])
        assert browser.post_body("/album/", body).status_code == status


@pytest.mark.parametrize("limit", ["NUMBER_FILES", "NUMBER_FIELDS", "MEMORY_SIZE"])
def test_what_ends_in_djangos_own_answer_costs_nothing_that_is_held(
    browser: Browser, page: Page, settings: Any, limit: str
) -> None:
    """Other files and fields are Django's to limit, and a project's `handler400` to answer: Back, and send less."""
    setattr(settings, f"DATA_UPLOAD_MAX_{limit}", {"MEMORY_SIZE": 10_000}.get(limit, 20))
    too_much: list[Any] = [("note", "x" * 1_000)] * 21
    if limit == "NUMBER_FILES":
        too_much = [("other", ("tea.txt", b"tea"))] * 21
    new: list[Any] = [("photos", ("new.png", b"\x89PNG\r\n\x1a\n"))]
    assert browser.post_body("/album/", encode([*page.parts(), *new, *too_much])).status_code == 400
    assert StagedUpload.objects.count() == 4
    assert browser.send("/album/", page, {"title": "tea"}).status_code == 302
    assert Album.objects.get().photos.count() == 4
