"""Every page in the light and in the dark, wide and narrow. The pictures are left in screenshots/."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.person import Person
from tests.e2e.test_check_backup_admin import log_in

pytestmark = pytest.mark.e2e

WIDE, NARROW = 1200, 360


def look(person: Person, folder: Path, name: str) -> None:
    """Judge the page at both widths and in both colours, and keep a picture of each."""
    page = person.page
    person.pictures_load()
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        sideways = page.evaluate("() => document.documentElement.scrollWidth")
        assert sideways <= width, f"{name} is {sideways} wide where there is room for {width}"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": WIDE, "height": 900})


@pytest.fixture
def strict(new_person: Callable[..., Person], server: Any) -> Any:
    """A person whose browser asks nobody but the server, and gets an answer to everything."""
    person = new_person()
    wrong: list[str] = []

    def judge(response: Any) -> None:
        if not response.url.startswith(server.url) or response.status == 404 or response.status >= 500:
            wrong.append(f"{response.status} {response.url}")

    person.page.on("response", judge)
    yield person
    assert wrong == []


def test_start(strict: Person, screenshots: Path) -> None:
    look(strict.go("/"), screenshots, "start")


def test_two_step(strict: Person, screenshots: Path, samples: Path) -> None:
    look(strict.go("/two-step/"), screenshots, "two-step")
    strict.choose("picture", samples / "lake-on-its-side.jpg")
    strict.send("Continue")
    look(strict, screenshots, "two-step-details")
    strict.crop("portrait-0", x=100, y=300, w=1000)
    strict.send("", by="button[name=portrait-preview]")
    look(strict, screenshots, "two-step-preview")
    strict.write("name", "Ada")
    strict.write("caption", "By the lake, before anybody else was awake")
    strict.crop("cover-0", y=420, w=1200)
    strict.send("Save both")
    look(strict, screenshots, "saved-profile")


def test_album(strict: Person, screenshots: Path, samples: Path) -> None:
    look(strict.go("/album/"), screenshots, "album")
    (samples / "notes.jpg").write_text("Not a picture.")
    long = samples / f"{'a-very-long-name-' * 8}.gif"
    long.write_bytes((samples / "teapot.gif").read_bytes())
    names = ["lake-on-its-side.jpg", "winter.tif", "leaf.png", "winter-for-print.jpg", "notes.jpg", long.name]
    strict.choose("photos", *(samples / name for name in names))
    strict.send("Save the album")
    strict.crop("photos-0", y=350, w=1200)
    strict.crop("photos-1", w=2000, h=1500)
    strict.tick("photos-2-remove")
    strict.send("Save the album")
    look(strict, screenshots, "album-came-back")
    strict.crop("photos-1", w=600, h=450)
    strict.write("title", "Travels")
    strict.send("Save the album")
    look(strict, screenshots, "saved-album")
    strict.follow("Edit this album")
    look(strict, screenshots, "album-again")


def test_check(strict: Person, screenshots: Path, samples: Path) -> None:
    strict.go("/check/").choose("picture", samples / "all-white.png")
    strict.send("Analyse")
    look(strict, screenshots, "check-refused")
    strict.choose("picture", samples / "lake-on-its-side.jpg")
    strict.send("Analyse")
    look(strict, screenshots, "check-accepted")
    strict.go("/check/direct/").choose("picture", samples / "all-white.png")
    look(strict, screenshots, "check-direct")
    strict.send("Analyse")
    look(strict, screenshots, "check-direct-refused")


def test_backup(strict: Person, screenshots: Path, samples: Path) -> None:
    strict.go("/backup/").choose("file", samples / "winter.tif")
    look(strict, screenshots, "backup")
    strict.send("Upload and save")
    look(strict, screenshots, "saved-backup")


def test_admin(strict: Person, screenshots: Path, samples: Path) -> None:
    log_in(strict)
    strict.go("/admin/gallery/product/add/").choose("photo", samples / "dunes.avif")
    strict.choose("details-0-image", samples / "leaf.png")
    strict.page.locator("#id_name").evaluate("each => each.required = false")
    strict.send("Save and continue editing")
    look(strict, screenshots, "admin-came-back")
    strict.write("name", "Tea")
    strict.send("Save and continue editing")
    look(strict, screenshots, "admin-saved")
    strict.go("/admin/greenroom/stagedupload/")
    strict.page.screenshot(path=screenshots / "admin-held.png", full_page=True)
