"""A picture under the name of another kind of picture is taken, and saved under its own, byte for byte."""

from pathlib import Path
from typing import Any

import pytest

from tests.images import pictures
from tests.pages import page_of
from tests.shop.models import Paper, Product

pytestmark = pytest.mark.django_db(transaction=True)

MIXED_UP = [
    ("leaf.jpg", "png", "leaf.png"),
    ("leaf.JPEG", "gif", "leaf.gif"),
    ("leaf.png", "jpeg", "leaf.jpg"),
    ("leaf.heic", "jpeg", "leaf.jpg"),  # what phones make of it when they send it
    ("leaf.bmp", "webp", "leaf.webp"),
    ("leaf.webp", "tiff", "leaf.tif"),
    ("leaf.tar.gif", "avif", "leaf.tar.avif"),
]


def picture(kind: str) -> bytes:
    return pictures.encoded(pictures.coded(40, 30), kind)


@pytest.mark.parametrize(("sent_as", "kind", "saved_as"), MIXED_UP)
def test_in_a_picture_field(browser: Any, sent_as: str, kind: str, saved_as: str) -> None:
    data = picture(kind)
    assert browser.fill("/product/", {"name": "tea"}, {"photo": (sent_as, data)}).status_code == 302
    photo = Product.objects.get().photo
    assert photo.name == f"products/{saved_as}"
    assert Path(photo.path).read_bytes() == data


@pytest.mark.parametrize(("sent_as", "kind", "saved_as"), MIXED_UP)
def test_in_a_field_for_any_file(browser: Any, sent_as: str, kind: str, saved_as: str) -> None:
    data = picture(kind)
    assert browser.fill("/paper/", {"title": "tea"}, {"body": (sent_as, data)}).status_code == 302
    body = Paper.objects.get().body
    assert body.name == f"papers/{saved_as}"
    assert Path(body.path).read_bytes() == data


@pytest.mark.parametrize("name", ["leaf.jpeg", "leaf.JPG", "leaf.jfif", "leaf", "leaf.tea"])
def test_a_field_for_any_file_leaves_a_name_that_is_no_other_picture_s(browser: Any, name: str) -> None:
    data = picture("jpeg")
    assert browser.fill("/paper/", {"title": "tea"}, {"body": (name, data)}).status_code == 302
    assert Paper.objects.get().body.name == f"papers/{name}"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"<!doctype html><p>tea", "a web page"),
        (b"Darjeeling", "text"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
    ],
)
@pytest.mark.parametrize(("url", "field"), [("/product/", "photo"), ("/paper/", "body")])
def test_what_is_no_picture_is_refused_under_the_name_of_one(
    browser: Any, url: str, field: str, data: bytes, found: str
) -> None:
    answer = browser.fill(url, {"name": "tea", "title": "tea"}, {field: ("leaf.jpg", data)})
    assert answer.status_code == 200
    # No other name would let it in where pictures are taken; a drawing is of their family.
    in_vain = field == "photo" and found != "an SVG drawing"
    said = f"is {found} by its content" if in_vain else f"ends in .jpg, but its content is {found}"
    assert f"“leaf.jpg” {said}" in answer.content.decode()
    assert page_of(answer).names(field) == []


def test_a_picture_is_refused_under_another_name_than_a_picture_s(browser: Any) -> None:
    for name in ("leaf.pdf", "leaf.svg", "leaf.txt"):
        answer = browser.fill("/paper/", {"title": "tea"}, {"body": (name, picture("png"))})
        assert "but its content is a PNG picture" in answer.content.decode()


def test_bytes_of_an_unknown_type_are_judged_by_the_field(browser: Any) -> None:
    data = bytes(range(256)) * 40
    answer = browser.fill("/product/", {"name": "tea"}, {"photo": ("leaf.png", data)})
    assert "“leaf.png” is of an unknown type by its content" in answer.content.decode()
    assert browser.fill("/paper/", {"title": "tea"}, {"body": ("leaf.png", data)}).status_code == 302
    assert Path(Paper.objects.get().body.path).read_bytes() == data
