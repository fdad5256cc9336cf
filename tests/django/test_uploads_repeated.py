"""Creations whose answer was lost, and that are sent again: the field has room for what it has already."""

from __future__ import annotations

from typing import Any

import pytest

from greenroom import conf
from greenroom.bodies import FIRST_READ
from greenroom.measures import Measure
from greenroom.models import StagedUpload
from greenroom.signals import measured
from tests.django.uploading import TUS_BODY, URL, Script, checksum, code, metadata

pytestmark = pytest.mark.django_db(transaction=True)

BODY = {"content_type": TUS_BODY}


@pytest.fixture
def script() -> Script:
    return Script("/papers/")


def test_a_creation_whose_answer_was_lost_can_be_repeated(script: Script) -> None:
    fields = {"greenroom_policy": script.policy("papers"), "upload_metadata": metadata(filename="a.txt")}
    for _ in range(5):
        script.tus_create(5, **fields)
    assert StagedUpload.objects.count() == 3


def filled(script: Script, **fields: str) -> list[Any]:
    """The answers to creations of equal files with all their bytes, as many as the field takes."""
    fields |= {"greenroom_policy": script.policy("papers"), "upload_metadata": metadata(filename="a.txt")}
    return [script.tus("POST", URL, b"Assam", upload_length="5", **BODY, **fields) for _ in range(3)]


def test_a_whole_file_whose_answer_was_lost_is_not_kept_twice(script: Script) -> None:
    """Also where the field has no room for another: it is the same file, byte for byte."""
    fields = {"greenroom_policy": script.policy("papers"), "upload_metadata": metadata(filename="a.txt")}
    made = filled(script)[-1]
    again = script.tus("POST", URL, b"Assam", upload_length="5", **BODY, **fields)
    assert (again.status_code, again["Location"]) == (201, made["Location"])
    assert (again["Upload-Offset"], again["Greenroom-Token"]) == ("5", made["Greenroom-Token"])
    assert StagedUpload.objects.count() == 3
    assert script.save("/papers/", again["Greenroom-Token"], "papers", title="x").status_code == 302


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        (b"Assaf", {}),
        (b"Assam", {"upload_metadata": metadata(filename="b.txt")}),
        (b"Assam", {"upload_metadata": metadata(filename="a.txt", more="x")}),
        (b"Assam", {"upload_length": "6"}),
        (b"Assa", {}),
    ],
)
def test_another_file_finds_no_room_by_being_like_it(
    script: Script, data: bytes, changed: dict[str, str]
) -> None:
    fields = {"greenroom_policy": script.policy("papers"), "upload_metadata": metadata(filename="a.txt")}
    filled(script)
    response = script.tus("POST", URL, data, **{"upload_length": "5", **BODY, **fields, **changed})
    assert (response.status_code, code(response)) == (422, "too_many")
    assert StagedUpload.objects.count() == 3


def test_no_more_of_another_file_is_read_than_is_the_same(script: Script) -> None:
    """Also where it has a checksum, which is judged on the way: what is refused waits nowhere."""
    fields = {"greenroom_policy": script.policy("papers"), "upload_metadata": metadata(filename="a.txt")}
    fields |= {"upload_length": "960000", **BODY}
    data = b"Assam " * 160_000
    assert [script.tus("POST", URL, data, **fields).status_code for _ in range(3)] == [201] * 3
    taken: list[int] = []

    def hear(measure: Measure, **_: Any) -> None:
        taken.append(measure.bytes)

    measured.connect(hear)
    try:
        other = b"!" + data[1:]
        response = script.tus("POST", URL, other, upload_checksum=checksum(other), **fields)
    finally:
        measured.disconnect(hear)
    assert (response.status_code, code(response)) == (422, "too_many")
    assert taken == [FIRST_READ]


@pytest.mark.parametrize(("said", "status"), [(b"Assam", 201), (b"Ceylon", 460)])
def test_a_checksum_is_that_of_what_is_sent_again(script: Script, said: bytes, status: int) -> None:
    fields = {"greenroom_policy": script.policy("papers"), "upload_metadata": metadata(filename="a.txt")}
    filled(script)
    response = script.tus(
        "POST", URL, b"Assam", upload_length="5", upload_checksum=checksum(said), **BODY, **fields
    )
    assert response.status_code == status
    assert StagedUpload.objects.count() == 3


def test_a_large_file_finds_its_own_room_again(script: Script, settings: Any) -> None:
    """What stands in its way is what the lost answer was about."""
    settings.GREENROOM = {**settings.GREENROOM, "OWNER_BYTES": 1_500_000}
    fields = {"greenroom_policy": script.policy("papers"), "upload_metadata": metadata(filename="a.txt")}
    for _ in range(3):
        script.tus_create(900_000, **fields)
    assert StagedUpload.objects.count() == 1
    assert script.tus("POST", URL, upload_length="900001", **fields).status_code == 413


def test_what_is_being_received_does_not_make_way(script: Script) -> None:
    """The ledger hears of what comes with a creation when all of it is here."""
    fields = {"greenroom_policy": script.policy("papers"), "upload_metadata": metadata(filename="a.txt")}
    for number in range(3):
        script.tus_create(5 + number, **fields)
    for each in StagedUpload.objects.all():
        writer = conf.current_store().append(each.pk, 0)
        writer.write(b"As")
        writer.close()
    response = script.tus("POST", URL, upload_length="5", **fields)
    assert (response.status_code, code(response)) == (422, "too_many")
    assert StagedUpload.objects.filter(buried_at=None).count() == 3


def test_what_its_client_knows_is_not_answered_for_another(script: Script) -> None:
    """It may give up the one, and keep the other."""
    fields = {"greenroom_policy": script.policy("papers"), "upload_metadata": metadata(filename="a.txt")}
    for made in filled(script):
        assert script.client.get(f"/greenroom/held/{made['Greenroom-Token']}/").status_code == 200
    response = script.tus("POST", URL, b"Assam", upload_length="5", **BODY, **fields)
    assert (response.status_code, code(response)) == (422, "too_many")


def test_a_part_whose_answer_was_lost_is_gone_on_with(script: Script) -> None:
    fields = {"greenroom_policy": script.policy("papers"), "upload_length": "9", **BODY}
    urls = [script.tus("POST", URL, b"Assam", **fields)["Location"] for _ in range(5)]
    assert len(set(urls)) == 3
    assert script.patch(urls[-1], b" tea", 5).status_code == 204
    damaged = script.tus("POST", URL, b"Assam", **fields, upload_checksum=checksum(b"Ceylon"))
    assert (damaged.status_code, code(damaged)) == (460, "checksum_mismatch")


@pytest.mark.parametrize(("data", "status"), [(b"Assam", 200), (b"Assaf", 422)])
def test_the_draft_as_well(script: Script, data: bytes, status: int) -> None:
    fields = {"greenroom_policy": script.policy("papers"), "upload_complete": "?1"}
    tokens = [script.ietf("POST", URL, b"Assam", **fields)["Greenroom-Token"] for _ in range(3)]
    response = script.ietf("POST", URL, data, **fields)
    assert response.status_code == status
    assert response.get("Greenroom-Token") == (tokens[-1] if status == 200 else None)
