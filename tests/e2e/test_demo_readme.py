"""demo/README.md lists every page and every name that a form posts, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.person import Person
from tests.e2e.test_check_backup_admin import log_in

pytestmark = pytest.mark.e2e

DEMO = Path(__file__).resolve().parent.parent.parent / "demo"
README = (DEMO / "README.md").read_text()
DJANGOS = {"csrfmiddlewaretoken"}
ADMINS = re.compile(
    r"_\w+|details-(TOTAL|INITIAL|MIN_NUM|MAX_NUM)_\w+|details-\d+-(saved_ptr|product|id|DELETE)"
)
PARTS = r"policy|preview|state|\d+-(?:token|use|saved|name|position|remove|crop-\w+)"


def table_after(heading: str) -> list[list[str]]:
    """The cells of the first table after a heading."""
    lines = README.split(heading, 1)[1].split("\n## ", 1)[0].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]


def names_in(cell: str) -> set[str]:
    """What is in backticks, without what is explained in parentheses."""
    return set(re.findall(r"`([^`]+)`", re.sub(r"\([^()]*\)", "", cell)))


PAGES = {re.findall(r"`([^`]+)`", row[0])[0]: row for row in table_after("## Pages and form fields")}
FIELDS = {path: names_in(row[2]) if len(row) > 2 else set() for path, row in PAGES.items()}
POSTED = {re.findall(r"`([^`]+)`", row[0])[0] for row in table_after("## What a staged field posts")}


def names_on(person: Person) -> set[str]:
    return {
        each.get_attribute("name")
        for each in person.page.locator("main form [name], #content form [name]").all()
    }


def own_names(names: set[str], fields: set[str]) -> set[str]:
    """Without Django's names, the admin's, and the parts of the staged fields."""
    part = re.compile(rf"({'|'.join(map(re.escape, fields))})-({PARTS})")
    return {name for name in names - DJANGOS if not part.fullmatch(name) and not ADMINS.fullmatch(name)}


def test_the_page_of_every_address_is_listed() -> None:
    listed = {re.sub(r"<\w+>", "<>", path) for path in re.findall(r"`(/[^`]*)`", README)}
    routes = re.findall(r'\bpath\("([^"]*)"', (DEMO / "urls.py").read_text())
    real = {"/" + re.sub(r"<\w+:\w+>", "<>", route) for route in routes}
    assert real - {"/greenroom/"} <= listed


@pytest.mark.parametrize("path", ["/two-step/", "/album/", "/check/direct/", "/backup/"])
def test_the_fields_of_a_page_are_listed(visitor: Person, path: str) -> None:
    visitor.go(path)
    assert own_names(names_on(visitor), FIELDS[path]) == FIELDS[path]


def test_the_fields_of_the_pages_that_come_later_are_listed(visitor: Person, samples: Path) -> None:
    visitor.go("/two-step/").choose("picture", samples / "leaf.png")
    visitor.send("Continue")
    assert own_names(names_on(visitor), FIELDS[visitor.path]) == FIELDS[visitor.path]
    visitor.go("/check/").choose("picture", samples / "leaf.png")
    visitor.send("Analyse")
    assert own_names(names_on(visitor), FIELDS["/check/"]) == FIELDS["/check/"]
    log_in(visitor)
    visitor.go("/admin/gallery/product/add/")
    names = {name for name in names_on(visitor) if "__prefix__" not in name}
    assert own_names(names, FIELDS["/admin/"]) == FIELDS["/admin/"]


def test_what_a_staged_field_posts_is_listed(visitor: Person, samples: Path) -> None:
    visitor.go("/album/").choose("photos", samples / "leaf.png", samples / "teapot.gif")
    visitor.write("title", "Names")
    visitor.send("Save the album")
    visitor.follow("Edit this album")
    visitor.choose("photos", samples / "winter.tif")
    visitor.write("title", "")
    visitor.send("Save the album")
    real = {re.sub(r"-\d+-", "-<i>-", name) for name in names_on(visitor) if name.startswith("photos")}
    assert real == POSTED - {"photos-state"}


def test_the_json_has_the_keys_that_are_listed(visitor: Person, samples: Path) -> None:
    visitor.go("/backup/").choose("file", samples / "leaf.png")
    visitor.send("Upload and save")
    (listed,) = re.findall(r'\{"files": \[\{([^}]+)\}\]\}', README)
    assert list(visitor.saved()[0]) == re.findall(r'"(\w+)"', listed)
