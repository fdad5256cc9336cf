"""tus 1.0.0 over Django: what each MUST and SHOULD of the specification looks like from outside.

Quotations are from protocol.md of tus 1.0.0.
"""

from __future__ import annotations

import hashlib
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from greenroom.models import StagedUpload
from tests.django.uploading import TUS_BODY, URL, Script, checksum, metadata
from tests.pages import files_under
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = b"Darjeeling, second flush. " * 400  # 10,400 bytes: more than a head


@pytest.fixture
def script() -> Script:
    return Script()


def test_options_must_name_version_extensions_checksums_and_the_largest_size(script: Script) -> None:
    response = script.send("OPTIONS", URL)
    assert response.status_code == 204
    assert response["Tus-Version"] == "1.0.0"
    assert response["Tus-Resumable"] == "1.0.0"
    assert set(response["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "checksum",
        "termination",
    }
    assert response["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert response["Tus-Max-Size"] == "5000000000"


def test_options_must_ignore_the_version(script: Script) -> None:
    assert script.send("OPTIONS", URL, headers={"Tus-Resumable": "0.2"}).status_code == 204


@pytest.mark.parametrize("version", ["0.2.2", "", "1.0.0, 0.2", "2.0.0"])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
def test_another_version_must_be_412_with_tus_version_and_must_not_be_processed(
    script: Script, method: str, version: str
) -> None:
    url = script.tus_create(len(TEXT))
    headers = {"Upload-Offset": "0", "Upload-Length": "5", "Tus-Resumable": version}
    if method == "PATCH":
        headers["Content-Type"] = TUS_BODY
    response = script.send(method, URL if method == "POST" else url, b"", headers)
    assert response.status_code == 412
    assert response["Tus-Version"] == "1.0.0"
    assert response["Tus-Resumable"] == "1.0.0"
    assert StagedUpload.objects.count() == 1
    assert script.offset(url) == 0


def test_every_response_must_carry_tus_resumable(script: Script) -> None:
    url = script.tus_create(5)
    responses = [
        script.tus("POST", URL, upload_length="5"),
        script.tus("POST", URL, upload_length="x"),
        script.tus("HEAD", url),
        script.patch(url, b"Assam", 3),
        script.patch(url, b"Assam", 0),
        script.tus("DELETE", url),
        script.tus("HEAD", url),
        script.tus("PUT", url),
    ]
    assert [each.status_code for each in responses] == [201, 400, 200, 409, 204, 204, 404, 405]
    assert {each["Tus-Resumable"] for each in responses} == {"1.0.0"}


def test_head_must_always_tell_the_offset_and_the_length_and_must_not_be_cached(script: Script) -> None:
    url = script.tus_create(len(TEXT))
    response = script.tus("HEAD", url)
    assert response.status_code == 200
    assert (response["Upload-Offset"], response["Upload-Length"]) == ("0", str(len(TEXT)))
    assert response["Cache-Control"] == "no-store"
    script.patch(url, TEXT, 0)
    response = script.tus("HEAD", url)
    assert response["Upload-Offset"] == str(len(TEXT))
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("upload_id", ["A" * 22, "x", "A" * 23, "..", "%00", "ä"])
def test_what_is_not_there_should_be_404_without_an_offset(script: Script, upload_id: str) -> None:
    for method in ("HEAD", "DELETE"):
        response = script.tus(method, f"{URL}{upload_id}/")
        assert response.status_code == 404
        assert "Upload-Offset" not in response
    assert script.patch(f"{URL}{upload_id}/", b"x", 0).status_code == 404


def test_what_is_somebody_elses_looks_like_what_is_not_there(script: Script) -> None:
    url = script.tus_create(5)
    stranger = Script()
    answers = []
    for each in (url, f"{URL}{'A' * 22}/"):
        responses = [
            stranger.tus("HEAD", each),
            stranger.patch(each, b"Assam", 0),
            stranger.tus("DELETE", each),
        ]
        answers.append([(one.status_code, one.content) for one in responses])
    assert answers[0] == answers[1]
    assert script.offset(url) == 0


def test_patch_must_be_204_with_the_new_offset(script: Script) -> None:
    url = script.tus_create(len(TEXT))
    response = script.patch(url, TEXT[:7000], 0)
    assert (response.status_code, response["Upload-Offset"], response.content) == (204, "7000", b"")
    response = script.patch(url, TEXT[7000:], 7000)
    assert (response.status_code, response["Upload-Offset"]) == (204, str(len(TEXT)))
    assert StagedUpload.objects.get().digest == "sha256:" + hashlib.sha256(TEXT).hexdigest()


@pytest.mark.parametrize("content_type", ["application/octet-stream", "", "text/plain", TUS_BODY + "x"])
def test_patch_of_another_content_type_should_be_415(script: Script, content_type: str) -> None:
    url = script.tus_create(5)
    response = script.tus("PATCH", url, b"Assam", upload_offset="0", content_type=content_type)
    assert response.status_code == 415
    assert script.offset(url) == 0


@pytest.mark.parametrize("offset", [1, 4999, 5001, 10_400, 10**17])
def test_patch_at_another_offset_must_be_409_without_modifying_the_upload(
    script: Script, offset: int
) -> None:
    url = script.tus_create(len(TEXT))
    script.patch(url, TEXT[:5000], 0)
    assert script.patch(url, b"tea", offset).status_code == 409
    assert script.offset(url) == 5000
    script.patch(url, TEXT[5000:], 5000)
    assert StagedUpload.objects.get().digest == "sha256:" + hashlib.sha256(TEXT).hexdigest()


@pytest.mark.parametrize("offset", ["", "-1", "+0", "0x0", "0 0", "1" * 19, "1.0", "\u0661"])
def test_an_offset_that_is_no_number_is_400(script: Script, offset: str) -> None:
    url = script.tus_create(5)
    headers = {"Tus-Resumable": "1.0.0", "Content-Type": TUS_BODY, "Upload-Offset": offset}
    assert script.send("PATCH", url, b"Assam", headers).status_code == 400
    assert script.offset(url) == 0


def test_an_empty_patch_at_the_end_is_204(script: Script) -> None:
    url = script.tus_create(5)
    script.patch(url, b"Assam", 0)
    response = script.patch(url, b"", 5)
    assert (response.status_code, response["Upload-Offset"]) == (204, "5")


def test_a_completed_upload_is_immutable(script: Script) -> None:
    url = script.tus_create(5)
    script.patch(url, b"Assam", 0)
    before = StagedUpload.objects.get()
    assert script.patch(url, b"Nilgi", 0).status_code == 409
    assert script.patch(url, b"Nilgi", 5).status_code == 409
    assert script.patch(url, b"", 5, upload_length="9").status_code == 409
    after = StagedUpload.objects.get()
    assert (after.offset, after.digest, after.stamp) == (before.offset, before.digest, before.stamp)


def test_more_than_was_declared_is_refused_and_touches_nothing(script: Script) -> None:
    url = script.tus_create(5)
    assert script.patch(url, b"Assam tea", 0).status_code == 400
    assert script.offset(url) == 0


# -- creation --------------------------------------------------------------------------------------


def test_creation_must_be_201_with_a_location(script: Script) -> None:
    response = script.tus("POST", URL, upload_length="5")
    assert response.status_code == 201
    assert response["Location"].startswith(URL)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"upload_length": "5", "upload_defer_length": "1"},
        {"upload_defer_length": "2"},
        {"upload_defer_length": "true"},
        {"upload_length": "-1"},
        {"upload_length": "1" * 19},
        {"upload_length": "five"},
        {"upload_length": "5, 5"},
    ],
)
def test_creation_needs_one_good_length(script: Script, fields: dict[str, str]) -> None:
    assert script.tus("POST", URL, **fields).status_code == 400
    assert not StagedUpload.objects.exists()


def test_a_length_over_the_maximum_must_be_413(script: Script) -> None:
    assert script.tus("POST", URL, upload_length="5000000001").status_code == 413
    assert script.tus("POST", URL, upload_length="9" * 18).status_code == 413
    assert not StagedUpload.objects.exists()


def test_a_length_of_zero_is_complete_after_its_creation(script: Script) -> None:
    url = script.tus_create(0)
    response = script.tus("HEAD", url)
    assert (response["Upload-Offset"], response["Upload-Length"]) == ("0", "0")
    assert StagedUpload.objects.get().state == "staged"


def test_metadata_must_be_echoed_as_it_was_specified(script: Script) -> None:
    value = metadata(filename="Tee für zwei.txt") + ",is_confidential,empty "
    url = script.tus_create(5, upload_metadata=value)
    assert script.tus("HEAD", url)["Upload-Metadata"] == value.strip()
    assert StagedUpload.objects.get().client_name == "Tee für zwei.txt"


@pytest.mark.parametrize(
    "value",
    [
        "filename dGVh,filename dGVh",
        "filename dGV",
        "filename d GVh",
        "filename dGVh!",
        "filename //79",
        ",",
        "filename dGVh, ,x",
        "n\u00e4me dGVh",
        "k" * 101 + " dGVh",
        "filename " + "dGVh" * 2100,
    ],
)
def test_metadata_that_breaks_the_rules_is_400(script: Script, value: str) -> None:
    assert script.tus("POST", URL, upload_length="5", upload_metadata=value).status_code == 400
    assert not StagedUpload.objects.exists()


def test_creation_with_upload_must_tell_the_offset(script: Script) -> None:
    response = script.tus("POST", URL, TEXT[:6000], upload_length=str(len(TEXT)), content_type=TUS_BODY)
    assert (response.status_code, response["Upload-Offset"]) == (201, "6000")
    response = script.tus("POST", URL, TEXT, upload_length=str(len(TEXT)), content_type=TUS_BODY)
    assert (response.status_code, response["Upload-Offset"]) == (201, str(len(TEXT)))
    assert StagedUpload.objects.filter(digest="sha256:" + hashlib.sha256(TEXT).hexdigest()).count() == 1


def test_creation_with_a_body_of_another_type_is_415(script: Script) -> None:
    response = script.tus("POST", URL, b"Assam", upload_length="5", content_type="text/plain")
    assert response.status_code == 415
    assert not StagedUpload.objects.exists()


def test_a_deferred_length_must_be_told_until_it_is_known_and_must_not_change(script: Script) -> None:
    url = script.tus_create(None)
    response = script.tus("HEAD", url)
    assert response["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in response
    assert script.patch(url, TEXT[:5000], 0).status_code == 204
    assert script.tus("HEAD", url)["Upload-Defer-Length"] == "1"
    assert script.patch(url, TEXT[5000:6000], 5000, upload_length=str(len(TEXT))).status_code == 204
    response = script.tus("HEAD", url)
    assert response["Upload-Length"] == str(len(TEXT))
    assert "Upload-Defer-Length" not in response
    assert script.patch(url, b"", 6000, upload_length="7000").status_code == 400
    assert script.patch(url, TEXT[6000:], 6000, upload_length=str(len(TEXT))).status_code == 204
    assert StagedUpload.objects.get().state == "staged"


def test_a_deferred_length_below_the_offset_is_400(script: Script) -> None:
    url = script.tus_create(None)
    script.patch(url, TEXT[:5000], 0)
    assert script.patch(url, b"", 5000, upload_length="4000").status_code == 400
    assert script.tus("HEAD", url)["Upload-Defer-Length"] == "1"


# -- expiration, checksum, termination ---------------------------------------------------------------


def test_upload_expires_must_be_in_creation_and_in_every_patch(script: Script) -> None:
    created = script.tus("POST", URL, upload_length=str(len(TEXT)))
    patched = script.patch(created["Location"], TEXT[:5000], 0)
    for response in (created, patched, script.tus("HEAD", created["Location"])):
        at = parsedate_to_datetime(response["Upload-Expires"]).timestamp()
        assert abs(at - StagedUpload.objects.get().expires_at.timestamp()) <= 2
        assert response["Upload-Expires"].endswith(" GMT")


def test_an_expired_upload_should_be_404(script: Script, settings: Any) -> None:
    url = script.tus_create(5)
    StagedUpload.objects.update(expires_at=StagedUpload.objects.get().created_at)
    assert script.patch(url, b"Assam", 0).status_code == 404
    assert script.tus("HEAD", url).status_code == 404


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_checksum_that_matches_is_204(script: Script, algorithm: str) -> None:
    url = script.tus_create(len(TEXT))
    response = script.patch(url, TEXT, 0, upload_checksum=checksum(TEXT, algorithm))
    assert response.status_code == 204
    assert StagedUpload.objects.get().digest == "sha256:" + hashlib.sha256(TEXT).hexdigest()


def test_a_mismatch_must_be_460_with_the_chunk_discarded(script: Script, held_root: Path) -> None:
    url = script.tus_create(len(TEXT))
    response = script.patch(url, TEXT, 0, upload_checksum=checksum(b"other"))
    assert (response.status_code, response["Content-Type"]) == (460, "application/problem+json")
    assert response.reason_phrase == "Checksum Mismatch"
    assert script.offset(url) == 0
    assert all(each.stat().st_size == 0 for each in files_under(held_root))
    assert script.patch(url, TEXT, 0, upload_checksum=checksum(TEXT)).status_code == 204


@pytest.mark.parametrize(
    "value",
    ["md5 XrY7u+Ae7tCTyyK7j1rNww==", "sha1", "sha1 ", "sha1 x", "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", ""],
)
def test_a_checksum_that_cannot_be_checked_must_be_400(script: Script, value: str) -> None:
    url = script.tus_create(11)
    headers = {"Tus-Resumable": "1.0.0", "Content-Type": TUS_BODY, "Upload-Offset": "0"}
    response = script.send("PATCH", url, b"hello world", {**headers, "Upload-Checksum": value})
    assert response.status_code == 400
    assert script.offset(url) == 0


def test_a_wrong_checksum_at_creation_leaves_nothing(script: Script, held_root: Path) -> None:
    fields = {"upload_length": "5", "content_type": TUS_BODY, "upload_checksum": checksum(b"other")}
    assert script.tus("POST", URL, b"Assam", **fields).status_code == 460
    assert not StagedUpload.objects.exists()
    assert not files_under(held_root)


@pytest.mark.parametrize("size", [0, 3, 5])
def test_termination_must_be_204_and_then_404(script: Script, held_root: Path, size: int) -> None:
    url = script.tus_create(5)
    script.patch(url, b"Assam"[:size], 0)
    assert script.tus("DELETE", url).status_code == 204
    assert script.tus("DELETE", url).status_code == 404
    assert script.tus("HEAD", url).status_code == 404
    assert script.patch(url, b"Assam", 0).status_code == 404
    assert not files_under(held_root)


def test_termination_leaves_alone_what_was_saved(script: Script) -> None:
    url = script.tus_create(5, upload_metadata=metadata(filename="tea.txt"))
    token = script.patch(url, b"Assam", 0)["Greenroom-Token"]
    assert script.save("/backup/", token, title="Assam").status_code == 302
    assert script.tus("DELETE", url).status_code == 204
    assert script.tus("HEAD", url).status_code == 404
    # What had to be settled about the save can still be: the sweeper removes it, not the client.
    assert StagedUpload.objects.get().buried_at is not None
    StagedUpload.objects.update(buried_at="2000-01-01T00:00Z")
    call_command("clearstaged", verbosity=0)
    assert not StagedUpload.objects.exists()
    assert Path(Paper.objects.get().body.path).read_bytes() == b"Assam"


# -- the method that is meant ------------------------------------------------------------------------


def test_the_actual_method_must_be_ignored(script: Script) -> None:
    url = script.tus_create(5)
    fields = {"upload_offset": "0", "content_type": TUS_BODY, "x_http_method_override": "PATCH"}
    assert script.tus("POST", url, b"Assam", **fields).status_code == 204
    response = script.tus("POST", url, x_http_method_override="HEAD")
    assert (response.status_code, response["Upload-Offset"], response.content) == (200, "5", b"")
    assert script.tus("GET", url, x_http_method_override="delete").status_code == 204
    assert script.tus("HEAD", url).status_code == 404


def test_an_override_is_csrf_checked_like_what_it_stands_for(script: Script) -> None:
    url = script.tus_create(5)
    script.csrf = None
    assert script.tus("GET", url, x_http_method_override="DELETE").status_code == 403
    assert script.tus("HEAD", url, x_http_method_override="DELETE").status_code == 403
    assert script.tus("POST", url, x_http_method_override="HEAD").status_code == 200
