"""Sizes and rules as a person declares and reads them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.core import Limits, UsageError, format_size, parse_size
from greenroom.core.errors import EmptyFile, TooLarge


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (0, 0),
        (10_000_000, 10_000_000),
        ("10", 10),
        ("10 B", 10),
        ("10 MB", 10_000_000),
        ("10mb", 10_000_000),
        (" 1.5 GiB ", 1_610_612_736),
        ("2.5 MiB", 2_621_440),
        ("1 kB", 1_000),
        ("1 KiB", 1_024),
        ("1.001 KB", 1_001),
        ("3 TB", 3_000_000_000_000),
        ("999999999999999999", 999_999_999_999_999_999),
    ],
)
def test_sizes(text: int | str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MB",
        "ten MB",
        "-1",
        -1,
        "1,5 MB",
        "1.5.5 MB",
        "1 PB",
        "10 megabytes",
        True,
        1.5,
        None,
        b"1",
        "١ MB",
        "1_0",
    ],
)
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(UsageError, match='"10 MB"'):
        parse_size(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (1_249, "1.2 kB"),
        (1_250, "1.3 kB"),
        (1_500, "1.5 kB"),
        (2_000_000, "2 MB"),
        (2_621_440, "2.6 MB"),
        (999_949, "999.9 kB"),
        (999_950, "1 MB"),
        (999_999_999, "1 GB"),
        (5_000_000_000, "5 GB"),
        (10**15, "1000 TB"),
    ],
)
def test_sizes_as_a_person_reads_them(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(0, 10**15))
def test_a_formatted_size_is_a_size_close_by(size: int) -> None:
    assert abs(parse_size(format_size(size)) - size) <= max(size * 0.05, 0)


@pytest.mark.parametrize(
    ("types", "media_type", "allowed"),
    [
        ([], "application/x-anything", True),
        (["image/*"], "image/png", True),
        (["image/*"], "imagex/png", False),
        (["image/*"], "application/pdf", False),
        (["image/png"], "image/png", True),
        (["image/png"], "image/jpeg", False),
        (["image/png", "application/pdf"], "application/pdf", True),
        (["*/*"], "application/pdf", True),
    ],
)
def test_types(types: list[str], media_type: str, allowed: bool) -> None:
    assert Limits(types=types).allows(media_type) is allowed


@pytest.mark.parametrize(
    "values",
    [
        {"types": "image/*"},
        {"types": ["image"]},
        {"types": ["Image/PNG"]},
        {"types": ["image/png; q=1"]},
        {"types": [".png"]},
        {"types": [None]},
        {"max_bytes": "much"},
        {"max_bytes": -1},
        {"max_pixels": 0},
        {"max_pixels": True},
        {"max_frames": 1.5},
        {"max_total_pixels": "100"},
    ],
)
def test_what_cannot_be_meant_is_refused_when_it_is_declared(values: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="Got: "):
        Limits(**values)  # type: ignore[arg-type]


def test_a_declared_length_is_checked() -> None:
    limits = Limits(max_bytes="1 kB")
    for length in (None, 1, 1_000):
        limits.check_length(length)
    with pytest.raises(TooLarge, match=r"“tea.jpg” is too large: at most 1 kB"):
        limits.check_length(1_001, name="tea.jpg")
    with pytest.raises(EmptyFile):
        limits.check_length(0)
    Limits(allow_empty=True).check_length(0)
    Limits().check_length(10**18)


limits = st.builds(
    Limits,
    max_bytes=st.none() | st.integers(0, 10**18) | st.sampled_from(["10 MB", "1.5 GiB"]),
    types=st.lists(st.sampled_from(["image/*", "image/png", "application/pdf", "*/*"])),
    allow_empty=st.booleans(),
    max_pixels=st.integers(1, 10**9),
    max_frames=st.integers(1, 10**4),
    max_total_pixels=st.integers(1, 10**9),
)


@given(limits)
def test_limits_survive_json(declared: Limits) -> None:
    assert Limits.from_dict(json.loads(json.dumps(declared.to_dict()))) == declared


def test_defaults_take_no_room_in_json() -> None:
    assert Limits().to_dict() == {}
    assert Limits(max_bytes="1 kB").to_dict() == {"max_bytes": 1_000}
