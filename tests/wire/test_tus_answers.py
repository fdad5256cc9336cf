"""What tus 1.0.0 answers: status and header fields, for each thing that can have happened."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from greenroom.core import errors
from greenroom.wire import tus
from greenroom.wire.messages import Answer, Progress

HALF = Progress(
    url="/uploads/x/",
    token="a.token",
    offset=70,
    length=100,
    complete=False,
    expires_at=1403712000.0,
    seconds_left=60,
    metadata="filename dGVh",
)
WHOLE = replace(HALF, offset=100, complete=True, digest="sha256:" + "00" * 32, media_type="text/plain")
EXPIRES = {"Upload-Expires": "Wed, 25 Jun 2014 16:00:00 GMT"}
ALWAYS = {"Tus-Resumable": "1.0.0"}
TOKEN = {"Greenroom-Token": "a.token"}
DIGEST = {"Repr-Digest": f"sha-256=:{'A' * 43}=:"}

ANSWERS: list[tuple[Answer, int, dict[str, str]]] = [
    (tus.created(HALF), 201, {"Location": "/uploads/x/", "Upload-Offset": "70", **EXPIRES, **TOKEN}),
    (tus.appended(HALF), 204, {"Upload-Offset": "70", **EXPIRES, **TOKEN}),
    (tus.appended(WHOLE), 204, {"Upload-Offset": "100", **TOKEN, **DIGEST}),
    (
        tus.looked(HALF),
        200,
        {
            "Upload-Offset": "70",
            "Upload-Length": "100",
            "Upload-Metadata": "filename dGVh",
            "Cache-Control": "no-store",
            **EXPIRES,
            **TOKEN,
        },
    ),
    (
        tus.looked(replace(HALF, offset=0, length=None, metadata="")),
        200,
        {"Upload-Offset": "0", "Upload-Defer-Length": "1", "Cache-Control": "no-store", **EXPIRES, **TOKEN},
    ),
    (tus.discarded(), 204, {}),
]


@pytest.mark.parametrize(("answer", "status", "headers"), ANSWERS)
def test_what_has_happened_becomes_an_answer(answer: Answer, status: int, headers: dict[str, str]) -> None:
    assert (answer.status, dict(answer.headers), answer.body) == (status, {**ALWAYS, **headers}, b"")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UnknownVersion(version="2"), 412),
        (errors.WrongContentType(expected="x"), 415),
        (errors.OffsetMismatch(offset=1, expected=2), 409),
        (errors.NotHeld(), 404),
        (errors.TooLarge(limit="1 MB"), 413),
        (errors.QuotaExceeded(limit="1 MB"), 413),
        (errors.ChecksumMismatch(), 460),
        (errors.Busy(), 423),
        (errors.DiskFull(), 507),
        (errors.Forbidden(reason="x"), 403),
        (errors.AlreadyWhole(), 409),
    ],
)
def test_what_is_wrong_becomes_a_problem_document_without_an_offset(
    error: errors.GreenroomError, status: int
) -> None:
    for progress in (None, HALF):
        answer = tus.refused(error, progress)
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert "Upload-Offset" not in answer.headers
        assert ("Tus-Version" in answer.headers) == (status == 412)
        values = json.loads(answer.body)
        assert (values["status"], values["code"], values["type"]) == (status, error.code, "about:blank")


def test_every_patch_says_when_the_upload_expires_refused_or_not() -> None:
    answer = tus.refused(errors.OffsetMismatch(offset=1, expected=2), HALF)
    assert answer.headers["Upload-Expires"] == EXPIRES["Upload-Expires"]


def test_a_wrong_type_and_a_wrong_method_are_told_what_is_taken() -> None:
    answer = tus.refused(errors.WrongContentType(expected=tus.BODY))
    assert answer.headers["Accept-Patch"] == "application/offset+octet-stream"
    for creating, allowed in ((True, "OPTIONS, POST"), (False, "OPTIONS, HEAD, PATCH, DELETE")):
        with pytest.raises(errors.MethodNotAllowed) as caught:
            tus.read("PUT", {"Tus-Resumable": "1.0.0"}, creating=creating)
        assert tus.refused(caught.value).headers["Allow"] == allowed


def test_a_maximum_is_told_only_if_there_is_one() -> None:
    assert tus.described(5).headers["Tus-Max-Size"] == "5"
    assert tus.refused(errors.TooLarge(limit="1 kB"), max_size=5).headers["Tus-Max-Size"] == "5"
    assert "Tus-Max-Size" not in tus.refused(errors.TooLarge(limit="1 kB")).headers
    assert "Tus-Max-Size" not in tus.described(None).headers
