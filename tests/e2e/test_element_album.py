"""The element on the album's page: every job by mouse, and again with nothing but the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from greenroom.element import ROOM_TO_UNDO
from tests.e2e.cards import Cards
from tests.e2e.person import Person, digests, sha256

pytestmark = pytest.mark.e2e

NAMES = ["lake-on-its-side.jpg", "teapot.gif", "leaf.png", "winter.tif"]


@pytest.fixture(params=["mouse", "keyboard"])
def person(request: pytest.FixtureRequest, new_person: Callable[..., Person]) -> Person:
    """Somebody with JavaScript who only clicks, without ever dragging; and somebody who has only a keyboard."""
    return new_person(hand=request.param, javascript=True)


@pytest.fixture
def visitor(new_person: Callable[..., Person]) -> Person:
    return new_person(javascript=True)


def album(person: Person, samples: Path, names: list[str] = NAMES) -> Cards:
    person.go("/album/")
    return Cards(person, "photos").choose(*(samples / each for each in names)).wait_all(*names)


def test_pictures_are_cropped_ordered_removed_and_saved(person: Person, samples: Path) -> None:
    cards = album(person, samples)
    cards.edit("lake-on-its-side.jpg")
    assert cards.box == [0, 350, 1200, 900]  # the largest of 4:3, in the middle
    cards.type("w", 800)
    cards.type("x", 100)
    assert cards.box == [100, 350, 800, 600]
    assert cards.result == (800, 600)
    cards.apply()
    assert cards.focused == "crop"
    cards.act("winter.tif", "earlier")
    cards.act("leaf.png", "remove")
    assert cards.names == ["lake-on-its-side.jpg", "teapot.gif", "winter.tif"]
    person.write("title", "")
    person.send("Save the album")
    assert person.errors() == ["This field is required."]
    # All of it is back: order, crop, and what was removed can still be had.
    cards.wait_all(*cards.names)
    assert cards.names == ["lake-on-its-side.jpg", "teapot.gif", "winter.tif"]
    assert cards.sent[0]["crop"]["w"] == 800
    cards.act("leaf.png", "undo")
    assert cards.names == ["lake-on-its-side.jpg", "teapot.gif", "winter.tif", "leaf.png"]
    cards.act("teapot.gif", "remove")
    person.write("title", "Travels")
    person.send("Save the album")
    files = person.saved()
    assert [(each["width"], each["height"]) for each in files] == [(800, 600), (640, 480), (640, 640)]
    assert digests(files[1:]) == [sha256(samples / "winter.tif"), sha256(samples / "leaf.png")]
    assert {**files[0]["crop"], "v": 1} == {
        "v": 1, "src": [1200, 1600], "x": 100, "y": 350, "w": 800, "h": 600, "rot": 0, "flip": False,
    }  # fmt: skip


def test_a_saved_album_is_edited_with_saved_and_new_pictures_in_one_list(
    person: Person, samples: Path
) -> None:
    cards = album(person, samples, ["teapot.gif", "leaf.png"])
    person.write("title", "Before")
    person.send("Save the album")
    before = person.saved()
    person.follow("Edit this album")
    first, second = cards.names
    cards.choose(samples / "dunes.avif").wait("dunes.avif")
    cards.act("dunes.avif", "earlier")
    cards.act(first, "remove")
    assert cards.names == ["dunes.avif", second]
    person.send("Save the album")
    assert digests(person.saved()) == [sha256(samples / "dunes.avif"), before[1]["sha256"]]


def test_a_picture_is_replaced_in_its_place_with_its_crop(person: Person, samples: Path) -> None:
    (samples / "other.gif").write_bytes((samples / "teapot.gif").read_bytes() + b"\0")
    cards = album(person, samples, ["teapot.gif", "leaf.png"])
    cards.edit("teapot.gif")
    cards.type("w", 160)
    cards.apply()
    with person.page.expect_file_chooser() as dialogue:
        cards.act("teapot.gif", "replace")
    dialogue.value.set_files(samples / "other.gif")
    cards.wait("other.gif", "cropped")
    assert cards.names == ["other.gif", "leaf.png"]
    assert cards.focused == "other.gif"
    # Undo takes the replacement back, and that can be undone as well.
    cards.act("teapot.gif", "undo")
    assert cards.names == ["teapot.gif", "leaf.png"]
    cards.act("other.gif", "undo")
    assert cards.names == ["other.gif", "leaf.png"]
    person.write("title", "Replaced")
    person.send("Save the album")
    assert [(each["width"], each["height"]) for each in person.saved()] == [(160, 120), (640, 640)]


def test_focus_goes_to_the_next_card_then_the_previous_then_the_chooser(
    person: Person, samples: Path
) -> None:
    cards = album(person, samples, ["teapot.gif", "leaf.png", "winter.tif"])
    cards.act("leaf.png", "remove")
    assert cards.focused == "winter.tif"
    cards.act("winter.tif", "remove")
    assert cards.focused == "teapot.gif"
    cards.act("teapot.gif", "remove")
    assert cards.focused == "photos"
    person.write("title", "None")
    person.page.locator("form").last.evaluate("form => form.noValidate = false")
    assert not person.page.evaluate("document.querySelector('main form').checkValidity()")


def test_keys_on_the_grip_move_a_card(visitor: Person, samples: Path) -> None:
    cards = album(visitor, samples, ["teapot.gif", "leaf.png", "winter.tif"])
    cards.card("teapot.gif").locator("[data-act=drag]").focus()
    for key, order in [
        ("ArrowRight", ["leaf.png", "teapot.gif", "winter.tif"]),
        ("End", ["leaf.png", "winter.tif", "teapot.gif"]),
        ("ArrowUp", ["leaf.png", "teapot.gif", "winter.tif"]),
        ("Home", ["teapot.gif", "leaf.png", "winter.tif"]),
    ]:
        visitor.page.keyboard.press(key)
        assert cards.names == order
        assert cards.focused == "drag"
    assert [each["name"] for each in cards.sent] == cards.names


@pytest.mark.parametrize("finger", [False, True], ids=["mouse", "touch"])
def test_a_card_is_dragged_by_its_grip(
    new_person: Callable[..., Person], samples: Path, finger: bool
) -> None:
    visitor = new_person(javascript=True, has_touch=finger)
    cards = album(visitor, samples, ["teapot.gif", "leaf.png", "winter.tif"])
    grip = cards.card("teapot.gif").locator("[data-act=drag]").bounding_box()
    target = cards.card("winter.tif").bounding_box()
    start = (grip["x"] + 8, grip["y"] + 8)
    end = (target["x"] + target["width"] * 0.9, target["y"] + 40)
    if finger:
        session = visitor.page.context.new_cdp_session(visitor.page)
        for kind, points in [
            ("touchStart", [start]),
            ("touchMove", [(start[0] + 30, start[1])]),
            ("touchMove", [end]),
            ("touchEnd", []),
        ]:
            touch = [{"x": x, "y": y} for x, y in points]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touch})
    else:
        mouse = visitor.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(*end, steps=4)
        mouse.up()
    assert cards.names == ["leaf.png", "winter.tif", "teapot.gif"]
    # Nothing goes on after that: the card lies where it belongs, and the page does not scroll by itself.
    left = visitor.page.evaluate(
        """async () => {
        const frames = async (n) => { while (n--) await new Promise(requestAnimationFrame) };
        await frames(2);
        const before = scrollY;
        await frames(10);
        const marked = [...document.querySelectorAll('.greenroom-card')].filter(
            each => each.style.transform || each.matches('.greenroom-dragged, .greenroom-before, .greenroom-after'));
        return [marked.length, scrollY - before]; }"""
    )
    assert left == [0, 0]


def test_files_and_folders_are_dropped_anywhere_on_the_widget(visitor: Person, samples: Path) -> None:
    folder = samples / "folder"
    (folder / "inner").mkdir(parents=True)
    (samples / "teapot.gif").rename(folder / "inner" / "teapot.gif")
    (samples / "winter.tif").rename(folder / "winter.tif")
    visitor.go("/album/")
    cards = Cards(visitor, "photos")
    cards.drop([samples / "leaf.png", folder])
    cards.wait_all("leaf.png", "teapot.gif", "winter.tif")
    assert cards.names == ["leaf.png", "teapot.gif", "winter.tif"]


def test_a_picture_is_pasted_unless_somebody_is_typing(visitor: Person, samples: Path) -> None:
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.go("/album/")
    cards = Cards(visitor, "photos")
    with (samples / "leaf.png").open("rb") as file:
        visitor.page.evaluate(
            """async bytes => navigator.clipboard.write([new ClipboardItem({'image/png': new Blob([new Uint8Array(bytes)], {type: 'image/png'})})])""",
            list(file.read()),
        )
    visitor.page.locator("[name=title]").focus()
    visitor.page.keyboard.press("Control+v")
    assert cards.names == []
    visitor.page.locator("[name=title]").blur()
    visitor.page.keyboard.press("Control+v")
    cards.wait("image.png")
    assert cards.names == ["image.png"]


def test_what_is_refused_says_why_beside_its_name(visitor: Person, samples: Path) -> None:
    (samples / "notes.txt").write_text("Not a picture.")
    (samples / "broken.jpg").write_bytes(
        (samples / "lake-on-its-side.jpg").read_bytes()[:20_000].replace(b"\xff\xda", b"\0\0")
    )
    (samples / "empty.png").write_bytes(b"")
    with (samples / "large.png").open("wb") as large:
        large.truncate(20_000_001)
    visitor.go("/album/")
    cards = Cards(visitor, "photos")
    cards.choose(
        *(samples / each for each in ("notes.txt", "broken.jpg", "empty.png", "large.png", "leaf.png"))
    )
    cards.wait("leaf.png")
    for name, words in [
        ("notes.txt", "only a picture is taken here"),
        ("empty.png", "“empty.png” is empty."),
        ("large.png", "“large.png” is too large: at most 20 MB is taken here."),
        ("broken.jpg", "“broken.jpg” cannot be read as a picture"),
    ]:
        cards.wait(name, "rejected")
        assert words in cards.errors(name)[0]
        described = cards.card(name).locator("[data-act=dismiss]").get_attribute("aria-describedby")
        assert words in visitor.page.locator(f"#{described}").inner_text()
    visitor.write("title", "One is good")
    visitor.send("Save the album")
    assert digests(visitor.saved()) == [sha256(samples / "leaf.png")]


def test_one_picture_too_many_is_refused_in_the_servers_words(visitor: Person, samples: Path) -> None:
    copies = []
    for number in range(25):
        copies.append(samples / f"{number}.gif")
        copies[-1].write_bytes((samples / "teapot.gif").read_bytes())
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(*copies)
    cards.wait("24.gif", "rejected")
    assert cards.errors("24.gif") == ["“24.gif” is one file too many: at most 24 can be sent here."]
    cards.wait_all(*(f"{number}.gif" for number in range(24)))
    assert len(cards.sent) == 24
    assert cards.focused == "23.gif"  # there is nothing to choose any more, so the chooser cannot keep it
    # Removing makes a place, also on the server, which counts what this page has sent and keeps it for Undo, until
    # there is no room: then what was removed first is gone.
    for path in copies[:22]:
        cards.act(path.name, "remove")
        path.rename(samples / f"again-{path.name}")
    again = [samples / f"again-{path.name}" for path in copies[:22]]
    cards.choose(*again).wait_all(*(each.name for each in again))
    assert len([each for each in cards.sent if not each.get("removed")]) == 24
    left = len([each for each in cards.sent if each.get("removed")])
    assert 24 + left <= 24 + ROOM_TO_UNDO
