"""Many pictures in one form: kept, previewed, ordered, removed, and edited again when they are saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.person import Person, digests, sha256

pytestmark = pytest.mark.e2e

NAMES = ["lake-on-its-side.jpg", "teapot.gif", "leaf.png", "winter.tif"]


def start(person: Person, samples: Path, names: list[str] = NAMES, title: str = "") -> None:
    """An album with pictures; without a title, so that it comes back."""
    person.go("/album/").choose("photos", *(samples / name for name in names))
    if title:
        person.write("title", title)
    person.send("Save the album")


def test_an_invalid_album_comes_back_whole_and_in_order(person: Person, samples: Path) -> None:
    start(person, samples)
    assert person.path == "/album/"
    assert person.errors() == ["This field is required."]
    assert person.rows() == NAMES
    person.pictures_load()

    person.crop("photos-0", x=0, y=350, w=1200)
    person.pick("photos-0-crop-rot", "180")
    person.write("photos-3-position", 1)
    person.tick("photos-2-remove")
    person.choose("photos", samples / "evening.webp")
    person.send("Save the album")  # there is still no title
    assert person.rows() == ["winter.tif", "lake-on-its-side.jpg", "teapot.gif", "leaf.png", "evening.webp"]
    row = person.prefix("lake-on-its-side.jpg")
    assert [person.value(f"{row}-crop-{part}") for part in "xywh"] == ["0", "350", "1200", "900"]
    assert person.value(f"{row}-crop-rot") == "180"
    assert person.input(f"{person.prefix('leaf.png')}-remove").is_checked()

    person.write("title", "Travels")
    person.send("Save the album")
    files = person.saved()
    assert [each["name"].split(".")[0].split("_")[0] for each in files] == [
        "winter",
        "lake-on-its-side",
        "teapot",
        "evening",
    ]
    crops = [each["crop"] and (each["crop"]["x"], each["crop"]["w"], each["crop"]["rot"]) for each in files]
    assert crops == [None, (0, 1200, 180), None, None]
    whole = [samples / name for name in ("winter.tif", "teapot.gif", "evening.webp")]
    assert [files[0]["sha256"], files[2]["sha256"], files[3]["sha256"]] == [sha256(each) for each in whole]
    assert (files[1]["width"], files[1]["height"]) == (1200, 900)


def test_preview_shows_the_result_and_enter_saves_it(person: Person, samples: Path) -> None:
    start(person, samples, ["leaf.png", "lake-on-its-side.jpg"])
    person.write("title", "A lake")
    person.crop("photos-1", x=40, y=200, w=800, h=600)
    person.send("", by=".greenroom-row:nth-child(2) button[name=photos-preview]")
    assert person.path == "/album/"
    assert person.errors() == ["This is a preview. Nothing has been saved yet."]
    assert "result 800 × 600" in person.row("lake-on-its-side.jpg").inner_text()
    person.pictures_load()
    shown = person.row("lake-on-its-side.jpg").locator("img")
    assert shown.evaluate("each => [each.naturalWidth, each.naturalHeight]") == [640, 480]

    person.enter("photos-1-crop-h")
    assert [(each["width"], each["height"]) for each in person.saved()] == [(640, 640), (800, 600)]


def test_a_saved_album_opens_with_saved_and_new_pictures_in_one_list(person: Person, samples: Path) -> None:
    start(person, samples, ["teapot.gif", "leaf.png", "winter.tif"], title="Before")
    first = person.saved()
    page = person.path
    person.follow("Edit this album")
    names = [each["name"] for each in first]
    assert person.rows() == names
    person.tick("photos-1-remove")
    person.choose("photos", samples / "dunes.avif")
    person.write("title", "")
    person.send("Save the album")
    assert person.rows() == [*names, "dunes.avif"]  # saved, marked for removal, and new
    assert person.input("photos-1-remove").is_checked()
    person.write(f"{person.prefix('dunes.avif')}-position", 1)
    person.write("title", "After")
    person.send("Save the album")
    assert person.path == page
    files = person.saved()
    assert digests(files) == [sha256(samples / "dunes.avif"), first[0]["sha256"], first[2]["sha256"]]
    assert person.page.request.get(first[1]["url"]).status == 404  # removed when that was certain


def test_a_file_that_is_no_picture_costs_the_others_nothing(visitor: Person, samples: Path) -> None:
    (samples / "notes.jpg").write_text("Not a picture at all.")
    start(visitor, samples, ["teapot.gif", "notes.jpg", "leaf.png"], title="Mixed")
    (message,) = visitor.errors()
    assert "“notes.jpg”" in message
    assert visitor.rows() == ["teapot.gif", "leaf.png"]
    visitor.send("Save the album")
    assert [each["media_type"] for each in visitor.saved()] == ["image/gif", "image/png"]


def test_a_wrong_crop_is_said_beside_its_picture(visitor: Person, samples: Path) -> None:
    start(visitor, samples, ["teapot.gif", "leaf.png"])
    visitor.write("title", "Wrong")
    visitor.crop("photos-0", w=900, h=675)
    visitor.send("Save the album")
    row = visitor.row("teapot.gif")
    assert "reaches outside the picture" in row.locator(".greenroom-error").inner_text()
    assert visitor.value("photos-0-crop-w") == "900"
    assert visitor.row("leaf.png").locator(".greenroom-error").count() == 0


def test_a_picture_that_went_in_another_tab_is_told(visitor: Person, samples: Path) -> None:
    start(visitor, samples, ["teapot.gif", "leaf.png"], title="Two tabs")
    visitor.follow("Edit this album")
    other = Person(visitor.page.context.new_page(), "mouse").go(visitor.path)
    other.tick("photos-1-remove")
    other.send("Save the album")
    (left,) = other.saved()
    visitor.page.bring_to_front()
    visitor.choose("photos", samples / "winter.tif")
    visitor.send("Save the album")
    (message,) = visitor.errors()
    assert message.endswith("was removed in another window.")
    visitor.send("Save the album")
    assert digests(visitor.saved()) == [left["sha256"], sha256(samples / "winter.tif")]


def test_two_tabs_each_save_an_album_of_their_own(visitor: Person, samples: Path) -> None:
    other = Person(visitor.page.context.new_page(), "mouse")
    start(visitor, samples, ["leaf.png"])
    start(other, samples, ["leaf.png"])
    pages = set()
    for each in (visitor, other):
        each.page.bring_to_front()
        each.write("title", "One of two")
        each.send("Save the album")
        assert digests(each.saved()) == [sha256(samples / "leaf.png")]
        pages.add(each.path)
    assert len(pages) == 2


def test_back_and_a_second_submit_save_one_album(visitor: Person, samples: Path) -> None:
    start(visitor, samples, ["leaf.png"])
    visitor.write("title", "Once")
    visitor.send("Save the album")
    page = visitor.path
    visitor.back()
    visitor.write("title", "Once")
    visitor.send("Save the album")
    assert visitor.path == page
    assert len(visitor.saved()) == 1
