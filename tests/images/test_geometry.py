"""Every orientation, rotation and mirroring, pixel by pixel, against arithmetic written down independently."""

from __future__ import annotations

import functools
import itertools

import pytest

from greenroom.core.upload import Picture
from greenroom.images import Crop, Recipe, probe, render
from tests.images import pictures

WIDTH, HEIGHT = 37, 23


def upright(orientation: int, x: int, y: int) -> tuple[int, int]:
    """Which stored pixel is shown at (x, y), from the table of EXIF 2.32, 4.6.4: where row 0 and column 0 are."""
    w, h = WIDTH - 1, HEIGHT - 1
    return {
        1: (x, y),
        2: (w - x, y),
        3: (w - x, h - y),
        4: (x, h - y),
        5: (y, x),
        6: (y, h - x),
        7: (w - y, h - x),
        8: (w - y, x),
    }[orientation]


def expected(stored: list[tuple[int, ...]], orientation: int, crop: Crop) -> list[tuple[int, ...]]:
    width, height = crop.result_size
    out = []
    for v, u in itertools.product(range(height), range(width)):
        # Backwards from the result: undo the clockwise rotation, then the mirroring, then the crop.
        a, b = {
            0: (u, v),
            90: (v, crop.h - 1 - u),
            180: (crop.w - 1 - u, crop.h - 1 - v),
            270: (crop.w - 1 - v, u),
        }[crop.rot]
        if crop.flip:
            a = crop.w - 1 - a
        x, y = upright(orientation, crop.x + a, crop.y + b)
        out.append(stored[y * WIDTH + x])
    return out


@functools.cache
def source(name: str, orientation: int) -> tuple[bytes, list[tuple[int, ...]]]:
    image = pictures.coded(WIDTH, HEIGHT)
    if name in ("tiff", "webp"):  # these carry the tag through libvips's own writer
        image = image.copy()
        image.set_type(pyvips_int(), "orientation", orientation)
        options = {"lossless": True} if name == "webp" else {}
        data = pictures.encoded(image, name, **options)
    else:
        options = {"Q": 95} if name == "jpeg" else {}
        data = pictures.with_orientation(pictures.encoded(image, name, **options), orientation)
    return data, pictures.pixels(pictures.decode(data))


def pyvips_int() -> int:
    import pyvips

    return pyvips.GValue.gint_type


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["jpeg", "png", "tiff", "webp"])
def test_each_turn_of_each_orientation_is_exact(name: str, orientation: int) -> None:
    data, stored = source(name, orientation)
    picture = probe(data)
    size = (HEIGHT, WIDTH) if orientation >= 5 else (WIDTH, HEIGHT)
    assert picture == Picture(
        media_type=f"image/{name}", width=size[0], height=size[1], orientation=orientation
    )
    for rot, flip in itertools.product((0, 90, 180, 270), (False, True)):
        crop = Crop(src=size, x=3, y=2, w=size[0] - 8, h=size[1] - 11, rot=rot, flip=flip)
        rendered = render(data, Recipe(crop=crop, format="png"), picture=picture)
        assert (rendered.width, rendered.height) == crop.result_size
        result = pictures.decode(rendered.data)
        assert (result.width, result.height) == crop.result_size
        assert pictures.pixels(result) == expected(stored, orientation, crop), (rot, flip)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["jpeg", "png", "tiff", "webp"])
def test_a_rendition_has_no_orientation_of_its_own(name: str, orientation: int) -> None:
    data, _stored = source(name, orientation)
    picture = probe(data)
    for recipe in (Recipe.bake(None), Recipe.proxy(), Recipe.preview(size=(10, 10))):
        rendered = render(data, recipe, picture=picture)
        again = probe(rendered.data)
        assert again.orientation == 1
        assert (again.width, again.height) == (rendered.width, rendered.height)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rot", [0, 90, 180, 270])
@pytest.mark.parametrize("name", ["png", "webp", "tiff", "gif"])
def test_baking_in_the_same_lossless_format_is_exact(name: str, rot: int, flip: bool) -> None:
    # At most 256 colours, so that GIF can say all of them.
    image = (pictures.coded(16, 16) * [16, 16, 0]).cast("uchar").copy(interpretation="srgb")
    image = image.crop(0, 0, 16, 15)
    options = {"lossless": True} if name == "webp" else {"dither": 0} if name == "gif" else {}
    data = pictures.encoded(image, name, **options)
    stored = pictures.pixels(pictures.decode(data).extract_band(0, n=3))
    picture = probe(data)
    crop = Crop(src=(16, 15), x=1, y=2, w=9, h=11, rot=rot, flip=flip)
    rendered = render(data, Recipe.bake(crop), picture=picture)
    assert rendered.media_type == f"image/{name}"
    result = pictures.pixels(pictures.decode(rendered.data).extract_band(0, n=3))
    want = []
    for v, u in itertools.product(range(crop.result_size[1]), range(crop.result_size[0])):
        a, b = {0: (u, v), 90: (v, 10 - u), 180: (8 - u, 10 - v), 270: (8 - v, u)}[rot]
        want.append(stored[(2 + b) * 16 + 1 + (8 - a if flip else a)])
    assert result == want


@pytest.mark.parametrize("size", [(300, 300), (120, 60), (40, 33), (9, 9), (1, 1)])
@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_a_shrunk_crop_shows_the_same_part(orientation: int, size: tuple[int, int]) -> None:
    """Shrinking while decoding moves no edge by more than a pixel of the result."""
    import pyvips

    # Red grows from left to right and green from top to bottom, so means tell where the part lies.
    stored = (640, 480) if orientation < 5 else (480, 640)
    x, y = pyvips.Image.xyz(*stored).bandsplit()
    image = (
        (x * 255 / stored[0]).bandjoin([y * 255 / stored[1], 60]).cast("uchar").copy(interpretation="srgb")
    )
    data = pictures.with_orientation(pictures.encoded(image, "jpeg", Q=98), orientation)
    picture = probe(data)
    crop = Crop(src=(640, 480), x=101, y=53, w=333, h=277, rot=90)
    exact = render(data, Recipe(crop=crop, format="png"), picture=picture)
    shrunk = render(data, Recipe(crop=crop, size=size, format="png"), picture=picture)
    assert (
        max(shrunk.width, shrunk.height) == max(size) or shrunk.width == size[0] or shrunk.height == size[1]
    )
    whole, part = pictures.decode(exact.data), pictures.decode(shrunk.data)
    for band in range(2):
        assert abs(whole.extract_band(band).avg() - part.extract_band(band).avg()) < 3
        for column in (0, part.width - 1):
            mean = part.extract_band(band).crop(column, 0, 1, part.height).avg()
            left = whole.width * column // part.width
            strip = whole.extract_band(band).crop(left, 0, max(1, whole.width // part.width), whole.height)
            assert abs(mean - strip.avg()) < 3


def test_nothing_from_outside_the_crop_gets_in() -> None:
    """A white part in a black picture stays white to its last pixel, however far it is shrunk."""
    image = pictures.plain(800, 600, (0, 0, 0)).insert(pictures.plain(301, 203), 117, 91)
    for name in ("png", "jpeg"):
        data = pictures.encoded(
            image, name, **({"Q": 100, "subsample_mode": "off"} if name == "jpeg" else {})
        )
        crop = Crop(src=(800, 600), x=120, y=94, w=295, h=197)
        for box in ((30, 30), (70, 70), (140, 140)):
            shrunk = render(data, Recipe(crop=crop, size=box, format="png"), picture=probe(data))
            assert pictures.decode(shrunk.data).min() > 245, (name, box)


def test_it_is_never_enlarged() -> None:
    data = pictures.encoded(pictures.coded(), "png")
    rendered = render(data, Recipe(size=(500, 500)), picture=probe(data))
    assert (rendered.width, rendered.height) == (WIDTH, HEIGHT)
