"""Whatever a card says, there is a way on from it: words and buttons agree, and all of it is within reach of a thumb."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.cards import Cards, slow
from tests.e2e.person import Person, digests, sha256
from tests.images import pictures

pytestmark = pytest.mark.e2e

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SIX = [
    "lake-on-its-side.jpg", "teapot.gif", "leaf.png", "evening.webp", "dunes.avif", "winter-for-print.jpg",
]  # fmt: skip


@pytest.fixture
def visitor(new_person: Callable[..., Person]) -> Person:
    return new_person(javascript=True)


def with_room_for(person: Person, most: int) -> None:
    """The album takes so many pictures only. It is the page that says so; the server would take more."""

    def answer(route: object) -> None:
        fetched = route.fetch()
        assert "&quot;most&quot;: 24" in fetched.text()
        route.fulfill(
            response=fetched, body=fetched.text().replace("&quot;most&quot;: 24", f"&quot;most&quot;: {most}")
        )

    person.page.route("**/album/", answer)


# -- what was refused --------------------------------------------------------------------------------


def test_what_was_too_many_is_taken_once_there_is_room(visitor: Person, samples: Path) -> None:
    with_room_for(visitor, 2)
    cards = Cards(visitor.go("/album/"), "photos").choose(*(samples / each for each in SIX[:4]))
    cards.wait_all(*SIX[:2])
    assert [cards.acts(name) for name in SIX[2:4]] == [["dismiss"], ["dismiss"]]
    cards.act(SIX[0], "remove")
    assert [cards.acts(name) for name in SIX[2:4]] == [["retry", "dismiss"], ["retry", "dismiss"]]
    cards.act(SIX[3], "retry")
    assert cards.focused == SIX[3]
    cards.wait(SIX[3])
    assert cards.acts(SIX[2]) == ["dismiss"]
    assert cards.state(SIX[2]) == "rejected"


def test_all_that_was_too_many_is_tried_again_as_far_as_there_is_room_or_dismissed_at_once(
    visitor: Person, samples: Path
) -> None:
    with_room_for(visitor, 2)
    cards = Cards(visitor.go("/album/"), "photos").choose(*(samples / each for each in SIX))
    cards.wait_all(*SIX[:2])
    line = cards.root.locator(".greenroom-line")
    assert "4 files were not taken" in line.inner_text()
    cards.act(SIX[1], "remove")
    cards.press("Try all again")
    cards.wait(SIX[2])  # the first of them, and no other
    assert [cards.state(name) for name in SIX[3:]] == ["rejected"] * 3
    cards.press("Dismiss all messages")
    assert cards.names == [SIX[0], SIX[2]]
    assert line.is_hidden()
    assert cards.root.evaluate("each => each.contains(document.activeElement)")


def test_a_picture_that_is_too_small_is_refused_at_once_in_the_servers_words(
    new_person: Callable[..., Person], samples: Path
) -> None:
    small = samples / "small.png"
    small.write_bytes(pictures.encoded(pictures.coded(299, 400), "png"))
    cards = Cards(new_person(javascript=True).go("/portrait/"), "portrait")
    cards.choose(small).wait("small.png", "rejected")
    words = "“small.png” is 299 × 400 pixels; at least 300 × 300 are needed. Choose a larger one."
    assert cards.errors("small.png") == [words]
    bare = new_person().go("/portrait/")
    bare.choose("portrait", small)
    bare.send("Save the portrait")
    assert words in bare.errors()


def test_room_helps_only_what_was_too_many(visitor: Person, samples: Path) -> None:
    with_room_for(visitor, 1)
    notes = samples / "notes.txt"
    notes.write_text("no picture")
    cards = Cards(visitor.go("/album/"), "photos").choose(samples / "leaf.png", notes, samples / "teapot.gif")
    cards.wait("leaf.png").act("leaf.png", "remove")
    assert cards.acts("teapot.gif") == ["retry", "dismiss"]
    assert cards.acts("notes.txt") == ["dismiss"]


# -- what changes places -----------------------------------------------------------------------------


def test_a_second_choice_says_which_picture_stays_until_then(visitor: Person, samples: Path) -> None:
    cards = Cards(visitor.go("/portrait/"), "portrait").choose(samples / "leaf.png")
    cards.wait("leaf.png", "waiting").edit("leaf.png").apply()
    cards.wait("leaf.png")
    cards.choose(samples / "dunes.avif").wait("dunes.avif", "waiting")
    assert "Stays until “dunes.avif” takes its place." in cards.says("leaf.png")
    assert "crop it first" in cards.says("dunes.avif")
    cards.edit("dunes.avif").apply()
    cards.wait("dunes.avif")
    assert cards.names == ["dunes.avif"]


def test_what_was_replaced_changes_places_back_after_a_reload(visitor: Person, samples: Path) -> None:
    cards = Cards(visitor.go("/album/"), "photos").choose(samples / "leaf.png", samples / "teapot.gif")
    cards.wait_all("leaf.png", "teapot.gif")
    with visitor.page.expect_file_chooser() as dialogue:
        cards.act("leaf.png", "replace")
    dialogue.value.set_files(samples / "dunes.avif")
    cards.wait("dunes.avif")
    visitor.page.on("dialog", lambda dialogue: dialogue.accept())
    visitor.page.reload()
    cards.wait("dunes.avif")
    cards.act("leaf.png", "undo")
    assert cards.names == ["leaf.png", "teapot.gif"]


def test_what_a_reset_takes_out_can_be_had_back(visitor: Person, samples: Path) -> None:
    cards = Cards(visitor.go("/album/"), "photos").choose(samples / "leaf.png", samples / "teapot.gif")
    cards.wait_all("leaf.png", "teapot.gif").act("teapot.gif", "remove")
    visitor.page.evaluate("document.querySelector('main form').reset()")
    assert cards.names == []
    for name in ("leaf.png", "teapot.gif"):
        cards.act(name, "undo")
    assert cards.names == ["leaf.png", "teapot.gif"]
    visitor.write("title", "Had back")
    visitor.send("Save the album")
    assert digests(visitor.saved()) == [sha256(samples / each) for each in ("leaf.png", "teapot.gif")]


def test_a_second_choice_that_is_had_back_has_still_the_first_to_replace(
    visitor: Person, samples: Path
) -> None:
    cards = Cards(visitor.go("/portrait/"), "portrait").choose(samples / "leaf.png")
    cards.wait("leaf.png", "waiting").edit("leaf.png").apply()
    cards.wait("leaf.png")
    cards.choose(samples / "dunes.avif").wait("dunes.avif", "waiting").act("dunes.avif", "cancel")
    cards.act("dunes.avif", "undo")
    assert "takes its place" not in cards.says("dunes.avif")
    cards.edit("dunes.avif").apply()
    cards.wait("dunes.avif")
    assert cards.names == ["dunes.avif"]


def test_a_second_choice_that_a_reset_took_out_can_be_had_back(visitor: Person, samples: Path) -> None:
    cards = Cards(visitor.go("/portrait/"), "portrait").choose(samples / "leaf.png")
    cards.wait("leaf.png", "waiting").edit("leaf.png").apply()
    cards.wait("leaf.png")
    cards.choose(samples / "dunes.avif").wait("dunes.avif", "waiting")
    visitor.page.evaluate("document.querySelector('main form').reset()")
    cards.act("dunes.avif", "undo")
    assert cards.names == ["dunes.avif"]
    assert cards.root.locator(".greenroom-chooser label").inner_text() == "Choose another"
    cards.edit("dunes.avif").apply()
    cards.wait("dunes.avif")
    assert [each["name"] for each in cards.sent] == ["dunes.avif"]


def test_the_first_of_three_comes_back_in_the_place_of_the_third(visitor: Person, samples: Path) -> None:
    names = ["leaf.png", "teapot.gif", "dunes.avif"]
    cards = Cards(visitor.go("/album/"), "photos").choose(samples / names[0]).wait(names[0])
    for before, name in pairwise(names):
        with visitor.page.expect_file_chooser() as dialogue:
            cards.act(before, "replace")
        dialogue.value.set_files(samples / name)
        cards.wait(name)
    cards.act(names[0], "undo")
    assert cards.names == [names[0]]


# -- crops -------------------------------------------------------------------------------------------


def test_a_saved_picture_is_cropped_as_a_new_one_in_its_place(visitor: Person, samples: Path) -> None:
    cards = Cards(visitor.go("/album/"), "photos").choose(samples / "dunes.avif", samples / "teapot.gif")
    cards.wait_all("dunes.avif", "teapot.gif")
    visitor.write("title", "Saved")
    visitor.send("Save the album")
    before = visitor.saved()
    visitor.follow("Edit this album")
    first, second = cards.names
    cards.edit(first)
    cards.press("Cancel")
    assert [cards.state(name) for name in (first, second)] == ["saved", "saved"]
    cards.edit(first)
    cards.type("w", 400)
    cards.apply()
    cards.wait(first, "cropped")
    assert cards.root.locator("[data-state=removed] [data-act=undo]").count() == 1
    assert cards.names == [first, second]
    visitor.send("Save the album")
    after = visitor.saved()
    assert [(each["width"], each["height"]) for each in after] == [(400, 300), (320, 240)]
    assert after[1]["sha256"] == before[1]["sha256"]


def saved_album(visitor: Person, *files: Path) -> Cards:
    """The page on which an album with these pictures is changed."""
    cards = Cards(visitor.go("/album/"), "photos").choose(*files).wait_all(*(each.name for each in files))
    visitor.write("title", "Saved")
    visitor.send("Save the album")
    visitor.follow("Edit this album")
    return cards


def test_a_saved_picture_is_cropped_again_while_its_first_crop_arrives(
    visitor: Person, samples: Path
) -> None:
    cards = saved_album(visitor, samples / "lake-on-its-side.jpg")
    (name,) = cards.names
    slow(visitor.page, upload=20_000)
    cards.edit(name)
    cards.type("w", 800)
    cards.apply()
    cards.wait(name, "uploading")
    visitor.press(cards.root.locator("[data-state=saved] [data-act=crop]"))
    cards.dialog.wait_for()
    cards.type("w", 400)
    slow(visitor.page)
    cards.wait(name, "cropped")
    cards.apply()
    cards.root.locator("[data-state=removed]").nth(1).wait_for()
    cards.wait(name, "cropped")
    assert cards.names == [name]
    visitor.send("Save the album")
    assert [(each["width"], each["height"]) for each in visitor.saved()] == [(400, 300)]


def test_a_crop_of_a_saved_picture_that_a_reload_stopped_is_not_asked_for(
    visitor: Person, samples: Path
) -> None:
    visitor.page.on("dialog", lambda dialogue: dialogue.accept())
    cards = saved_album(visitor, samples / "lake-on-its-side.jpg", samples / "teapot.gif")
    names = cards.names
    slow(visitor.page, upload=20_000)
    with visitor.page.expect_response(lambda each: each.request.method == "POST"):
        cards.edit(names[0])
        cards.type("w", 800)
        cards.apply()
    cards.wait(names[0], "uploading")
    cards.act(names[1], "remove")  # and so the page has something to keep
    visitor.page.reload()
    cards.wait(names[1], "removed")
    assert cards.names == names[:1]  # nobody has that file to choose it once more
    assert cards.state(names[0]) == "saved"


def test_a_saved_picture_that_cannot_be_fetched_says_what_to_do(visitor: Person, samples: Path) -> None:
    cards = Cards(visitor.go("/album/"), "photos").choose(samples / "leaf.png").wait("leaf.png")
    visitor.write("title", "Elsewhere")
    visitor.send("Save the album")
    visitor.follow("Edit this album")
    (name,) = cards.names
    visitor.page.route("**/media/**", lambda route: route.abort())
    cards.act(name, "crop")
    cards.card(name).get_by_text("Replace it, and crop that.").wait_for()


def test_use_it_whole_keeps_the_turn_where_the_field_allows_it_and_else_says_so(
    visitor: Person, samples: Path
) -> None:
    cards = Cards(visitor.go("/album/"), "photos").choose(samples / "teapot.gif").wait("teapot.gif")
    cards.edit("teapot.gif")
    cards.press("Turn left")
    whole = cards.dialog.get_by_role("button", name="Use it whole")
    assert whole.inner_text() == "Use it whole, as chosen"  # 240 × 320 is not 4:3
    cards.press("Turn left")
    assert whole.inner_text() == "Use it whole"
    cards.press("Use it whole")
    crop = {"v": 1, "src": [320, 240], "x": 0, "y": 0, "w": 320, "h": 240, "rot": 180, "flip": False}
    assert cards.sent[0]["crop"] == crop
    cards.edit("teapot.gif")
    cards.press("Turn left")
    cards.press("Use it whole, as chosen")
    assert cards.sent[0]["crop"] is None


def test_the_pointer_says_where_a_click_opens_the_editor(visitor: Person, samples: Path) -> None:
    cards = Cards(visitor.go("/album/"), "photos").choose(samples / "leaf.png").wait("leaf.png")
    cursor = "each => getComputedStyle(each).cursor"
    picture = cards.card("leaf.png").locator(".greenroom-picture")
    assert picture.evaluate(cursor) == "pointer"
    picture.click()
    cards.dialog.wait_for()
    visitor.page.keyboard.press("Escape")
    visitor.page.on("dialog", lambda dialogue: dialogue.accept())
    plain = Cards(visitor.go("/backup/"), "file").choose(samples / "leaf.png").wait("leaf.png")
    picture = plain.card("leaf.png").locator(".greenroom-picture")
    assert picture.evaluate(cursor) == "auto"
    picture.click()
    assert plain.dialog.count() == 0


# -- on a phone --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(390, 844), (320, 450), (844, 390)])
def test_the_editor_is_within_reach_of_a_thumb(
    new_person: Callable[..., Person], samples: Path, width: int, height: int
) -> None:
    person = new_person(javascript=True, **{**PHONE, "viewport": {"width": width, "height": height}})
    name = "lake-on-its-side.jpg"
    cards = Cards(person.go("/album/"), "photos").choose(samples / name).wait(name).edit(name)
    for press in ("", "Turn left"):
        if press:
            cards.press(press)
        for each in cards.dialog.locator("button, input, .greenroom-stage").all():
            box = each.bounding_box()
            assert box["y"] >= 0, each.evaluate("each => each.outerHTML")
            assert box["y"] + box["height"] <= height, each.evaluate("each => each.outerHTML")
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width
    assert cards.dialog.locator(".greenroom-stage").bounding_box()["height"] >= 60
    assert not cards.dialog.get_by_text("Arrow keys").is_visible()
    at = person.page.evaluate("scrollY")
    person.page.mouse.move(width / 2, height / 2)
    person.page.mouse.wheel(0, 400)
    person.page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    assert person.page.evaluate("scrollY") == at


def test_six_pictures_are_seen_at_once_and_sorted(new_person: Callable[..., Person], samples: Path) -> None:
    person = new_person(javascript=True, **PHONE)
    cards = Cards(person.go("/album/"), "photos").choose(*(samples / each for each in SIX)).wait_all(*SIX)
    assert cards.root.locator(".greenroom-cards").bounding_box()["height"] <= 844
    first, second = (cards.card(name).bounding_box() for name in SIX[:2])
    assert first["y"] == second["y"]
    for each in cards.root.locator("button:visible").all():
        box = each.bounding_box()
        assert min(box["width"], box["height"]) >= 44, each.evaluate("each => each.outerHTML")
    cards.act(SIX[0], "later")
    assert cards.names == [SIX[1], SIX[0], *SIX[2:]]


def test_dropping_is_spoken_of_to_those_who_can_drop(new_person: Callable[..., Person]) -> None:
    for options, seen in (({"javascript": True}, True), ({"javascript": True, **PHONE}, False), ({}, False)):
        person = new_person(**options).go("/album/")
        assert person.page.get_by_text("or drop or paste them here").is_visible() is seen, options


def test_words_beside_buttons_keep_room_to_be_read_on_a_phone(
    new_person: Callable[..., Person], samples: Path
) -> None:
    person = new_person(javascript=True, **PHONE)
    cards = Cards(person.go("/album/"), "photos").choose(samples / "leaf.png").wait("leaf.png")
    person.page.context.clear_cookies(name="sessionid")
    person.page.evaluate("document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
    card = cards.wait("leaf.png", "expired").card("leaf.png")
    assert cards.acts("leaf.png") == ["retry", "dismiss"]
    wide = card.bounding_box()["width"]
    assert card.locator(".greenroom-about").bounding_box()["width"] > 0.8 * wide
