"""Whose uploads these are: login keeps them, logout drops them, nobody else can tell that they exist."""

from typing import Any

import pytest
from django.contrib.auth import login, logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import path

from greenroom.core import Token
from greenroom.core.errors import NotHeld
from greenroom.files import OwnersStage, token_signer
from greenroom.ledger import to_datetime
from greenroom.models import StagedUpload
from greenroom.owners import Visit
from tests.django.conftest import Browser
from tests.pages import Page, page_of
from tests.shop.models import Paper
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]
HOLD = {"body": ("tea.txt", b"Darjeeling")}


def log_in(request: HttpRequest) -> HttpResponse:
    login(
        request, User.objects.get_or_create(username="guest")[0], "django.contrib.auth.backends.ModelBackend"
    )
    return HttpResponse("in")


def log_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse("out")


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse("nothing")


urlpatterns = [*shop, path("in/", log_in), path("out/", log_out), path("nothing/", nothing)]


def hold(browser: Browser) -> Page:
    return page_of(browser.fill("/paper/", {"title": ""}, HOLD))


def save(browser: Browser, page: Page) -> int:
    fresh = browser.get("/paper/")["csrfmiddlewaretoken"]
    return int(browser.send("/paper/", page, {"title": "tea", "csrfmiddlewaretoken": fresh}).status_code)


def test_login_keeps_what_is_held(browser: Browser) -> None:
    page = hold(browser)
    key = browser.client.session.session_key
    assert browser.client.get("/in/").content == b"in"
    assert browser.client.session.session_key != key
    assert save(browser, page) == 302


def test_logout_drops_it(browser: Browser) -> None:
    browser.client.get("/in/")
    page = hold(browser)
    browser.client.get("/out/")
    browser.client.get("/in/")
    assert save(browser, page) == 200
    assert not Paper.objects.exists()


def test_a_request_that_has_nothing_to_do_with_uploads_touches_no_session(browser: Browser) -> None:
    answer = browser.client.get("/nothing/")
    assert answer.cookies == {}
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_rotated_key_still_opens_what_the_old_one_signed(browser: Browser, settings: Any) -> None:
    page = hold(browser)
    old = settings.SECRET_KEY
    settings.SECRET_KEY_FALLBACKS = [old]
    settings.SECRET_KEY = "another one"
    with_fallback = OwnersStage(visit_like(page).stage)
    assert with_fallback.open(page["body-0-token"]).read() == b"Darjeeling"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(NotHeld):
        with_fallback.open(page["body-0-token"])


def visit_like(page: Page) -> Visit:
    """A visit of whoever holds what the page shows."""
    upload = Token.decode(page["body-0-token"], token_signer()).upload_id
    owner = StagedUpload.objects.get(pk=upload).owner_id
    return Visit(find_owner=lambda create: owner)


# -- others ----------------------------------------------------------------------------------------


@pytest.fixture
def tokens(browser: Browser) -> dict[str, str]:
    """Tokens that are not the visitor's: of somebody else, in each state, and of nobody."""
    somebody = Browser()
    found = {"held": hold(somebody)["body-0-token"]}
    page = hold(somebody)
    assert somebody.send("/paper/", page, {"title": "tea"}).status_code == 302
    found["saved"] = page["body-0-token"]
    found["expired"] = hold(somebody)["body-0-token"]
    upload = Token.decode(found["expired"], token_signer()).upload_id
    StagedUpload.objects.filter(pk=upload).update(expires_at=to_datetime(0))
    found["receiving"] = hold(somebody)["body-0-token"]
    upload = Token.decode(found["receiving"], token_signer()).upload_id
    StagedUpload.objects.filter(pk=upload).update(state="receiving")
    found["unknown"] = Token(upload_id="A" * 22).encode(token_signer())
    found["garbled"] = found["held"][:-1] + ("A" if found["held"][-1] != "A" else "B")
    return found


def bare(response: Any, token: str) -> tuple[int, bytes, list[tuple[str, str]]]:
    headers = sorted((name, value) for name, value in response.items() if name != "Set-Cookie")
    return response.status_code, response.content.replace(token.encode(), b"TOKEN"), headers


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "delete"])
@pytest.mark.parametrize("view", ["preview", "original"])
def test_another_s_upload_is_answered_like_an_unknown_one(
    browser: Browser, tokens: dict[str, str], view: str, method: str
) -> None:
    browser.get("/paper/")  # so that the visitor has a session
    answers = {
        kind: bare(getattr(browser.client, method)(f"/greenroom/{view}/{token}/"), token)
        for kind, token in tokens.items()
    }
    for kind, answer in answers.items():
        assert answer[:2] == answers["unknown"][:2], kind
        length = ("Content-Length", "")
        assert [each for each in answer[2] if each[0] != length[0]] == [
            each for each in answers["unknown"][2] if each[0] != length[0]
        ]


def test_another_s_upload_in_a_form_is_answered_like_an_unknown_one(
    browser: Browser, tokens: dict[str, str]
) -> None:
    page = hold(browser)
    messages = set()
    for token in tokens.values():
        answer = browser.send("/paper/", page, {"title": "tea", "body-0-token": token})
        assert answer.status_code == 200
        messages.add(tuple(answer.context["form"].errors["body"]))
    assert len(messages) == 1
    assert Paper.objects.count() == 1  # somebody's own


def test_another_s_upload_cannot_be_opened_or_discarded(guest: Any, tokens: dict[str, str]) -> None:
    before = StagedUpload.objects.count()
    for token in tokens.values():
        with pytest.raises(NotHeld) as refusal:
            guest.stage.open(token)
        assert str(refusal.value).startswith("This file is no longer here")
        guest.stage.discard(token)
    assert StagedUpload.objects.count() == before


def test_visitors_without_a_session_share_nothing(settings: Any, db: None) -> None:
    first, second = (Visit(find_owner=lambda create: None) for _ in range(2))
    token = OwnersStage(first.stage).receive([b"tea"], client_name="tea.txt").token
    assert OwnersStage(first.stage).open(token).read() == b"tea"
    with pytest.raises(NotHeld):
        OwnersStage(second.stage).open(token)


def test_the_user_may_be_the_owner(browser: Browser, settings: Any) -> None:
    settings.GREENROOM = {"OWNER": "greenroom.owners.user_owner"}
    user = User.objects.create(username="guest")
    browser.client.force_login(user)
    page = hold(browser)
    other = Browser()  # the same user on another machine
    other.client.force_login(user)
    assert other.client.get(page.links[0]).status_code == 200
    stranger = Browser()
    stranger.client.force_login(User.objects.create(username="stranger"))
    assert stranger.client.get(page.links[0]).status_code == 404


def test_tokens_and_policies_are_not_taken_for_each_other(browser: Browser) -> None:
    page = hold(browser)
    answer = browser.send("/paper/", page, {"title": "tea", "body-0-token": page["body-policy"]})
    assert answer.status_code == 200
    answer = browser.send("/paper/", page, {"title": "", "body-policy": page["body-0-token"]}, HOLD)
    assert page_of(answer).names("body") == ["tea.txt"]
