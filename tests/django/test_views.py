"""Previews and originals: for their owner only, and nothing in them that a browser would run."""

from email.message import Message
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from PIL import Image

from greenroom import views
from greenroom.files import Bake, StagedFile
from greenroom.images import Crop
from greenroom.views import rendition
from tests.django.conftest import Browser, Guest
from tests.images import pictures
from tests.pages import Page, files_under, page_of

pytestmark = pytest.mark.django_db(transaction=True)

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


@pytest.fixture(autouse=True)
def nobody_else_protects(settings: Any) -> None:
    """Headers of Django's own must not stand in for ours."""
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "security" not in each]


def held(browser: Browser, name: str, data: bytes, changes: dict[str, str] | None = None) -> Page:
    answer = browser.fill("/paper/", {"title": "", **(changes or {})}, {"body": (name, data)})
    page = page_of(answer)
    assert page.rows("body"), page.text
    return page


def held_picture(browser: Browser, data: bytes, crop: dict[str, str] | None = None) -> Page:
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", data)}))
    if crop:
        changes = {f"photo-0-crop-{part}": value for part, value in crop.items()}
        page = page_of(browser.send("/product/", page, {"name": "", **changes}))
    assert page.rows("photo"), page.text
    return page


def assert_inert(response: Any) -> None:
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    policy = response.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "private" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("name", "data"), [("tea.html", HTML), ("tea.svg", SVG), ("tea.txt", HTML), ("tea.bin", b"MZ" + HTML)]
)
def test_an_original_is_always_a_download(browser: Browser, name: str, data: bytes) -> None:
    page = held(browser, name, data)
    response = browser.client.get(page.links[0])
    assert response.status_code == 200
    assert b"".join(response.streaming_content) == data
    assert response.headers["Content-Type"] == "application/octet-stream"
    disposition = Message()
    disposition["Content-Disposition"] = response.headers["Content-Disposition"]
    assert disposition.get_content_disposition() == "attachment"
    assert disposition.get_filename() == name
    assert int(response.headers["Content-Length"]) == len(data)
    assert response.headers["Cache-Control"] == "private, no-store"
    assert_inert(response)


def test_an_original_is_byte_for_byte_although_a_crop_is_set(browser: Browser, jpeg: bytes) -> None:
    page = held_picture(browser, jpeg, {"x": "0", "y": "0", "w": "40", "h": "30"})
    for link in page.links:
        assert b"".join(browser.client.get(link).streaming_content) == jpeg


def test_a_preview_shows_the_result_and_carries_nothing_along(browser: Browser) -> None:
    data = pictures.encoded(pictures.coded(120, 90), "jpeg")
    secret = b"\xff\xfe" + (2 + len(pictures.CANARY)).to_bytes(2, "big") + pictures.CANARY
    data = data[:2] + secret + data[2:]
    page = held_picture(browser, data, {"x": "8", "y": "16", "w": "40", "h": "30"})
    response = browser.client.get(page.images[0])
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("image/")
    assert pictures.CANARY not in response.content
    with Image.open(BytesIO(response.content)) as image:
        assert image.size == (40, 30)
    assert_inert(response)
    assert page.text.count("result 40 × 30") == 1


def test_a_large_picture_has_a_small_preview(browser: Browser) -> None:
    data = pictures.encoded(pictures.coded(2_000, 1_000), "jpeg")
    page = held_picture(browser, data)
    with Image.open(BytesIO(browser.client.get(page.images[0]).content)) as image:
        assert image.size == (640, 320)


def test_a_preview_is_rendered_once(browser: Browser, jpeg: bytes, held_root: Any) -> None:
    page = held_picture(browser, jpeg)
    first = browser.client.get(page.images[0])
    before = [(each, each.stat().st_mtime_ns) for each in files_under(held_root)]
    second = browser.client.get(page.images[0])
    assert first.content == second.content
    assert [(each, each.stat().st_mtime_ns) for each in files_under(held_root)] == before


def kept_previews(root: Path) -> list[Path]:
    return [each for each in files_under(root) if each.name.startswith("preview-")]


def test_only_the_newest_previews_of_an_upload_are_kept(guest: Guest, held_root: Path, jpeg: bytes) -> None:
    file, other = guest.hold(jpeg), guest.hold(jpeg)
    rendition(other)
    crops = [file.cropped(Crop(x=0, y=0, w=20 + each, h=20, src=(120, 90)), Bake()) for each in range(11)]
    shown = [rendition(each) for each in crops]
    assert len(kept_previews(held_root)) == 8 + 1, "those of another upload do not count"
    before = {each: each.stat().st_mtime_ns for each in kept_previews(held_root)}
    assert [rendition(each) for each in crops[3:]] == shown[3:]
    assert {each: each.stat().st_mtime_ns for each in kept_previews(held_root)} == before
    assert rendition(crops[0]) == shown[0], "one that was given up is rendered again"
    assert len(kept_previews(held_root)) == 8 + 1


def test_a_preview_that_is_given_up_while_it_is_looked_for_is_rendered_again(
    guest: Guest, held_root: Path, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = guest.hold(jpeg)
    first = rendition(file)
    names = views.renditions(file, views.PREVIEW)

    def stale(file: StagedFile, prefix: str) -> list[str]:
        monkeypatch.undo()
        kept_previews(held_root)[0].unlink()
        return names

    monkeypatch.setattr(views, "renditions", stale)
    assert rendition(file) == first
    assert len(kept_previews(held_root)) == 1


@pytest.mark.parametrize("view", ["preview", "original"])
@pytest.mark.parametrize("token", ["x", "a.b.c.d", "%00", "../../etc/passwd", "é", "." * 300])
def test_what_is_no_token_is_not_found(browser: Browser, view: str, token: str) -> None:
    assert browser.client.get(f"/greenroom/{view}/{token}/").status_code == 404


@pytest.mark.parametrize("view", ["preview", "original"])
def test_a_visitor_who_holds_nothing_gets_no_session(browser: Browser, jpeg: bytes, view: str) -> None:
    """Of a garbled token and of somebody else's the visitor learns the same."""
    token = held_picture(browser, jpeg)["photo-0-token"]
    sessions = Session.objects.count()
    answers = [Client().get(f"/greenroom/{view}/{each}/") for each in ("garbage", token)]
    assert Session.objects.count() == sessions
    for answer in answers:
        assert answer.status_code == 404
        assert "Set-Cookie" not in str(answer.serialize_headers())
        assert not answer.cookies
    garbage, foreign = answers
    assert garbage.headers == foreign.headers
    assert garbage.content == foreign.content
    other = Browser()
    held_picture(other, jpeg)
    owner_of_others = other.client.get(f"/greenroom/{view}/{token}/")
    assert (owner_of_others.status_code, owner_of_others.content) == (404, garbage.content)


def test_what_is_no_picture_has_no_preview(browser: Browser) -> None:
    page = held(browser, "tea.txt", b"Darjeeling")
    assert page.images == []
    token = page["body-0-token"]
    assert browser.client.get(f"/greenroom/preview/{token}/").status_code == 404
    assert browser.client.get(f"/greenroom/original/{token}/").status_code == 200


@pytest.mark.parametrize("view", ["preview", "original"])
def test_only_safe_methods(browser: Browser, jpeg: bytes, view: str) -> None:
    token = held_picture(browser, jpeg)["photo-0-token"]
    client = browser.client
    client.handler.enforce_csrf_checks = False
    assert client.post(f"/greenroom/{view}/{token}/").status_code == 405
    head = client.head(f"/greenroom/{view}/{token}/")
    assert head.status_code == 200
    assert_inert(head)


def test_a_crop_may_be_looked_at_before_anything_is_saved(browser: Browser, jpeg: bytes) -> None:
    page = held_picture(browser, jpeg)
    changes = {"photo-0-crop-w": "40", "photo-preview": "1", "photo-0-crop-rot": "0", "name": "tea"}
    answer = browser.send("/product/", page, changes)
    assert answer.status_code == 200
    shown = page_of(answer)
    assert "This is a preview. Nothing has been saved yet." in shown.text
    assert (shown["photo-0-crop-w"], shown["photo-0-crop-h"]) == ("40", "30")
    with Image.open(BytesIO(browser.client.get(shown.images[0]).content)) as image:
        assert image.size == (40, 30)
