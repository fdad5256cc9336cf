"""Bad input gets a message beside its file, the other files stay held, and none of it is a server error."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from greenroom.core import Token
from greenroom.files import token_signer
from greenroom.ledger import to_datetime
from greenroom.models import StagedUpload
from tests.django.conftest import Browser
from tests.images import pictures
from tests.pages import CONTENT_TYPE, Page, encode, errors_of, page_of
from tests.shop.models import Album, Paper, Product

pytestmark = pytest.mark.django_db(transaction=True)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
NAMES = {
    "unix path": "../../etc/passwd.txt",
    "windows path": "C:\\Windows\\..\\tea.txt",
    "only a path": "/",
    "dots": "...",
    "hidden": ".htaccess",
    "nul": "tea\x00.txt",
    "controls": "te\x01\x1b[31ma\x7f.txt",
    "line breaks": "tea\r\nX-Header: no.txt",
    "rtl override": "tea\u202etxt.exe.txt",
    "zero width": "te\u200ba\ufeff.txt",
    "300 characters": "t" * 300 + ".txt",
    "cjk beyond 255 bytes": "茶" * 200 + ".txt",
    "emoji beyond 255 bytes": "\U0001f375" * 120 + ".txt",
    "families beyond 255 bytes": FAMILY * 40 + ".txt",
    "decomposed": unicodedata.normalize("NFD", "Grüner Tee é.txt"),
    "device": "NUL.txt",
    "quotes": "a\"b'c;d.txt",
    "html": "<img src=x onerror=alert(1)>.txt",
    "percent": "%2e%2e%2ftea.txt",
    "spaces": "  tea   for  two  .txt ",
    "no extension": "README",
    "surrogate": "tea\\ud800.txt",
    "template": "{{ tea }}{% now %}.txt",
}


@pytest.mark.parametrize("kind", NAMES)
def test_a_name_goes_the_whole_way(browser: Browser, media: Path, kind: str) -> None:
    """Sent, held, shown again, downloaded, sent again by token, saved: and always inside of MEDIA_ROOT."""
    data = kind.encode()
    answer = browser.fill("/paper/", {"title": ""}, {"body": (NAMES[kind], data)})
    assert answer.status_code == 200
    page = page_of(answer)
    if not page.rows("body"):
        # A name of which nothing is left is no file to Django either.
        assert kind in ("only a path", "dots"), errors_of(answer, "body")
        return
    shown = page["body-0-name"]
    assert len(shown.encode()) <= 200
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in shown)
    assert "<img src=x" not in answer.content.decode()
    download = browser.client.get(page.links[0])
    assert download.status_code == 200
    assert b"".join(download.streaming_content) == data
    assert "\n" not in download.headers["Content-Disposition"]
    answer = browser.send("/paper/", page, {"title": "tea"})
    assert answer.status_code == 302, errors_of(answer, "body")
    saved = Path(Paper.objects.get().body.path)
    assert saved.read_bytes() == data
    assert saved.resolve().is_relative_to(media.resolve() / "papers")
    assert len(saved.name.encode()) <= 255
    assert not saved.name.startswith(".")


@pytest.mark.parametrize("kind", ["cjk beyond 255 bytes", "emoji beyond 255 bytes", "rtl override", "nul"])
def test_a_picture_s_name_goes_the_whole_way(browser: Browser, jpeg: bytes, kind: str) -> None:
    name = NAMES[kind].replace(".txt", ".jpg")
    answer = browser.fill("/product/", {"name": "tea"}, {"photo": (name, jpeg)})
    assert answer.status_code == 302, errors_of(answer, "photo")
    saved = Path(Product.objects.get().photo.path)
    assert saved.read_bytes() == jpeg
    assert saved.suffix == ".jpg"


# -- tokens ----------------------------------------------------------------------------------------


@pytest.fixture
def page(browser: Browser, png: bytes) -> Page:
    """An album of three held pictures with an error elsewhere."""
    files = [(f"{number}.png", png) for number in range(3)]
    return page_of(browser.fill("/album/", {"title": ""}, {"photos": files}))


def expired(token: str) -> str:
    upload = Token.decode(token, token_signer()).upload_id
    StagedUpload.objects.filter(pk=upload).update(expires_at=to_datetime(0))
    return token


def foreign(token: str) -> str:
    other = Browser()
    page = page_of(other.fill("/paper/", {"title": ""}, {"body": ("x.png", b"\x89PNG\r\n\x1a\n")}))
    return page["body-0-token"]


WRONG_TOKENS: dict[str, Any] = {
    "empty": lambda token: "",
    "garbled": lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
    "cut": lambda token: token[:-5],
    "nonsense": lambda token: "tea",
    "NUL": lambda token: "\x00",
    "not ASCII": lambda token: "茶.茶.茶",
    "a megabyte": lambda token: "x" * 1_000_000,
    "signed for something else": lambda token: token_signer().sign("x" * 22),
    "unknown": lambda token: Token(upload_id="x" * 22).encode(token_signer()),
    "expired": expired,
    "foreign": foreign,
}


@pytest.mark.parametrize("kind", [kind for kind in WRONG_TOKENS if kind != "empty"])
def test_a_wrong_token_is_said_beside_its_file(browser: Browser, page: Page, kind: str) -> None:
    token = WRONG_TOKENS[kind](page["photos-1-token"])
    answer = browser.send("/album/", page, {"title": "tea", "photos-1-token": token})
    assert answer.status_code == 200
    assert errors_of(answer, "photos") == [
        "“1.png” is no longer here (files wait only for a time, and until you sign out). Choose it again."
    ]
    again = page_of(answer)
    assert again.names("photos") == ["0.png", "2.png"]
    assert browser.send("/album/", again).status_code == 302
    assert Album.objects.get().photos.count() == 2


def test_a_row_that_has_lost_its_token_is_missed(browser: Browser, page: Page) -> None:
    """Only a tick removes a file; a row without a token is not the person's doing."""
    answer = browser.send("/album/", page, {"title": "tea", "photos-1-token": ""})
    assert answer.status_code == 200
    assert errors_of(answer, "photos") == [
        "“1.png” is no longer here (files wait only for a time, and until you sign out). Choose it again."
    ]
    assert page_of(answer).names("photos") == ["0.png", "2.png"]


@pytest.mark.parametrize("kind", WRONG_TOKENS)
def test_a_wrong_token_is_not_found_everywhere(browser: Browser, page: Page, kind: str) -> None:
    token = WRONG_TOKENS[kind](page["photos-1-token"])[:3_000].replace("\x00", "%00")
    for view in ("preview", "original"):
        assert browser.client.get(f"/greenroom/{view}/{token}/").status_code == 404


def test_a_second_view_with_an_expired_token_is_no_server_error(browser: Browser) -> None:
    assert browser.fill("/step-one/", {"title": "x"}, {"body": ("tea.txt", b"tea")}).status_code == 302
    StagedUpload.objects.update(expires_at=to_datetime(0))
    browser.client.raise_request_exception = False
    answer = browser.client.get("/step-two/")
    assert answer.status_code == 404
    assert "no longer here" in page_of(answer).text


# -- crops -----------------------------------------------------------------------------------------

WRONG_CROPS = {
    "fractional": ({"x": "1.5", "y": "0", "w": "40", "h": "30"}, "“1.5” is not a whole number"),
    "negative": ({"x": "-1", "y": "0", "w": "40", "h": "30"}, "“-1” is not a whole number"),
    "words": ({"x": "left", "y": "0", "w": "40", "h": "30"}, "“left” is not a whole number"),
    "other digits": ({"x": "٣", "y": "0", "w": "40", "h": "30"}, "is not a whole number"),
    "outside": ({"x": "100", "y": "0", "w": "40", "h": "30"}, "reaches outside"),
    "nothing": ({"x": "0", "y": "0", "w": "0", "h": "0"}, "at least 1 pixel"),
    "wrong ratio": ({"x": "0", "y": "0", "w": "40", "h": "40"}, "40 × 40 pixels, which is not 4:3"),
    "huge": ({"x": "9" * 30, "y": "0", "w": "40", "h": "30"}, "is not a whole number"),
    "no size": ({"x": "1", "y": "1", "w": "", "h": ""}, "needs a width and a height"),
    "stale": ({"src": "50x50", "x": "0", "y": "0", "w": "40", "h": "30"}, "belongs to another picture"),
    "no source": ({"src": "", "x": "0", "y": "0", "w": "40", "h": "30"}, "which picture"),
    "odd source": ({"src": "axb", "x": "0", "y": "0", "w": "40", "h": "30"}, "is not a whole number"),
    "odd rotation": ({"x": "0", "y": "0", "w": "40", "h": "30", "rot": "45"}, "0, 90, 180 or 270"),
}


@pytest.mark.parametrize("kind", WRONG_CROPS)
def test_a_wrong_crop_is_said_beside_its_picture_as_it_was_typed(
    browser: Browser, page: Page, kind: str
) -> None:
    typed, words = WRONG_CROPS[kind]
    changes = {f"photos-1-crop-{part}": value for part, value in typed.items()}
    answer = browser.send("/album/", page, {"title": "tea", **changes})
    assert answer.status_code == 200
    (message,) = errors_of(answer, "photos")
    assert words in message
    assert "“1.png”" in message
    again = page_of(answer)
    assert again.names("photos") == ["0.png", "1.png", "2.png"]
    for part, value in typed.items():
        if part not in ("src", "rot"):
            assert again[f"photos-1-crop-{part}"] == value
    mended = {f"photos-1-crop-{part}": "" for part in "xywh"} | {"photos-1-crop-rot": "0"}
    assert browser.send("/album/", again, mended).status_code == 302
    assert Album.objects.get().photos.count() == 3


STATES = [
    "not JSON",
    "{}",
    "[1]",
    "[" * 100_000,
    '[{"token": 1, "use": [], "crop": {"x": 1}, "order": true, "removed": "yes"}]',
    '[{"token": null, "saved": {"a": 1}, "order": 1e400}]',
    '[{"token": "x", "crop": "\\ud800", "name": "\\ud800\\u0000"}]',
    "\x00",
]


@pytest.mark.parametrize("state", STATES, ids=range(len(STATES)))
def test_a_state_of_nonsense_is_an_error_and_clears_nothing(
    browser: Browser, page: Page, png: bytes, state: str
) -> None:
    answer = browser.post_body("/album/", encode([*page.parts({"title": "tea"}), ("photos-state", state)]))
    assert answer.status_code == 200
    assert errors_of(answer, "photos")
    assert not Album.objects.exists()


CROP = '{"v":1,"src":[120,90],"x":0,"y":0,"w":40,"h":30,"rot":0,"flip":false}'
WRONG_JSON = {
    "not JSON": "tea",
    "floats": CROP.replace('"x":0', '"x":0.0'),
    "booleans": CROP.replace('"x":0', '"x":false'),
    "extra keys": CROP.replace("}", ',"z":1}'),
    "missing keys": CROP.replace('"x":0,', ""),
    "another version": CROP.replace('"v":1', '"v":2'),
    "outside": CROP.replace('"x":0', '"x":100'),
    "stale": CROP.replace("120", "121"),
    "ratio": CROP.replace('"w":40', '"w":41'),
    "NaN": CROP.replace('"x":0', '"x":NaN'),
}


@pytest.mark.parametrize("kind", WRONG_JSON)
def test_a_wrong_crop_of_a_script_is_said_beside_its_picture(browser: Browser, page: Page, kind: str) -> None:
    rows = [{"token": page[f"photos-{row}-token"], "use": page[f"photos-{row}-use"]} for row in range(3)]
    rows[1]["crop"] = WRONG_JSON[kind]
    parts = [each for each in page.parts({"title": "tea"}) if not each[0].startswith("photos-0")]
    parts = [each for each in parts if not each[0].startswith(("photos-1", "photos-2"))]
    answer = browser.post_body("/album/", encode([*parts, ("photos-state", json.dumps(rows))]))
    (message,) = errors_of(answer, "photos")
    assert "“1.png”" in message
    assert page_of(answer).names("photos") == ["0.png", "1.png", "2.png"]


# -- the form itself -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", [b"Content-Length: 5\r\nContent-Type: ", b"no header at all\r\nContent-Type: "]
)
def test_a_file_whose_part_is_no_part_is_never_passed_over(browser: Browser, header: bytes) -> None:
    for size in (1_000, 100_000):  # in what is looked at first, and beyond it
        body = browser.get("/paper/").body({"title": "tea"}, {"body": ("tea.txt", b"x" * size)})
        answer = browser.post_body("/paper/", body.replace(b"Content-Type: ", header))
        assert answer.status_code == 400
        assert not Paper.objects.exists()
        assert not StagedUpload.objects.exists()


@pytest.mark.parametrize("charset", ["hex", "rot13", "base64", "idna", "undefined"])
def test_a_form_in_what_is_no_charset_of_texts(browser: Browser, charset: str) -> None:
    """Python knows them as encodings, and decodes no text by them."""
    body = browser.get("/paper/").body({"title": "tea"}, {"body": ("tea.txt", b"tea")})
    answer = browser.client.generic(
        "POST", "/paper/", body, content_type=f"{CONTENT_TYPE}; charset={charset}"
    )
    assert answer.status_code == 400
    assert not StagedUpload.objects.exists()


# -- pictures --------------------------------------------------------------------------------------


def test_broken_pictures_are_said_by_name_and_the_others_stay(
    browser: Browser, png: bytes, jpeg: bytes
) -> None:
    files = [
        ("good.png", png),
        ("cut.jpg", pictures.encoded(pictures.coded(400, 300), "jpeg")[:2_000]),
        ("bomb.png", pictures.png_of_zeros(30_000, 30_000)),
        ("words.png", b"Darjeeling"),
        ("other.gif", png),  # a picture all the same: saved as other.png
        ("fine.jpg", jpeg),
    ]
    answer = browser.fill("/album/", {"title": "tea"}, {"photos": files})
    messages = " ".join(errors_of(answer, "photos"))
    for name in ("cut.jpg", "bomb.png", "words.png"):
        assert f"“{name}”" in messages
    assert page_of(answer).names("photos") == ["good.png", "other.png", "fine.jpg"]
    assert browser.send("/album/", page_of(answer)).status_code == 302


def test_a_png_that_moves_is_saved_whole_and_never_made_to_stand_still(browser: Browser) -> None:
    data = pictures.animation("png")
    page = page_of(browser.fill("/album/", {"title": ""}, {"photos": ("moves.png", data)}))
    crop = {f"photos-0-crop-{part}": str(value) for part, value in zip("xywh", (0, 0, 40, 30), strict=True)}
    for pressed in ({"photos-preview": "1"}, {}):
        answer = browser.send("/album/", page, {"title": "tea", **crop, **pressed})
        assert errors_of(answer, "photos")[0] == (
            "“moves.png” is a PNG that moves: cropped or made smaller, it would stand still. "
            "Use it whole, or send it as GIF or WebP."
        )
        page = page_of(answer)
        assert page["photos-0-crop-w"] == "40"
    assert browser.send("/album/", page, dict.fromkeys(crop, "")).status_code == 302
    assert Path(Album.objects.get().photos.get().image.path).read_bytes() == data


def test_a_full_disk_is_said_and_what_is_held_stays(
    browser: Browser, page: Page, settings: Any, png: bytes
) -> None:
    settings.GREENROOM = {"KEEP_FREE": "900 TB"}
    browser.client.raise_request_exception = False
    answer = browser.send("/album/", page, {"title": ""}, {"photos": ("3.png", png + bytes(3_000_000))})
    assert answer.status_code == 200
    assert any("no room left" in each for each in errors_of(answer, "photos"))
    assert page_of(answer).names("photos") == ["0.png", "1.png", "2.png"]


def test_a_full_disk_when_a_small_file_is_to_be_shown(browser: Browser, png: bytes, settings: Any) -> None:
    page = browser.get("/album/")
    settings.GREENROOM = {"KEEP_FREE": "900 TB"}
    browser.client.raise_request_exception = False
    answer = browser.send("/album/", page, {"title": ""}, {"photos": ("3.png", png)})
    assert answer.status_code in (200, 507)
    assert "no room left" in page_of(answer).text
