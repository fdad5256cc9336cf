"""People who do not wait for one thing to end before they do the next, and answers that are not the server's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cards import Cards
from tests.e2e.person import Person

pytestmark = pytest.mark.e2e

UPLOADS = "**/greenroom/uploads/**"
HELD = "**/greenroom/held/**"
CHUNK = "**/greenroom-tus.js"


@pytest.fixture
def person(new_person: Callable[..., Person]) -> Person:
    person = new_person(javascript=True)
    person.mistakes = []
    person.page.on("pageerror", lambda mistake: person.mistakes.append(mistake))
    return person


class Gate:
    """Uploads that are asked for, and get no further until it opens."""

    def __init__(self, page: Any) -> None:
        self.waiting: list[Any] = []
        self.shut = True
        page.route(UPLOADS, lambda route: self.waiting.append(route) if self.shut else route.continue_())

    def open(self) -> None:
        self.shut = False
        for each in self.waiting:
            each.continue_()


def test_a_proxys_refusal_is_said_and_can_be_tried_again(person: Person, samples: Path) -> None:
    cards = Cards(person.go("/album/"), "photos")
    refusal = {"status": 413, "content_type": "text/html", "body": "<h1>Request Entity Too Large</h1>"}
    person.page.route(UPLOADS, lambda route: route.fulfill(**refusal))
    cards.choose(samples / "leaf.png").wait("leaf.png", "failed")
    assert "could not be sent" in cards.says("leaf.png")
    person.page.unroute(UPLOADS)
    cards.act("leaf.png", "retry")
    cards.wait("leaf.png")


def test_without_the_part_that_sends_no_file_waits_for_its_turn(person: Person, samples: Path) -> None:
    cards = Cards(person.go("/album/"), "photos")
    person.page.route(CHUNK, lambda route: route.abort())
    files = sorted(samples.iterdir())[:5]
    cards.choose(*files)
    for each in files:
        cards.wait(each.name, "failed")


def test_a_picture_is_given_up_while_it_is_being_looked_at(person: Person, samples: Path) -> None:
    person.page.add_init_script("window.createImageBitmap = () => new Promise(() => {})")
    cards = Cards(person.go("/portrait/"), "portrait")
    cards.choose(samples / "leaf.png").wait("leaf.png", "checking")
    cards.choose(samples / "teapot.gif").wait("teapot.gif", "checking")
    assert cards.names == ["teapot.gif"]
    cards.act("teapot.gif", "cancel")
    cards.card("teapot.gif").wait_for(state="detached")
    assert person.mistakes == []


def test_of_two_that_are_to_replace_a_file_the_later_one_does(person: Person, samples: Path) -> None:
    cards = Cards(person.go("/two-step/"), "picture")
    cards.choose(samples / "leaf.png").wait("leaf.png")
    gate = Gate(person.page)
    cards.choose(samples / "teapot.gif").wait("teapot.gif", "uploading")
    cards.choose(samples / "evening.webp").wait("evening.webp", "uploading")
    gate.open()
    cards.wait("evening.webp")
    assert cards.names == ["evening.webp"]
    assert [each["name"] for each in cards.sent] == ["evening.webp"]


def test_what_is_replaced_may_be_removed_before_the_other_arrives(person: Person, samples: Path) -> None:
    cards = Cards(person.go("/two-step/"), "picture")
    cards.choose(samples / "leaf.png").wait("leaf.png")
    gate = Gate(person.page)
    cards.choose(samples / "teapot.gif").wait("teapot.gif", "uploading")
    cards.act("leaf.png", "remove")
    # The form may be sent: it waits for what is on its way.
    assert person.input("picture").evaluate("each => each.validity.valid")
    gate.open()
    cards.wait("teapot.gif")
    assert [each["name"] for each in cards.sent] == ["teapot.gif"]


def test_a_file_that_is_refused_takes_nothing_away(person: Person, samples: Path) -> None:
    (samples / "empty.png").touch()
    cards = Cards(person.go("/two-step/"), "picture")
    gate = Gate(person.page)
    cards.choose(samples / "leaf.png").wait("leaf.png", "uploading")
    cards.choose(samples / "empty.png").wait("empty.png", "rejected")
    gate.open()
    cards.wait("leaf.png")


def test_a_second_press_opens_no_second_editor(person: Person, samples: Path) -> None:
    cards = Cards(person.go("/album/"), "photos")
    cards.choose(samples / "leaf.png").wait("leaf.png")
    cards.card("leaf.png").locator("[data-act=crop]").dblclick()
    cards.dialog.wait_for()
    person.page.wait_for_load_state("networkidle")
    assert cards.dialog.count() == 1


def test_a_double_click_on_save_does_not_cancel_what_it_began(
    new_person: Callable[..., Person], samples: Path
) -> None:
    """The line that says what is waited for moves the button away, and has a Cancel."""
    person = new_person(javascript=True, viewport={"width": 390, "height": 844})
    cards = Cards(person.go("/backup/"), "file")
    gate = Gate(person.page)
    cards.choose(samples / "leaf.png").wait("leaf.png", "uploading")
    save = person.page.get_by_role("button", name="Upload and save")
    save.scroll_into_view_if_needed()
    before = save.bounding_box()
    person.press(save)
    waiting = person.page.locator(".greenroom-saving")
    cancel = waiting.get_by_role("button", name="Cancel")
    after = cancel.bounding_box()
    x, y = after["x"] + after["width"] / 2, max(before["y"], after["y"]) + 5
    assert before["x"] < x < before["x"] + before["width"]
    assert y < min(before["y"] + before["height"], after["y"] + after["height"]), (
        "the one is where the other was"
    )
    person.press(cancel)
    assert waiting.is_hidden()
    assert save.bounding_box() == before
    person.page.mouse.dblclick(x, y)
    assert waiting.is_visible()
    gate.open()
    person.page.wait_for_url("**/saved/*/")


def test_a_double_click_on_a_card_acts_on_no_other(person: Person, samples: Path) -> None:
    """What it does moves another card to where the pointer is."""
    names = ["leaf.png", "teapot.gif", "dunes.avif", "evening.webp"]
    cards = Cards(person.go("/album/"), "photos").choose(*(samples / each for each in names)).wait_all(*names)
    cards.card("leaf.png").locator("[data-act=later]").dblclick()
    assert cards.names == ["teapot.gif", "leaf.png", "dunes.avif", "evening.webp"]
    cards.card("teapot.gif").locator("[data-act=remove]").dblclick()
    assert cards.names == ["leaf.png", "dunes.avif", "evening.webp"]
    cards.act("leaf.png", "remove")
    cards.act("dunes.avif", "remove")
    assert cards.names == ["evening.webp"]


def test_back_finds_what_is_held_where_it_is_all_that_the_form_has(person: Person, samples: Path) -> None:
    cards = Cards(person.go("/two-step/"), "picture").choose(samples / "leaf.png").wait("leaf.png")
    person.send("Continue")
    person.back()
    cards.wait("leaf.png")
    person.send("Continue")
    assert person.path == "/two-step/details/"


def test_a_form_that_is_reset_does_not_go_on_to_save(person: Person, samples: Path) -> None:
    cards = Cards(person.go("/album/"), "photos")
    person.write("title", "Leaves")
    Gate(person.page)
    cards.choose(samples / "leaf.png").wait("leaf.png", "uploading")
    form = person.page.locator("form", has=cards.root)
    form.evaluate("form => form.requestSubmit()")
    notice = cards.root.locator(".greenroom-saving")
    notice.wait_for()
    form.evaluate("form => form.reset()")
    notice.wait_for(state="hidden")
    assert cards.names == []


def test_a_reload_without_changes_shows_what_is_saved_by_then(person: Person, samples: Path) -> None:
    cards = Cards(person.go("/album/"), "photos")
    person.write("title", "Leaves")
    cards.choose(samples / "leaf.png", samples / "teapot.gif").wait_all("leaf.png", "teapot.gif")
    person.send("Save the album")
    album = person.path.replace("saved", "album")
    person.go(album)
    cards.root.locator("[data-state=saved]").nth(1).wait_for()
    first, second = cards.names  # as they are saved
    other = Cards(Person(person.page.context.new_page(), "mouse").go(album), "photos")
    other.act(first, "remove")
    other.person.send("Save the album")
    person.page.reload()
    cards.wait(second, "saved")
    assert cards.names == [second]


def test_what_arrived_but_was_not_looked_at_is_not_asked_for_again(person: Person, samples: Path) -> None:
    cards = Cards(person.go("/album/"), "photos")
    person.page.on("dialog", lambda dialog: dialog.accept())
    person.page.route(HELD, lambda route: route.fulfill(status=503, body=""))
    cards.choose(samples / "leaf.png").wait("leaf.png", "failed")
    person.page.unroute(HELD)
    person.page.reload()
    cards.wait("leaf.png")
