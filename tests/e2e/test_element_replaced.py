"""What is replaced or removed: the line that stays of it says what happens when the form is saved, and Undo does what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cards import Cards
from tests.e2e.person import Person, digests, sha256
from tests.e2e.test_element_ways_on import saved_album, with_room_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def visitor(new_person: Callable[..., Person]) -> Person:
    return new_person(javascript=True)


def replace(cards: Cards, name: str, by: Path) -> None:
    with cards.page.expect_file_chooser() as dialogue:
        cards.act(name, "replace")
    dialogue.value.set_files(by)
    cards.wait(by.name)


def line(cards: Cards) -> str:
    """What stays of the one file that is not to be saved."""
    return cards.root.locator("[data-state=removed] .greenroom-about").inner_text().strip()


def test_a_saved_picture_says_whether_it_is_replaced_or_removed(visitor: Person, samples: Path) -> None:
    cards = saved_album(visitor, samples / "dunes.avif")
    (saved,) = cards.names
    replace(cards, saved, samples / "leaf.png")
    assert line(cards) == f"“{saved}” is replaced when you save."
    cards.act(saved, "undo")
    assert line(cards) == "“leaf.png” is replaced when you save."
    cards.act(saved, "remove")
    both = cards.root.locator("[data-state=removed]").all_inner_texts()
    assert [each.split("\n")[0] for each in both] == [
        f"“{each}” is removed when you save." for each in (saved, "leaf.png")
    ]


def test_a_saved_picture_that_is_cropped_is_replaced(visitor: Person, samples: Path) -> None:
    cards = saved_album(visitor, samples / "dunes.avif")
    (saved,) = cards.names
    cards.edit(saved)
    cards.type("w", 400)
    cards.apply()
    cards.wait(saved, "cropped")
    assert line(cards) == f"“{saved}” is replaced when you save."


def test_a_replacement_is_one_still_when_the_form_has_come_back(visitor: Person, samples: Path) -> None:
    cards = Cards(visitor.go("/album/"), "photos").choose(samples / "leaf.png", samples / "teapot.gif")
    cards.wait_all("leaf.png", "teapot.gif")
    replace(cards, "leaf.png", samples / "dunes.avif")
    for _twice in range(2):
        visitor.send("Save the album")  # without a title
        cards.wait_all("dunes.avif", "teapot.gif")
        assert line(cards) == "“leaf.png” is replaced when you save."
    visitor.page.reload()  # which sends it once more
    cards.wait_all("dunes.avif", "teapot.gif")
    visitor.page.evaluate("document.querySelector('main form').reset()")
    cards.act("leaf.png", "undo")
    assert cards.names == ["leaf.png", "teapot.gif"]
    assert line(cards) == "“dunes.avif” is replaced when you save."
    visitor.write("title", "As it was")
    visitor.send("Save the album")
    assert digests(visitor.saved()) == [sha256(samples / each) for each in ("leaf.png", "teapot.gif")]


def test_what_was_removed_from_a_full_album_says_why_it_cannot_be_had_back(
    visitor: Person, samples: Path
) -> None:
    with_room_for(visitor, 2)
    names = ["leaf.png", "teapot.gif"]
    cards = (
        Cards(visitor.go("/album/"), "photos").choose(*(samples / each for each in names)).wait_all(*names)
    )
    cards.act("leaf.png", "remove")
    assert line(cards) == "“leaf.png” is removed when you save."
    assert cards.acts("leaf.png") == ["undo"]
    cards.choose(samples / "dunes.avif").wait("dunes.avif")
    assert cards.acts("leaf.png") == []
    assert "There is no room to have it back: remove another file first." in line(cards)
    cards.act("teapot.gif", "remove")
    assert cards.acts("leaf.png") == ["undo"]
    assert "no room" not in cards.says("leaf.png")
    cards.act("leaf.png", "undo")
    assert cards.names == ["leaf.png", "dunes.avif"]
