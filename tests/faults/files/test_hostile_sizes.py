"""Promise 13: the prober is the decoder. Whatever claims a size in a file must claim the one that is decoded."""

import pytest

from greenroom.core.errors import NotAPicture, TooManyPixels
from greenroom.images import Recipe, probe, render
from tests.faults.files.disagreeing import CLAIMS_TOO_MUCH, DISAGREEING, HONEST
from tests.faults.tally import Injected


@pytest.mark.parametrize("kind", HONEST)
def test_what_agrees_is_taken(kind: str) -> None:
    """The files are sound but for their lies: without one they are pictures."""
    data = HONEST[kind]()
    picture = probe(data)
    rendered = render(data, Recipe.bake(None), picture=picture)
    assert (rendered.width, rendered.height) == (picture.width, picture.height)


@pytest.mark.parametrize("kind", DISAGREEING)
def test_two_sizes_are_a_refusal(injected: Injected, kind: str) -> None:
    with injected(13), pytest.raises(NotAPicture):
        probe(DISAGREEING[kind]())


@pytest.mark.parametrize("kind", CLAIMS_TOO_MUCH)
def test_the_largest_claim_is_held_against_the_limits(injected: Injected, kind: str) -> None:
    with injected(14), pytest.raises(TooManyPixels):
        probe(CLAIMS_TOO_MUCH[kind]())
