"""Promise 16: a rendition carries pixels, a profile of colours, and what an animation needs. Nothing else of the file.

What is saved without a crop is the file as it was sent, secrets and all: that is promised, too.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from greenroom.core.sniff import sniff
from greenroom.images import Recipe, probe, render
from greenroom.images.worker.whole import gif_blocks, jpeg_segments, png_chunks, riff_chunks, tiff_layout
from tests.django.conftest import Browser, browser, media
from tests.faults.files.secrets_of import FULL
from tests.faults.tally import Injected
from tests.images import pictures
from tests.images.pictures import CANARY
from tests.pages import page_of
from tests.shop.models import Product

__all__ = ["browser", "media"]

pytestmark = pytest.mark.django_db(transaction=True)

CROP = {"photo-0-crop-x": "4", "photo-0-crop-y": "2", "photo-0-crop-w": "28", "photo-0-crop-h": "21"}
ALLOWED = {
    "image/jpeg": {
        *range(0xC0, 0xE1),
        0xE2,
        0xEE,
    },  # the picture; JFIF, a profile, Adobe's word on the colours
    "image/png": {
        b"IHDR",
        b"PLTE",
        b"tRNS",
        b"IDAT",
        b"IEND",
        b"iCCP",
        b"sRGB",
        b"gAMA",
        b"cHRM",
        b"pHYs",
        b"bKGD",
    },
    "image/gif": {b"\xf9", b"NETSCAPE2.0"},
    "image/webp": {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"},
    "image/avif": {b"av01"},
    # Size, depth, coding, place and order of pixels; resolution, pages, palette, alpha, tiles and the profile.
    "image/tiff": {
        *(254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 283, 284, 296, 297, 317, 320),
        *(322, 323, 324, 325, 338, 339, 34675),
    },
}
"""The parts of which a rendition of each type may be made: any other part is a place for secrets."""


def parts(data: bytes, media_type: str) -> Iterator[object]:
    """The kinds of the parts of a file."""
    if media_type == "image/jpeg":
        yield from (code for code, _at in jpeg_segments(data))
    elif media_type == "image/png":
        yield from (kind for kind, _at, _size in png_chunks(data))
    elif media_type == "image/gif":
        for block, at in gif_blocks(data):
            if block == 0x21:
                yield data[at + 3 : at + 14] if data[at + 1] == 0xFF else data[at + 1 : at + 2]
    elif media_type == "image/webp":
        yield from (kind for kind, _at, _size in riff_chunks(data, 12, len(data)))
    elif media_type == "image/tiff":
        layout = tiff_layout(data)
        at = layout.first(data)
        while at:
            yield from (tag for tag, _kind, _place in layout.entries(data, at))
            at = layout.following(data, at)
    elif media_type == "image/avif":
        # Items are declared by `infe` entries: version, flags, id, protection, then the kind.
        yield from (
            match[1]
            for match in re.finditer(rb"infe[\2\3]...(?:..|....)\0\0(av01|Exif|mime|....)", data, re.DOTALL)
        )


def assert_bare(data: bytes, media_type: str) -> None:
    assert sniff(data) == media_type
    assert b"CANARY" not in data
    assert CANARY.hex().encode() not in data
    found = set(parts(data, media_type))
    assert found, media_type
    assert found <= ALLOWED[media_type], found - ALLOWED[media_type]
    with Image.open(io.BytesIO(data)) as image:
        assert 0x8825 not in image.getexif()
        assert "CANARY" not in repr(image.info)


@pytest.mark.parametrize("name", FULL)
def test_no_secret_gets_into_what_is_shown_or_cut(browser: Browser, injected: Injected, name: str) -> None:
    data = FULL[name]()
    secrets = data.count(CANARY)
    assert secrets >= 3
    with injected(16, secrets):
        page = page_of(browser.fill("/product/", {"name": ""}, {"photo": (name, data)}))
        token = page["photo-0-token"]
        for address in (page.images[0], f"/greenroom/proxy/{token}/"):
            shown = browser.client.get(address)
            assert_bare(shown.content, shown.headers["Content-Type"])
        assert b"CANARY" not in browser.client.get(f"/greenroom/held/{token}/").content
        assert browser.send("/product/", page, {"name": "cut", **CROP}).status_code == 302
        assert_bare(Path(Product.objects.get(name="cut").photo.path).read_bytes(), sniff(data))
    answer = browser.fill("/product/", {"name": "whole"}, {"photo": (name, data)})
    assert answer.status_code == 302
    assert Path(Product.objects.get(name="whole").photo.path).read_bytes() == data, (
        "as it was sent, byte for byte"
    )


@pytest.mark.parametrize("name", FULL)
def test_no_secret_gets_into_any_other_format(injected: Injected, name: str) -> None:
    data = FULL[name]()
    picture = probe(data)
    with injected(16, len(pictures.FORMATS)):
        for target in pictures.FORMATS:
            rendered = render(data, Recipe(format=target), picture=picture)
            assert rendered.data is not None
            assert_bare(rendered.data, rendered.media_type)


def test_the_files_are_what_they_seem() -> None:
    """Other readers find the secrets in them: they are in the right places."""
    with Image.open(io.BytesIO(FULL["photo.jpg"]())) as photo:
        tags = photo.getexif()
        assert tags[0x010E] == CANARY.decode()
        assert tags.get_ifd(0x8769)[0x927C] == CANARY
        assert tags.get_ifd(0x8825)[0x1D] == CANARY.decode()
        assert photo.info["comment"] == CANARY
        assert CANARY in photo.info["xmp"]
        assert CANARY in photo.info["photoshop"][0x0404]
    with Image.open(io.BytesIO(FULL["photo.png"]())) as drawing:
        drawing.load()
        assert {"Author", "Comment", "Late"} <= set(drawing.info)
        assert CANARY in drawing.info["exif"]
    with Image.open(io.BytesIO(FULL["scan.tif"]())) as scan:
        assert {270, 700, 33723, 34377, 65000} <= set(scan.tag_v2)
