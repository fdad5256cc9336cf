"""Bytes on their way: progress, pause, a dead connection, a killed server, a reload, and saving meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from greenroom.element import ROOM_TO_UNDO
from tests.e2e.cards import Cards, slow
from tests.e2e.conftest import Server
from tests.e2e.person import Person, digests, sha256

pytestmark = pytest.mark.e2e

MB = 10**6
PART = 8 * 2**20  # what the element sends in one request


@pytest.fixture(params=["mouse", "keyboard"])
def person(request: pytest.FixtureRequest, new_person: Callable[..., Person]) -> Person:
    return new_person(hand=request.param, javascript=True)


@pytest.fixture
def visitor(new_person: Callable[..., Person]) -> Person:
    return new_person(javascript=True)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(20 * MB))
    return path


def offsets(page: object) -> list[int]:
    """The places at which the page has sent bytes; filled while it does so."""
    found: list[int] = []
    page.on(
        "request",
        lambda each: each.method == "PATCH" and found.append(int(each.headers["upload-offset"])),
    )
    return found


def wait_for(cards: Cards, more_than: float) -> None:
    """Until the bar of the only card is beyond a part of the whole."""
    cards.page.wait_for_function(
        "part => document.querySelector('.greenroom-card progress')?.value > part", arg=more_than
    )


def test_an_upload_is_paused_and_goes_on(person: Person, large: Path) -> None:
    person.go("/backup/")
    cards = Cards(person, "file")
    slow(person.page, upload=4 * MB)
    cards.choose(large)
    wait_for(cards, 0.1)
    assert "MB of 20 MB" in cards.says("large.bin")
    cards.act("large.bin", "pause")
    assert cards.state("large.bin") == "paused"
    assert cards.says("large.bin").count("Paused at") == 1
    slow(person.page)
    cards.act("large.bin", "resume")
    cards.wait("large.bin")
    person.send("Upload and save")
    assert digests(person.saved()) == [sha256(large)]


def test_a_cancelled_upload_is_gone_on_the_server_too(person: Person, large: Path) -> None:
    person.go("/backup/")
    cards = Cards(person, "file")
    slow(person.page, upload=2 * MB)
    with person.page.expect_response(lambda each: each.request.method == "POST") as created:
        cards.choose(large)
    address = created.value.headers["location"]
    wait_for(cards, 0.02)
    with person.page.expect_response(lambda each: each.request.method == "DELETE"):
        cards.act("large.bin", "cancel")
    assert cards.names == []
    assert cards.focused == "file"
    slow(person.page)
    status = person.page.evaluate(
        "async url => (await fetch(url, {method: 'HEAD', headers: {'Tus-Resumable': '1.0.0'}})).status",
        address,
    )
    assert status == 404


def test_the_form_is_saved_when_its_uploads_end(person: Person, large: Path) -> None:
    person.go("/backup/")
    cards = Cards(person, "file")
    slow(person.page, upload=3 * MB)
    cards.choose(large)
    wait_for(cards, 0.02)
    cards.press("Upload and save")
    waiting = person.page.locator(".greenroom-saving")
    assert "Saving when 1 upload ends…" in waiting.inner_text()
    cards.person.press(waiting.get_by_role("button", name="Cancel"))
    assert waiting.is_hidden()
    cards.press("Upload and save")
    slow(person.page)
    person.page.wait_for_url("**/saved/*/")
    assert digests(person.saved()) == [sha256(large)]


def test_without_a_connection_it_waits_and_goes_on_by_itself(visitor: Person, large: Path) -> None:
    visitor.go("/backup/")
    cards = Cards(visitor, "file")
    sent = offsets(visitor.page)
    slow(visitor.page, upload=8 * MB)
    cards.choose(large)
    wait_for(cards, 0.45)  # beyond the first part
    slow(visitor.page, offline=True)
    cards.wait("large.bin", "offline")
    assert "You are offline" in cards.says("large.bin")
    slow(visitor.page)
    cards.wait("large.bin")
    assert sent.count(0) == 1
    visitor.send("Upload and save")
    assert digests(visitor.saved()) == [sha256(large)]


def test_the_server_is_killed_in_the_middle_and_started_again(
    visitor: Person, large: Path, server: Server
) -> None:
    visitor.go("/backup/")
    cards = Cards(visitor, "file")
    sent = offsets(visitor.page)
    slow(visitor.page, upload=6 * MB)
    cards.choose(large)
    wait_for(cards, 0.5)
    server.kill_and_start_again()
    slow(visitor.page)
    cards.wait("large.bin")
    assert sent.count(0) == 1
    assert max(sent) >= PART
    visitor.send("Upload and save")
    assert digests(visitor.saved()) == [sha256(large)]


def test_after_a_reload_the_file_is_chosen_again_and_goes_on(visitor: Person, large: Path) -> None:
    visitor.page.on("dialog", lambda dialogue: dialogue.accept())
    visitor.go("/backup/")
    cards = Cards(visitor, "file")
    slow(visitor.page, upload=6 * MB)
    cards.choose(large)
    wait_for(cards, 0.5)
    visitor.page.reload()
    cards.wait("large.bin", "needs-reselect")
    assert "Choose “large.bin” once more" in cards.says("large.bin")
    cards.press("Upload and save")  # it does not go without that file
    assert visitor.path == "/backup/"
    assert cards.focused == "large.bin"
    sent = offsets(visitor.page)
    slow(visitor.page)
    cards.choose(large).wait("large.bin")
    assert min(sent) >= PART
    visitor.send("Upload and save")
    assert digests(visitor.saved()) == [sha256(large)]


def test_after_a_reload_a_half_sent_replacement_is_one_still(
    visitor: Person, large: Path, samples: Path
) -> None:
    visitor.page.on("dialog", lambda dialogue: dialogue.accept())
    visitor.go("/backup/")
    cards = Cards(visitor, "file").choose(samples / "leaf.png").wait("leaf.png")
    slow(visitor.page, upload=6 * MB)
    cards.choose(large)
    visitor.page.wait_for_function(
        "() => [...document.querySelectorAll('.greenroom-card progress')].some(each => each.value > 0.5)"
    )
    visitor.page.reload()
    cards.wait("large.bin", "needs-reselect")
    assert [each["name"] for each in cards.sent] == ["leaf.png"]
    slow(visitor.page)
    cards.choose(large).wait("large.bin")
    assert cards.names == ["large.bin"]
    visitor.send("Upload and save")
    assert digests(visitor.saved()) == [sha256(large)]


def test_another_file_of_the_same_name_and_size_is_no_rest_of_the_first(
    visitor: Person, large: Path, tmp_path: Path
) -> None:
    visitor.page.on("dialog", lambda dialogue: dialogue.accept())
    visitor.go("/backup/")
    cards = Cards(visitor, "file")
    slow(visitor.page, upload=6 * MB)
    cards.choose(large)
    wait_for(cards, 0.5)
    visitor.page.reload()
    cards.wait("large.bin", "needs-reselect")
    slow(visitor.page)
    large.write_bytes(os.urandom(20 * MB))
    os.utime(large, (0, 0))
    cards.choose(large).wait("large.bin")
    assert cards.names == ["large.bin"]
    visitor.send("Upload and save")
    assert digests(visitor.saved()) == [sha256(large)]


def test_another_choice_takes_the_place_of_one_that_is_under_way(
    visitor: Person, large: Path, samples: Path
) -> None:
    visitor.go("/backup/")
    cards = Cards(visitor, "file")
    slow(visitor.page, upload=2 * MB)
    cards.choose(large)
    wait_for(cards, 0.02)
    with visitor.page.expect_response(lambda each: each.request.method == "DELETE"):
        cards.choose(samples / "leaf.png")
    assert cards.names == ["leaf.png"]
    slow(visitor.page)
    cards.wait("leaf.png")
    visitor.send("Upload and save")
    assert digests(visitor.saved()) == [sha256(samples / "leaf.png")]


def test_a_picture_is_cropped_while_it_is_under_way(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    cards = Cards(visitor, "photos")
    slow(visitor.page, upload=20_000)
    cards.choose(samples / "lake-on-its-side.jpg").wait("lake-on-its-side.jpg", "uploading")
    (samples / "notes.txt").write_text("no picture")
    cards.choose(samples / "notes.txt").wait("notes.txt", "rejected")
    visitor.page.locator(".greenroom-card canvas").wait_for()
    cards.edit("lake-on-its-side.jpg")
    assert cards.box == [0, 350, 1200, 900]
    cards.type("w", 800)
    cards.apply()
    visitor.write("title", "At once")
    cards.press("Save the album")
    # What was refused before is no reason not to save the others.
    assert "Saving when 1 upload ends…" in visitor.page.locator(".greenroom-saving").inner_text()
    slow(visitor.page)
    visitor.page.wait_for_url("**/saved/*/")
    assert [(each["width"], each["height"]) for each in visitor.saved()] == [(800, 600)]


def test_a_failed_upload_is_tried_again_by_a_button(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    cards = Cards(visitor, "photos")
    visitor.page.route("**/greenroom-tus.js", lambda route: route.abort())
    cards.choose(samples / "leaf.png").wait("leaf.png", "failed")
    visitor.write("title", "Not yet")
    cards.press("Save the album")
    assert visitor.path == "/album/"
    assert cards.focused == "leaf.png"
    assert "It is not saved yet" in cards.says("leaf.png")
    visitor.page.unroute("**/greenroom-tus.js")
    cards.act("leaf.png", "retry")
    cards.wait("leaf.png")
    visitor.send("Save the album")
    assert digests(visitor.saved()) == [sha256(samples / "leaf.png")]


def test_in_a_field_for_one_file_one_can_change_ones_mind_often(
    visitor: Person, samples: Path, tmp_path: Path
) -> None:
    visitor.go("/two-step/")
    cards = Cards(visitor, "picture")
    for number in range(ROOM_TO_UNDO + 2):
        path = tmp_path / f"{number}.gif"
        path.write_bytes((samples / "teapot.gif").read_bytes() + bytes(number))
        cards.choose(path).wait(path.name)
    assert cards.names == [path.name]
    before = f"{number - 1}.gif"
    removed = cards.root.locator(".greenroom-card[data-state=removed]:visible")
    assert [each.get_attribute("aria-label") for each in removed.all()] == [before], "it can be had back"
    cards.act(before, "undo")  # they change places
    assert cards.names == [before]
    cards.act(path.name, "undo")
    cards.act(path.name, "remove")
    cards.act(before, "undo")
    cards.choose(path).wait(path.name)
    visitor.send("Continue")
    visitor.write("name", "Ada")
    visitor.send("Save the portrait only")
    assert digests(visitor.saved()) == [sha256(path)]


def test_what_is_held_survives_back_and_a_reload_with_crop_and_order(visitor: Person, samples: Path) -> None:
    visitor.page.on("dialog", lambda dialogue: dialogue.accept())
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(samples / "teapot.gif", samples / "leaf.png")
    cards.wait_all("teapot.gif", "leaf.png").edit("leaf.png")
    cards.type("w", 100)
    cards.apply()
    cards.act("leaf.png", "earlier")
    visitor.page.reload()
    cards.wait_all("leaf.png", "teapot.gif")
    assert cards.names == ["leaf.png", "teapot.gif"]
    visitor.go("/check/")
    visitor.back()
    cards.wait_all("leaf.png", "teapot.gif")
    assert cards.names == ["leaf.png", "teapot.gif"]
    assert cards.sent[0]["crop"]["w"] == 100
    visitor.write("title", "Still here")
    visitor.send("Save the album")
    assert [(each["width"], each["height"]) for each in visitor.saved()] == [(100, 75), (320, 240)]


def test_two_tabs_each_save_their_own(visitor: Person, samples: Path) -> None:
    other = Person(visitor.page.context.new_page(), "mouse")
    for person, name in ((visitor, "leaf.png"), (other, "teapot.gif")):
        person.page.bring_to_front()
        person.go("/album/")
        Cards(person, "photos").choose(samples / name).wait(name)
    for person, name in ((visitor, "leaf.png"), (other, "teapot.gif")):
        person.page.bring_to_front()
        person.write("title", name)
        person.send("Save the album")
        assert digests(person.saved()) == [sha256(samples / name)]


def test_leaving_warns_only_while_something_is_unsaved(visitor: Person, samples: Path) -> None:
    asked: list[str] = []
    visitor.page.on("dialog", lambda dialogue: (asked.append(dialogue.type), dialogue.accept()))
    visitor.go("/album/")
    visitor.go("/check/").go("/album/")
    assert asked == []
    Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    visitor.go("/check/")
    assert asked == ["beforeunload"]
    visitor.go("/album/")
    Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    visitor.write("title", "Saved")
    visitor.send("Save the album")
    assert asked == ["beforeunload"]


def test_nothing_is_sent_before_the_form_is(person: Person, samples: Path) -> None:
    sent: list[str] = []
    person.page.on("request", lambda each: each.method in ("POST", "PATCH") and sent.append(each.url))
    person.go("/check/")
    cards = Cards(person, "picture").choose(samples / "lake-on-its-side.jpg")
    cards.wait("lake-on-its-side.jpg", "waiting")
    assert sent == []
    cards.press("Analyse")
    person.page.locator(".facts").first.wait_for()
    assert sha256(samples / "lake-on-its-side.jpg") in person.page.locator(".facts").inner_text()
    person.send("Save it")
    assert digests(person.saved()) == [sha256(samples / "lake-on-its-side.jpg")]


def test_nothing_is_sent_before_the_crop_is_applied(person: Person, samples: Path) -> None:
    sent: list[str] = []
    person.page.on("request", lambda each: each.method in ("POST", "PATCH") and sent.append(each.url))
    person.go("/portrait/").write("name", "Ada")
    cards = Cards(person, "portrait").choose(samples / "lake-on-its-side.jpg")
    cards.wait("lake-on-its-side.jpg", "waiting")
    cards.press("Save the portrait")
    assert (person.path, cards.focused) == ("/portrait/", "lake-on-its-side.jpg")
    cards.edit("lake-on-its-side.jpg")
    cards.type("w", 250)
    assert "Too small: at least 300\u00a0×\u00a0300" in cards.dialog.inner_text()
    cards.type("w", 600)
    assert sent == []
    cards.apply()
    cards.wait("lake-on-its-side.jpg", "cropped")
    assert sent
    person.send("Save the portrait")
    (file,) = person.saved()
    assert (file["width"], file["height"], file["crop"]["w"]) == (600, 600, 600)


def test_what_the_browser_cannot_show_is_sent_first(visitor: Person, samples: Path) -> None:
    visitor.go("/portrait/").write("name", "Ada")
    slow(visitor.page, upload=40_000)  # bytes in a second, so that there is something to read meanwhile
    cards = Cards(visitor, "portrait").choose(samples / "winter.tif")
    reason = cards.card("winter.tif").get_by_text("Your browser cannot show this kind of picture")
    reason.wait_for()
    slow(visitor.page)
    cards.wait("winter.tif", "ready")
    assert not reason.is_visible(), "it can be seen now"
    cards.edit("winter.tif")
    cards.apply()
    visitor.send("Save the portrait")
    assert visitor.saved()[0]["width"] == 480
