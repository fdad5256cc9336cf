"""The record of an upload moves forward, and only forward."""

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.core import State, Upload
from greenroom.core.errors import IllegalTransition
from greenroom.core.upload import Picture, is_id, new_id

LEGAL = {
    "received": {State.RECEIVING: State.RECEIVING},
    "staged": {State.RECEIVING: State.STAGED},
    "promoted": {State.STAGED: State.PROMOTED, State.PROMOTED: State.PROMOTED},
    "probed": {state: state for state in State},
    "leased": {state: state for state in State},
}


def fresh() -> Upload:
    return Upload(
        id=new_id(), owner="", client_name="tea.jpg", client_type="", created_at=0, expires_at=100, reserved=9
    )


def move(upload: Upload, name: str, number: int) -> Upload:
    if name == "received":
        return upload.received(number)
    if name == "staged":
        return upload.staged(
            size=number, digest="sha256:" + "0" * 64, media_type="image/jpeg", stamp="s", at=number
        )
    if name == "promoted":
        return upload.promoted(at=number, expires_at=number)
    if name == "probed":
        return upload.probed(Picture(media_type="image/png", width=number, height=1))
    return upload.leased(number)


@given(st.lists(st.tuples(st.sampled_from(sorted(LEGAL)), st.integers(0, 1_000)), max_size=12))
def test_only_legal_moves_are_made(moves: list[tuple[str, int]]) -> None:
    upload = fresh()
    for name, number in moves:
        target = LEGAL[name].get(upload.state)
        if target is None or (name == "received" and number < upload.offset):
            with pytest.raises(IllegalTransition):
                move(upload, name, number)
            continue
        after = move(upload, name, number)
        assert after.state is target
        assert (after.id, after.owner, after.created_at) == (upload.id, upload.owner, upload.created_at)
        if name == "received":
            assert after.size == number
        if name == "leased":
            assert after.expires_at == max(upload.expires_at, number)
        if name == "staged":
            assert (after.size, after.reserved, after.staged_at) == (number, 0, number)
        if name == "promoted":
            assert (after.promoted_at, after.expires_at) == (number, number)
        if name == "probed":
            assert after.media_type == "image/png"
        upload = after


def test_what_was_not_possible_is_said_with_the_id_and_the_state() -> None:
    upload = fresh()
    with pytest.raises(IllegalTransition, match=rf"{upload.id} must be staged or promoted .* Got: receiving"):
        upload.promoted(at=1, expires_at=2)


def test_a_record_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        fresh().offset = 5  # type: ignore[misc]


def test_ids_are_of_their_own_form_and_never_the_same() -> None:
    ids = {new_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(map(is_id, ids))


@pytest.mark.parametrize(
    "text",
    ["", "a" * 21, "a" * 23, "a" * 21 + "\n", "a" * 22 + "\n", "é" * 22, "a" * 21 + ".", b"a" * 22, None],
)
def test_what_is_no_id(text: object) -> None:
    assert not is_id(text)
