"""The stored crop: what is taken, what is refused and why, and how edges become whole pixels."""

from __future__ import annotations

import contextlib
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from greenroom.core.errors import (
    CropInvalid,
    CropOutside,
    CropRatio,
    CropStale,
    GreenroomError,
    UsageError,
)
from greenroom.core.upload import Picture
from greenroom.images import Crop, Ratio, dependent_side, largest, round_edges
from greenroom.images.crop import MAX_SIDE

GOOD: dict[str, Any] = {
    "v": 1,
    "src": [4000, 3000],
    "x": 0,
    "y": 0,
    "w": 3000,
    "h": 2250,
    "rot": 90,
    "flip": True,
}
CROP = Crop(src=(4000, 3000), x=0, y=0, w=3000, h=2250, rot=90, flip=True)

sides = st.integers(1, MAX_SIDE)
starts = st.integers(0, MAX_SIDE)
crops = st.builds(
    Crop, src=st.tuples(sides, sides), x=starts, y=starts, w=sides, h=sides,
    rot=st.sampled_from([0, 90, 180, 270]), flip=st.booleans(),
)  # fmt: skip
small_pictures = st.builds(
    lambda width, height: Picture(media_type="image/png", width=width, height=height),
    st.integers(1, 300), st.integers(1, 300),
)  # fmt: skip
ratios = st.builds(Ratio, st.integers(1, 40), st.integers(1, 40))
rotations = st.sampled_from([0, 90, 180, 270])


def picture(width: int = 4000, height: int = 3000) -> Picture:
    return Picture(media_type="image/jpeg", width=width, height=height)


# -- parsing ---------------------------------------------------------------------------------------


def test_the_stored_form() -> None:
    assert Crop.parse(json.dumps(GOOD)) == CROP
    assert Crop.parse(GOOD) == CROP
    assert CROP.to_dict() == GOOD
    assert CROP.to_json() == '{"v":1,"src":[4000,3000],"x":0,"y":0,"w":3000,"h":2250,"rot":90,"flip":true}'
    assert CROP.compact() == "4000-3000-0-0-3000-2250-90-1"


@pytest.mark.parametrize("nothing", [None, "null", " null "])
def test_null_is_no_crop(nothing: str | None) -> None:
    assert Crop.parse(nothing) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"x": 1.0}, {"x": "1"}, {"x": True}, {"x": None}, {"x": -1}, {"x": MAX_SIDE + 1}, {"x": [1]}, {"x": 10**400},
        {"w": 0}, {"h": 0}, {"w": False}, {"h": 2250.5}, {"h": math.nan}, {"h": math.inf},
        {"rot": 45}, {"rot": 360}, {"rot": -90}, {"rot": 90.0}, {"rot": True}, {"rot": "90"},
        {"flip": 1}, {"flip": 0}, {"flip": None}, {"flip": "true"},
        {"v": 2}, {"v": 1.0}, {"v": True}, {"v": "1"}, {"v": None},
        {"src": [4000]}, {"src": [4000, 3000, 1]}, {"src": "40"}, {"src": {"0": 4, "1": 3}}, {"src": [4000.0, 3000]},
        {"src": [0, 3000]}, {"src": [True, 3000]}, {"src": None}, {"src": [[1], 2]}, {"src": 7},
        {"extra": 1}, {"": 1}, {"X": 0},
    ],
)  # fmt: skip
def test_what_merely_looks_like_a_crop_is_refused(changed: dict[str, Any]) -> None:
    for value in (GOOD | changed, json.dumps(GOOD | changed)):
        with pytest.raises(CropInvalid) as refusal:
            Crop.parse(value)
        assert str(refusal.value).startswith("The crop of This file cannot be used: ")


@pytest.mark.parametrize("missing", GOOD)
def test_every_value_is_needed(missing: str) -> None:
    with pytest.raises(CropInvalid, match="missing"):
        Crop.parse({key: value for key, value in GOOD.items() if key != missing})


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "{}", "[]", "1", "true", '"crop"', "{", "nul", "NaN", "undefined", "{'v':1}", "\0", "\ufeff" + json.dumps(GOOD),
        json.dumps(GOOD)[:-1], json.dumps(GOOD) + "x", json.dumps(GOOD) * 2,
        json.dumps(GOOD)[:-1] + ',"x":0}', json.dumps(GOOD)[:-1] + ',"v":1}',
        json.dumps(GOOD).replace('"x": 0', '"x": 1e0'), json.dumps(GOOD).replace('"x": 0', '"x": 00'),
        json.dumps(GOOD).replace('"x": 0', '"x": NaN'), json.dumps(GOOD).replace('"x": 0', '"x": -Infinity'),
        json.dumps(GOOD) + " " * 500, "[" * 500, "9" * 500, "-" * 10,
    ],
)  # fmt: skip
def test_text_that_is_not_the_stored_form_is_refused(text: str) -> None:
    with pytest.raises(CropInvalid):
        Crop.parse(text)


@pytest.mark.parametrize("value", [7, 1.5, True, [], b"{}", object(), {1: 2}])
def test_objects_that_are_not_a_crop_are_refused(value: object) -> None:
    with pytest.raises(CropInvalid):
        Crop.parse(value)


@given(st.text(max_size=600))
def test_no_text_does_anything_but_parse_or_refuse(text: str) -> None:
    for parse in (Crop.parse, Crop.from_compact):
        with contextlib.suppress(CropInvalid):
            parse(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(GOOD)), json_values)
def test_no_value_in_any_place_does_anything_but_parse_or_refuse(key: str, value: Any) -> None:
    try:
        crop = Crop.parse(GOOD | {key: value})
    except CropInvalid:
        return
    assert crop is not None
    assert type(crop.to_dict()[key]) is type(value)


@given(crops)
def test_every_form_comes_back(crop: Crop) -> None:
    assert Crop.parse(crop.to_json()) == crop
    assert Crop.parse(crop.to_dict()) == crop
    assert Crop.from_compact(crop.compact()) == crop


@given(crops)
@example(Crop(src=(MAX_SIDE, MAX_SIDE), x=MAX_SIDE, y=MAX_SIDE, w=MAX_SIDE, h=MAX_SIDE, rot=270, flip=True))
def test_the_compact_form_is_short_and_safe_in_a_url(crop: Crop) -> None:
    assert len(crop.compact()) <= 60
    assert set(crop.compact()) <= set("0123456789-")


@pytest.mark.parametrize(
    "text",
    ["", "1-2-3", CROP.compact() + "-0", CROP.compact() + "\n", " " + CROP.compact(), "04" + CROP.compact()[1:],
     CROP.compact().replace("90", "91"), CROP.compact()[:-1] + "2", "٤000-3000-0-0-3000-2250-90-1",
     "99999999-3000-0-0-3000-2250-90-1", "0-3000-0-0-1-1-0-0", "--".join("12345678")],
)  # fmt: skip
def test_another_compact_text_is_refused(text: str) -> None:
    with pytest.raises(CropInvalid):
        Crop.from_compact(text)


def test_a_programmers_crop_is_checked_too() -> None:
    with pytest.raises(UsageError, match="Got: "):
        Crop(src=(40, 30), x=0, y=0, w=0, h=1)
    with pytest.raises(UsageError, match="Got: "):
        Crop(src=(40, 30), x=0, y=0, w=1, h=1, rot=45)


# -- against a picture -----------------------------------------------------------------------------


def test_the_size_of_the_result() -> None:
    assert CROP.result_size == (2250, 3000)
    assert Crop(src=(9, 9), x=0, y=0, w=4, h=3, rot=180).result_size == (4, 3)


def test_a_crop_of_another_picture_is_stale() -> None:
    with pytest.raises(CropStale, match="4000 × 3001"):
        CROP.check(picture(4000, 3001))
    with pytest.raises(CropStale):
        CROP.check(picture(3000, 4000))


@pytest.mark.parametrize(
    ("x", "y", "inside"), [(1000, 750, True), (1001, 750, False), (1000, 751, False), (0, 0, True)]
)
def test_a_crop_lies_fully_inside(x: int, y: int, inside: bool) -> None:
    crop = Crop(src=(4000, 3000), x=x, y=y, w=3000, h=2250)
    if inside:
        crop.check(picture())
    else:
        with pytest.raises(CropOutside, match="4000 × 3000"):
            crop.check(picture())


def test_the_ratio_is_of_what_is_displayed() -> None:
    CROP.check(picture(), Ratio(3, 4))
    with pytest.raises(CropRatio, match="2250 × 3000 pixels, which is not 4:3"):
        CROP.check(picture(), Ratio(4, 3))


# -- ratios ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "terms"),
    [("4:3", (4, 3)), (" 16 : 9 ", (16, 9)), ("1x1", (1, 1)), ("3/2", (3, 2)), ("4×3", (4, 3))],
)
def test_ratios_as_people_write_them(text: str, terms: tuple[int, int]) -> None:
    assert Ratio.parse(text) == Ratio(*terms)


@pytest.mark.parametrize(
    "text", ["", "4", "4:", "0:3", "4:3:2", "4.5:3", "-4:3", "free", "10001:1", "٤:3", None, 4]
)
def test_other_ratios_are_mistakes(text: Any) -> None:
    with pytest.raises(UsageError, match="Got: "):
        Ratio.parse(text)


@given(ratios, st.integers(1, 9999), st.integers(1, 9999))
def test_a_ratio_accepts_what_is_within_half_a_pixel(ratio: Ratio, width: int, height: int) -> None:
    """The longer term's side decides: half a pixel of the other side, seen in exact arithmetic."""
    off_height = abs(Fraction(width * ratio.q, ratio.p) - height)
    off_width = abs(Fraction(height * ratio.p, ratio.q) - width)
    assert ratio.accepts(width, height) is (min(off_height, off_width) <= Fraction(1, 2))


# -- rounding --------------------------------------------------------------------------------------

VECTORS = json.loads(Path(__file__).with_name("crop_vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["round_edges"], ids=lambda vector: vector["why"])
def test_edges_are_rounded_by_the_table(vector: dict[str, Any]) -> None:
    crop = round_edges(
        picture(*vector["src"]),
        **dict(zip(("left", "top", "right", "bottom"), vector["edges"], strict=True)),
        ratio=Ratio.parse(vector["ratio"]) if vector["ratio"] else None,
        rot=vector["rot"],
    )
    assert [crop.x, crop.y, crop.w, crop.h] == vector["crop"]


@pytest.mark.parametrize("vector", VECTORS["largest"], ids=str)
def test_the_largest_is_by_the_table(vector: dict[str, Any]) -> None:
    crop = largest(picture(*vector["src"]), Ratio.parse(vector["ratio"]), vector["rot"])
    assert [crop.x, crop.y, crop.w, crop.h] == vector["crop"]


@pytest.mark.parametrize("vector", VECTORS["dependent_side"], ids=str)
def test_the_dependent_side_is_by_the_table(vector: dict[str, Any]) -> None:
    given = {key: vector[key] for key in ("x", "y", "w", "h", "rot")}
    sides = dependent_side(picture(*vector["src"]), Ratio.parse(vector["ratio"]), **given)
    assert list(sides) == vector["size"]


def some_rectangle_exists(wide: int, high: int, ratio: Ratio, rot: int) -> bool:
    return any(
        ratio.accepts(*((h, w) if rot % 180 else (w, h)))
        for w in range(1, wide + 1)
        for h in range(1, high + 1)
    )


edges = st.floats(-50, 350, allow_nan=False)


@given(small_pictures, edges, edges, edges, edges, st.none() | ratios, rotations)
def test_rounded_edges_always_pass_the_check(
    picture: Picture, left: float, top: float, right: float, bottom: float, ratio: Ratio | None, rot: int
) -> None:
    try:
        crop = round_edges(picture, left=left, top=top, right=right, bottom=bottom, ratio=ratio, rot=rot)
    except CropRatio:
        assume(picture.width * picture.height < 400)  # the search below is slow
        assert ratio is not None
        assert not some_rectangle_exists(picture.width, picture.height, ratio, rot)
    else:
        crop.check(picture, ratio)


@given(small_pictures, ratios, rotations)
def test_the_largest_is_inside_of_the_ratio_centred_and_touches_two_edges(
    picture: Picture, ratio: Ratio, rot: int
) -> None:
    try:
        crop = largest(picture, ratio, rot)
    except CropRatio:
        assume(picture.width * picture.height < 400)
        assert not some_rectangle_exists(picture.width, picture.height, ratio, rot)
        return
    crop.check(picture, ratio)
    assert crop.w == picture.width or crop.h == picture.height
    assert picture.width - crop.w - 2 * crop.x in (0, 1)
    assert picture.height - crop.h - 2 * crop.y in (0, 1)


@given(small_pictures, ratios, rotations, st.data())
def test_the_dependent_side_always_passes_the_check(
    picture: Picture, ratio: Ratio, rot: int, data: Any
) -> None:
    x = data.draw(st.integers(0, picture.width - 1))
    y = data.draw(st.integers(0, picture.height - 1))
    side = data.draw(st.sampled_from("wh"))
    length = data.draw(st.integers(1, 400))
    try:
        w, h = dependent_side(picture, ratio, x=x, y=y, rot=rot, **{side: length})
    except CropRatio:
        wide, high = picture.width - x, picture.height - y
        assume(wide * high < 400)
        assert not some_rectangle_exists(wide, high, ratio, rot)
        return
    Crop(src=(picture.width, picture.height), x=x, y=y, w=w, h=h, rot=rot).check(picture, ratio)


@pytest.mark.parametrize("edge", [math.nan, math.inf, -math.inf])
def test_edges_are_numbers(edge: float) -> None:
    with pytest.raises(CropInvalid):
        round_edges(picture(), left=0, top=edge, right=5, bottom=5)


def test_one_side_is_given_and_one_follows() -> None:
    for sides in ({}, {"w": 5, "h": 5}):
        with pytest.raises(UsageError, match="Got: "):
            dependent_side(picture(), Ratio(1, 1), **sides)
    with pytest.raises(CropOutside):
        dependent_side(picture(), Ratio(1, 1), x=4000, w=5)


def test_every_reason_is_a_sentence_about_the_named_file() -> None:
    for refuse in (
        lambda: Crop.parse("x"),
        lambda: CROP.check(picture(5, 5)),
        lambda: CROP.check(picture(), Ratio(9, 1)),
    ):
        with pytest.raises(GreenroomError) as refusal:
            refuse()
        assert "“tea.jpg”" in str(refusal.value.named("tea.jpg"))
