"""Promise 13: half a picture is none. Cut anywhere, it is refused by name, and the whole one beside it is kept.

What is right for each format: a JPEG has an end marker, a PNG an IEND, a GIF a trailer, a WebP its length in front, an AVIF
boxes with lengths, so even the last byte is missed. A TIFF has no end; its decoder asks for every strip and every tag, so it
is missed if anything that belongs to the picture is. Decoders would show what they have got, and grey for the rest.
"""

from pathlib import Path

import pytest

from tests.django.conftest import Browser, browser, media
from tests.faults.tally import NIGHT, Injected
from tests.images import pictures
from tests.pages import errors_of, page_of
from tests.shop.models import Album

__all__ = ["browser", "media"]

pytestmark = pytest.mark.django_db(transaction=True)

EXTENSIONS = {"jpeg": "jpg", "tiff": "tif"}
WHOLE = {
    **{name: lambda name=name: pictures.encoded(pictures.coded(400, 300), name) for name in pictures.FORMATS},
    "progressive jpeg": lambda: pictures.encoded(pictures.coded(400, 300), "jpeg", interlace=True),
    "interlaced png": lambda: pictures.encoded(pictures.coded(400, 300), "png", interlace=True),
    "lossless webp": lambda: pictures.encoded(pictures.coded(400, 300), "webp", lossless=True),
    "plain tiff": lambda: pictures.encoded(pictures.coded(400, 300), "tiff", compression="none"),
    "tiff in tiles": lambda: pictures.encoded(pictures.coded(400, 300), "tiff", tile=True),
    "animated gif": lambda: pictures.animation("gif"),
    "animated webp": lambda: pictures.animation("webp"),
}


# Django's `width_field` feeds Pillow with the file piece by piece, and Pillow misses what is still to come.
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", WHOLE)
def test_cut_pictures_are_refused_by_name_and_the_whole_one_stays(
    browser: Browser, media: Path, injected: Injected, kind: str
) -> None:
    data = WHOLE[kind]()
    extension = EXTENSIONS.get(kind.split()[-1], kind.split()[-1])
    ends = {
        "one": len(data) // 100,
        "half": len(data) // 2,
        "most": len(data) * 99 // 100,
        "all": len(data) - 1,
    }
    if NIGHT:
        ends |= {f"cut {number}": len(data) * number // 100 for number in range(2, 99)}
    for at in range(0, len(ends), 4):
        some = dict(list(ends.items())[at : at + 4])
        files = [(f"{name}.{extension}", data[:end]) for name, end in some.items()]
        with injected(13, len(files)):
            answer = browser.fill(
                "/album/", {"title": ""}, {"photos": [*files, (f"whole.{extension}", data)]}
            )
            messages = errors_of(answer, "photos")
            assert len(messages) == len(files), messages
            for name, _data in files:
                assert any(f"“{name}”" in each for each in messages), name
            assert page_of(answer).names("photos") == [f"whole.{extension}"]
    assert browser.send("/album/", page_of(answer), {"title": "tea"}).status_code == 302
    (photo,) = Album.objects.get().photos.all()
    assert Path(photo.image.path).read_bytes() == data
