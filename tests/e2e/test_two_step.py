"""A picture is uploaded in one view and saved in another, by two forms with a crop each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.person import Person, digests, sha256

pytestmark = pytest.mark.e2e

PORTRAIT = {"v": 1, "src": [1200, 1600], "x": 100, "y": 300, "w": 1000, "h": 1000, "rot": 0, "flip": False}
COVER = {"v": 1, "src": [1200, 1600], "x": 0, "y": 410, "w": 1200, "h": 675, "rot": 0, "flip": False}


def upload(person: Person, picture: Path) -> None:
    person.go("/two-step/").choose("picture", picture)
    person.send("Continue")
    assert person.path == "/two-step/details/"


def test_a_gif_saved_from_the_other_view_is_the_same_file(person: Person, samples: Path) -> None:
    gif = samples / "teapot.gif"
    upload(person, gif)
    person.write("name", "Ada")
    person.send("Save both")
    files = person.saved()
    assert digests(files) == [sha256(gif)] * 2
    assert [each["field"] for each in files] == ["portrait", "cover"]
    assert all(each["name"].startswith("teapot") for each in files)
    assert {(each["media_type"], each["crop"]) for each in files} == {("image/gif", None)}
    assert files[0]["size"] == gif.stat().st_size
    assert (files[0]["width"], files[0]["height"]) == (320, 240)
    assert all(person.page.request.get(each["url"]).body() == gif.read_bytes() for each in files)


def test_two_forms_crop_one_upload_one_after_the_other(person: Person, samples: Path) -> None:
    upload(person, samples / "lake-on-its-side.jpg")
    person.write("name", "Ada")
    person.crop("portrait-0", x=100, y=300, w=1000)
    person.crop("cover-0", y=410, w=1200)
    person.write("caption", "By the lake")
    person.send("Save the portrait only")
    (portrait,) = person.saved()
    assert portrait["crop"] == PORTRAIT
    assert (portrait["width"], portrait["height"]) == (1000, 1000)

    person.follow("Go on with the cover")
    assert person.path == "/two-step/details/"
    assert person.value("caption") == "By the lake"  # the other form is as it was left
    assert [person.value(f"cover-0-crop-{part}") for part in "xywh"] == ["0", "410", "1200", "675"]
    person.enter("cover-0-crop-w")
    portrait_again, cover = person.saved()
    assert portrait_again == portrait
    assert cover["crop"] == COVER
    assert (cover["width"], cover["height"]) == (1200, 675)


def test_a_wrong_crop_of_the_other_form_is_not_lost(visitor: Person, samples: Path) -> None:
    upload(visitor, samples / "lake-on-its-side.jpg")
    visitor.write("name", "Ada")
    visitor.crop("cover-0", x=700, w=1600, h=900)
    visitor.send("Save the portrait only")
    assert visitor.path == "/two-step/details/"
    assert visitor.errors() == [
        "The crop of “lake-on-its-side.jpg” reaches outside the picture, which is 1200 × 1600 pixels."
    ]
    assert visitor.value("cover-0-crop-x") == "700"
    assert visitor.value("name") == "Ada"


def test_what_is_held_survives_a_killed_server(visitor: Person, samples: Path, server) -> None:
    gif = samples / "teapot.gif"
    upload(visitor, gif)
    server.kill_and_start_again()
    visitor.write("name", "Ada")
    visitor.send("Save both")
    assert digests(visitor.saved()) == [sha256(gif)] * 2


def test_back_after_saving_says_that_it_is_saved(visitor: Person, samples: Path) -> None:
    upload(visitor, samples / "leaf.png")
    visitor.write("name", "Ada")
    visitor.send("Save both")
    page, files = visitor.path, visitor.saved()
    visitor.back()
    visitor.follow("See them")
    assert visitor.path == page
    assert visitor.saved() == files


def test_a_double_click_saves_once(visitor: Person, samples: Path) -> None:
    upload(visitor, samples / "lake-on-its-side.jpg")
    visitor.write("name", "Ada")
    visitor.crop("portrait-0", w=1200)
    visitor.page.get_by_role("button", name="Save both").dblclick()
    visitor.page.wait_for_url("**/saved/*/")
    assert len(visitor.saved()) == 2
    following = int(visitor.path.split("/")[2]) + 1
    assert visitor.page.request.get(f"/saved/{following}/").status == 404


def test_nothing_waits_for_somebody_else(
    visitor: Person, new_person: Callable[..., Person], samples: Path
) -> None:
    upload(visitor, samples / "leaf.png")
    address = visitor.page.locator(".greenroom-picture img").first.get_attribute("src")
    stranger = new_person()
    assert stranger.go("/two-step/details/").path == "/two-step/"
    assert "No picture is waiting" in stranger.page.locator(".notice").inner_text()
    assert stranger.page.request.get(address).status == 404
    assert visitor.page.request.get(address).status == 200


def test_held_bytes_that_were_changed_lead_back_to_step_one(visitor: Person, samples: Path, server) -> None:
    upload(visitor, samples / "leaf.png")
    held = max((server.data / "greenroom-held").rglob("bytes"), key=lambda path: path.stat().st_mtime)
    held.chmod(0o600)
    with held.open("ab") as file:
        file.write(b"x")
    visitor.go("/two-step/details/")
    assert visitor.path == "/two-step/"
    notices = visitor.page.locator(".notice").all_inner_texts()
    assert len(notices) == 1, notices  # and none says that a picture is waiting
    assert "“leaf.png” was changed on the server" in notices[0]
    upload(visitor, samples / "leaf.png")
