"""Promise 11: your uploads are yours. What is somebody else's is answered as if it had never been."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from greenroom.core import Token
from greenroom.core.upload import new_id
from greenroom.files import token_signer
from greenroom.ledger import to_datetime
from greenroom.models import StagedUpload, StagedUse
from tests.django.uploading import URL, Script
from tests.faults.tally import Injected
from tests.pages import files_under
from tests.urls import urlpatterns as shop

from .visitors import (
    FORMER,
    STRANGERS,
    Answer,
    Named,
    Request,
    answer_to,
    everything,
    hold,
    in_every_state,
    named,
    spread,
    to_uploads,
    to_views,
    trusted,
    unknown,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


def opened(request: HttpRequest) -> HttpResponse:
    """A view that opens what it is told; a refusal is the middleware's to answer."""
    return HttpResponse(request.stage.open(request.GET["token"]).read())  # type: ignore[attr-defined]


def given_up(request: HttpRequest) -> HttpResponse:
    request.stage.discard(request.GET["token"])  # type: ignore[attr-defined]
    return HttpResponse("gone")


def log_in(request: HttpRequest) -> HttpResponse:
    user = User.objects.get_or_create(username="the owner")[0]
    login(request, user, "django.contrib.auth.backends.ModelBackend")
    return HttpResponse("in")


urlpatterns = [*shop, path("opened/", opened), path("given-up/", given_up), path("in/", log_in)]


def trace_of_everything(root: Path) -> tuple[Any, ...]:
    """All records, all uses and all held bytes."""
    rows = list(StagedUpload.objects.order_by("pk").values_list())
    files = [(each, each.stat().st_mtime_ns, each.read_bytes()) for each in files_under(root)]
    return rows, list(StagedUse.objects.order_by("pk").values_list()), files


def differences(client: Client, requests: list[Request], uploads: dict[str, Named]) -> list[str]:
    """Where an upload is answered in another way than one that nobody has."""
    found = []
    for request in requests:
        answers: dict[str, Answer] = {}
        for state, upload in uploads.items():
            told = answer_to(client, request, upload)
            kind = state.partition(", ")[2]
            if kind not in answers:
                answers[kind] = answer_to(client, request, unknown(upload))
            if told != answers[kind]:
                found.append(f"{request} of one that is {state}:\n  {told}\n  {answers[kind]}")
    return found


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_cannot_tell_another_s_upload_from_none(
    stranger: str, jpeg: bytes, held_root: Path, injected: Injected
) -> None:
    owner = Script()
    uploads = in_every_state(owner, jpeg)
    client = STRANGERS[stranger]()
    before = trace_of_everything(held_root)
    requests = everything() if stranger == "another" else spread(everything())
    with injected(11, len(requests) * len(uploads)):
        assert differences(client, requests, uploads) == []
        assert trace_of_everything(held_root) == before
    # And its owner finds it where it was.
    assert owner.client.get(f"/greenroom/preview/{uploads['staged'].token}/").status_code == 200


@pytest.mark.parametrize("former", FORMER)
def test_who_was_the_owner_is_a_stranger(
    former: str, jpeg: bytes, held_root: Path, injected: Injected
) -> None:
    owner = Script()
    uploads = in_every_state(owner, jpeg)
    client = FORMER[former](owner)
    before = trace_of_everything(held_root)
    requests = spread([*to_uploads(), *to_views(), Request("GET", "/opened/?token=@TOKEN@")])
    with injected(11, len(requests) * len(uploads)):
        assert differences(client, requests, uploads) == []
        assert trace_of_everything(held_root) == before


def test_what_is_gone_is_unknown_to_its_owner_too(jpeg: bytes, injected: Injected) -> None:
    owner = Script()
    uploads = in_every_state(owner, jpeg)
    gone = {state: uploads[state] for state in ("expired", "discarded")}
    requests, client = everything(), trusted(owner)
    with injected(11, len(requests) * len(gone)):
        # The database's clock is asked for an expired one, and for no other: so much its owner may know.
        for request in requests:
            for state, upload in gone.items():
                told, nothing = (answer_to(client, request, each) for each in (upload, unknown(upload)))
                assert (told.status, told.headers, told.body) == (
                    nothing.status,
                    nothing.headers,
                    nothing.body,
                ), f"{request} of one that is {state}"


@pytest.mark.parametrize("logged_in", [True, False], ids=["another user", "nobody"])
def test_where_the_user_is_the_owner(
    logged_in: bool, jpeg: bytes, settings: Any, held_root: Path, injected: Injected
) -> None:
    """An API without sessions of its own: the setting OWNER finds the user."""
    settings.GREENROOM = {"OWNER": "greenroom.owners.user_owner"}
    owner = Script()
    owner.client.force_login(User.objects.create(username="the owner"))
    uploads = in_every_state(owner, jpeg)
    client = trusted(Script())
    if logged_in:
        client.force_login(User.objects.create(username="somebody"))
    before = trace_of_everything(held_root)
    requests = spread([*to_uploads(), *to_views()])
    with injected(11, len(requests) * len(uploads)):
        assert differences(client, requests, uploads) == []
        assert trace_of_everything(held_root) == before
    other_machine = Client()
    other_machine.force_login(User.objects.get(username="the owner"))
    assert other_machine.get(f"/greenroom/original/{uploads['staged'].token}/").status_code == 200


def test_login_keeps_what_is_held(jpeg: bytes) -> None:
    owner = Script()
    uploads = in_every_state(owner, jpeg)
    key = owner.client.session.session_key
    assert owner.client.get("/in/").content == b"in"
    assert owner.client.session.session_key != key
    for state in ("staged", "promoted", "staged, with a crop"):
        assert owner.client.get(f"/greenroom/original/{uploads[state].token}/").status_code == 200
    assert owner.offset(f"/greenroom/uploads/{uploads['receiving'].id}/") == len(jpeg)


# -- forged ----------------------------------------------------------------------------------------


def forged(token: str) -> list[str]:
    """Every bit flipped, and other spellings of what would mean the same."""
    flipped = [
        token[:at] + chr(ord(token[at]) ^ (1 << bit)) + token[at + 1 :]
        for at in range(len(token))
        for bit in range(8)
    ]
    text, _dot, signature = token.rpartition(".")
    standard = signature.replace("-", "+").replace("_", "/")
    padded = base64.urlsafe_b64encode(base64.urlsafe_b64decode(signature + "=")).decode()
    # 43 characters hold 258 bits, of which 256 count: other last characters decode to the same bytes.
    same = [signature[:-1] + chr(ord(signature[-1]) + step) for step in (1, 2, 3)]
    spelled = [
        f"{text}.{each}" for each in (standard + "=", padded, signature.swapcase(), signature[:-1], *same)
    ]
    around = [
        f" {token}",
        f"{token} ",
        f"{token}\n",
        f"{token}\0",
        f"{token}.",
        f".{token}",
        token * 2,
        token[1:],
    ]
    moved = [
        f"{text}..{signature}",
        f"{text}.120-90-0-0-1-1-0-0.b.{signature}",
        token.replace(".", "%2E"),
        text,
        "",
    ]
    wide = [token.replace("a", "\uff41"), token.replace(".", "\u2024"), token[:-1] + "\u0130"]
    return [each for each in (*flipped, *spelled, *around, *moved, *wide) if each != token]


@pytest.mark.parametrize("crop", ["", "120-90-0-0-40-30-0-0"])
def test_a_token_in_which_anything_is_changed_is_no_token(crop: str, jpeg: bytes, injected: Injected) -> None:
    owner = Script()
    upload = named(hold(owner, jpeg), crop=crop)
    nothing = unknown(upload)
    asked = {
        "/opened/": lambda token: f"/opened/?token={quote(token, safe='')}",
        "/preview/": lambda token: f"/greenroom/preview/{quote(token, safe='')}/",
    }
    tokens = forged(upload.token) if crop else spread(forged(upload.token))
    with injected(11, len(asked) * len(tokens)):
        for name, url in asked.items():
            expected = owner.client.get(url(nothing.token))
            assert expected.status_code == 404
            for token in tokens:
                told = owner.client.get(url(token))
                assert (told.status_code, told.content) == (404, expected.content), (name, token)
                if token and "/" not in token:  # those would be other addresses
                    assert told.headers == expected.headers, (name, token)
    assert owner.client.get(asked["/preview/"](upload.token)).status_code == 200


def test_a_token_of_another_purpose_or_key_is_none(jpeg: bytes, settings: Any, injected: Injected) -> None:
    owner = Script()
    upload_id = hold(owner, jpeg)
    good = named(upload_id).token
    text = good.rpartition(".")[0]
    forgeries = [named(upload_id, key=key).token for key in ("another key", settings.SECRET_KEY + " ", "x")]
    forgeries.append(f"{text}.{owner.policy().rpartition('.')[2]}")
    forgeries.append(owner.policy())
    with injected(11, len(forgeries)):
        for token in forgeries:
            assert owner.client.get("/opened/", {"token": token}).status_code == 404
    assert owner.client.get("/opened/", {"token": good}).content == jpeg


# -- another key -----------------------------------------------------------------------------------


def test_a_rotated_key_works_while_the_old_one_is_a_fallback_and_no_longer(
    jpeg: bytes, settings: Any, injected: Injected
) -> None:
    """Tokens, policies, and the session in which the owner is: all three are signed with SECRET_KEY."""
    owner = Script()
    old_key, upload_id = settings.SECRET_KEY, hold(owner, jpeg)
    token, policy = named(upload_id).token, owner.policy()
    cropped = named(upload_id, crop="120-90-0-0-40-30-0-0").token

    def works() -> list[int]:
        answers = [owner.client.get("/opened/", {"token": each}) for each in (token, cropped)]
        answers.append(owner.client.get(f"/greenroom/original/{token}/"))
        answers.append(owner.tus("HEAD", f"{URL}{upload_id}/"))
        answers.append(owner.tus("POST", URL, upload_length="5", greenroom_policy=policy))
        return [each.status_code for each in answers]

    fine, over = [200, 200, 200, 200, 201], [404, 404, 404, 404, 403]
    with injected(11, 4):
        assert works() == fine
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second key", [old_key]
        assert works() == fine
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the third key", ["the second key", old_key]
        assert works() == fine
        # What is signed from now on is signed with the newest.
        assert Token.decode(named(upload_id).token, token_signer()).upload_id == upload_id
        assert named(upload_id).token == named(upload_id, key="the third key").token
        settings.SECRET_KEY_FALLBACKS = ["the second key"]
        assert works() == over


def test_the_session_may_outlive_the_key_and_the_token_does_not(jpeg: bytes, settings: Any) -> None:
    """Where the owner is found without SECRET_KEY, the signature alone decides."""
    settings.GREENROOM = {"OWNER": f"{__name__}.the_only_one"}
    owner = Script()
    token = named(hold(owner, jpeg)).token
    assert owner.client.get("/opened/", {"token": token}).status_code == 200
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second key", []
    assert owner.client.get("/opened/", {"token": token}).status_code == 404


def the_only_one(request: HttpRequest, create: bool) -> str:
    return "key:the only one"


def test_an_id_that_was_guessed_is_worth_nothing(held_root: Path, injected: Injected) -> None:
    """Nor is one that no database can hold."""
    owner = Script()
    upload_id = hold(owner, b"Darjeeling")
    stranger = Script()
    guesses = [upload_id, new_id(), "%00", "a" * 5_000, "..", "%2e%2e%2f", "é", "' OR 1=1 --", "0", "ID\n"]
    with injected(11, len(guesses)):
        answers = [stranger.tus("HEAD", f"{URL}{quote(each, safe='%')}/") for each in guesses]
        assert {each.status_code for each in answers} == {404}
    StagedUpload.objects.filter(pk=upload_id).update(expires_at=to_datetime(0))
    assert owner.tus("HEAD", f"{URL}{upload_id}/").status_code == 404
