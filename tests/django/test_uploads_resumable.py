"""The IETF draft over Django, interop version 8: what each MUST and SHOULD of a server looks like from outside."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from greenroom.models import StagedUpload
from tests.django.uploading import PARTIAL, URL, Script, digest
from tests.pages import CONTENT_TYPE
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = b"Sencha, first flush. " * 500  # 10,500 bytes
TYPES = "https://iana.org/assignments/http-problem-types#"


@pytest.fixture
def script() -> Script:
    return Script()


def problem(response: object) -> dict[str, object]:
    assert response["Content-Type"] == "application/problem+json"  # type: ignore[index]
    return dict(json.loads(response.content))  # type: ignore[attr-defined]


# -- creation --------------------------------------------------------------------------------------


def test_a_creation_with_the_whole_file_is_answered_as_the_whole(script: Script) -> None:
    response = script.ietf(
        "POST", URL, TEXT, upload_complete="?1", content_disposition='inline; filename="tea.txt"'
    )
    assert response.status_code == 200
    assert response["Upload-Complete"] == "?1"
    assert response["Repr-Digest"] == digest(TEXT)
    assert script.ietf("HEAD", response["Location"])["Upload-Complete"] == "?1"
    values = json.loads(response.content)
    assert values["name"] == "tea.txt"
    assert values["digest"] == "sha256:" + hashlib.sha256(TEXT).hexdigest()
    assert script.save("/backup/", values["token"], title="tea").status_code == 302
    assert Paper.objects.get().body.size == len(TEXT)


def test_an_incomplete_creation_must_have_location_and_limits(script: Script) -> None:
    response = script.ietf("POST", URL, TEXT[:6000], upload_complete="?0", upload_length=str(len(TEXT)))
    assert response.status_code == 201
    assert response["Location"].startswith(URL)
    assert response["Upload-Limit"].startswith("max-size=5000000000, max-age=")
    assert response["Upload-Complete"] == "?0"
    assert response["Upload-Draft-Interop-Version"] == "8"


def test_options_must_have_the_limits(script: Script) -> None:
    response = script.send("OPTIONS", URL)
    assert response["Upload-Limit"] == "max-size=5000000000"
    assert response["Allow"] == "OPTIONS, POST, PUT"
    assert script.send("OPTIONS", f"{URL}{'x' * 22}/")["Allow"] == "OPTIONS, HEAD, PATCH, DELETE, GET"
    assert response["Accept-Patch"] == f"application/offset+octet-stream, {PARTIAL}"


@pytest.mark.parametrize("value", ["1", "true", "?2", "", "?1?1"])
def test_other_values_of_upload_complete_must_be_ignored(script: Script, value: str) -> None:
    headers = {"Upload-Complete": value, "Upload-Draft-Interop-Version": "8"}
    assert script.send("POST", URL, TEXT, headers).status_code == 400
    assert not StagedUpload.objects.exists()


@pytest.mark.parametrize("form", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_a_representation_of_the_type_of_a_form_is_not_read_as_one(script: Script, form: str) -> None:
    response = script.ietf("POST", URL, TEXT, upload_complete="?1", content_type=form)
    assert response.status_code == 200
    assert json.loads(response.content)["size"] == len(TEXT)


def test_a_governed_form_that_is_somebodys_file_is_held_as_it_is(script: Script) -> None:
    form = script.page.body(files={"body": ("tea.txt", TEXT)})
    response = script.ietf("POST", URL, form, upload_complete="?1", content_type=CONTENT_TYPE)
    assert (response.status_code, response["Repr-Digest"]) == (200, digest(form))


def test_the_file_name_comes_from_content_disposition(script: Script) -> None:
    names = {
        'inline; filename="a \\"tea\\".txt"': "a _tea_.txt",
        "inline; filename=tea.txt": "tea.txt",
        "inline; filename=\"x.txt\"; filename*=UTF-8''gr%C3%BCn.txt": "grün.txt",
        "inline; filename*=UTF-8''%2e%2e%2fetc%2fpasswd": "passwd",
        "inline": "file",
    }
    for disposition, name in names.items():
        url = script.ietf_create(content_disposition=disposition)
        assert StagedUpload.objects.get(pk=url.split("/")[-2]).client_name == name


# -- offset retrieval --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_offset_retrieval_must_have_offset_completeness_length_and_limits(
    script: Script, method: str
) -> None:
    url = script.ietf_create(upload_length=str(len(TEXT)))
    script.ietf_patch(url, TEXT[:6000], 0, ends=False)
    response = script.ietf(method, url)
    assert response.status_code == 204
    assert response["Upload-Offset"] == "6000"
    assert response["Upload-Complete"] == "?0"
    assert response["Upload-Length"] == str(len(TEXT))
    assert "max-age=" in response["Upload-Limit"]
    assert response["Cache-Control"] == "no-store"


def test_a_length_that_was_not_supplied_is_not_told(script: Script) -> None:
    url = script.ietf_create()
    assert "Upload-Length" not in script.ietf("HEAD", url)


def test_an_offset_that_was_told_must_be_accepted(script: Script) -> None:
    url = script.ietf_create()
    for _ in range(3):
        offset = int(script.ietf("HEAD", url)["Upload-Offset"])
        response = script.ietf_patch(url, TEXT[offset : offset + 1000], offset, ends=False)
        assert response.status_code == 204
        assert response["Upload-Complete"] == "?0"
    assert script.ietf("HEAD", url)["Upload-Offset"] == "3000"


# -- append ----------------------------------------------------------------------------------------


def test_completion_comes_from_upload_complete_alone(script: Script) -> None:
    url = script.ietf_create(upload_length=str(len(TEXT)))
    assert script.ietf_patch(url, TEXT, 0, ends=False).status_code == 204
    response = script.ietf("HEAD", url)
    assert (response["Upload-Offset"], response["Upload-Complete"]) == (str(len(TEXT)), "?0")
    assert StagedUpload.objects.get().state == "receiving"
    response = script.ietf_patch(url, b"", len(TEXT), ends=True)
    assert (response.status_code, response["Upload-Complete"]) == (200, "?1")
    assert response["Repr-Digest"] == digest(TEXT)
    assert StagedUpload.objects.get().state == "staged"


def test_a_file_of_unknown_length_ends_when_the_client_says_so(script: Script) -> None:
    url = script.ietf_create()
    script.ietf_patch(url, TEXT[:7000], 0, ends=False)
    response = script.ietf_patch(url, TEXT[7000:], 7000, ends=True)
    assert (response.status_code, response["Upload-Complete"]) == (200, "?1")
    upload = StagedUpload.objects.get()
    assert (upload.digest, upload.reserved) == ("sha256:" + hashlib.sha256(TEXT).hexdigest(), 0)
    assert script.ietf("HEAD", url)["Upload-Length"] == str(len(TEXT))


@pytest.mark.parametrize("offset", [0, 5999, 6001, 20_000])
def test_another_offset_must_be_409_with_the_right_one(script: Script, offset: int) -> None:
    url = script.ietf_create()
    script.ietf_patch(url, TEXT[:6000], 0, ends=False)
    response = script.ietf_patch(url, b"tea", offset, ends=False)
    assert response.status_code == 409
    assert response["Upload-Offset"] == "6000"
    assert response["Upload-Complete"] == "?0"
    values = problem(response)
    assert values["type"] == TYPES + "mismatching-upload-offset"
    assert (values["expected-offset"], values["provided-offset"]) == (6000, offset)
    assert script.ietf("HEAD", url)["Upload-Offset"] == "6000"


def test_lengths_that_do_not_agree_are_an_inconsistent_length(script: Script) -> None:
    responses = [
        script.ietf("POST", URL, TEXT, upload_complete="?1", upload_length="5"),
        script.ietf("POST", URL, TEXT, upload_complete="?0", upload_length="5"),
    ]
    url = script.ietf_create(upload_length="10000")
    script.ietf_patch(url, TEXT[:6000], 0, ends=False)
    responses += [
        script.ietf_patch(url, TEXT[6000:], 6000, ends=True),
        script.ietf_patch(url, b"", 6000, ends=True),
        script.ietf_patch(url, b"", 6000, ends=False, upload_length="9999"),
    ]
    for response in responses:
        assert response.status_code == 400
        assert response["Upload-Complete"] == "?0"
        assert problem(response)["type"] == TYPES + "inconsistent-upload-length"
    assert script.ietf("HEAD", url)["Upload-Offset"] == "6000"


def test_append_needs_offset_completeness_and_media_type(script: Script) -> None:
    url = script.ietf_create()
    statuses = [
        script.ietf("PATCH", url, TEXT, upload_complete="?1").status_code,
        script.ietf("PATCH", url, TEXT, upload_offset="0").status_code,
        script.ietf("PATCH", url, TEXT, upload_offset="zero", upload_complete="?1").status_code,
        script.ietf_patch(url, TEXT, 0, ends=True, content_type="text/plain").status_code,
    ]
    assert statuses == [400, 400, 400, 415]
    assert script.ietf("HEAD", url)["Upload-Offset"] == "0"


def test_a_completed_upload_takes_nothing_more_and_repeats_its_answer(script: Script) -> None:
    url = script.ietf_create()
    first = script.ietf_patch(url, TEXT, 0, ends=True)
    again = script.ietf_patch(url, b"", len(TEXT), ends=True)
    assert (again.status_code, again.content) == (200, first.content)
    assert script.ietf_patch(url, TEXT, 0, ends=True).status_code == 409
    response = script.ietf_patch(url, b"more", len(TEXT), ends=True)
    assert (response.status_code, problem(response)["code"]) == (409, "already_whole")
    assert StagedUpload.objects.get().digest == "sha256:" + hashlib.sha256(TEXT).hexdigest()


def test_cancellation_is_204_and_then_404(script: Script) -> None:
    url = script.ietf_create()
    assert script.ietf("DELETE", url).status_code == 204
    assert script.ietf("HEAD", url).status_code == 404


@pytest.mark.parametrize("ends", ["?0", "?1"])
def test_what_is_too_large_to_be_created_is_told_the_limits(script: Script, ends: str) -> None:
    """ "Limits": a 413 "SHOULD include the Upload-Limit header field", those of the field or of the site."""
    paper = Script("/papers/")
    fields = {"upload_complete": ends, "upload_length": "1000001", "greenroom_policy": paper.policy("papers")}
    response = paper.ietf("POST", URL, **fields)
    assert (response.status_code, response["Upload-Limit"]) == (413, "max-size=1000000")
    response = script.ietf("POST", URL, upload_complete="?0", upload_length="9" * 15)
    assert response.status_code == 413
    assert response["Upload-Limit"] == script.ietf("OPTIONS", URL)["Upload-Limit"]


@pytest.mark.parametrize("ends", [False, True])
def test_a_file_that_the_field_does_not_take_is_judged_once(ends: bool) -> None:
    """ "Completeness": the answer is the field's own and the last; nothing is left to go on with."""
    script = Script("/product/")
    policy = {"greenroom_policy": script.policy("photo")}
    response = script.ietf("POST", URL, TEXT, upload_complete="?1" if ends else "?0", **policy)
    assert (response.status_code, response["Upload-Complete"]) == (415, "?1")
    url = script.ietf_create(**policy)
    response = script.ietf_patch(url, TEXT, 0, ends=ends)
    assert (response.status_code, response["Upload-Complete"]) == (415, "?1")
    assert script.ietf("HEAD", url).status_code == 404
    assert not StagedUpload.objects.exists()


def test_a_url_without_its_slash_is_the_same(script: Script) -> None:
    """Some clients take it off; and "SHOULD NOT generate a response with the 301 and 302 status codes"."""
    response = script.ietf("POST", URL.rstrip("/"), TEXT, upload_complete="?0")
    assert response.status_code == 201
    url = response["Location"].rstrip("/")
    assert script.ietf("HEAD", url)["Upload-Offset"] == str(len(TEXT))
    assert script.ietf_patch(url, b"", len(TEXT), ends=True).status_code == 200
    assert script.ietf("DELETE", url).status_code == 204
    assert script.ietf("HEAD", url).status_code == 404


def test_an_answer_says_how_long_it_is(script: Script) -> None:
    """So that it ends for its reader at once, also while the rest of what was refused is thrown away."""
    assert script.ietf("POST", URL, TEXT, upload_complete="?1")["Content-Length"].isdigit()
    response = script.ietf("POST", URL, TEXT)
    assert (response.status_code, response["Content-Length"]) == (400, str(len(response.content)))


# -- digests (RFC 9530) ------------------------------------------------------------------------------


def test_a_content_digest_is_checked_and_damage_is_not_appended(script: Script) -> None:
    url = script.ietf_create()
    part = TEXT[:6000]
    response = script.ietf_patch(url, part, 0, ends=False, content_digest=digest(b"other"))
    assert (response.status_code, problem(response)["code"]) == (400, "checksum_mismatch")
    assert script.ietf("HEAD", url)["Upload-Offset"] == "0"
    assert script.ietf_patch(url, part, 0, ends=False, content_digest=digest(part)).status_code == 204


@pytest.mark.parametrize("at_creation", [True, False])
def test_a_representation_digest_is_checked_at_the_end(script: Script, at_creation: bool) -> None:
    fields = {"repr_digest": digest(b"other")}
    url = script.ietf_create(**(fields if at_creation else {}))
    response = script.ietf_patch(url, TEXT, 0, ends=True, **({} if at_creation else fields))
    assert (response.status_code, problem(response)["code"]) == (400, "digest_mismatch")
    assert not StagedUpload.objects.exists()
    url = script.ietf_create(repr_digest=digest(TEXT))
    assert script.ietf_patch(url, TEXT, 0, ends=True).status_code == 200


@pytest.mark.parametrize("value", ["sha-256", "sha-256=:x:", "sha-256=abc", "sha-256=:YQ==:"])
def test_a_digest_that_cannot_be_read_is_400(script: Script, value: str) -> None:
    url = script.ietf_create()
    assert script.ietf_patch(url, TEXT, 0, ends=True, content_digest=value).status_code == 400
    assert script.ietf("HEAD", url)["Upload-Offset"] == "0"


def test_a_digest_of_an_unknown_algorithm_is_ignored(script: Script) -> None:
    url = script.ietf_create()
    assert script.ietf_patch(url, TEXT, 0, ends=True, content_digest="id-x=:YQ==:").status_code == 200


WISHES = {
    "sha-512=3, sha-256=10": ["sha-256"],
    "sha-256=3, sha-512=10": ["sha-256", "sha-512"],
    "md5=10, sha-512=1;x": ["sha-256", "sha-512"],
    "sha-512=0": ["sha-256"],
    "sha-512=11": ["sha-256"],
    "sha-512": ["sha-256"],
    "md5=5": ["sha-256"],
    "": ["sha-256"],
}


@pytest.mark.parametrize(("wish", "told"), WISHES.items())
def test_the_digest_that_is_wanted_is_told(script: Script, wish: str, told: list[str]) -> None:
    """RFC 9530 section 4; and "Representation Digests": with the answer that completes the upload."""
    expected = ", ".join(digest(TEXT, algorithm) for algorithm in told)
    fields = {"want_repr_digest": wish}
    assert script.ietf("POST", URL, TEXT, upload_complete="?1", **fields)["Repr-Digest"] == expected
    url = script.ietf_create(**fields)
    assert "Repr-Digest" not in script.ietf_patch(url, TEXT[:5000], 0, ends=False)
    assert script.ietf_patch(url, TEXT[5000:], 5000, ends=True)["Repr-Digest"] == expected
    url = script.tus_create(len(TEXT))
    assert script.patch(url, TEXT, 0, **fields)["Repr-Digest"] == expected
    assert script.tus("HEAD", url)["Repr-Digest"] == digest(TEXT)


def test_a_wanted_digest_is_taken_where_none_is_by_itself(script: Script, settings: Any) -> None:
    settings.GREENROOM = {"DIGEST": None}
    response = script.ietf("POST", URL, TEXT, upload_complete="?1", want_repr_digest="sha-256=1")
    assert response["Repr-Digest"] == digest(TEXT)
    assert "Repr-Digest" not in script.ietf("POST", URL, TEXT, upload_complete="?1")
