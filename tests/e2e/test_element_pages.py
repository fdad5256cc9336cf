"""The element on every page of the demo: under the strictest policy, in the admin, seen by axe, and in pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cards import Cards, slow
from tests.e2e.person import Person, digests, sha256
from tests.e2e.test_check_backup_admin import admin_errors, log_in

pytestmark = pytest.mark.e2e

AXE = Path(__file__).resolve().parents[2] / "web/node_modules/axe-core/axe.min.js"
Require = Callable[[str, object], None]


@pytest.fixture
def new_visitor(new_person: Callable[..., Person]) -> Iterator[Callable[..., Person]]:
    """People with JavaScript. In their consoles no policy may be seen broken, and no error."""
    said: list[str] = []

    def make(**options: Any) -> Person:
        person = new_person(javascript=True, **options)
        person.page.on(
            "console", lambda message: message.type in ("error", "warning") and said.append(message.text)
        )
        person.page.on("pageerror", lambda error: said.append(str(error)))
        return person

    yield make
    assert said == []


@pytest.fixture(params=["mouse", "keyboard"])
def person(request: pytest.FixtureRequest, new_visitor: Callable[..., Person]) -> Person:
    return new_visitor(hand=request.param)


@pytest.fixture
def visitor(new_visitor: Callable[..., Person]) -> Person:
    return new_visitor()


def test_the_policy_is_as_strict_as_the_documentation_says(visitor: Person) -> None:
    answer = visitor.page.goto("/album/")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
    )


def test_one_upload_two_forms_two_crops(person: Person, samples: Path) -> None:
    person.go("/two-step/")
    Cards(person, "picture").choose(samples / "dunes.avif").wait("dunes.avif")
    person.send("Continue")
    portrait, cover = Cards(person, "portrait"), Cards(person, "cover")
    portrait.wait("dunes.avif").edit("dunes.avif")
    assert portrait.box == [250, 0, 1000, 1000]
    portrait.type("w", 500)
    portrait.apply()
    cover.edit("dunes.avif").apply()
    person.write("name", "Ada")
    person.send("Save both")
    sizes = {each["field"]: (each["width"], each["height"]) for each in person.saved()}
    assert sizes == {"portrait": (500, 500), "cover": (1500, 844)}


def test_a_picture_that_is_not_cropped_is_saved_byte_for_byte(visitor: Person, samples: Path) -> None:
    visitor.go("/two-step/")
    Cards(visitor, "picture").choose(samples / "dunes.avif").wait("dunes.avif")
    visitor.send("Continue")
    visitor.write("name", "Ada")
    visitor.send("Save the portrait only")
    assert digests(visitor.saved()) == [sha256(samples / "dunes.avif")]


def test_a_refused_picture_is_told_and_another_is_taken(visitor: Person, samples: Path) -> None:
    visitor.go("/check/")
    cards = Cards(visitor, "picture").choose(samples / "all-white.png").wait("all-white.png", "waiting")
    cards.press("Analyse")
    visitor.page.get_by_text("shows nothing").wait_for()
    cards.choose(samples / "leaf.png").wait("leaf.png", "waiting")
    cards.press("Analyse")
    visitor.page.locator(".facts").first.wait_for()
    assert cards.names == ["leaf.png"]


def test_the_admin_and_its_inlines(new_person: Callable[..., Person], samples: Path) -> None:
    person = new_person(javascript=True)
    log_in(person)
    person.go("/admin/gallery/product/add/")
    person.write("name", "Tea")
    photo = Cards(person, "photo").choose(samples / "dunes.avif").wait("dunes.avif")
    photo.edit("dunes.avif").apply()
    person.page.locator(".add-row a").click()
    first, second = Cards(person, "details-0-image"), Cards(person, "details-1-image")
    first.choose(samples / "leaf.png").wait("leaf.png")
    second.choose(samples / "teapot.gif").wait("teapot.gif")
    assert person.page.locator("#details-empty .greenroom-upgraded").count() == 0
    # The first row goes, and Django renumbers the second, inputs of the element included.
    person.page.locator("#details-1 .inline-deletelink").click()
    person.page.locator(".add-row a").click()
    Cards(person, "details-1-image").choose(samples / "winter.tif").wait("winter.tif")
    person.send("Save and continue editing")
    assert admin_errors(person) == []
    person.page.goto(person.page.get_by_role("link", name="View on site").get_attribute("href"))
    files = person.saved()
    assert (files[0]["field"], files[0]["width"]) == ("photo", 1333)
    assert digests(files[1:]) == [sha256(samples / "leaf.png"), sha256(samples / "winter.tif")]


@pytest.mark.parametrize("width", [1200, 390])
def test_letters_in_the_admins_inlines_are_as_large_as_elsewhere(
    new_person: Callable[..., Person], width: int
) -> None:
    person = new_person(viewport={"width": width, "height": 844})
    log_in(person)
    person.go("/admin/gallery/product/add/")
    hints = person.page.locator(".greenroom-hint:visible")
    outside, inside = hints.evaluate_all("all => all.map(each => getComputedStyle(each).fontSize)")
    assert inside == outside


def test_a_form_that_a_script_puts_into_the_page_is_upgraded(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    visitor.page.evaluate(
        """async () => { const page = new DOMParser().parseFromString(await (await fetch("/album/")).text(), "text/html");
        document.querySelector("main form").replaceWith(document.adoptNode(page.querySelector("main form"))); }"""
    )
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    sent = visitor.page.evaluate(
        "[...new FormData(document.querySelector('main form'))].map(([name, value]) => [name, String(value)])"
    )
    names = [name for name, _value in sent]
    assert sorted(set(names)) == ["csrfmiddlewaretoken", "photos", "photos-policy", "photos-state", "title"]
    assert [each["name"] for each in cards.sent] == ["leaf.png"]
    visitor.write("title", "Put in later")
    visitor.send("Save the album")
    assert digests(visitor.saved()) == [sha256(samples / "leaf.png")]


def test_an_events_listener_can_say_no(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    visitor.page.evaluate(
        """() => { window.told = [];
        document.addEventListener('greenroom:accept', event => { if (event.detail.name.endsWith('.tif')) event.preventDefault(); });
        document.addEventListener('greenroom:remove', event => event.preventDefault());
        document.addEventListener('greenroom:state', event => window.told.push(event.detail.state)); }"""
    )
    cards = Cards(visitor, "photos").choose(samples / "winter.tif", samples / "leaf.png").wait("leaf.png")
    cards.act("leaf.png", "remove")
    assert cards.names == ["leaf.png"]
    assert visitor.page.evaluate("window.told") == ["queued", "uploading", "verifying", "ready"]


def test_reset_and_disabled_are_the_forms_own(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(samples / "leaf.png").wait("leaf.png")
    visitor.page.evaluate("document.querySelector('main form').reset()")
    assert cards.names == []
    assert [each["removed"] for each in cards.sent] == [True]  # and can be had back until the form is saved
    visitor.page.evaluate("document.querySelector('main fieldset').disabled = true")
    cards.drop([samples / "leaf.png"], taken=False)
    assert cards.names == []
    assert visitor.page.evaluate("[...new FormData(document.querySelector('main form')).keys()]") == [
        "csrfmiddlewaretoken",
        "title",
    ]


def test_the_live_region_says_what_happens_once(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    visitor.page.evaluate(
        """() => { window.said = []; const region = document.querySelector('.greenroom-upgraded > [aria-live=polite]');
        new MutationObserver(() => window.said.push(region.textContent)).observe(region, {childList: true}); }"""
    )
    cards = Cards(visitor, "photos").choose(samples / "leaf.png", samples / "teapot.gif")
    cards.wait_all("leaf.png", "teapot.gif")
    visitor.page.wait_for_function("() => window.said.join().includes('teapot.gif is uploaded')")
    said = visitor.page.evaluate("window.said")
    assert len(said) <= 4, said
    assert ". ".join(said).count("leaf.png is uploaded") == 1
    cards.act("leaf.png", "remove")
    visitor.page.wait_for_function("() => window.said.at(-1).includes('leaf.png removed')")


def axe(person: Person) -> list[str]:
    person.page.evaluate(AXE.read_text())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    rules = {"label-content-name-mismatch": {"enabled": True}}  # which axe calls experimental
    found = person.page.evaluate("options => axe.run(options)", {"runOnly": tags, "rules": rules})
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    require: Require, new_visitor: Callable[..., Person], samples: Path, scheme: str
) -> None:
    require("axe-core, which `make test` installs,", AXE.exists())
    person = new_visitor(color_scheme=scheme)
    for path in ("/two-step/", "/check/", "/backup/", "/portrait/"):
        person.go(path)
        assert axe(person) == [], path
    person.go("/album/")
    cards = Cards(person, "photos").choose(
        samples / "leaf.png", samples / "teapot.gif", samples / "winter.tif"
    )
    (samples / "notes.txt").write_text("no picture")
    cards.wait_all("leaf.png", "teapot.gif", "winter.tif").choose(samples / "notes.txt")
    cards.act("teapot.gif", "remove")
    assert axe(person) == []
    cards.edit("leaf.png")
    assert axe(person) == []


def test_axe_finds_nothing_on_a_phone_and_while_files_are_under_way(
    require: Require, new_visitor: Callable[..., Person], samples: Path
) -> None:
    require("axe-core, which `make test` installs,", AXE.exists())
    person = new_visitor(viewport={"width": 390, "height": 844})
    assert axe(person.go("/check/direct/")) == []
    cards = Cards(person.go("/portrait/"), "portrait").choose(samples / "leaf.png")
    cards.wait("leaf.png", "waiting")
    assert axe(person) == []
    person.page.on("dialog", lambda dialogue: dialogue.accept())
    cards = Cards(person.go("/backup/"), "file")
    person.page.route("**/greenroom-tus.js", lambda route: None)  # on its way for as long as this takes
    cards.choose(samples / "winter.tif").wait("winter.tif", "uploading")  # shown by a sign
    assert axe(person) == []


def test_every_target_is_large_enough(visitor: Person, samples: Path) -> None:
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(samples / "leaf.png", samples / "teapot.gif")
    cards.wait_all("leaf.png", "teapot.gif").edit("leaf.png")
    for each in visitor.page.locator("greenroom-upload button:visible, greenroom-upload input:visible").all():
        box = each.bounding_box()
        assert min(box["width"], box["height"]) >= 24, each.evaluate("each => each.outerHTML")


def taking_pictures(person: Person, screenshots: Path, kind: str) -> Callable[[str], None]:
    """Takes one under a name, and makes sure that nothing is wider than the page."""

    def take(name: str) -> None:
        person.page.screenshot(path=screenshots / f"element-{name}-{kind}.png", full_page=True)
        assert person.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name

    return take


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_of_the_pages(
    new_visitor: Callable[..., Person],
    samples: Path,
    screenshots: Path,
    tmp_path: Path,
    scheme: str,
    width: int,
) -> None:
    """For people to look at. What can be told without eyes: nothing is wider than the page."""
    person = new_visitor(color_scheme=scheme, viewport={"width": width, "height": 900}, has_touch=width < 500)
    page = person.page

    picture = taking_pictures(person, screenshots, f"{width}-{scheme}")
    person.go("/album/")
    picture("album-empty")
    cards = Cards(person, "photos").choose(
        *(samples / each for each in ("lake-on-its-side.jpg", "teapot.gif"))
    )
    cards.wait_all("lake-on-its-side.jpg", "teapot.gif")
    slow(page, upload=30_000)
    (samples / "notes.txt").write_text("no picture")
    cards.choose(samples / "leaf.png", samples / "winter.tif", samples / "notes.txt")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.greenroom-card progress')].some(each => each.value > 0)"
    )
    picture("album-sending")
    slow(page)
    cards.wait_all("leaf.png", "winter.tif")
    cards.act("teapot.gif", "remove")
    cards.edit("lake-on-its-side.jpg")
    picture("editor")
    cards.apply()
    cards.card("lake-on-its-side.jpg").locator('img[src*="crop="]').wait_for()
    person.pictures_load()
    picture("album")
    person.send("Save the album")
    cards.wait("lake-on-its-side.jpg")
    picture("album-invalid")
    large = tmp_path / "holidays.tar"
    large.write_bytes(bytes(9_000_000))
    person.page.on("dialog", lambda dialogue: dialogue.accept())
    person.go("/backup/")
    slow(page, upload=1_000_000)
    backup = Cards(person, "file").choose(large)
    page.wait_for_function("() => document.querySelector('.greenroom-card progress')?.value > 0.05")
    backup.act("holidays.tar", "pause")
    backup.press("Upload and save")
    picture("backup")


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_of_the_other_pages(
    new_visitor: Callable[..., Person], samples: Path, screenshots: Path, scheme: str, width: int
) -> None:
    person = new_visitor(color_scheme=scheme, viewport={"width": width, "height": 900}, has_touch=width < 500)
    page = person.page

    picture = taking_pictures(person, screenshots, f"{width}-{scheme}")
    person.go("/two-step/")
    Cards(person, "picture").choose(samples / "dunes.avif").wait("dunes.avif")
    person.pictures_load()
    picture("two-step")
    person.send("Continue")
    person.pictures_load()
    picture("details")
    page.on("dialog", lambda dialogue: dialogue.accept())
    person.go("/portrait/")
    cards = Cards(person, "portrait").choose(samples / "lake-on-its-side.jpg")
    cards.wait("lake-on-its-side.jpg", "waiting").edit("lake-on-its-side.jpg")
    cards.type("w", 200)
    picture("editor-too-small")
    cards.press("Cancel")
    picture("portrait-waiting")
    person.go("/check/")
    Cards(person, "picture").choose(samples / "leaf.png").wait("leaf.png", "waiting")
    picture("check-waiting")
