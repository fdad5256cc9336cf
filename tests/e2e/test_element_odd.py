"""What goes wrong rarely, and what only some people do: it is said, it is bounded, and nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cards import Cards, slow
from tests.e2e.person import Person, digests, sha256
from tests.e2e.test_check_backup_admin import log_in

pytestmark = pytest.mark.e2e

MB = 10**6


@pytest.fixture
def visitor(new_person: Callable[..., Person]) -> Person:
    return new_person(javascript=True)


def paste_picture(person: Person, picture: Path) -> None:
    person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    person.page.evaluate(
        """async bytes => navigator.clipboard.write(
        [new ClipboardItem({'image/png': new Blob([new Uint8Array(bytes)], {type: 'image/png'})})])""",
        list(picture.read_bytes()),
    )
    person.page.keyboard.press("Control+v")


# -- what is not taken -------------------------------------------------------------------------------


def test_of_two_files_for_one_place_the_second_is_refused_in_words(visitor: Person, samples: Path) -> None:
    visitor.go("/two-step/")
    (samples / "notes.txt").write_text("no picture")
    cards = Cards(visitor, "picture")
    cards.drop([samples / each for each in ("notes.txt", "leaf.png", "teapot.gif")])
    cards.wait("leaf.png")
    assert cards.errors("teapot.gif") == ["“teapot.gif” is one file too many: at most 1 can be sent here."]
    assert "only a picture is taken here" in cards.errors("notes.txt")[0]
    assert [each["name"] for each in cards.sent] == ["leaf.png"]


def test_folders_without_anything_to_read_are_named(new_person: Callable[..., Person], samples: Path) -> None:
    person = new_person(javascript=True)
    # Tests may run as root, whom nothing is forbidden: so the browser says it of one folder.
    person.page.add_init_script(
        """const get = DataTransferItem.prototype.webkitGetAsEntry;
        DataTransferItem.prototype.webkitGetAsEntry = function () {
            const entry = get.call(this), kind = Object.getPrototypeOf(entry), create = kind.createReader;
            kind.createReader = function () { return this.name !== "locked" ? create.call(this)
                : {readEntries: (_, fail) => fail(new DOMException("", "NotReadableError"))}; };
            return entry; };"""
    )
    for name in ("empty", "locked", "folder/locked"):
        (samples / name).mkdir(parents=True)
    (samples / "leaf.png").rename(samples / "folder/leaf.png")
    cards = Cards(person.go("/album/"), "photos")
    cards.drop([samples / each for each in ("empty", "locked", "folder")])
    cards.wait("leaf.png")
    for name in ("empty", "locked"):
        assert f"“{name}” holds nothing that can be read." in cards.errors(name)[0]
    assert cards.names == ["empty", "locked", "leaf.png", "locked"]


@pytest.mark.parametrize("change", ["changed", "moved"])
def test_a_file_that_changes_while_it_is_sent_is_not_tried_for_ever(
    visitor: Person, tmp_path: Path, change: str
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(30 * MB))
    visitor.go("/backup/")
    cards = Cards(visitor, "file")
    slow(visitor.page, upload=4 * MB)
    cards.choose(large).wait("large.bin", "uploading")
    visitor.page.wait_for_function("() => document.querySelector('.greenroom-card progress').value > 0.02")
    if change == "changed":
        large.write_bytes(os.urandom(30 * MB))
    else:
        large.unlink()
    slow(visitor.page)
    cards.wait("large.bin", "rejected")
    assert "“large.bin” was changed or moved while it was being sent." in cards.errors("large.bin")[0]
    large.write_bytes(b"small now")
    cards.choose(large).wait("large.bin", "ready")
    visitor.send("Upload and save")
    assert digests(visitor.saved()) == [sha256(large)]


def test_a_heic_picture_is_refused_in_words(visitor: Person, samples: Path) -> None:
    brands = b"ftypheic\0\0\0\0mif1heic"
    (samples / "phone.heic").write_bytes((len(brands) + 4).to_bytes(4, "big") + brands + bytes(4096))
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(samples / "phone.heic").wait("phone.heic", "rejected")
    assert "HEIC" in cards.errors("phone.heic")[0]


def test_a_preview_that_does_not_come_is_said(visitor: Person, samples: Path) -> None:
    visitor.page.route("**/greenroom/preview/**", lambda route: route.fulfill(status=500, body=""))
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    cards.card("leaf.png").get_by_text("Its preview cannot be shown.").wait_for()
    assert cards.state("leaf.png") == "ready"
    visitor.page.unroute("**/greenroom/preview/**")
    cards.edit("leaf.png").apply()
    cards.card("leaf.png").locator("img").wait_for()
    assert "cannot be shown" not in cards.says("leaf.png")


def test_a_proxy_that_does_not_come_is_said_where_it_can_be_seen(visitor: Person, samples: Path) -> None:
    visitor.page.route("**/greenroom/proxy/**", lambda route: route.fulfill(status=500, body=""))
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    cards.act("leaf.png", "crop")
    cards.card("leaf.png").get_by_text("The picture could not be loaded. Try again.").wait_for()
    visitor.page.unroute("**/greenroom/proxy/**")
    cards.edit("leaf.png").apply()
    assert "could not be loaded" not in cards.says("leaf.png")


# -- behind and beside the editor --------------------------------------------------------------------


def test_what_is_done_in_the_editor_stays_there(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png").edit("leaf.png")
    visitor.page.evaluate(
        """() => { window.heard = [];
        for (const kind of ["change", "input"]) {
            document.querySelector("main form").addEventListener(kind, event => heard.push(event.target.localName)); } }"""
    )
    cards.type("w", 100)
    cards.press("Smaller")
    cards.dialog.locator("input[type=range]").press("ArrowRight")
    assert visitor.page.evaluate("heard") == []
    cards.dialog.locator(".greenroom-area").focus()
    paste_picture(visitor, samples / "leaf.png")
    cards.drop([samples / "teapot.gif"], taken=False)
    assert visitor.path == "/album/"
    cards.apply()
    assert cards.names == ["leaf.png"]
    assert visitor.page.evaluate("heard") == ["greenroom-upload"]  # the crop is a change
    paste_picture(visitor, samples / "leaf.png")
    cards.wait("image.png")


def test_one_live_region_wherever_the_person_is(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    regions = (
        "document.querySelectorAll('greenroom-upload :is([aria-live], [role=status], [role=alert])').length"
    )
    assert visitor.page.evaluate(regions) == 1
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png").edit("leaf.png")
    assert visitor.page.evaluate(regions) == 1
    # What is outside of a dialog is not read out, so it is inside.
    visitor.page.wait_for_function(
        "() => document.querySelector('dialog [aria-live]').textContent.includes('Left')"
    )
    cards.press("Cancel")
    assert visitor.page.evaluate(regions) == 1
    visitor.write("title", "Waiting")
    visitor.page.route("**/greenroom/uploads/**", lambda route: None)
    cards.choose(samples / "teapot.gif").wait("teapot.gif", "uploading")
    cards.press("Save the album")
    assert visitor.page.evaluate(regions) == 1
    visitor.page.wait_for_function(
        "() => document.querySelector('greenroom-upload > [aria-live]').textContent.includes('Saving when 1 upload ends')"
    )


def test_the_page_moves_along_when_a_card_is_dragged_to_its_edge(
    new_person: Callable[..., Person], samples: Path
) -> None:
    person = new_person(javascript=True, viewport={"width": 390, "height": 420})
    names = ["leaf.png", "teapot.gif", "winter.tif", "dunes.avif"]
    cards = Cards(person.go("/album/"), "photos").choose(*(samples / each for each in names)).wait_all(*names)
    grip = cards.card("leaf.png").locator("[data-act=drag]")
    grip.scroll_into_view_if_needed()
    box, mouse = grip.bounding_box(), person.page.mouse
    mouse.move(box["x"] + 8, box["y"] + 8)
    mouse.down()
    mouse.move(box["x"] + 20, 415, steps=4)
    person.page.wait_for_function(
        "() => document.querySelector('.greenroom-cards').lastElementChild.getBoundingClientRect().bottom < innerHeight"
    )
    # Whoever is below the last means the end.
    below = person.page.locator(".greenroom-chooser").bounding_box()
    last = cards.card("dunes.avif").bounding_box()
    mouse.move(last["x"] + last["width"] * 0.9, min(below["y"] + 10, 360), steps=3)
    mouse.up()
    assert cards.names == [*names[1:], "leaf.png"]


# -- forms -------------------------------------------------------------------------------------------


def test_what_a_page_does_not_let_go_does_not_hold_the_form_for_ever(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    visitor.page.evaluate("document.addEventListener('greenroom:upload', event => event.preventDefault())")
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png", "paused")
    visitor.write("title", "Not yet")
    cards.press("Save the album")
    assert visitor.page.locator(".greenroom-saving").is_hidden()
    assert cards.focused == "leaf.png"
    assert "It is not saved yet" in cards.says("leaf.png")


def test_an_empty_row_of_a_formset_is_not_required(visitor: Person, samples: Path) -> None:
    log_in(visitor)
    visitor.go("/admin/gallery/product/add/")
    visitor.page.locator(".add-row a").click()
    valid = "each => each.form.checkValidity() || each.validity.valid"
    row = visitor.input("details-0-image")
    assert row.evaluate(valid)
    cards = Cards(visitor, "details-0-image").choose(samples / "leaf.png").wait("leaf.png")
    cards.act("leaf.png", "remove")
    assert row.evaluate(valid)


def test_a_required_field_that_is_empty_is_said_by_the_browser(visitor: Person, samples: Path) -> None:
    visitor.go("/two-step/")
    form = visitor.page.locator("main form")
    for _first_then_redisplayed in range(2):
        cards = Cards(visitor, "picture")
        form.evaluate("form => { form.noValidate = false }")
        cards.press("Continue")
        assert (visitor.path, cards.focused) == ("/two-step/", "picture")
        assert visitor.input("picture").evaluate("each => each.validity.valueMissing")
        form.evaluate("form => { form.noValidate = true }")
        visitor.send("Continue")
        assert visitor.errors() == ["Choose a picture."]
    # What has failed is there, though not sent: the form does not go, and says so beside it.
    visitor.page.route("**/greenroom-tus.js", lambda route: route.abort())
    cards = Cards(visitor, "picture").choose(samples / "leaf.png").wait("leaf.png", "failed")
    form.evaluate("form => { form.noValidate = false }")
    cards.press("Continue")
    assert cards.focused == "leaf.png"
    assert "It is not saved yet" in cards.says("leaf.png")


def test_a_file_has_one_size_with_and_without_javascript(
    visitor: Person, new_person: Callable[..., Person], samples: Path
) -> None:
    leaf = (samples / "leaf.png").read_bytes()
    (samples / "leaf.png").write_bytes(leaf + bytes(150_250 - len(leaf)))  # halfway between two tenths
    Cards(visitor.go("/album/"), "photos").choose(samples / "leaf.png").wait("leaf.png")
    bare = new_person().go("/album/")
    bare.choose("photos", samples / "leaf.png")
    bare.send("Save the album")  # without a title
    sizes = [each.page.locator(".greenroom-facts").inner_text().split(" · ")[0] for each in (visitor, bare)]
    assert sizes == ["150.3 kB"] * 2


RIGHT = "each => Math.round(each.getBoundingClientRect().right)"


def test_where_letters_run_to_the_left_a_name_is_cut_at_its_end(visitor: Person, samples: Path) -> None:
    """And not at its beginning, by which people know it; on the other side of the card it stands all the same."""
    visitor.go("/album/").page.evaluate("document.documentElement.dir = 'rtl'")
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    name = cards.card("leaf.png").locator(".greenroom-name")
    assert name.evaluate("each => getComputedStyle(each).direction") == "ltr"
    below = cards.card("leaf.png").locator(".greenroom-facts")
    assert name.evaluate(RIGHT) == below.evaluate(RIGHT)


def test_a_name_that_is_cut_can_be_read_whole(visitor: Person, samples: Path) -> None:
    name = "a lake on its side in the evening, seen from the other bank.jpg"
    (samples / "lake-on-its-side.jpg").rename(samples / name)
    cards = Cards(visitor.go("/album/"), "photos").choose(samples / name).wait(name)
    link = cards.root.locator(".greenroom-name a")
    assert link.get_attribute("title") == f"{name}: Download it as it was chosen"
    visitor.write("title", "Saved")
    visitor.send("Save the album")
    visitor.follow("Edit this album")
    (saved,) = cards.names
    assert link.get_attribute("title") == saved


def test_leaving_a_form_that_has_come_back_warns_as_well(visitor: Person, samples: Path) -> None:
    asked: list[str] = []
    visitor.page.on("dialog", lambda dialogue: (asked.append(dialogue.type), dialogue.accept()))
    visitor.go("/album/")
    Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    visitor.send("Save the album")
    assert visitor.errors() == ["This field is required."]
    assert asked == []
    visitor.go("/check/")
    assert asked == ["beforeunload"]
    # A form that takes over what another view keeps has lost nothing when it is left.
    visitor.go("/two-step/")
    Cards(visitor, "picture").choose(samples / "leaf.png").wait("leaf.png")
    visitor.send("Continue")
    visitor.go("/check/")
    assert asked == ["beforeunload"]


def test_a_form_is_swapped_by_a_script_that_posts_it(visitor: Person, samples: Path) -> None:
    """As htmx does: the form's data by `fetch`, the answer in the place of the form; and meanwhile elsewhere."""
    visitor.go("/album/")
    visitor.page.evaluate(
        """() => document.addEventListener("submit", async event => { event.preventDefault();
        const form = event.target;
        const answer = await fetch(form.action, {method: "POST", body: new FormData(form)});
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        history.replaceState(null, "", answer.url);
        document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main"))); })"""
    )
    cards = Cards(visitor, "photos")
    slow(visitor.page, upload=60_000)
    cards.choose(samples / "lake-on-its-side.jpg").wait("lake-on-its-side.jpg", "uploading")
    # Taken out of the page and put back, it goes on.
    visitor.page.evaluate(
        """async () => { const form = document.querySelector("main form"), place = form.parentNode;
        form.remove(); await new Promise(requestAnimationFrame); place.append(form); }"""
    )
    cards.wait("lake-on-its-side.jpg", "uploading")
    slow(visitor.page)
    cards.press("Save the album")
    visitor.page.locator(".errors li").first.wait_for()
    cards.wait("lake-on-its-side.jpg")
    assert len(cards.sent) == 1
    visitor.write("title", "Swapped")
    cards.press("Save the album")
    visitor.page.wait_for_url("**/saved/*/")
    assert digests(visitor.saved()) == [sha256(samples / "lake-on-its-side.jpg")]


def test_markup_that_was_copied_after_it_was_upgraded_works_once(visitor: Person, samples: Path) -> None:
    """As pages come back from a script's own history, or rows from one that copies a row in use."""
    visitor.go("/album/")
    Cards(visitor, "photos").choose(samples / "teapot.gif").wait("teapot.gif")
    visitor.page.evaluate(
        """() => { const form = document.querySelector("main form");
        form.replaceWith(form.cloneNode(true)); }"""
    )
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    for part in (
        "[name=photos-state]",
        ".greenroom-cards",
        ".greenroom-or",
        ".greenroom-saving",
        "[aria-live]",
    ):
        assert cards.root.locator(part).count() == 1, part
    visitor.write("title", "Copied")
    visitor.send("Save the album")
    assert digests(visitor.saved()) == [sha256(samples / "leaf.png")]
