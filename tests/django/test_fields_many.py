"""A field for many files: the person's order, counts, what is saved and what is new in one list."""

from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from greenroom.forms import StagedFilesField
from tests.images import pictures
from tests.pages import Page, encode, errors_of, page_of
from tests.shop.forms import AlbumForm
from tests.shop.models import Album, Paper
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


class Letters(forms.Form):
    title = forms.CharField()
    files = StagedFilesField(min_num=2, max_num=4, required=False)


def letters(request: HttpRequest) -> HttpResponse:
    form = Letters(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return HttpResponse(" ".join(Path(each.name).stem for each in form.cleaned_data["files"]))
    return render(request, "shop/form.html", {"form": form})


class Papers(forms.Form):
    papers = StagedFilesField(max_num=None)


def papers(request: HttpRequest) -> HttpResponse:
    form = Papers(request.POST or None, request.FILES or None, initial={"papers": Paper.objects.all()})
    if request.method == "POST" and form.is_valid():
        return HttpResponse(str(len(form.cleaned_data["papers"])))
    return render(request, "shop/form.html", {"form": form})


urlpatterns = [*shop, path("letters/", letters), path("many-papers/", papers)]


def texts(names: str) -> list[tuple[str, bytes]]:
    return [(f"{name}.txt", name.encode()) for name in names.split()]


def names_of(page: Page, name: str = "files") -> str:
    return " ".join(Path(each).stem for each in page.names(name))


@pytest.fixture
def page(browser: Any) -> Page:
    """A page on which a, b, c and d are held."""
    return page_of(browser.fill("/letters/", {"title": ""}, {"files": texts("a b c d")}))


# -- held ------------------------------------------------------------------------------------------


def test_all_of_them_come_back_in_their_order(browser: Any, page: Page) -> None:
    assert names_of(page) == "a b c d"
    assert [page[f"{row}-position"] for row in page.rows("files")] == ["1", "2", "3", "4"]
    assert len({page[f"{row}-use"] for row in page.rows("files")}) == 4
    assert browser.send("/letters/", page, {"title": "x"}).content == b"a b c d"


@pytest.mark.parametrize(
    ("positions", "order"),
    [
        ({}, "a b c d"),
        ({3: "1"}, "d a b c"),  # moved up: before the one that is there
        ({0: "4"}, "b c d a"),  # moved down: behind the one that is there
        ({0: "3"}, "b c a d"),
        ({1: "1"}, "b a c d"),
        ({0: "2", 1: "1"}, "b a c d"),
        ({0: "4", 3: "1"}, "d b c a"),
        ({0: "4", 1: "3", 2: "2", 3: "1"}, "d c b a"),
        ({2: "99"}, "a b d c"),
        ({2: "0"}, "c a b d"),
        ({2: ""}, "a b c d"),
        ({2: "-1"}, "a b c d"),  # no number counts as none
        ({2: "first"}, "a b c d"),
        ({2: "1.5"}, "a b c d"),
        ({2: "٣"}, "a b c d"),
        ({2: "9" * 5_000}, "a b c d"),
        ({0: "2", 2: "2"}, "c b a d"),
    ],
)
def test_positions(browser: Any, page: Page, positions: dict[int, str], order: str) -> None:
    changes = {f"files-{row}-position": value for row, value in positions.items()}
    assert browser.send("/letters/", page, {"title": "x", **changes}).content.decode() == order


def test_an_order_is_kept_while_the_form_is_wrong(browser: Any, page: Page) -> None:
    again = page_of(browser.send("/letters/", page, {"title": "", "files-3-position": "1"}))
    assert names_of(again) == "d a b c"
    assert browser.send("/letters/", again, {"title": "x"}).content == b"d a b c"


def test_new_files_come_last_and_removed_ones_go(browser: Any, page: Page) -> None:
    changes = {"title": "x", "files-0-remove": "1", "files-2-remove": "1"}
    assert browser.send("/letters/", page, changes, {"files": texts("e f")}).content == b"b d e f"


def test_removed_rows_stay_in_sight_until_the_form_is_accepted(browser: Any, page: Page) -> None:
    again = page_of(browser.send("/letters/", page, {"title": "", "files-1-remove": "1"}))
    assert names_of(again) == "a b c d"
    assert again["files-1-remove"] == "1"
    assert "files-0-remove" not in again
    assert browser.send("/letters/", again, {"title": "x"}).content == b"a c d"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("", None),
        ("a", "Choose at least 2 files; there is 1."),
        ("a b", None),
        ("a b c d", None),
    ],
)
def test_counts(browser: Any, sent: str, message: str | None) -> None:
    answer = browser.fill("/letters/", {"title": "x"}, {"files": texts(sent)} if sent else {})
    if message is None:
        assert answer.content.decode() == sent
    else:
        assert errors_of(answer, "files") == [message]
        assert names_of(page_of(answer)) == sent


def test_more_than_may_be_are_all_held_until_the_person_chooses(browser: Any, page: Page) -> None:
    answer = browser.send("/letters/", page, {"title": "x"}, {"files": texts("e")})
    assert errors_of(answer, "files") == ["Choose at most 4 files; there are 5. Mark some for removal."]
    again = page_of(answer)
    assert names_of(again) == "a b c d e"
    assert browser.send("/letters/", again, {"files-0-remove": "1"}).content == b"b c d e"


def test_what_is_wrong_with_one_file_leaves_the_others(browser: Any, page: Page) -> None:
    changes = {"title": "x", "files-1-token": "garbled", "files-2-token": "gone"}
    answer = browser.send("/letters/", page, changes, {"files": [*texts("e"), ("f.txt", b"")]})
    messages = errors_of(answer, "files")
    assert [each.split("”")[0] for each in sorted(messages)] == ["“b.txt", "“c.txt", "“f.txt"]
    assert names_of(page_of(answer)) == "a d e"
    assert browser.send("/letters/", page_of(answer)).content == b"a d e"


def test_the_same_bytes_twice_are_two_files(browser: Any) -> None:
    files = [("a.txt", b"tea"), ("b.txt", b"tea")]
    assert browser.fill("/letters/", {"title": "x"}, {"files": files}).content == b"a b"


def test_a_thousand_forged_rows_are_no_trouble(browser: Any, page: Page) -> None:
    rows = [(f"files-{number}-token", "forged") for number in range(4, 900)]
    answer = browser.post_body("/letters/", encode([*page.parts({"title": "x"}), *rows]))
    assert answer.status_code == 200
    assert names_of(page_of(answer)) == "a b c d"


# -- saved and new ---------------------------------------------------------------------------------


def picture(number: int) -> tuple[str, bytes]:
    return f"{number}.png", pictures.encoded(pictures.coded(40 + number, 30), "png")


@pytest.fixture
def album(browser: Any) -> Album:
    files = {"photos": [picture(number) for number in range(3)]}
    answer = browser.fill("/album/", {"title": "tea"}, files)
    assert answer.status_code == 302, errors_of(answer, "photos")
    return Album.objects.get()


def widths(album: Album) -> list[int]:
    return [photo.width - 40 for photo in album.photos.all()]


def test_a_saved_album_opens_with_its_pictures_and_is_saved_untouched(browser: Any, album: Album) -> None:
    url = f"/album/{album.pk}/"
    before = list(album.photos.values_list("pk", "image", "position"))
    page = browser.get(url)
    assert page.names("photos") == ["0.png", "1.png", "2.png"]
    assert browser.send(url, page).status_code == 302
    assert list(album.photos.values_list("pk", "image", "position")) == before


def test_saved_and_new_pictures_in_one_order(browser: Any, album: Album) -> None:
    url = f"/album/{album.pk}/"
    page = page_of(browser.fill(url, {"title": ""}, {"photos": picture(3)}))
    assert page.names("photos") == ["0.png", "1.png", "2.png", "3.png"]
    assert browser.send(url, page, {"title": "tea", "photos-3-position": "1"}).status_code == 302
    assert widths(album) == [3, 0, 1, 2]
    page = browser.get(url)
    assert browser.send(url, page, {"photos-1-remove": "1", "photos-0-position": "4"}).status_code == 302
    assert widths(album) == [1, 2, 3]


def test_a_saved_picture_that_is_not_mentioned_stays(browser: Any, album: Album) -> None:
    url = f"/album/{album.pk}/"
    parts = [(name, value) for name, value in browser.get(url).parts() if not name.startswith("photos-1-")]
    assert browser.post_body(url, encode(parts)).status_code == 302
    assert sorted(widths(album)) == [0, 1, 2]


def test_a_form_may_start_with_the_related_manager_itself(album: Album) -> None:
    page = str(AlbumForm(initial={"photos": album.photos})["photos"])
    assert [name in page for name in ("0.png", "1.png", "2.png")] == [True] * 3


def test_a_picture_removed_in_another_window_is_said_and_the_rest_is_kept(browser: Any, album: Album) -> None:
    url = f"/album/{album.pk}/"
    page = browser.get(url)
    assert browser.fill(url, {"photos-1-remove": "1"}).status_code == 302
    answer = browser.send(url, page, files={"photos": picture(3)})
    assert errors_of(answer, "photos") == ["“1.png” was removed in another window."]
    assert page_of(answer).names("photos") == ["0.png", "2.png", "3.png"]
    assert browser.send(url, page_of(answer)).status_code == 302
    assert widths(album) == [0, 2, 3]


def test_another_album_s_picture_cannot_be_taken(browser: Any, album: Album) -> None:
    assert browser.fill("/album/", {"title": "other"}, {"photos": picture(9)}).status_code == 302
    other = Album.objects.exclude(pk=album.pk).get()
    url = f"/album/{other.pk}/"
    parts = browser.get(url).parts({"photos-0-saved": str(album.photos.all()[0].pk)})
    assert browser.post_body(url, encode(parts)).status_code == 200
    assert widths(album) == [0, 1, 2]
    assert widths(other) == [9]


def test_forged_removals_remove_nothing_of_others(browser: Any, album: Album) -> None:
    pk = album.photos.all()[0].pk
    page = browser.get("/album/")
    changes = {"title": "x", "photos-0-saved": str(pk), "photos-0-remove": "1"}
    assert browser.send("/album/", page, changes, {"photos": picture(5)}).status_code == 302
    assert widths(album) == [0, 1, 2]


def test_removing_all_of_a_required_field_is_asked_back(browser: Any, album: Album) -> None:
    url = f"/album/{album.pk}/"
    answer = browser.fill(url, {f"photos-{each}-remove": "1" for each in range(3)})
    assert errors_of(answer, "photos") == ["Choose at least one picture."]
    assert widths(album) == [0, 1, 2]
    assert page_of(answer).names("photos") == ["0.png", "1.png", "2.png"]


def test_without_a_number_of_its_own_a_field_counts_only_what_is_held(browser: Any, settings: Any) -> None:
    """What is saved is no owner's any more: a list that has grown over the years can still be edited."""
    for number in range(5):
        Paper.objects.create(title=str(number), body=f"papers/{number}.txt")
    settings.GREENROOM = {"OWNER_UPLOADS": 3}
    assert "&quot;most&quot;: 8" in browser.client.get("/many-papers/").content.decode(), (
        "so it is told to the element"
    )
    assert browser.fill("/many-papers/").content == b"5"
    Paper.objects.bulk_create(
        Paper(title=f"{number}", body=f"papers/{number}.txt") for number in range(5, 700)
    )
    assert browser.fill("/many-papers/", {"papers-3-remove": "on"}).content == b"699"
    Paper.objects.filter(pk__in=list(Paper.objects.values_list("pk", flat=True)[5:])).delete()
    answer = browser.fill("/many-papers/", {}, {"papers": texts("a b c")})
    assert answer.content == b"8"
    answer = browser.fill("/many-papers/", {}, {"papers": texts("a b c d")})
    assert errors_of(answer, "papers") == ["“d.txt” is one file too many: at most 3 can be sent here."]
