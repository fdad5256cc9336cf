"""What is refused before its first byte is read: who asks, from where, for what, and how much of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from greenroom.models import StagedOwner, StagedUpload
from tests.django.uploading import TUS_BODY, URL, Script, checksum, code, digest, metadata
from tests.django.wsgi import ENDLESS, Body, post
from tests.pages import CONTENT_TYPE, errors_of, files_under, page_of
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def script() -> Script:
    return Script("/papers/")


def detail(response: Any) -> str:
    return str(json.loads(response.content)["detail"])


@pytest.fixture
def untouched(script: Script) -> Iterator[None]:
    """Nothing has come to the ledger, nor to the disk."""
    yield
    assert not StagedUpload.objects.exists()


def unread(client: Client, **environ: str) -> tuple[int, Body]:
    """The status of a creation with an endless body, and how much of that was read."""
    body = Body(iter([]))
    answer = post(
        client,
        URL,
        body,
        length=ENDLESS,
        CONTENT_TYPE=TUS_BODY,
        HTTP_TUS_RESUMABLE="1.0.0",
        HTTP_UPLOAD_LENGTH="9",
        **environ,
    )
    return answer.status, body


# -- who -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("untouched")
def test_a_visitor_whom_no_page_was_shown_is_refused_and_gets_no_session() -> None:
    client = Client(enforce_csrf_checks=False)
    response = client.generic("POST", URL, headers={"Tus-Resumable": "1.0.0", "Upload-Length": "5"})
    assert (response.status_code, code(response)) == (403, "forbidden")
    assert not client.cookies
    assert not StagedOwner.objects.exists()


@pytest.mark.usefixtures("untouched")
def test_without_a_csrf_token_or_with_a_wrong_one_it_is_403(script: Script) -> None:
    for token in (None, "x" * 64):
        script.csrf = token
        for send in (script.tus, script.ietf):
            response = send("POST", URL, upload_length="5", upload_complete="?0")
            assert (response.status_code, code(response)) == (403, "forbidden")


@pytest.mark.usefixtures("untouched")
def test_a_csrf_token_in_the_body_is_not_looked_for(script: Script) -> None:
    token, script.csrf = script.csrf, None
    body = f"csrfmiddlewaretoken={token}".encode()
    form = "application/x-www-form-urlencoded"
    assert script.ietf("POST", URL, body, upload_complete="?1", content_type=form).status_code == 403


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_going_on_and_giving_up_are_csrf_checked(script: Script, method: str) -> None:
    url = script.tus_create(5)
    script.csrf = None
    assert script.tus(method, url, upload_offset="0").status_code == 403
    assert script.offset(url) == 0


@pytest.mark.parametrize(
    ("origin", "site", "status"),
    [
        ("http://testserver", "same-origin", 201),
        ("http://testserver", "", 201),
        ("", "none", 201),
        ("", "cross-site", 403),
        ("", "same-site", 403),
        ("null", "", 403),
        ("http://evil.example", "", 403),
        ("http://evil.example", "same-origin", 403),
        ("http://testserver.evil.example", "", 403),
        ("https://friend.example", "cross-site", 201),
    ],
)
def test_origin_and_fetch_metadata_are_checked(
    script: Script, settings: Any, origin: str, site: str, status: int
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://friend.example"]
    response = script.tus("POST", URL, upload_length="5", origin=origin, sec_fetch_site=site)
    assert response.status_code == status
    assert StagedUpload.objects.count() == (status == 201)


def test_a_site_without_the_csrf_middleware_still_checks_the_origin(script: Script, settings: Any) -> None:
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "Csrf" not in each]
    script.client.handler._middleware_chain = None
    script.csrf = None
    assert script.tus("POST", URL, upload_length="5").status_code == 201
    assert script.tus("POST", URL, upload_length="5", origin="http://evil.example").status_code == 403


# -- what: the field's own limits, in the form's own words -------------------------------------------


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("policy", ["x", "", "eyJuIjoi.x"])
def test_a_policy_that_is_not_ours_is_refused(script: Script, policy: str) -> None:
    response = script.tus(
        "POST", URL, upload_length="5", greenroom_policy=policy or script.policy("papers")[:-1]
    )
    assert (response.status_code, code(response)) == (403, "forbidden")


@pytest.mark.usefixtures("untouched")
def test_somebody_elses_policy_is_refused(script: Script) -> None:
    policy = Script("/papers/").policy("papers")
    assert script.tus("POST", URL, upload_length="5", greenroom_policy=policy).status_code == 403


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("where", ["metadata", "header"])
def test_too_large_is_refused_in_the_words_of_the_form(script: Script, where: str) -> None:
    policy = script.policy("papers")
    fields = {"greenroom_policy": policy} if where == "header" else {}
    pairs = {"filename": "tea.bin", **({"policy": policy} if where == "metadata" else {})}
    response = script.tus("POST", URL, upload_length="1000001", upload_metadata=metadata(**pairs), **fields)
    assert response.status_code == 413
    form = page_of(script.client.get("/papers/")).body(
        {"title": "x"}, {"papers": ("tea.bin", b"x" * 1_000_001)}
    )
    said = script.client.post("/papers/", form, content_type=CONTENT_TYPE)
    assert errors_of(said, "papers") == [detail(response)]


def test_too_many_is_refused_in_the_words_of_the_form_and_giving_up_makes_room(script: Script) -> None:
    fields = {"greenroom_policy": script.policy("papers")}
    urls = [script.tus_create(5, **fields) for _ in range(3)]
    for url in urls:
        script.patch(url, b"Assam", 0)
    response = script.tus("POST", URL, upload_length="5", upload_metadata=metadata(name="d.txt"), **fields)
    assert (response.status_code, code(response)) == (422, "too_many")
    assert detail(response) == "“d.txt” is one file too many: at most 3 can be sent here."
    script.tus("DELETE", urls[0])
    assert script.tus_create(5, **fields)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "pairs",
    [{"filename": "tea.pdf"}, {"filetype": "application/pdf"}, {"name": "t.zip", "type": "image/png"}],
)
def test_a_type_that_the_field_does_not_take_is_refused(pairs: dict[str, str]) -> None:
    script = Script("/product/")
    value = metadata(policy=script.policy("photo"), **pairs)
    response = script.tus("POST", URL, upload_length="5", upload_metadata=value)
    assert (response.status_code, code(response)) == (415, "type_not_allowed")


@pytest.mark.parametrize("pairs", [{}, {"filetype": "application/octet-stream"}, {"filename": "tea.jpg"}])
def test_the_limits_of_the_policy_hold_for_every_request_after_it(pairs: dict[str, str], jpeg: bytes) -> None:
    script = Script("/product/")
    value = metadata(policy=script.policy("photo"), **pairs)
    url = script.tus_create(10_000, upload_metadata=value)
    response = script.patch(url, b"not a picture, " * 600, 0)
    assert response.status_code == 415
    assert script.offset(url) == 0


def test_the_largest_size_holds_for_a_length_that_comes_later(script: Script) -> None:
    fields = {"greenroom_policy": script.policy("papers")}
    url = script.tus_create(None, **fields)
    assert script.patch(url, b"", 0, upload_length="1000001").status_code == 413
    assert script.patch(url, b"x" * 1_000_001, 0).status_code == 413
    assert script.offset(url) == 0
    assert script.patch(url, b"x" * 600_000, 0).status_code == 204
    assert script.patch(url, b"x" * 600_000, 600_000).status_code == 413
    assert script.offset(url) == 600_000


@pytest.mark.usefixtures("untouched")
def test_an_empty_file_is_refused_where_the_field_takes_none(script: Script) -> None:
    fields = {"greenroom_policy": script.policy("papers")}
    assert script.tus("POST", URL, upload_length="0", **fields).status_code == 422


# -- how much ----------------------------------------------------------------------------------------


def test_the_quota_counts_what_is_declared(script: Script, settings: Any) -> None:
    settings.GREENROOM = {"OWNER_BYTES": "1 MB"}
    script.tus_create(600_000)
    response = script.tus("POST", URL, upload_length="600000")
    assert (response.status_code, code(response)) == (413, "quota_exceeded")
    assert script.tus("POST", URL, upload_length="400000").status_code == 201


def test_the_quota_counts_what_was_never_declared(script: Script, settings: Any) -> None:
    settings.GREENROOM = {"OWNER_BYTES": "1 MB"}
    script.tus_create(600_000)
    url = script.tus_create(None)
    assert script.patch(url, b"x" * 300_000, 0).status_code == 204
    response = script.patch(url, b"x" * 300_000, 300_000)
    assert (response.status_code, code(response)) == (413, "quota_exceeded")
    assert script.patch(url, b"", 300_000, upload_length="500000").status_code == 413
    assert script.offset(url) == 300_000


# -- nothing is read ---------------------------------------------------------------------------------


def test_what_is_refused_is_read_only_to_be_thrown_away(
    script: Script, held_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.streams.THROWN_AWAY_SECONDS", 0)
    status, body = unread(script.client)  # no CSRF token
    assert (status, body.reads) == (403, 0)
    status, body = unread(script.client, HTTP_X_CSRFTOKEN=script.csrf or "", HTTP_GREENROOM_POLICY="x")
    assert (status, body.reads) == (403, 0)
    status, body = unread(script.client, HTTP_X_CSRFTOKEN=script.csrf or "", HTTP_UPLOAD_METADATA="a b")
    assert (status, body.reads) == (400, 0)
    assert not files_under(held_root)


def test_what_is_refused_is_thrown_away_for_a_few_seconds_at_most(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.streams.THROWN_AWAY_SECONDS", 0.2)
    body = Body(iter(lambda: b"x" * 100_000, b""))
    answer = post(script.client, URL, body, length=ENDLESS, CONTENT_TYPE=TUS_BODY, HTTP_TUS_RESUMABLE="1.0.0")
    assert answer.status == 400
    assert 0 < body.taken < ENDLESS


# -- cut bodies, and the form that takes the upload ----------------------------------------------------


def test_a_body_that_is_cut_is_kept_as_far_as_it_came(script: Script) -> None:
    url = script.tus_create(20_000)
    environ = {
        "REQUEST_METHOD": "PATCH",
        "CONTENT_TYPE": TUS_BODY,
        "HTTP_TUS_RESUMABLE": "1.0.0",
        "HTTP_UPLOAD_OFFSET": "0",
        "HTTP_X_CSRFTOKEN": script.csrf or "",
    }
    answer = post(script.client, url, Body.of(b"x" * 9_000), length=20_000, **environ)
    assert (answer.status, json.loads(answer.content)["code"]) == (400, "cut_short")
    assert script.offset(url) == 9_000
    assert script.patch(url, b"x" * 11_000, 9_000).status_code == 204
    assert StagedUpload.objects.get().state == "staged"


def test_a_cut_body_with_a_checksum_is_discarded(script: Script) -> None:
    url = script.tus_create(20_000)
    environ = {
        "REQUEST_METHOD": "PATCH",
        "CONTENT_TYPE": TUS_BODY,
        "HTTP_TUS_RESUMABLE": "1.0.0",
        "HTTP_UPLOAD_OFFSET": "0",
        "HTTP_UPLOAD_CHECKSUM": checksum(b"x" * 20_000),
        "HTTP_X_CSRFTOKEN": script.csrf or "",
    }
    answer = post(script.client, url, Body.of(b"x" * 9_000), length=20_000, **environ)
    assert answer.status == 400
    assert script.offset(url) == 0


def test_a_cut_creation_cannot_be_continued_and_is_not_kept_for_long(script: Script) -> None:
    headers = {"HTTP_TUS_RESUMABLE": "1.0.0", "HTTP_UPLOAD_LENGTH": "20000", "CONTENT_TYPE": TUS_BODY}
    body = Body.of(b"x" * 9_000)
    post(script.client, URL, body, length=20_000, HTTP_X_CSRFTOKEN=script.csrf or "", **headers)
    upload = StagedUpload.objects.get()
    assert (upload.expires_at - upload.created_at).total_seconds() == pytest.approx(3600, abs=5)


def test_a_cut_creation_leaves_its_place_to_the_next(script: Script, settings: Any) -> None:
    settings.GREENROOM = {"OWNER_BYTES": "1 MB"}
    headers = {"HTTP_TUS_RESUMABLE": "1.0.0", "HTTP_UPLOAD_LENGTH": "200000", "CONTENT_TYPE": TUS_BODY}
    headers |= {"HTTP_X_CSRFTOKEN": script.csrf or "", "HTTP_GREENROOM_POLICY": script.policy("papers")}
    for _ in range(6):  # more than the field takes, and more than the owner may keep
        assert post(script.client, URL, Body.of(b"x" * 9_000), length=200_000, **headers).status == 400
    assert post(script.client, URL, Body.of(b"x" * 200_000), length=200_000, **headers).status == 201


def test_what_is_announced_in_digest_fields_holds_in_tus_as_well(script: Script) -> None:
    url = script.tus_create(5)
    response = script.patch(url, b"Assam", 0, content_digest=digest(b"Ceylon"))
    assert (response.status_code, code(response)) == (460, "checksum_mismatch")
    assert script.offset(url) == 0
    assert script.patch(url, b"Assam", 0, content_digest=digest(b"Assam", "sha-512")).status_code == 204
    for at_creation, at_the_end in (
        ({"repr_digest": digest(b"Ceylon")}, {}),
        ({}, {"repr_digest": digest(b"x")}),
    ):
        url = script.tus_create(5, **at_creation)
        response = script.patch(url, b"Assam", 0, **at_the_end)
        assert (response.status_code, code(response)) == (400, "digest_mismatch")
        assert script.tus("HEAD", url).status_code == 404
    url = script.tus_create(5, repr_digest=digest(b"Assam"))
    assert script.patch(url, b"Assam", 0)["Repr-Digest"] == digest(b"Assam")


def test_the_limits_of_another_field_are_not_the_forms(script: Script) -> None:
    url = script.tus_create(2_000_000)
    token = script.patch(url, b"x" * 2_000_000, 0)["Greenroom-Token"]
    response = script.save("/papers/", token, "papers", title="x")
    assert errors_of(response, "papers") == [
        "“file” is too large: at most 1 MB is taken here. Choose a smaller file."
    ]
    assert not Paper.objects.exists()


def test_an_upload_that_has_not_arrived_cannot_be_saved() -> None:
    script = Script()
    response = script.tus("POST", URL, upload_length="10000", upload_metadata=metadata(filename="tea.txt"))
    said = script.save("/backup/", response["Greenroom-Token"], title="x")
    assert errors_of(said, "body")
    assert not Paper.objects.exists()
