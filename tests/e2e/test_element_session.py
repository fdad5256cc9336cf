"""A session that ends while the page is open: nothing is picked twice, and what is said is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cards import Cards
from tests.e2e.person import Person, digests, sha256
from tests.e2e.test_check_backup_admin import log_in

pytestmark = pytest.mark.e2e

GONE = "“{}” is no longer {} (files wait only for a time, and until you sign out). {}"


def gone(name: str, *, here: bool = True) -> str:
    """What the card says: whether the browser has the file still decides what can be done, and so what is said."""
    return GONE.format(
        name, *(("held", "Try again: it is sent anew.") if here else ("here", "Choose it again."))
    )


@pytest.fixture
def visitor(new_person: Callable[..., Person]) -> Person:
    return new_person(javascript=True)


def end_session(person: Person) -> None:
    person.page.context.clear_cookies(name="sessionid")


def test_what_is_gone_is_said_before_the_form_goes_and_is_sent_anew(visitor: Person, samples: Path) -> None:
    visitor.page.clock.install()
    visitor.go("/album/")
    names = ["leaf.png", "teapot.gif"]
    cards = Cards(visitor, "photos").choose(*(samples / each for each in names)).wait_all(*names)
    cards.edit("teapot.gif")
    cards.type("w", 160)
    cards.apply()
    visitor.write("title", "Still mine")
    end_session(visitor)
    visitor.page.clock.fast_forward(10_000)  # longer than an answer of the server counts
    cards.press("Save the album")
    for name in names:
        cards.wait(name, "expired")
        assert cards.errors(name) == [gone(name)]
        assert cards.acts(name) == ["retry", "dismiss"]
    assert visitor.path == "/album/"
    assert cards.focused in names
    cards.act("leaf.png", "retry")
    cards.choose(samples / "teapot.gif")  # as the message says; it takes its place and its crop
    cards.wait_all(*names)
    assert cards.names == names
    visitor.send("Save the album")
    files = visitor.saved()
    assert digests(files)[0] == sha256(samples / "leaf.png")
    assert [(each["width"], each["height"]) for each in files][1] == (160, 120)


def test_whoever_signs_out_in_another_tab_is_told_when_they_come_back(visitor: Person, samples: Path) -> None:
    log_in(visitor)
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    other = visitor.page.context.new_page()
    other.goto("/admin/")
    with other.expect_navigation():
        other.locator("#logout-form button").click()
    # Tabs without a screen are never hidden; the browser tells the page so when it is seen again.
    visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
    cards.wait("leaf.png", "expired")
    assert cards.errors("leaf.png") == [gone("leaf.png")]
    cards.act("leaf.png", "retry")
    cards.wait("leaf.png")
    visitor.write("title", "Signed out")
    visitor.send("Save the album")
    assert digests(visitor.saved()) == [sha256(samples / "leaf.png")]


def test_a_file_that_is_chosen_after_the_session_ended_is_sent_all_the_same(
    visitor: Person, samples: Path
) -> None:
    """The page is asked for anew, and with it the policy for whoever asks."""
    visitor.go("/two-step/")
    end_session(visitor)
    Cards(visitor, "picture").choose(samples / "leaf.png").wait("leaf.png")
    visitor.send("Continue")
    visitor.write("name", "Ada")
    visitor.send("Save the portrait only")
    assert digests(visitor.saved()) == [sha256(samples / "leaf.png")]


def test_where_the_page_is_not_shown_any_more_it_waits_until_it_is(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    end_session(visitor)
    page = f"{visitor.page.url}"
    visitor.page.route(page, lambda route: route.fulfill(body="<h1>Log in</h1>", content_type="text/html"))
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png", "failed")
    assert "Reload the page and try again" in cards.errors("leaf.png")[0]
    visitor.page.unroute(page)
    cards.act("leaf.png", "retry")
    cards.wait("leaf.png")


def test_all_that_is_gone_is_sent_anew_by_one_button(visitor: Person, samples: Path) -> None:
    visitor.page.clock.install()
    visitor.go("/album/")
    names = ["leaf.png", "teapot.gif", "dunes.avif"]
    cards = Cards(visitor, "photos").choose(*(samples / each for each in names)).wait_all(*names)
    visitor.write("title", "All of them")
    end_session(visitor)
    visitor.page.clock.fast_forward(10_000)
    cards.press("Save the album")
    for name in names:
        cards.wait(name, "expired")
    cards.press("Try all again")
    cards.wait_all(*names)
    assert cards.names == names
    visitor.send("Save the album")
    assert digests(visitor.saved()) == [sha256(samples / each) for each in names]


def test_that_all_is_gone_is_said_aloud_once(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    names = ["leaf.png", "teapot.gif", "dunes.avif"]
    cards = Cards(visitor, "photos").choose(*(samples / each for each in names)).wait_all(*names)
    visitor.page.wait_for_function(
        "() => document.querySelector('[aria-live]').innerText.includes('is uploaded')"
    )
    end_session(visitor)
    visitor.page.evaluate(
        """() => { window.said = []; const region = document.querySelector('[aria-live]');
        new MutationObserver(() => window.said.push(region.innerText)).observe(region, {childList: true});
        document.dispatchEvent(new Event('visibilitychange', {bubbles: true})); }"""
    )
    for name in names:
        cards.wait(name, "expired")
    visitor.page.wait_for_function("() => window.said.at(-1)?.includes('3 files are no longer held')")
    said = " ".join(visitor.page.evaluate("window.said"))
    assert said.count("until you sign out") <= 1  # whichever was known first, if the others came later


def test_what_the_browser_has_no_more_is_to_be_chosen_again(visitor: Person, samples: Path) -> None:
    """After a reload there is nothing to send: the words and the button both say so."""
    visitor.page.on("dialog", lambda dialogue: dialogue.accept())
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    visitor.page.reload()
    cards.wait("leaf.png")
    visitor.write("title", "Chosen again")
    end_session(visitor)
    visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
    cards.wait("leaf.png", "expired")
    assert cards.errors("leaf.png") == [gone("leaf.png", here=False)]
    assert cards.acts("leaf.png") == ["choose", "dismiss"]
    with visitor.page.expect_file_chooser() as dialogue:
        cards.act("leaf.png", "choose")
    dialogue.value.set_files(samples / "leaf.png")
    cards.wait("leaf.png")
    visitor.send("Save the album")
    assert digests(visitor.saved()) == [sha256(samples / "leaf.png")]
