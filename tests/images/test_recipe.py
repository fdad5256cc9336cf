"""Recipes are values: stored, compared, and named by a digest that does not change."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.core.errors import CropInvalid, UsageError
from greenroom.images import MEDIA_TYPES, Crop, Recipe

CROP = Crop(src=(400, 300), x=1, y=2, w=30, h=40, rot=90)

lengths = st.integers(1, 5000)
recipes = st.builds(
    Recipe,
    crop=st.sampled_from([None, CROP]), size=st.none() | st.tuples(lengths, lengths),
    format=st.sampled_from([None, *MEDIA_TYPES]), web=st.booleans(), first_frame=st.booleans(),
)  # fmt: skip


@given(recipes)
def test_json_and_back(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.to_json()) == recipe


@given(recipes, recipes)
def test_the_digest_tells_recipes_apart_and_fits_into_a_file_name(one: Recipe, other: Recipe) -> None:
    assert (one.digest() == other.digest()) is (one == other)
    assert len(one.digest()) == 24
    assert set(one.digest()) <= set("0123456789abcdef")


def test_digests_are_the_same_in_every_release() -> None:
    """Files are named by them: a change here makes every rendition that is kept an orphan."""
    assert Recipe.bake(None).digest() == "44136fa355b3678a1146ad16"
    assert Recipe.preview().to_json() == '{"first_frame":true,"size":[640,640],"web":true}'
    assert Recipe.proxy().to_json() == '{"first_frame":true,"size":[2048,2048],"web":true}'
    assert json.loads(Recipe.bake(CROP, (9, 8)).to_json()) == {"crop": CROP.to_dict(), "size": [9, 8]}


@pytest.mark.parametrize(
    "values",
    [{"format": "bmp"}, {"format": "JPEG"}, {"format": "image/png"}, {"size": (0, 5)}, {"size": (5,)}, {"size": (5.0, 5)}, {"size": (True, 5)}],
)  # fmt: skip
def test_wrong_recipes_are_mistakes(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="Got: "):
        Recipe(**values)


def test_a_stored_recipe_is_checked() -> None:
    for text in ('{"size":[0,1]}', '{"other":1}', "[]", "7"):
        with pytest.raises(UsageError, match="Got: "):
            Recipe.from_json(text)
    with pytest.raises(CropInvalid):
        Recipe.from_json('{"crop":{"x":1}}')


def test_a_list_for_a_size_is_as_good_as_a_tuple() -> None:
    assert Recipe(size=[4, 5]) == Recipe(size=(4, 5))
    assert hash(Recipe(size=[4, 5])) == hash(Recipe(size=(4, 5)))


@pytest.mark.parametrize(
    ("size", "box", "want"),
    [((4000, 3000), (640, 640), (640, 480)), ((3000, 4000), (640, 640), (480, 640)), ((640, 1), (64, 64), (64, 1)),
     ((10, 5000), (100, 100), (1, 100)), ((30, 40), (640, 640), (30, 40)), ((641, 640), (640, 640), (640, 639)),
     ((3000, 2250), (1600, 1200), (1600, 1200)), ((100, 100), (50, 20), (20, 20))],
)  # fmt: skip
def test_results_fit_into_the_box(size: tuple[int, int], box: tuple[int, int], want: tuple[int, int]) -> None:
    assert Recipe(size=box).result_size(*size) == want


@given(st.tuples(lengths, lengths), st.tuples(lengths, lengths))
def test_results_fit_touch_the_box_and_keep_the_shape(size: tuple[int, int], box: tuple[int, int]) -> None:
    width, height = Recipe(size=box).result_size(*size)
    assert 1 <= width <= min(box[0], size[0])
    assert 1 <= height <= min(box[1], size[1])
    if (width, height) != size:
        assert width == box[0] or height == box[1]
        scale = min(Fraction(box[0], size[0]), Fraction(box[1], size[1]))
        assert abs(width - size[0] * scale) <= Fraction(1, 2) or width == 1
        assert abs(height - size[1] * scale) <= Fraction(1, 2) or height == 1


def test_a_crop_that_is_turned_swaps_before_it_is_fitted() -> None:
    assert Recipe(crop=CROP, size=(20, 20)).result_size(400, 300) == (20, 15)
