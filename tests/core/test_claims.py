"""The journal of claims."""

from pathlib import Path

import pytest

from greenroom.core.claims import Claim, claims_of
from greenroom.core.upload import is_id, new_id
from greenroom.stores import LocalStore, MemoryStore
from greenroom.testing.stores import put


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LocalStore | MemoryStore:
    return LocalStore(tmp_path / "held", keep_free=0) if request.param == "local" else MemoryStore()


def claim(upload_id: str, use: str = "form-1") -> Claim:
    return Claim.new(upload_id, use=use, target="shop.Product.photo", source="baked-1", place="緑茶/tea.jpg")


def test_a_claim_is_found_until_it_is_erased(store) -> None:
    upload_id, other = put(store, b"tea"), put(store, b"pot")
    one, two = claim(upload_id), claim(upload_id, "form-2")
    one.write(store)
    two.write(store)
    claim(other).write(store)
    assert sorted(claims_of(store, upload_id), key=lambda each: each.use) == [one, two]
    one.erase(store)
    one.erase(store)
    assert list(claims_of(store, upload_id)) == [two]


def test_a_claim_is_written_anew_with_another_place(store) -> None:
    upload_id = put(store, b"tea")
    first = claim(upload_id)
    first.write(store)
    second = Claim(id=first.id, upload_id=upload_id, use=first.use, target=first.target, place="tea_1.jpg")
    second.write(store)
    assert list(claims_of(store, upload_id)) == [second]


def test_without_a_use_a_claim_has_one_that_nobody_else_can_take() -> None:
    one, two = claim(new_id(), ""), claim(new_id(), "")
    assert is_id(one.use)
    assert one.use != two.use


def test_other_side_files_are_no_claims(store) -> None:
    upload_id = put(store, b"tea")
    store.put_beside(upload_id, "w640.jpg", b"\xff\xd8")
    assert list(claims_of(store, upload_id)) == []
    assert list(claims_of(store, new_id())) == []


def test_a_claim_that_somebody_else_settles_meanwhile_is_passed_over(store) -> None:
    upload_id = put(store, b"tea")
    claims = [claim(upload_id, str(n)) for n in range(2)]
    for each in claims:
        each.write(store)
    found = claims_of(store, upload_id)
    first = next(found)
    for each in claims:
        if each != first:
            each.erase(store)
    assert list(found) == []


def test_claims_go_with_the_upload(store) -> None:
    upload_id = put(store, b"tea")
    claim(upload_id).write(store)
    store.remove(upload_id)
    assert list(claims_of(store, upload_id)) == []
