"""Animations keep every frame, every duration and the loop count; pages keep being pages."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
import pyvips
from PIL import Image

from greenroom.core import Limits
from greenroom.core.errors import CropMoving, NotAPicture, TooManyFrames
from greenroom.images import Crop, Recipe, WorkerLimits, not_blank, probe, render
from tests.images import pictures


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe.bake(None),
        Recipe.bake(Crop(src=(40, 30), x=1, y=1, w=30, h=20)),
        Recipe.bake(Crop(src=(40, 30), x=0, y=0, w=30, h=20, rot=90, flip=True)),
        Recipe.bake(None, size=(20, 20)),
        Recipe.bake(Crop(src=(40, 30), x=5, y=1, w=30, h=20, rot=270), size=(11, 13)),
    ],
)
@pytest.mark.parametrize("name", ["gif", "webp"])
def test_frames_durations_and_loop_are_kept(name: str, recipe: Recipe) -> None:
    data = pictures.animation(name)
    picture = probe(data)
    assert picture.frames == 5
    rendered = render(data, recipe, picture=picture)
    assert pictures.animation_facts(rendered.data) == pictures.animation_facts(data)
    again = probe(rendered.data)
    assert (again.width, again.height, again.frames) == (rendered.width, rendered.height, 5)


@pytest.mark.parametrize("rot", [0, 90, 180, 270])
@pytest.mark.parametrize("name", ["gif", "webp"])
def test_each_frame_is_turned_by_itself(name: str, rot: int) -> None:
    data = pictures.animation(name)
    rendered = render(
        data, Recipe.bake(Crop(src=(40, 30), x=0, y=0, w=25, h=20, rot=rot)), picture=probe(data)
    )
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(rendered.data)) as after:
        for frame in range(5):
            before.seek(frame)
            after.seek(frame)
            want = before.convert("RGB").crop((0, 0, 25, 20)).rotate(-rot, expand=True)
            assert want.tobytes() == after.convert("RGB").tobytes(), frame


@pytest.mark.parametrize("name", ["gif", "webp"])
def test_equal_frames_take_as_long_as_before(name: str) -> None:
    """Encoders may join equal neighbours; the film must not get shorter by it."""
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue", "blue", "blue", "red")]
    frames[1].putpixel((0, 0), (1, 1, 1))
    file = io.BytesIO()
    frames[0].save(
        file, name, save_all=True, append_images=frames[1:], duration=[100, 200, 300, 400, 500], loop=0
    )
    data = file.getvalue()
    rendered = render(data, Recipe.bake(None), picture=probe(data))
    before, after = pictures.animation_facts(data), pictures.animation_facts(rendered.data)
    assert sum(before[1]) == sum(after[1]) == 1500
    assert before == after


def test_a_gif_of_many_palettes_keeps_its_colours() -> None:
    """Each frame has 250 colours of its own."""
    frames = []
    for number in range(3):
        image = Image.new("RGB", (50, 5))
        image.putdata([(index % 250, number * 80, 255 - index % 250) for index in range(250)])
        frames.append(image.quantize(256, dither=Image.Dither.NONE))
    file = io.BytesIO()
    frames[0].save(file, "gif", save_all=True, append_images=frames[1:], duration=100, loop=0)
    data = file.getvalue()
    rendered = render(data, Recipe.bake(Crop(src=(50, 5), x=0, y=0, w=50, h=4)), picture=probe(data))
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(rendered.data)) as after:
        for frame in range(3):
            before.seek(frame)
            after.seek(frame)
            assert before.convert("RGB").crop((0, 0, 50, 4)).tobytes() == after.convert("RGB").tobytes()


def test_a_still_preview_of_an_animation() -> None:
    data = pictures.animation("gif")
    rendered = render(data, Recipe.preview(size=(20, 20)), picture=probe(data))
    assert probe(rendered.data).frames == 1


def test_transparency_of_a_gif_is_kept() -> None:
    image = Image.new("RGBA", (20, 10), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 10, 10))
    file = io.BytesIO()
    image.save(file, "gif")
    rendered = render(file.getvalue(), Recipe.bake(None), picture=probe(file.getvalue()))
    with Image.open(io.BytesIO(rendered.data)) as after:
        assert after.mode == "P"
        pixels = after.convert("RGBA")
        assert pixels.getpixel((2, 2))[3] == 0
        assert pixels.getpixel((15, 2)) == (255, 0, 0, 255)


def tiff(sizes: list[tuple[int, int]]) -> bytes:
    pages = [Image.new("RGB", size, (40 * number, 9, 200)) for number, size in enumerate(sizes)]
    file = io.BytesIO()
    pages[0].save(file, "tiff", save_all=True, append_images=pages[1:])
    return file.getvalue()


def test_a_tiff_of_equal_pages_keeps_them() -> None:
    data = tiff([(40, 30)] * 3)
    picture = probe(data)
    assert picture.frames == 3
    rendered = render(data, Recipe.bake(Crop(src=(40, 30), x=1, y=2, w=20, h=10, rot=90)), picture=picture)
    with Image.open(io.BytesIO(rendered.data)) as after:
        assert after.n_frames == 3
        for page in range(3):
            after.seek(page)
            assert after.size == (10, 20)
            assert after.getpixel((5, 5)) == (40 * page, 9, 200)


def test_a_tiff_of_unequal_pages_counts_as_its_first() -> None:
    data = tiff([(40, 30), (20, 15), (40, 30)])
    picture = probe(data)
    assert (picture.width, picture.height, picture.frames) == (40, 30, 1)
    assert probe(render(data, Recipe.bake(None), picture=picture).data).frames == 1


@pytest.mark.parametrize("name", ["gif", "webp"])
def test_a_thousand_frames_take_the_memory_of_some(name: str) -> None:
    """Each frame has a pipeline of its own; together they must not hold a thousand sets of buffers."""
    data = pictures.animation(name, 1000)
    picture = probe(data)
    assert picture.frames == 1000
    recipe = Recipe.bake(Crop(src=(40, 30), x=0, y=0, w=30, h=30, rot=90), size=(20, 20))
    rendered = render(data, recipe, picture=picture, limits=WorkerLimits(memory=320 << 20))
    assert pictures.animation_facts(rendered.data)[0] == 1000


@pytest.mark.parametrize("count", [3, 150])
@pytest.mark.parametrize("rot", [0, 90])
def test_pages_of_a_real_size_are_cropped_and_kept(count: int, rot: int) -> None:
    """Where two pages meet, lines of both are read at once."""
    side = 1_200 if count == 3 else 150
    page = pictures.coded(side, side)
    roll = page.replicate(1, count).copy()
    roll.set_type(pyvips.GValue.gint_type, "page-height", side)
    data = roll.tiffsave_buffer(compression="deflate")
    picture = probe(data)
    assert picture.frames == count
    for crop in (
        Crop(src=(side, side), x=0, y=0, w=side, h=side, rot=rot),
        Crop(src=(side, side), x=7, y=9, w=90, h=80, rot=rot),
    ):
        rendered = render(data, Recipe.bake(crop), picture=picture)
        want = page.crop(crop.x, crop.y, crop.w, crop.h).rot(f"d{rot}")
        assert probe(rendered.data).frames == count
        for number in (0, 1, count - 1):
            got = pyvips.Image.new_from_buffer(rendered.data, "", page=number)
            assert (got - want).abs().max() == 0, number


# -- PNG that moves, which is read and never written -----------------------------------------------

HALF = Crop(src=(40, 30), x=0, y=0, w=20, h=30)


@pytest.mark.parametrize(
    "recipe", [Recipe.bake(HALF), Recipe.bake(None, size=(20, 20)), Recipe(format="png")]
)
def test_a_png_that_moves_is_not_made_to_stand_still(recipe: Recipe) -> None:
    data = pictures.animation("png")
    picture = probe(data)
    assert picture.frames == 5
    with pytest.raises(CropMoving, match="it would stand still"):
        render(data, recipe, picture=picture)


def test_it_has_a_preview_and_other_formats_of_its_first_frame() -> None:
    data = pictures.animation("png")
    for recipe in (Recipe.preview(HALF), Recipe.proxy(), Recipe(format="webp"), Recipe(first_frame=True)):
        assert probe(render(data, recipe, picture=probe(data)).data).frames == 1


def test_it_is_held_to_the_limits_of_frames() -> None:
    with pytest.raises(TooManyFrames):
        probe(pictures.animation("png"), Limits(max_frames=4))
    endless = struct.pack(">I", 4_000_000_000)
    with pytest.raises(TooManyFrames):
        probe(pictures.animation("png").replace(b"acTL\0\0\0\5", b"acTL" + endless), Limits(max_frames=10**6))


def test_it_is_looked_at_by_inspectors_as_any_other() -> None:
    data = pictures.animation("png")
    not_blank()(io.BytesIO(data), probe(data))


def test_a_png_that_only_says_so_too_late_or_wrongly_stands_still() -> None:
    still, control = pictures.encoded(pictures.coded(40, 30), "png"), struct.pack(">II", 5, 0)
    for place, content in (("before", b""), ("before", control + b"x"), ("behind", control)):
        check = struct.pack(">I", zlib.crc32(b"acTL" + content))
        chunk = struct.pack(">I", len(content)) + b"acTL" + content + check
        at = 33 if place == "before" else len(still) - 12
        picture = probe(still[:at] + chunk + still[at:])
        assert picture.frames == 1, (place, content)


def test_an_avif_that_moves_is_refused_for_what_it_is() -> None:
    """It is neither read nor damaged, as the library would have it."""
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "AVIF", save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(NotAPicture, match="an AVIF that moves cannot be read here yet"):
        probe(file.getvalue())
