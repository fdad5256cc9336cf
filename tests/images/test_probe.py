"""What is a picture and what is not: types, limits, bombs, truncated and foreign files."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from greenroom.core.errors import NotAPicture, TooManyFrames, TooManyPixels, UsageError
from greenroom.core.limits import Limits
from greenroom.core.upload import Picture
from greenroom.images import Recipe, WorkerLimits, Workers, configure, probe, render
from tests.images import pictures


@pytest.mark.parametrize("name", pictures.FORMATS)
@pytest.mark.parametrize("size", [(37, 23), (1, 1), (300, 2)])
def test_every_format(name: str, size: tuple[int, int]) -> None:
    picture = probe(pictures.encoded(pictures.coded(*size), name))
    assert picture == Picture(media_type=f"image/{name}", width=size[0], height=size[1])


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"interlace": True}, "jpeg"), ({"interlace": True}, "png"), ({"tile": True}, "tiff"), ({"bigtiff": True}, "tiff"),
     ({"pyramid": True, "tile": True, "tile_width": 16, "tile_height": 16}, "tiff"),
     ({"compression": "jpeg"}, "tiff"), ({"compression": "lzw"}, "tiff"), ({"palette": True}, "png"), ({"bitdepth": 1}, "png"),
     ({"lossless": True}, "webp"), ({"lossless": True}, "avif"), ({"bitdepth": 10}, "avif"), ({"restart_interval": 1}, "jpeg")],
)  # fmt: skip
def test_the_kinds_within_a_format(options: dict[str, object], kind: str) -> None:
    data = pictures.encoded(pictures.coded(60, 45), kind, **options)
    picture = probe(data)
    assert (picture.width, picture.height) == (60, 45)
    rendered = render(data, Recipe.bake(None), picture=picture)
    assert probe(rendered.data).media_type == picture.media_type


def test_a_path_bytes_and_a_file_are_the_same(tmp_path: Path) -> None:
    data = pictures.encoded(pictures.coded(), "jpeg")
    path = pictures.write(tmp_path, "ünï \udcff.jpg", data)
    want = probe(data)
    file = io.BytesIO(data)
    file.seek(11)
    assert probe(path) == probe(str(path)) == probe(file) == probe(bytearray(data)) == want
    assert file.tell() == 11


def test_a_held_file_is_read_where_it_lies(tmp_path: Path) -> None:
    class Held(io.BytesIO):
        local_path = pictures.write(tmp_path, "held", pictures.encoded(pictures.coded(9, 8), "png"))

        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError("the worker can open it itself")

    assert probe(Held()).width == 9


def test_the_name_of_a_file_is_never_opened(tmp_path: Path) -> None:
    """Of an upload, `name` is what the client says."""
    file = io.BytesIO(pictures.encoded(pictures.coded(9, 8), "png"))
    file.name = str(pictures.write(tmp_path, "other.png", pictures.encoded(pictures.coded(), "png")))
    assert probe(file).width == 9


def test_options_in_a_name_mean_nothing(tmp_path: Path) -> None:
    """libvips takes "name[page=1]" for options; a file may be called that."""
    path = pictures.write(tmp_path, "a.gif[n=-1]", pictures.animation("gif"))
    assert probe(path).frames == 5


def test_what_is_not_a_picture_is_no_source() -> None:
    with pytest.raises(UsageError, match="Got: 7"):
        probe(7)


# -- limits and bombs ------------------------------------------------------------------------------


@pytest.fixture
def small_worker() -> Iterator[Workers]:
    """A new worker, so that its peak of memory is this test's."""
    yield configure(1, limits=WorkerLimits(seconds=5))
    configure()


BOMBS = {
    "20,000 x 20,000 PNG": (lambda: pictures.png_of_zeros(20_000, 20_000), TooManyPixels),
    "30,000 x 30,000 PNG": (lambda: pictures.png_of_zeros(30_000, 30_000), TooManyPixels),
    "43 bytes of GIF": (lambda: pictures.gif_of(1, 65535, 65535), TooManyPixels),
    "40,000 frames": (lambda: pictures.gif_of(40_000), TooManyFrames),
    "40,000 large frames": (lambda: pictures.gif_of(40_000, 65535, 65535), TooManyPixels),
    "1,000 frames of 1 megapixel": (lambda: pictures.gif_of(1_000, 1_000, 1_000), TooManyFrames),
    "2,000 pages": (lambda: pictures.tiff_of(2_000), TooManyFrames),
    "500,000 pages": (lambda: pictures.tiff_of(500_000), TooManyFrames),
    "pages in a circle": (lambda: pictures.tiff_of(3, circle=True), TooManyFrames),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_bounce(bomb: str, tmp_path: Path, small_worker: Workers) -> None:
    make, refusal = BOMBS[bomb]
    path = pictures.write(tmp_path, "bomb", make())
    probe(pictures.encoded(pictures.coded(), "png"))  # warm
    (pid,) = small_worker.pids()
    before = peak(pid)
    started = time.monotonic()
    with pytest.raises(refusal):
        probe(path)
    assert time.monotonic() - started < 2
    assert small_worker.pids() == [pid], "the worker lives"
    assert peak(pid) - before < 64 << 20


def peak(pid: int) -> int:
    """The highest resident memory of a process so far, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def test_limits_are_inclusive_and_say_what_was_found() -> None:
    data = pictures.encoded(pictures.coded(40, 30), "png")
    assert probe(data, Limits(max_pixels=1200))
    with pytest.raises(TooManyPixels) as refusal:
        probe(data, Limits(max_pixels=1199))
    assert refusal.value.params == {"width": 40, "height": 30, "limit": 1199}
    film = pictures.animation("webp")
    assert probe(film, Limits(max_frames=5, max_total_pixels=6000))
    with pytest.raises(TooManyFrames) as too_many:
        probe(film, Limits(max_frames=4))
    assert too_many.value.params == {"frames": 5, "limit": 4}
    with pytest.raises(TooManyFrames) as in_all:
        probe(film, Limits(max_total_pixels=5999))
    assert in_all.value.params == {"frames": 5, "limit": 4}


# -- damaged ---------------------------------------------------------------------------------------

WHOLE = {
    "jpeg": lambda: pictures.encoded(pictures.photo(400, 300), "jpeg"),
    "progressive jpeg": lambda: pictures.encoded(pictures.photo(400, 300), "jpeg", interlace=True),
    "png": lambda: pictures.encoded(pictures.photo(400, 300), "png"),
    "interlaced png": lambda: pictures.encoded(pictures.photo(400, 300), "png", interlace=True),
    "gif": lambda: pictures.encoded(pictures.photo(400, 300), "gif"),
    "animated gif": lambda: pictures.animation("gif"),
    "webp": lambda: pictures.encoded(pictures.photo(400, 300), "webp"),
    "lossless webp": lambda: pictures.encoded(pictures.photo(400, 300), "webp", lossless=True),
    "animated webp": lambda: pictures.animation("webp"),
    "avif": lambda: pictures.encoded(pictures.photo(400, 300), "avif"),
    "tiff": lambda: pictures.encoded(pictures.photo(400, 300), "tiff", compression="none"),
    "deflated tiff": lambda: pictures.encoded(pictures.photo(400, 300), "tiff"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_cut_off_pictures_are_refused(kind: str) -> None:
    data = WHOLE[kind]()
    probe(data)
    for end in (len(data) // 100, len(data) // 2, len(data) * 99 // 100, len(data) - 2, len(data) - 1):
        with pytest.raises(NotAPicture) as refusal:
            probe(data[:end])
        assert refusal.value.params["reason"] in (
            "it is cut off or damaged",
            "it is not a JPEG, PNG, GIF, WebP, AVIF or TIFF picture by its content",
        ), end


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp"])
def test_bytes_after_the_end_do_no_harm(kind: str) -> None:
    """Phones append films and gain maps, other software its notes."""
    assert probe(WHOLE[kind]() + b"\0\0appended" * 9).width == 400


def test_a_png_with_a_wrong_checksum_is_refused() -> None:
    data = bytearray(WHOLE["png"]())
    data[len(data) // 2] ^= 0x10
    with pytest.raises(NotAPicture):
        probe(bytes(data))


@pytest.mark.parametrize("name", pictures.FORMATS)
def test_a_signature_with_rubbish_behind_it_is_refused(name: str) -> None:
    head = pictures.encoded(pictures.coded(), name)[:24]
    for tail in (b"", b"\0" * 5000, b"\xff" * 5000, bytes(range(256)) * 20):
        with pytest.raises((NotAPicture, TooManyPixels)):  # rubbish may claim to be huge
            probe(head + tail)


# -- foreign ---------------------------------------------------------------------------------------

FOREIGN = {
    "nothing": b"",
    "one byte": b"\xff",
    "text": b"hello",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="/etc/passwd"/></svg>',
    "mvg": b"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 'https://127.0.0.1/x.png'\npop graphic-context",
    "pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "bmp": b"BM" + b"\0" * 60,
    "ppm": b"P6 2 2 255\n" + b"\0" * 12,
    "pfm": b"PF\n2 2\n-1.0\n" + b"\0" * 48,
    "fits": b"SIMPLE  =                    T" + b" " * 2850,
    "hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n\0\0\0\0",
    "csv": b"1,2,3\n4,5,6\n",
    "vips": b"\xb6\xa6\xf2\x08" + b"\0" * 64,
    "jxl": b"\xff\x0a" + b"\0" * 60,
    "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 60,
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(NotAPicture):
        probe(FOREIGN[kind])


def test_heic_is_refused_in_words() -> None:
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100
    with pytest.raises(NotAPicture, match="HEIC"):
        probe(data)


@pytest.mark.parametrize("loader", ["csv", "mat", "raw", "v", "svg"])
def test_the_library_itself_refuses_what_is_not_allowed(loader: str) -> None:
    """Even if the sniffer were fooled: in the worker these loaders do not exist."""
    import subprocess
    import sys

    script = (
        "from greenroom.images.worker.library import prepare, pyvips\n"
        "prepare()\n"
        "try: pyvips.Image.new_from_buffer(b'1,2\\n3,4\\n' if sys.argv[1] != 'svg' else b'<svg width=\"9\" height=\"9\"/>', '')\n"
        "except pyvips.Error: pass\n"
        "else: raise SystemExit('loaded')\n"
        "load = getattr(pyvips.Image, {'mat': 'matrixload', 'v': 'vipsload'}.get(sys.argv[1], sys.argv[1] + 'load'))\n"
        "try: load('/dev/null', *([1, 1, 1] if sys.argv[1] == 'raw' else []))\n"
        "except pyvips.Error as error: assert 'blocked' in str(error), error\n"
    )
    subprocess.run(
        [sys.executable, "-c", "import sys\n" + script, loader], check=True, env={"PYTHONPATH": "src"}
    )


def test_an_ultra_hdr_jpeg_is_a_jpeg() -> None:
    """The loader for its gain map is shut; the ordinary picture in front is what counts."""
    data = pictures.coded(64, 64).colourspace("scrgb").uhdrsave_buffer()
    start = b"\xff\xd8\xff"
    assert data.count(start) == 2, "the gain map is a second JPEG behind the first"
    picture = probe(data)
    assert picture.media_type == "image/jpeg"
    assert render(data, Recipe.bake(None), picture=picture).data.count(start) == 1


def test_a_picture_by_pillow() -> None:
    file = io.BytesIO()
    Image.new("P", (9, 8)).save(file, "png")
    assert probe(file).media_type == "image/png"
