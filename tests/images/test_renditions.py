"""What a rendition carries and what it does not; its colours; where it is written."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
import pyvips
from PIL import Image, ImageCms

from greenroom.core.errors import CropOutside, CropStale, DiskFull
from greenroom.images import Crop, Recipe, probe, render
from tests.images import pictures

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def p3_profile() -> bytes:
    return (
        pyvips.Image.black(1, 1)
        .copy(interpretation="srgb")
        .bandjoin([0, 0])
        .icc_transform("p3")
        .get("icc-profile-data")
    )


RECIPES = [
    Recipe.bake(None),
    Recipe.bake(Crop(src=(160, 120), x=10, y=10, w=100, h=90, rot=90)),
    Recipe.bake(None, size=(80, 80)),
    Recipe.preview(),
    Recipe.preview(Crop(src=(160, 120), x=0, y=0, w=100, h=90, flip=True), size=(30, 30)),
    Recipe.proxy(),
    *(Recipe(format=name) for name in pictures.FORMATS),
]


@pytest.mark.parametrize("name", pictures.FORMATS)
def test_no_rendition_carries_a_secret(name: str) -> None:
    data = pictures.full_of_secrets(name)
    assert pictures.CANARY in data
    picture = probe(data)
    for recipe in RECIPES:
        rendered = render(data, recipe, picture=picture)
        assert b"CANARY" not in rendered.data
        with Image.open(io.BytesIO(rendered.data)) as image:
            assert not dict(image.getexif()) or rendered.media_type == "image/tiff"
            assert 0x8825 not in image.getexif()
            assert not {"exif", "xmp", "comment", "Comment", "photoshop"} & set(image.info)
        fields = set(pictures.decode(rendered.data).get_fields())
        assert not {
            field for field in fields if field.startswith(("exif", "xmp", "iptc", "png-comment", "gainmap"))
        }


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "tiff", "avif"])
def test_the_profile_is_kept_by_a_bake_and_applied_for_the_web(name: str) -> None:
    image = pictures.plain(40, 30, (0, 255, 0))
    profile = p3_profile()
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    options = {"webp": {"lossless": True}, "avif": {"lossless": True}, "jpeg": {"Q": 98}}.get(name, {})
    data = pictures.encoded(image, name, **options)
    picture = probe(data)
    for recipe in (Recipe.bake(None), Recipe.bake(Crop(src=(40, 30), x=1, y=1, w=9, h=9), size=(5, 5))):
        baked = pictures.decode(render(data, recipe, picture=picture).data)
        assert baked.get("icc-profile-data") == profile
        assert all(abs(a - b) <= 3 for a, b in zip(baked.getpoint(2, 2), (0, 255, 0), strict=True))
    # Display P3's green lies outside sRGB, so a paler one of P3 is compared: with the library's own answer.
    for recipe in (Recipe.proxy(), Recipe(format="png", web=True)):
        web = pictures.decode(render(data, recipe, picture=picture).data)
        assert not web.get_typeof("icc-profile-data")
    pale = pictures.plain(40, 30, (200, 120, 100)).copy()
    pale.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    data = pictures.encoded(pale, name, **options)
    web = pictures.decode(render(data, Recipe(format="png", web=True), picture=probe(data)).data)
    want = pictures.decode(data).icc_transform("srgb", embedded=True).getpoint(5, 5)
    assert max(abs(a - b) for a, b in zip(want, (200, 120, 100), strict=True)) > 5, (
        "the profile changes something"
    )
    assert all(abs(a - b) <= 1 for a, b in zip(web.getpoint(5, 5), want, strict=True))


def test_cmyk_is_kept_by_a_bake_and_converted_for_the_web() -> None:
    file = io.BytesIO()
    Image.new("CMYK", (40, 30), (0, 255, 255, 0)).save(file, "jpeg", quality=95)
    data = file.getvalue()
    picture = probe(data)
    with Image.open(io.BytesIO(render(data, Recipe.bake(None), picture=picture).data)) as baked:
        assert baked.mode == "CMYK"
        assert all(abs(a - b) < 6 for a, b in zip(baked.getpixel((5, 5)), (0, 255, 255, 0), strict=True))
    with Image.open(io.BytesIO(render(data, Recipe.preview(), picture=picture).data)) as web:
        assert web.mode == "RGB"
        red, green, blue = web.getpixel((5, 5))
        assert red > 180
        assert max(green, blue) < 90


@pytest.mark.parametrize("name", ["png", "tiff"])
def test_sixteen_bits_are_kept_by_a_bake_and_eight_for_the_web(name: str) -> None:
    image = (pictures.coded(40, 30).cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    image = image.bandjoin([30000]).cast("ushort").copy(interpretation="rgb16")
    data = pictures.encoded(image, name)
    picture = probe(data)
    baked = pictures.decode(render(data, Recipe.bake(None), picture=picture).data)
    assert baked.format == "ushort"
    assert (baked - image).abs().max() == 0
    small = pictures.decode(render(data, Recipe.bake(None, size=(20, 20)), picture=picture).data)
    assert small.format == "ushort"
    assert 29900 < small.extract_band(3).avg() < 30100
    web = pictures.decode(render(data, Recipe(format="png", web=True), picture=picture).data)
    assert web.format == "uchar"
    assert abs(web.extract_band(3).avg() - 30000 / 257) <= 1
    assert abs(web.extract_band(0).avg() - pictures.coded(40, 30).extract_band(0).avg()) < 1


def test_a_broken_profile_does_not_break_the_picture() -> None:
    image = pictures.plain(40, 30, (10, 200, 30)).copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", b"no profile" * 20)
    data = pictures.encoded(image, "jpeg", Q=95)
    for recipe in (Recipe.preview(), Recipe.bake(None)):
        web = pictures.decode(render(data, recipe, picture=probe(data)).data)
        assert all(abs(a - b) <= 4 for a, b in zip(web.getpoint(5, 5), (10, 200, 30), strict=True))


def test_transparency_makes_a_preview_webp_and_colours_do_not_bleed() -> None:
    """Half of the picture is green that nobody can see."""
    image = pictures.plain(64, 64, (255, 0, 0, 255)).insert(pictures.plain(32, 64, (0, 255, 0, 0)), 0, 0)
    data = pictures.encoded(image, "png")
    rendered = render(data, Recipe.preview(size=(9, 9)), picture=probe(data))
    assert rendered.media_type == "image/webp"
    baked = pictures.decode(render(data, Recipe.bake(None, size=(9, 9)), picture=probe(data)).data)
    red, green, _blue, alpha = baked.getpoint(4, 4)
    assert 60 < alpha < 200
    assert red > 230
    assert green < 25


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_stays_lossless_or_lossy(lossless: bool) -> None:
    data = pictures.encoded(pictures.coded(64, 64), "webp", lossless=lossless)
    rendered = render(data, Recipe.bake(None), picture=probe(data))
    assert (b"VP8L" in rendered.data[:64]) is lossless


@pytest.mark.parametrize("mode", ["on", "off"])
def test_a_jpeg_keeps_its_kind_of_colour(mode: str) -> None:
    data = pictures.encoded(pictures.coded(64, 64), "jpeg", subsample_mode=mode, Q=80)
    rendered = render(data, Recipe.bake(None), picture=probe(data))
    field = "jpeg-chroma-subsample"
    assert pictures.decode(rendered.data).get(field) == pictures.decode(data).get(field)


@pytest.mark.parametrize("name", pictures.FORMATS)
def test_grey_pictures(name: str) -> None:
    image = pictures.coded(40, 30).extract_band(0).copy(interpretation="b-w")
    data = pictures.encoded(image, name)
    picture = probe(data)
    for recipe in (Recipe.bake(None), Recipe.preview(), Recipe.bake(None, size=(7, 7))):
        rendered = render(data, recipe, picture=picture)
        assert abs(pictures.decode(rendered.data).extract_band(0).avg() - image.avg()) < 3


def test_a_path_is_written_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    source = pictures.write(tmp_path, "a.jpg", pictures.encoded(pictures.coded(), "jpeg"))
    target = tmp_path / "out" / "b.jpg"
    target.parent.mkdir()
    picture = probe(source)
    rendered = render(source, Recipe.bake(None), picture=picture, to=target)
    assert rendered.path == target
    assert rendered.data is None
    assert os.listdir(target.parent) == ["b.jpg"]
    assert target.read_bytes() == render(source, Recipe.bake(None), picture=picture).data
    # A second time it is replaced.
    render(source, Recipe.bake(None, size=(9, 9)), picture=picture, to=target)
    assert probe(target).width == 9


def test_a_path_that_cannot_be_written_is_the_callers_problem(tmp_path: Path) -> None:
    data = pictures.encoded(pictures.coded(), "jpeg")
    with pytest.raises(FileNotFoundError):
        render(data, Recipe.bake(None), picture=probe(data), to=tmp_path / "nowhere" / "b.jpg")
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "nothing.jpg")


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    monkeypatch.setattr("secrets.token_hex", lambda _size: "known")
    (tmp_path / ".b.jpg.known.part").symlink_to("/dev/full")
    data = pictures.encoded(pictures.coded(), "jpeg")
    with pytest.raises(DiskFull):
        render(data, Recipe.bake(None), picture=probe(data), to=tmp_path / "b.jpg")
    assert os.listdir(tmp_path) == []


def test_a_crop_of_another_picture_is_refused_before_any_work() -> None:
    data = pictures.encoded(pictures.coded(), "png")
    picture = probe(data)
    with pytest.raises(CropStale):
        render(data, Recipe(crop=Crop(src=(38, 23), x=0, y=0, w=5, h=5)), picture=picture)
    with pytest.raises(CropOutside):
        render(data, Recipe(crop=Crop(src=(37, 23), x=33, y=0, w=5, h=5)), picture=picture)


def test_a_file_that_is_not_the_one_that_was_probed_is_refused(tmp_path: Path) -> None:
    picture = probe(pictures.encoded(pictures.coded(), "png"))
    path = pictures.write(tmp_path, "a.png", pictures.encoded(pictures.coded(30, 23), "png"))
    with pytest.raises(CropStale):
        render(path, Recipe.preview(), picture=picture)
