"""A body cut short anywhere: never a server error, never saved, never cleared, and what came whole is held."""

from typing import Any

import pytest
from django.urls import path

from greenroom.models import StagedUpload
from tests.django.wsgi import Body, post
from tests.pages import BOUNDARY, Page, page_of
from tests.shop.forms import AlbumForm, PapersForm, ProductForm
from tests.shop.models import Album, Product
from tests.shop.views import edit
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]
WORDS = "The form did not arrive whole"


urlpatterns = [*shop, path("edit/<int:pk>/", edit)]


def cuts(body: bytes, count: int) -> list[int]:
    """Places all over a body, its structure included: a few in every line of it."""
    lines = [at for at in range(len(body)) if body[at : at + 2] == b"\r\n"][:200]
    near = {at + offset for at in lines for offset in (-1, 0, 1, 2, 3)}
    even = {len(body) * each // count for each in range(count)}
    end = {len(body) - each for each in range(3, 12)}
    return sorted(each for each in near | even | end if 0 <= each < len(body) - 2)


def send(browser: Any, url: str, body: bytes, cut: int, *, declared: bool) -> Any:
    """Declared: the Content-Length is of the whole body, as when a connection breaks."""
    length = len(body) if declared else cut
    return post(browser.client, url, Body.of(body[:cut]), length=length)


@pytest.mark.parametrize("declared", [True, False])
def test_a_new_object_is_never_saved(browser: Any, jpeg: bytes, declared: bool) -> None:
    body = browser.get("/product/").body({"name": "tea"}, {"photo": ("tea.jpg", jpeg)})
    shown = 0
    for cut in cuts(body, 40):
        answer = send(browser, "/product/", body, cut, declared=declared)
        assert answer.status in (200, 400, 403), (cut, body[:cut][-60:])
        assert not Product.objects.exists(), (cut, body[:cut][-60:])
        if answer.status == 200:
            assert WORDS in answer.content.decode(), (cut, body[:cut][-60:])
            shown += bool(page_of(answer.content.decode()).rows("photo"))
    assert shown == 0, "half a picture is not held"
    assert not StagedUpload.objects.exists()


@pytest.mark.parametrize("declared", [True, False])
def test_a_saved_file_is_never_cleared(browser: Any, jpeg: bytes, declared: bool) -> None:
    assert browser.fill("/product/", {"name": "tea"}, {"photo": ("tea.jpg", jpeg)}).status_code == 302
    product = Product.objects.get()
    url = f"/edit/{product.pk}/"
    body = browser.get(url).body({"name": "coffee"})
    for cut in cuts(body, 40):
        answer = send(browser, url, body, cut, declared=declared)
        assert answer.status in (200, 400, 403)
        product.refresh_from_db()
        assert (product.name, product.photo.name) == ("tea", "products/tea.jpg"), body[:cut][-60:]
        if answer.status == 200:
            assert page_of(answer.content.decode()).names("photo") == ["tea.jpg"]


def test_held_files_whose_rows_arrived_are_still_shown(browser: Any, png: bytes) -> None:
    files = [(f"{number}.png", png) for number in range(3)]
    page = page_of(browser.fill("/album/", {"title": ""}, {"photos": files}))
    assert page.names("photos") == ["0.png", "1.png", "2.png"]
    body = page.body({"title": "tea"}, {"photos": [("3.png", png), ("4.png", png)]})
    begun = body.index(b'filename="3.png"')
    ended = body.index(f"\r\n--{BOUNDARY}".encode(), begun) + len(BOUNDARY) + 4
    for cut in [each for each in cuts(body, 60) if each > begun]:
        answer = send(browser, "/album/", body, cut, declared=True)
        assert answer.status == 200
        again = page_of(answer.content.decode())
        assert again.names("photos")[:3] == ["0.png", "1.png", "2.png"]
        if cut not in range(
            ended, ended + 5
        ):  # where the boundary ends the parser may wait for its line's end
            assert again.names("photos")[3:] == (["3.png"] if cut >= ended else []), body[:cut][-60:]
        assert WORDS in again.text
    assert not Album.objects.exists()
    final = page_of(answer.content.decode())
    assert browser.send("/album/", final, {"title": "tea"}).status_code == 302
    assert Album.objects.get().photos.count() == 4


def test_an_optional_field_that_did_not_arrive_is_not_an_empty_one(browser: Any) -> None:
    """The rows are the last of the form: whatever is lost of them, the form is not accepted without them."""
    page = page_of(browser.fill("/papers/", {"title": ""}, {"papers": ("tea.txt", b"Darjeeling")}))
    body = page.body({"title": "tea"})
    for cut in cuts(body, 60):
        answer = send(browser, "/papers/", body, cut, declared=True)
        assert answer.status in (200, 400, 403), body[:cut][-60:]
    assert browser.post_body("/papers/", body).status_code == 302


@pytest.mark.parametrize("cut", [0, 1, 30_000, 65_535, 65_536, 65_537, 150_000])
def test_a_connection_that_breaks_with_an_error(browser: Any, cut: int) -> None:
    data = browser.get("/paper/").body({"title": "tea"}, {"body": ("tea.bin", bytes(200_000))})

    def break_off() -> None:
        if body.taken >= cut:
            raise OSError("connection reset by peer")

    pieces = (data[at : at + 100] for at in range(0, cut, 100))

    class Broken(Body):
        def read(self, size: int = -1) -> bytes:
            break_off()
            return super().read(min(size, cut - self.taken))

    body = Broken(pieces)
    answer = post(browser.client, "/paper/", body, length=len(data))
    assert answer.status in (200, 400, 403)
    assert not StagedUpload.objects.exists()


def test_a_body_that_comes_in_single_bytes(browser: Any, gif: bytes) -> None:
    data = browser.get("/product/").body({"name": "tea"}, {"photo": ("tea.gif", gif)})

    class Slow(Body):
        def read(self, size: int = -1) -> bytes:
            return super().read(min(size, 7))

    answer = post(browser.client, "/product/", Slow.of(data), length=len(data))
    assert answer.status == 302
    with Product.objects.get().photo.open() as saved:
        assert saved.read() == gif


def test_the_forms_here_are_what_they_are_meant_to_be() -> None:
    assert not ProductForm.base_fields["photo"].required
    assert not PapersForm.base_fields["papers"].required
    assert AlbumForm.base_fields["photos"].required
    assert Page().rows("photo") == []
