"""How HTTP says no."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import pytest

from greenroom.core import errors
from greenroom.core.errors import GreenroomError
from greenroom.wire.problem import CONTENT_TYPE, STATUSES, problem, status_of

EXPECTED = {
    errors.GreenroomError: 500,
    errors.Refused: 422,
    errors.TooLarge: 413,
    errors.EmptyFile: 422,
    errors.TypeNotAllowed: 415,
    errors.TypeContradicted: 415,
    errors.TooMany: 422,
    errors.CutShort: 400,
    errors.LengthExceeded: 400,
    errors.QuotaExceeded: 413,
    errors.TotalExceeded: 507,
    errors.AddressExceeded: 429,
    errors.DiskFull: 507,
    errors.NotChecked: 503,
    errors.StoreUnavailable: 503,
    errors.MalformedBody: 400,
    errors.NotHeld: 404,
    errors.NotFinished: 409,
    errors.NotAdoptable: 422,
    errors.OffsetMismatch: 409,
    errors.Busy: 423,
    errors.Altered: 410,
    errors.AlreadySaved: 409,
    errors.AlreadyWhole: 409,
    errors.MalformedRequest: 400,
    errors.Forbidden: 403,
    errors.MethodNotAllowed: 405,
    errors.UnknownVersion: 412,
    errors.WrongContentType: 415,
    errors.WrongCoding: 415,
    errors.LengthRequired: 411,
    errors.LengthChanged: 400,
    errors.ChecksumMismatch: 400,
    errors.DigestMismatch: 400,
    errors.NotAPicture: 422,
    errors.TooManyPixels: 422,
    errors.TooManyFrames: 422,
    errors.TooMuchWork: 422,
    errors.Blank: 422,
    errors.TooFewPixels: 422,
    errors.WrongAspect: 422,
    errors.CropInvalid: 422,
    errors.CropStale: 422,
    errors.CropOutside: 422,
    errors.CropRatio: 422,
    errors.CropMoving: 422,
}


def kinds() -> Iterator[type[GreenroomError]]:
    """Every error of the errors file."""
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, GreenroomError):
            yield value


def test_every_error_has_one_row_of_its_own() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(codes) == len(set(codes))
    assert set(codes) == set(STATUSES)


@pytest.mark.parametrize("kind", list(kinds()))
def test_status(kind: type[GreenroomError]) -> None:
    assert status_of(kind) == EXPECTED[kind]


def test_a_refusal_of_somebody_elses_has_the_status_of_its_base() -> None:
    class TooBlue(errors.TooLarge):
        code = "too_blue"

    class Infected(errors.Refused):
        code = "infected"

    assert problem(TooBlue(limit="1 MB")).status == 413
    assert problem(TooBlue(limit="1 MB")).code == "too_blue"
    assert status_of(Infected) == 422


def test_the_document() -> None:
    document = problem(errors.TooLarge(name="tea.jpg", limit="10 MB"))
    assert json.loads(document.to_json()) == {
        "type": "about:blank",
        "title": document.title,
        "status": 413,
        "code": "too_large",
        "detail": "“tea.jpg” is too large: at most 10 MB is taken here. Choose a smaller file.",
    }
    assert document.title == "Content Too Large"  # RFC 9110 section 15.5.14, under every Python
    assert CONTENT_TYPE == "application/problem+json"


def test_the_detail_can_be_a_translation() -> None:
    document = problem(errors.EmptyFile(), detail="Diese Datei ist leer.")
    assert json.loads(document.to_json())["detail"] == "Diese Datei ist leer."


def test_a_protocol_may_give_its_own_type() -> None:
    document = dataclasses.replace(
        problem(errors.OffsetMismatch(offset=1, expected=2)), type="https://example.com/a"
    )
    assert json.loads(document.to_json())["type"] == "https://example.com/a"


def test_a_name_that_is_not_valid_unicode() -> None:
    document = problem(errors.EmptyFile(name="te\ud800a\u202e.jpg"))
    assert "te\ud800a" in json.loads(document.to_json())["detail"]
