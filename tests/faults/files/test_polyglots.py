"""Promise 12 and 13: a file that is two things at once goes the whole way, and is only ever one of them."""

from pathlib import Path
from typing import Any

import pytest
from django import forms
from PIL import Image

from greenroom import Limits
from greenroom.core.sniff import extension_for, sniff
from greenroom.forms import StagedFileField
from greenroom.models import StagedUpload
from tests.django.conftest import Browser, browser, media
from tests.faults.files.polyglots import FALSE, MARK, PHP, TRUE, picture
from tests.faults.tally import Injected
from tests.pages import errors_of, files_under, page_of
from tests.shop.models import Paper, Product

__all__ = ["browser", "media"]

pytestmark = pytest.mark.django_db(transaction=True)

CROP = {"photo-0-crop-x": "8", "photo-0-crop-y": "6", "photo-0-crop-w": "40", "photo-0-crop-h": "30"}


@pytest.mark.parametrize("kind", TRUE)
def test_a_picture_that_is_something_else_is_shown_and_cropped_as_a_picture(
    browser: Browser, media: Path, injected: Injected, kind: str
) -> None:
    name, make, _requirement = TRUE[kind]
    data = make()
    assert MARK in data
    with injected(12), injected(13):
        if name.endswith(
            ".html"
        ):  # a page's name is a lie about a picture, and refused; under its own it is not
            answer = browser.fill("/product/", {"name": ""}, {"photo": (name, data)})
            assert (
                "ends in .html" in errors_of(answer, "photo")[0]
                or "web page" in errors_of(answer, "photo")[0]
            )
            name = "tea"
        page = page_of(browser.fill("/product/", {"name": ""}, {"photo": (name, data)}))
        assert page.rows("photo"), page.text
        shown = browser.client.get(page.images[0])
        assert shown.status_code == 200
        assert sniff(shown.content) == shown.headers["Content-Type"]
        assert MARK not in shown.content
        token = page["photo-0-token"]
        proxy = browser.client.get(f"/greenroom/proxy/{token}/")
        assert proxy.status_code == 200
        assert MARK not in proxy.content
        download = browser.client.get(page.links[0])
        assert b"".join(download.streaming_content) == data
        assert download.headers["Content-Type"] == "application/octet-stream"
        assert download.headers["Content-Disposition"].startswith("attachment")
        page = page_of(browser.send("/product/", page, {"name": "", **CROP, "photo-preview": "1"}))
        assert browser.send("/product/", page, {"name": "tea", **CROP}).status_code == 302
        saved = Path(Product.objects.get().photo.path)
        assert MARK not in saved.read_bytes()
        with Image.open(saved) as image:
            assert image.size == (40, 30)
        assert saved.suffix == extension_for(sniff(data))
        assert saved.resolve().is_relative_to(media.resolve() / "products")


def test_uncropped_it_is_byte_for_byte_what_was_sent_under_its_own_extension(
    browser: Browser, injected: Injected
) -> None:
    for kind, (name, make, _requirement) in TRUE.items():
        data = make()
        with injected(12):
            answer = browser.fill("/product/", {"name": kind}, {"photo": (name.replace(".html", ""), data)})
            assert answer.status_code == 302, kind
            saved = Path(Product.objects.get(name=kind).photo.path)
            assert saved.read_bytes() == data, kind
            assert saved.suffix == extension_for(sniff(data)), kind


def test_what_is_no_picture_is_refused_in_words_and_nothing_of_it_is_saved(
    browser: Browser, media: Path, injected: Injected
) -> None:
    for kind, (name, make, _requirement) in FALSE.items():
        with injected(13):
            answer = browser.fill("/product/", {"name": "tea"}, {"photo": (name, make())})
            assert answer.status_code == 200, kind
            (message,) = errors_of(answer, "photo")
            assert f"“{name}”" in message, kind
            assert page_of(answer).rows("photo") == [], kind
    assert files_under(media) == []
    assert not Product.objects.exists()
    assert not StagedUpload.objects.exists()


def test_in_a_field_for_any_file_it_is_what_its_bytes_and_its_name_say_or_refused(
    browser: Browser, injected: Injected
) -> None:
    refused = set()
    for kind, (name, make, _requirement) in {**TRUE, **FALSE}.items():
        data = make()
        with injected(13):
            answer = browser.fill("/paper/", {"title": ""}, {"body": (name, data)})
            page = page_of(answer)
            if not page.rows("body"):
                assert errors_of(answer, "body"), kind
                refused.add(kind)
                continue
            download = browser.client.get(page.links[0])
            assert download.headers["Content-Type"] == "application/octet-stream", kind
            assert b"".join(download.streaming_content) == data, kind
            assert browser.send("/paper/", page, {"title": kind}).status_code == 302, kind
            assert Path(Paper.objects.get(title=kind).body.path).read_bytes() == data, kind
    # What begins as a picture, a script that is text, and what is called what it is: no name lies there. Who takes any
    # file takes these, and serves them as a download.
    assert refused == {
        "JPEG and a page",
        *(
            set(FALSE)
            - {"SVG called SVG", "a page called page"}
            - {each for each in FALSE if "first" in each}
        ),
    } - {"GIF by a comment"}


# -- the extension in a field that names its types -------------------------------------------------

EXECUTED = ("php", "phtml", "php5", "phar", "asp", "aspx", "jsp", "cgi", "pl", "shtml", "PHP", "php_", "pHp")
CONTENTS = {
    "application/pdf": b"%PDF-1.7\n" + PHP,
    "text/plain": b"Darjeeling " + PHP,
    "image/*": picture("gif")[:-1] + b"!\xfe" + bytes([len(PHP)]) + PHP + b"\0;",
    "application/zip": b"PK\x03\x04" + PHP,
}


@pytest.mark.parametrize("media_type", CONTENTS)
def test_a_field_that_names_its_types_takes_no_extension_that_promises_something_else(
    injected: Injected, media_type: str
) -> None:
    """Cheat Sheet, List Allowed Extensions: a web server goes by the extension, whatever is inside."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    field = StagedFileField(limits=Limits(types=[media_type]))
    with injected(12, len(EXECUTED)):
        for extension in EXECUTED:
            file = SimpleUploadedFile(f"tea.{extension}", CONTENTS[media_type])
            with pytest.raises(forms.ValidationError, match=f"ends in .{extension}"):
                field.clean(file)
    for name in ("tea", "Tea, 2.5 kg", "tea v1.2"):
        assert field.clean(SimpleUploadedFile(name, CONTENTS[media_type])).name == name


def test_neither_does_it_when_the_file_comes_by_a_token(
    settings: Any, browser: Browser, injected: Injected
) -> None:
    """Held for a field that takes anything, offered to one that takes PDF."""
    settings.ROOT_URLCONF = "tests.faults.files.typed"
    page = page_of(browser.fill("/paper/", {"title": ""}, {"body": ("tea.php", CONTENTS["application/pdf"])}))
    with injected(12):
        other = browser.get("/typed/")
        fields = {f"body-0-{part}": page[f"body-0-{part}"] for part in ("token", "use", "name")}
        answer = browser.send("/typed/", other, {"title": "tea", **fields})
        assert "ends in .php" in errors_of(answer, "body")[0]
        assert not Paper.objects.exists()
