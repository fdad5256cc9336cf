"""The walks over containers: right about whole files, quick and calm about anything else."""

from __future__ import annotations

import contextlib
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.images.worker.sizes import claimed_sizes
from greenroom.images.worker.whole import (
    MANY_PAGES,
    is_whole,
    jpeg_scans,
    tiff_pages,
    webp_is_lossless,
)
from tests.images import pictures

TYPES = [f"image/{name}" for name in pictures.FORMATS]


@pytest.mark.parametrize("name", pictures.FORMATS)
def test_whole_files_are_whole(name: str) -> None:
    assert is_whole(pictures.encoded(pictures.coded(), name), f"image/{name}")


@pytest.mark.parametrize("name", ["avif", "gif", "jpeg", "png", "webp"])
def test_every_cut_is_noticed(name: str) -> None:
    data = pictures.encoded(pictures.coded(), name)
    # An AVIF that ends with a box is whole as far as boxes go; the decoder misses the rest.
    wrong = [end for end in range(1, len(data)) if is_whole(data[:end], f"image/{name}")]
    assert len(wrong) <= (2 if name == "avif" else 0), wrong


@given(st.sampled_from(TYPES), st.binary(max_size=300), st.data())
def test_rubbish_is_survived(media_type: str, rubbish: bytes, data: st.DataObject) -> None:
    is_whole(rubbish, media_type)
    tiff_pages(b"II*\0" + rubbish) if len(rubbish) >= 4 else None
    webp_is_lossless(b"RIFF\0\0\0\0WEBP" + rubbish)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + b"\xff" * 3_000_000,
        b"\xff\xd8" + b"\xff\xd0" * 500_000,
        b"\xff\xd8" + b"\xff\xda\0\2" * 300_000,
    ],
)
def test_a_hostile_jpeg_takes_no_time(data: bytes) -> None:
    started = time.process_time()
    assert not is_whole(data, "image/jpeg")
    assert time.process_time() - started < 2


def test_an_end_inside_a_segment_is_no_end() -> None:
    """The thumbnail in an EXIF segment has an end marker of its own."""
    thumbnail = b"\xff\xd8\xff\xd9"
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    whole = pictures.encoded(pictures.coded(), "jpeg")
    assert is_whole(whole[:2] + segment + whole[2:], "image/jpeg")
    assert not is_whole(whole[:2] + segment + whole[2:-2], "image/jpeg")


def test_the_scans_of_a_jpeg() -> None:
    baseline = pictures.encoded(pictures.coded(64, 64), "jpeg")
    progressive = pictures.encoded(pictures.coded(64, 64), "jpeg", interlace=True)
    assert len(list(jpeg_scans(baseline))) == 2, "one, and the end"
    assert len(list(jpeg_scans(progressive))) > 4


@pytest.mark.parametrize("pages", [1, 2, 500])
def test_pages_are_counted(pages: int) -> None:
    assert tiff_pages(pictures.tiff_of(pages)) == pages


def test_pages_of_a_bigtiff_are_counted() -> None:
    assert tiff_pages(pictures.encoded(pictures.coded(), "tiff", bigtiff=True)) == 1


def test_pages_in_a_circle_end() -> None:
    assert tiff_pages(pictures.tiff_of(2, circle=True)) == MANY_PAGES


def test_a_lossless_animation_is_lossless() -> None:
    assert webp_is_lossless(pictures.animation("webp"))
    assert not webp_is_lossless(pictures.encoded(pictures.coded(), "webp"))


@pytest.mark.parametrize("place", [1 << 62, 1 << 63, (1 << 64) - 1])
def test_a_place_beyond_all_places_is_no_page(place: int) -> None:
    assert tiff_pages(b"II+\0\x08\0\0\0" + place.to_bytes(8, "little") + bytes(40)) == 0
    assert claims_nothing(b"II+\0\x08\0\0\0" + place.to_bytes(8, "little") + bytes(40))


def claims_nothing(data: bytes) -> bool:
    try:
        return not claimed_sizes(data, "image/tiff")
    except (struct.error, OverflowError, ValueError):
        return True


@given(st.sampled_from(TYPES), st.binary(max_size=300))
def test_rubbish_claims_nothing_that_breaks(media_type: str, rubbish: bytes) -> None:
    for data in (
        rubbish,
        pictures.encoded(pictures.coded(8, 6), media_type.removeprefix("image/"))[:40] + rubbish,
    ):
        with contextlib.suppress(struct.error, LookupError, ValueError, OverflowError):
            claimed_sizes(data, media_type)
