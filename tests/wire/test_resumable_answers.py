"""What the IETF draft answers: status and header fields, for each thing that can have happened."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from greenroom.core import errors
from greenroom.wire import resumable
from greenroom.wire.messages import Answer, Progress

HALF = Progress(
    url="/uploads/x/",
    token="a.token",
    offset=70,
    length=100,
    complete=False,
    expires_at=1403712000.0,
    seconds_left=60,
    max_size=1000,
)
WHOLE = replace(
    HALF, offset=100, complete=True, digest="sha256:" + "00" * 32, media_type="text/plain", client_name="é"
)
STATE = {
    "Upload-Complete": "?0",
    "Upload-Offset": "70",
    "Upload-Limit": "max-size=1000, max-age=60",
    "Upload-Draft-Interop-Version": "8",
    "Greenroom-Token": "a.token",
}
DIGEST = {"Repr-Digest": f"sha-256=:{'A' * 43}=:"}
NO_STORE = {"Cache-Control": "no-store"}
JSON = {"Content-Type": "application/json", **NO_STORE}
DONE = {**STATE, "Upload-Complete": "?1", "Upload-Offset": "100", **DIGEST}

ANSWERS: list[tuple[Answer, int, dict[str, str]]] = [
    (resumable.created(HALF), 201, {"Location": "/uploads/x/", **STATE}),
    (resumable.created(WHOLE), 200, {"Location": "/uploads/x/", **DONE, **JSON}),
    (resumable.appended(HALF), 204, STATE),
    (resumable.appended(WHOLE), 200, {**DONE, **JSON}),
    (resumable.looked(HALF), 204, {**STATE, **NO_STORE, "Upload-Length": "100"}),
    (resumable.looked(replace(HALF, length=None)), 204, {**STATE, **NO_STORE}),
    (resumable.looked(replace(WHOLE, length=None)), 204, {**DONE, **NO_STORE, "Upload-Length": "100"}),
    (resumable.discarded(), 204, {"Upload-Draft-Interop-Version": "8"}),
]


@pytest.mark.parametrize(("answer", "status", "headers"), ANSWERS)
def test_what_has_happened_becomes_an_answer(answer: Answer, status: int, headers: dict[str, str]) -> None:
    assert (answer.status, dict(answer.headers)) == (status, headers)
    assert bool(answer.body) == (status == 200)


def test_the_final_answer_says_what_a_form_needs() -> None:
    assert json.loads(resumable.appended(WHOLE).body) == {
        "token": "a.token",
        "name": "é",
        "size": 100,
        "type": "text/plain",
        "digest": "sha256:" + "00" * 32,
    }


def test_limits_are_told_or_none() -> None:
    assert resumable.described(5).headers["Upload-Limit"] == "max-size=5"
    # "If the server does not apply any limits, it MUST use `min-size=0`"
    assert resumable.described(None).headers["Upload-Limit"] == "min-size=0"
    assert resumable.appended(replace(HALF, max_size=None)).headers["Upload-Limit"] == "max-age=60"
    assert resumable.appended(replace(HALF, seconds_left=-3)).headers["Upload-Limit"].endswith("max-age=0")


def test_a_mismatching_offset_tells_both() -> None:
    answer = resumable.refused(errors.OffsetMismatch(name="tea", offset=25, expected=12), HALF)
    assert answer.status == 409
    assert (answer.headers["Upload-Offset"], answer.headers["Upload-Complete"]) == ("12", "?0")
    values = json.loads(answer.body)
    assert values["type"] == "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
    assert values["title"] == "Mismatching Upload Offset"  # as it is to be registered
    assert (values["expected-offset"], values["provided-offset"]) == (12, 25)


def test_an_inconsistent_length_has_its_type() -> None:
    answer = resumable.refused(errors.LengthChanged(declared=5))
    assert (answer.status, answer.headers["Upload-Complete"]) == (400, "?0")
    values = json.loads(answer.body)
    assert values["type"] == "https://iana.org/assignments/http-problem-types#inconsistent-upload-length"
    assert values["title"] == "Inconsistent Upload Length Values"


def test_too_large_tells_the_limits() -> None:
    answer = resumable.refused(errors.TooLarge(limit="1 kB"), HALF)
    assert (answer.status, answer.headers["Upload-Limit"]) == (413, "max-size=1000, max-age=60")
    # "SHOULD include the Upload-Limit header field in this response", also where there is no upload yet.
    answer = resumable.refused(errors.QuotaExceeded(limit="1 kB"), max_size=5)
    assert (answer.status, answer.headers["Upload-Limit"]) == (413, "max-size=5")
    assert resumable.refused(errors.TooLarge(limit="1 kB")).headers["Upload-Limit"] == "min-size=0"
    assert "Upload-Limit" not in resumable.refused(errors.Busy(), HALF).headers


def test_an_answer_about_the_file_itself_is_the_last() -> None:
    """ "Completeness": "whether the response comes from the initial targeted resource"."""
    judged = errors.TypeNotAllowed(found="x", allowed="y")
    for error in (judged, errors.EmptyFile(), errors.DigestMismatch()):
        assert resumable.refused(error, HALF).headers["Upload-Complete"] == "?1"
    for error in (errors.ChecksumMismatch(), errors.AlreadyWhole(), errors.TooLarge(limit="1 kB")):
        assert resumable.refused(error, HALF).headers["Upload-Complete"] == "?0"


def test_a_wrong_type_and_a_wrong_method_are_told_what_is_taken() -> None:
    answer = resumable.refused(errors.WrongContentType(expected=resumable.BODY))
    assert answer.headers["Accept-Patch"] == "application/partial-upload"
    expected = ((True, "OPTIONS, POST, PUT"), (False, "OPTIONS, HEAD, GET, PATCH, DELETE"))
    for creating, allowed in expected:
        with pytest.raises(errors.MethodNotAllowed) as caught:
            resumable.read("LOCK", {}, creating=creating)
        assert resumable.refused(caught.value).headers["Allow"] == allowed


@pytest.mark.parametrize("error", [errors.NotHeld(), errors.ChecksumMismatch(), errors.Busy()])
def test_what_has_no_type_of_the_draft_is_about_blank(error: errors.GreenroomError) -> None:
    answer = resumable.refused(error)
    assert json.loads(answer.body)["type"] == "about:blank"
    assert "Upload-Offset" not in answer.headers
