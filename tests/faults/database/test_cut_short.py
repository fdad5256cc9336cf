"""Promise 21: a form that is cut short anywhere never reads as "the person removed the file"."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from greenroom.forms import save_files
from greenroom.models import StagedUpload
from tests.django.conftest import Browser
from tests.django.wsgi import Answer, Body, post
from tests.faults.database.explained import unexplained_files
from tests.faults.tally import NIGHT, Injected
from tests.pages import CONTENT_TYPE, Page, page_of
from tests.shop.forms import AlbumForm
from tests.shop.models import Album, Product
from tests.shop.views import edit
from tests.urls import urlpatterns as shop

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls(__name__),
    pytest.mark.timeout(600),
]


def edit_album(request: HttpRequest, pk: int) -> HttpResponse:
    album = get_object_or_404(Album, pk=pk)
    initial = {"photos": album.photos.all()}
    form = AlbumForm(request.POST or None, request.FILES or None, instance=album, initial=initial)
    if request.method == "POST" and form.is_valid():
        save_files(form.cleaned_data["photos"], form.save().photos, file="image", order="position")
        return redirect("/saved/")
    return render(request, "shop/form.html", {"form": form})


urlpatterns = [path("edit/<int:pk>/", edit), path("edit-album/<int:pk>/", edit_album), *shop]


def bodies(page: Page, changes: dict[str, str]) -> list[tuple[str, bytes]]:
    """The form as browsers send it with files, and as a script may send it without."""
    values = [(name, value) for name, value in page.parts(changes) if isinstance(value, str)]
    return [
        (CONTENT_TYPE, page.body(changes)),
        ("application/x-www-form-urlencoded", urlencode(values).encode()),
    ]


def cuts(body: bytes, by_day: int) -> range:
    """Where it is cut: everywhere, or in steps of a length that meets another part of each line."""
    return range(0, len(body) - 4, 1 if NIGHT else max(1, len(body) // by_day))


def send_cut(browser: Browser, url: str, kind: str, body: bytes, cut: int, *, declared: bool) -> Answer:
    """With the length of the whole, as when a connection breaks; or with that of what is left."""
    length = len(body) if declared else cut
    return post(browser.client, url, Body.of(body[:cut]), length=length, CONTENT_TYPE=kind)


@pytest.mark.parametrize("declared", [True, False], ids=["broken off", "rewritten"])
def test_one_saved_file(browser: Browser, jpeg: bytes, declared: bool, injected: Injected) -> None:
    """The form of a saved object, whose file the person did not touch."""
    assert browser.fill("/product/", {"name": "tea"}, {"photo": ("tea.jpg", jpeg)}).status_code == 302
    url = f"/edit/{Product.objects.get().pk}/"
    for kind, body in bodies(browser.get(url), {"name": "coffee"}):
        for cut in cuts(body, 60):
            with injected(21):
                answer = send_cut(browser, url, kind, body, cut, declared=declared)
                assert answer.status in (200, 302, 400, 403), (kind, cut)
                photo = Product.objects.get().photo
                assert Path(photo.path).read_bytes() == jpeg, (kind, body[:cut][-60:])
                assert unexplained_files() == []


@pytest.mark.parametrize("declared", [True, False], ids=["broken off", "rewritten"])
def test_several_saved_files_of_which_one_is_removed(
    browser: Browser, jpeg: bytes, png: bytes, gif: bytes, declared: bool, injected: Injected
) -> None:
    """Only what is marked for removal may go, and only by a form that has arrived whole."""
    files = {"photos": [("a.jpg", jpeg), ("b.png", png), ("c.gif", gif)]}
    assert browser.fill("/album/", {"title": "tea"}, files).status_code == 302
    album = Album.objects.get()
    first, second, third = album.photos.values_list("image", flat=True)
    url = f"/edit-album/{album.pk}/"
    for kind, body in bodies(browser.get(url), {"title": "coffee", "photos-1-remove": "on"}):
        for cut in cuts(body, 60):
            with injected(21):
                answer = send_cut(browser, url, kind, body, cut, declared=declared)
                assert answer.status in (200, 302, 400, 403), (kind, cut)
                assert {first, third} <= set(album.photos.values_list("image", flat=True)), body[:cut][-60:]
                if declared or kind == CONTENT_TYPE:  # a length that is right, and no structure: it is whole
                    assert album.photos.filter(image=second).exists(), body[:cut][-60:]
                assert unexplained_files() == []


def test_held_files(browser: Browser, jpeg: bytes, png: bytes, injected: Injected) -> None:
    """A form that comes back has held files; cut short, it saves nothing and gives none of them up."""
    files = {"photos": [("a.jpg", jpeg), ("b.png", png)]}
    page: Page = page_of(browser.fill("/album/", {"title": ""}, files))
    held: list[Any] = list(StagedUpload.objects.order_by("pk").values_list("pk", "state", "buried_at"))
    kind, body = bodies(page, {"title": "tea"})[0]
    for cut in cuts(body, 60):
        with injected(21):
            answer = send_cut(browser, "/album/", kind, body, cut, declared=True)
            assert answer.status in (200, 400, 403), cut
            assert not Album.objects.exists()
            now = list(StagedUpload.objects.order_by("pk").values_list("pk", "state", "buried_at"))
            assert now == held, body[:cut][-60:]
    assert browser.send("/album/", page, {"title": "tea"}).status_code == 302
    assert Album.objects.get().photos.count() == 2
