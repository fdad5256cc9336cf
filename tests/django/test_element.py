"""What the element is told by the widget, and what it may ask about a held file."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.test import Client
from django.utils import translation

from greenroom import Limits
from greenroom.core import UsageError, format_size
from greenroom.core.errors import TooLarge, TypeNotAllowed
from greenroom.forms import StagedFileField, StagedImageField, StagedImagesField
from greenroom.images import Recipe, min_pixels, probe, render
from greenroom.models import StagedUpload
from greenroom.phrases import SAMPLES, phrases
from greenroom.policies import IntakePolicy
from greenroom.testing import as_owner
from greenroom.wording import say
from tests.django.conftest import Browser
from tests.images import pictures
from tests.pages import page_of

pytestmark = pytest.mark.django_db(transaction=True)


def told(html: str, what: str) -> list[dict[str, Any]]:
    return [json.loads(unescape(each)) for each in re.findall(rf'data-{what}="([^"]*)"', html)]


class Form(forms.Form):
    photo = StagedImageField(
        crop="4:3",
        limits=Limits(max_bytes="10 MB", types=["image/*"]),
        inspectors=[min_pixels(800, 100), min_pixels(80, 600)],
        transfer="accept",
    )
    papers = StagedFileField(required=False, transfer="save", limits=Limits(types=["application/pdf"]))
    album = StagedImagesField(max_num=3, crop="free")


def test_the_field_is_told_with_its_rules() -> None:
    with as_owner():
        photo, papers, album = told(str(Form()), "field")
    assert (photo["crop"], papers["crop"], album["crop"]) == ("4:3", "", "free")
    assert (photo["bytes"], papers["bytes"]) == (10_000_000, None)
    assert (photo["types"], photo["allowed"], papers["allowed"]) == (
        ["image/*"],
        "a picture",
        "a PDF document",
    )
    assert photo["least"] == [800, 600]
    assert [each["transfer"] for each in (photo, papers, album)] == ["accept", "save", "pick"]
    assert [each["most"] for each in (photo, papers, album)] == [1, 1, 3]
    assert [each["required"] for each in (photo, papers, album)] == [True, False, True]
    assert "image/heic" not in photo["kinds"]
    assert papers["kinds"]["image/heic"] == "a HEIC picture"
    assert (photo["uploads"], photo["held"], photo["csrf"]) == (
        "/greenroom/uploads/",
        "/greenroom/held/~/",
        "X-CSRFTOKEN",
    )


def test_its_policy_has_room_for_what_can_be_undone() -> None:
    with as_owner() as visit:
        html = str(Form()["album"])
        (field,) = told(html, "field")
        posted = page_of(f"<form>{html}</form>")["album-policy"]
        owner = visit.owner(create=False)
    assert IntakePolicy.decode(posted, name="album", owner=owner).max_files == 3
    assert IntakePolicy.decode(field["policy"], name="album", owner=owner).max_files == 23


def test_without_an_owner_the_input_stays_a_plain_one() -> None:
    assert told(str(Form()), "field") == []


def test_a_row_is_told_with_its_size_and_crop(browser: Browser) -> None:
    data = pictures.encoded(pictures.coded(120, 90), "jpeg")
    answer = browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", data)})
    (row,) = told(answer.content.decode(), "row")
    assert (row["name"], row["size"], row["width"], row["height"]) == ("tea.jpg", len(data), 120, 90)
    assert "crop" not in row
    assert (row["removed"], row["removable"], row["errors"]) == (False, True, [])
    page = page_of(answer)
    crop = {"v": 1, "src": [120, 90], "x": 4, "y": 3, "w": 40, "h": 30, "rot": 0, "flip": False}
    state = json.dumps([{"token": row["token"], "use": row["use"], "name": "tea.jpg", "crop": crop}])
    answer = browser.send("/product/", page, {"name": "", "photo-state": state})
    (again,) = told(answer.content.decode(), "row")
    assert (again["crop"], again["use"]) == (crop, row["use"])


@pytest.mark.parametrize("field", [StagedFileField, StagedImageField])
def test_accept_is_for_fields_with_a_crop(field: Any) -> None:
    with pytest.raises(UsageError, match=r"crop=.* Got: 'accept'"):
        field(transfer="accept")
    with pytest.raises(UsageError, match=r"pick, accept, save.* Got: 'later'"):
        field(transfer="later")


def test_a_held_file_is_told_to_its_owner_only(browser: Browser, jpeg: bytes) -> None:
    stranger = Browser()
    stranger.get("/product/")
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    address = f"/greenroom/held/{page['photo-0-token']}/"
    answer = browser.client.get(address)
    facts = answer.json()
    picture = probe(jpeg)
    assert (facts["name"], facts["width"], facts["height"], facts["error"]) == (
        "tea.jpg",
        picture.width,
        picture.height,
        "",
    )
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    for client in (stranger.client, Client()):
        assert client.get(address).status_code == 404


def test_what_is_no_picture_is_told_in_words(browser: Browser) -> None:
    broken = b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"broken" * 100
    page = page_of(browser.fill("/paper/", {"title": ""}, {"body": ("tea.jpg", broken)}))
    facts = browser.client.get(f"/greenroom/held/{page['body-0-token']}/").json()
    assert facts["error"].startswith("“tea.jpg” cannot be read as a picture")
    assert "width" not in facts


@pytest.mark.parametrize("mine", [True, False])
def test_the_limits_of_my_policy_hold_for_what_is_told(browser: Browser, mine: bool) -> None:
    data = pictures.encoded(pictures.coded(120, 90), "png")
    page = page_of(browser.fill("/paper/", {"title": ""}, {"body": ("tea.png", data)}))
    owner = StagedUpload.objects.get().owner_id if mine else "somebody else"
    limits = Limits(max_pixels=100)
    policy = IntakePolicy.new(name="photo", owner=owner, limits=limits, max_files=1, memory=1)
    facts = browser.client.get(
        f"/greenroom/held/{page['body-0-token']}/", headers={"Greenroom-Policy": policy.encode()}
    ).json()
    assert ("120 × 90 pixels" in facts["error"]) is mine


def test_the_proxy_is_the_whole_picture_upright(browser: Browser) -> None:
    data = pictures.with_orientation(pictures.encoded(pictures.coded(120, 90), "jpeg"), 6)
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", data)}))
    answer = browser.client.get(f"/greenroom/proxy/{page['photo-0-token']}/")
    seen = probe(answer.content)
    assert (seen.width, seen.height, seen.orientation) == (90, 120, 1)
    assert Recipe.proxy().size == (2048, 2048)


@pytest.mark.parametrize(
    ("crop", "status"),
    [
        ("120-90-10-20-40-30-90-1", 200),
        ("120-90-100-20-40-30-0-0", 404),  # outside
        ("121-90-10-20-40-30-0-0", 404),  # of another picture
        ("garbled", 404),
        ("", 404),
    ],
)
def test_a_preview_of_a_crop_that_is_only_tried_out(browser: Browser, crop: str, status: int) -> None:
    data = pictures.encoded(pictures.coded(120, 90), "png")
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.png", data)}))
    answer = browser.client.get(f"/greenroom/preview/{page['photo-0-token']}/", {"crop": crop})
    assert answer.status_code == status
    if status == 200:
        seen = probe(answer.content)
        assert (seen.width, seen.height) == (30, 40)


def test_what_is_given_up_while_it_is_looked_at_is_not_held(
    browser: Browser, held_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pictures.encoded(pictures.coded(120, 90), "png")
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.png", data)}))

    def late(source: Any, recipe: Recipe, **options: Any) -> Any:
        for bytes_of_it in held_root.rglob("bytes"):
            bytes_of_it.unlink()
        return render(source, recipe, **options)

    monkeypatch.setattr("greenroom.views.render", late)
    answer = browser.client.get(f"/greenroom/preview/{page['photo-0-token']}/")
    assert answer.status_code == 404


def test_every_phrase_has_a_form_for_every_category() -> None:
    for language in ("en", "de", "ar"):
        with translation.override(language):
            for name, phrase in phrases().items():
                forms = phrase if isinstance(phrase, list) else [phrase]
                assert all(forms), name
                assert len(forms) in (1, len(SAMPLES)), name


@pytest.mark.parametrize(
    ("language", "words", "file"),
    [
        ("de", "Datei wählen", "ein Bild"),
        ("fr", "Choisir un fichier", "une image"),
        ("ar", "اختر ملفًا", "صورة"),
    ],
)
def test_it_speaks_the_language_of_the_page(language: str, words: str, file: str) -> None:
    with as_owner(), translation.override(language):
        html = str(Form())
        (photo, *_others) = told(html, "field")
    assert (photo["lang"], photo["words"]["choose_one"], photo["allowed"]) == (language, words, file)
    assert f">{words}</label>" in html
    assert len(set(photo["words"]["said_added"])) == {"de": 2, "fr": 2, "ar": 6}[language]


def test_refusals_are_in_the_language_of_the_page() -> None:
    refusal = TypeNotAllowed(name="tea.txt", found="text", allowed="a picture")
    with translation.override("de"):
        assert say(refusal) == "„tea.txt“ ist dem Inhalt nach Text, angenommen wird hier aber nur ein Bild."


@pytest.mark.parametrize(
    ("language", "name", "limit"),
    [("en", "“tea.jpg”", "1.5 MB"), ("de", "„tea.jpg“", "1,5 MB"), ("fr", "« tea.jpg »", "1,5 Mo"),
     ("ar", "«\u2068tea.jpg\u2069»", "1,5 ميغابايت")],
)  # fmt: skip
def test_names_and_sizes_are_written_as_the_language_does(language: str, name: str, limit: str) -> None:
    """By refusals, by the hint at the input, and by what the element puts its own sentences together from."""
    with translation.override(language):
        refusal = say(TooLarge(name="tea.jpg", limit=format_size(1_500_000)))
        assert name in refusal
        assert limit in refusal
        quoted = phrases()["quoted"]
        assert isinstance(quoted, str)
        assert quoted % {"name": "tea.jpg"} == name
        limited = type("Limited", (forms.Form,), {"file": StagedFileField(limits=Limits(max_bytes="1.5 MB"))})
        with as_owner():
            assert limit in str(limited()["file"])


def test_the_limits_describe_the_input() -> None:
    class Helped(forms.Form):
        photo = StagedImageField(limits=Limits(max_bytes="10 MB"), help_text="Of you.")

    with as_owner():
        html = str(Helped()["photo"])
    (described,) = re.findall(r'<input type="file"[^>]* aria-describedby="([^"]*)"', html)
    assert described.split()[-1] == "id_photo-limits"
    assert re.search(r'id="id_photo-limits">A picture, up to 10 MB<', html)
