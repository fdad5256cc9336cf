"""The inspectors: what is blank and what is not, sizes, shapes, and that a failing check refuses."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
import pyvips

from greenroom.core.errors import (
    Blank,
    NotChecked,
    Refused,
    TooFewPixels,
    TooLarge,
    TooMuchWork,
    UsageError,
    WrongAspect,
)
from greenroom.core.upload import Picture
from greenroom.images import aspect, inspect, max_bytes, min_pixels, not_blank, probe
from tests.images import pictures

PICTURE = Picture(media_type="image/png", width=40, height=30)


def colour_of(data: bytes, tolerance: int = 8) -> str | None:
    """The colour for which a picture is refused, None if it is not."""
    try:
        not_blank(tolerance)(data, probe(data))
    except Blank as refusal:
        return str(refusal.params["colour"])
    return None


@pytest.mark.parametrize("name", pictures.FORMATS)
def test_all_white_is_blank_in_every_format(name: str) -> None:
    assert colour_of(pictures.encoded(pictures.plain(300, 200), name)) == "#ffffff"


@pytest.mark.parametrize("colour", [(0, 0, 0), (18, 52, 86), (255, 0, 0)])
def test_any_single_colour_is_blank_and_named(colour: tuple[int, int, int]) -> None:
    want = "#" + "".join(f"{level:02x}" for level in colour)
    assert colour_of(pictures.encoded(pictures.plain(300, 200, colour), "png")) == want
    assert colour_of(pictures.encoded(pictures.plain(3, 2, colour), "png")) == want


def test_grey_pictures_are_named_in_three_channels() -> None:
    assert colour_of(pictures.encoded(pictures.plain(30, 20, (128,)), "png")) == "#808080"


@pytest.mark.parametrize("interlace", [False, True])
def test_the_noise_of_a_blank_jpeg_is_tolerated(interlace: bool) -> None:
    noise = pyvips.Image.gaussnoise(800, 600, mean=250, sigma=0.8)
    image = noise.bandjoin([noise, noise]).cast("uchar").copy(interpretation="srgb")
    data = pictures.encoded(image, "jpeg", Q=75, interlace=interlace)
    assert colour_of(data) is not None
    assert colour_of(pictures.encoded(image, "png"), tolerance=0) is None


@pytest.mark.parametrize("place", [(0, 0), (799, 599), (400, 300), (799, 0), (3, 590)])
@pytest.mark.parametrize(
    ("name", "options"),
    [("png", {}), ("png", {"interlace": True}), ("jpeg", {"Q": 90}), ("jpeg", {"Q": 90, "interlace": True}),
     ("webp", {"lossless": True}), ("tiff", {}), ("gif", {})],
)  # fmt: skip
def test_a_black_dot_on_white_is_not_blank(
    name: str, options: dict[str, object], place: tuple[int, int]
) -> None:
    image = pictures.plain(800, 600).copy_memory().draw_rect([0, 0, 0], *place, 1, 1, fill=True)
    assert colour_of(pictures.encoded(image, name, **options)) is None


def test_one_level_more_than_the_tolerance_is_not_blank() -> None:
    image = pictures.plain(40, 30, (200, 200, 200)).copy_memory()
    at_tolerance = image.copy_memory().draw_rect([208, 200, 192], 5, 5, 1, 1, fill=True)
    assert colour_of(pictures.encoded(at_tolerance, "png")) is not None
    beyond = image.copy_memory().draw_rect([209, 200, 200], 5, 29, 1, 1, fill=True)
    assert colour_of(pictures.encoded(beyond, "png")) is None


def test_a_gradient_is_not_blank_although_neighbours_are_alike() -> None:
    ramp = pyvips.Image.xyz(10, 2000).extract_band(1) * 40 / 2000 + 100
    image = ramp.bandjoin([ramp, ramp]).cast("uchar").copy(interpretation="srgb")
    for options in ({}, {"interlace": True}):
        assert colour_of(pictures.encoded(image, "png", **options)) is None
        assert colour_of(pictures.encoded(image, "jpeg", Q=95, **options)) is None


@pytest.mark.parametrize("name", ["png", "webp"])
def test_nothing_visible_is_blank_whatever_colours_are_hidden(name: str) -> None:
    hidden = pictures.coded(60, 40).bandjoin(0).cast("uchar").copy(interpretation="srgb")
    options = {"lossless": True, "exact": True} if name == "webp" else {}
    assert colour_of(pictures.encoded(hidden, name, **options)) == "transparent"


def test_a_shape_that_only_the_transparency_draws_is_not_blank() -> None:
    stencil = pictures.plain(60, 40, (0, 0, 0, 0)).insert(pictures.plain(9, 9, (0, 0, 0, 255)), 30, 20)
    assert colour_of(pictures.encoded(stencil, "png")) is None
    veil = pictures.plain(60, 40, (255, 0, 0, 128))
    assert colour_of(pictures.encoded(veil, "png")) == "#ff0000"


def test_sixteen_bits() -> None:
    white = (pictures.plain(60, 40).cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    assert colour_of(pictures.encoded(white, "png")) == "#ffffff"
    dotted = white.copy_memory().draw_rect([0, 0, 0], 50, 30, 1, 1, fill=True)
    assert colour_of(pictures.encoded(dotted, "png")) is None


def test_a_film_is_blank_only_if_all_its_frames_are_of_one_colour() -> None:
    def film(*colours: tuple[int, int, int]) -> bytes:
        roll = pyvips.Image.arrayjoin([pictures.plain(20, 10, colour) for colour in colours], across=1).copy()
        roll.set_type(pyvips.GValue.gint_type, "page-height", 10)
        return roll.webpsave_buffer(lossless=True)

    white = (255, 255, 255)
    assert colour_of(film(white, (254, 254, 254))) is not None
    assert colour_of(film(white, white[:2] + (0,))) is None


def test_a_blank_picture_of_twelve_megapixels_is_read_to_its_end(tmp_path: Path) -> None:
    image = pictures.plain(4000, 3000).copy_memory()
    assert colour_of(pictures.encoded(image, "jpeg")) == "#ffffff"
    image = image.draw_rect([0, 0, 0], 3999, 2999, 1, 1, fill=True)
    assert colour_of(pictures.encoded(image, "jpeg", Q=90)) is None


# -- the others ------------------------------------------------------------------------------------


def test_max_bytes_counts_without_reading(tmp_path: Path) -> None:
    path = pictures.write(tmp_path, "a", b"x" * 2_000_001)
    file = io.BytesIO(b"x" * 2_000_001)
    file.seek(5)
    for source in (path, str(path), file, b"x" * 2_000_001):
        with pytest.raises(TooLarge, match="2 MB"):
            max_bytes("2 MB")(source, PICTURE)
        max_bytes(2_000_001)(source, PICTURE)
    assert file.tell() == 5


def test_min_pixels() -> None:
    min_pixels(40, 30)(b"", PICTURE)
    for wanted in ((41, 30), (40, 31)):
        with pytest.raises(TooFewPixels, match="40 × 30"):
            min_pixels(*wanted)(b"", PICTURE)


def test_aspect() -> None:
    aspect("4:3")(b"", PICTURE)
    with pytest.raises(WrongAspect, match="16:9"):
        aspect("16:9")(b"", PICTURE)


@pytest.mark.parametrize(
    "make",
    [lambda: not_blank(-1), lambda: not_blank(256), lambda: not_blank(1.5), lambda: max_bytes("much"),
     lambda: min_pixels(0, 5), lambda: min_pixels(5, True), lambda: aspect("wide"), lambda: aspect("0:3")],
)  # fmt: skip
def test_a_wrong_declaration_is_told_where_it_is_written(make: object) -> None:
    with pytest.raises(UsageError, match="Got: "):
        make()


def test_inspectors_are_values() -> None:
    assert not_blank() == not_blank(8)
    assert {max_bytes("2 MB"), max_bytes("2 MB")} == {max_bytes("2 MB")}


# -- fail closed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure", [ValueError("no"), ZeroDivisionError(), KeyError("x"), RecursionError(), MemoryError()]
)
def test_an_inspector_that_fails_refuses(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def broken(file: object, picture: Picture) -> None:
        raise failure

    with (
        caplog.at_level(logging.ERROR, "greenroom.inspection"),
        pytest.raises(NotChecked, match="could not be checked"),
    ):
        inspect(b"", PICTURE, [broken])
    assert "broken" in caplog.text


def test_a_refusal_passes_as_it_is_and_ends_the_inspection() -> None:
    asked = []

    def refuses(file: object, picture: Picture) -> None:
        asked.append("first")
        raise TooMuchWork

    def second(file: object, picture: Picture) -> None:
        asked.append("second")

    with pytest.raises(Refused) as refusal:
        inspect(b"", PICTURE, [refuses, second])
    assert type(refusal.value) is TooMuchWork
    assert asked == ["first"]
    inspect(b"", PICTURE, [second])


def test_a_file_that_vanished_is_refused_by_its_inspection(tmp_path: Path) -> None:
    with pytest.raises(NotChecked, match="could not be checked"):
        inspect(tmp_path / "gone.png", PICTURE, [not_blank()])
