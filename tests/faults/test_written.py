"""Every promise is written down, names tests that exist, and has breaks of its code that can be made."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.faults.tally import PROMISES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/explanation/promises.md"
_NAMED = re.compile(r"`((?:tests/[a-z_/]+/)?test_[a-z_]+\.py)`")


def sections() -> dict[int, tuple[str, str]]:
    """The title and the text of each, by its number."""
    found = re.split(r"^## (\d+)\. (.+)$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    numbers, titles, texts = found[::3], found[1::3], found[2::3]
    return {int(number): (title, text) for number, title, text in zip(numbers, titles, texts, strict=True)}


def test_the_page_has_all_of_them_in_order() -> None:
    assert {number: title for number, (title, _) in sections().items()} == PROMISES
    assert list(sections()) == list(PROMISES)


@pytest.mark.parametrize("number", PROMISES)
def test_what_tries_to_break_it_is_named(number: int) -> None:
    title, text = sections()[number]
    named = _NAMED.findall(text)
    assert any(name.startswith("tests/") for name in named), title
    folder = ""
    for name in named:  # a bare name is in the folder that was named before it
        path = ROOT / (name if name.startswith("tests/") else f"{folder}/{name}")
        assert path.exists(), f"{title}: {name} is not in {path.parent}"
        folder = str(path.parent.relative_to(ROOT))


@pytest.mark.parametrize("number", PROMISES)
def test_it_is_broken_on_purpose(number: int) -> None:
    file = next((ROOT / "tests/faults/breaks").glob(f"{number:02d}-*.toml"))
    breaks = tomllib.loads(file.read_text())["break"]
    assert breaks
    for each in breaks:
        assert (ROOT / each["path"]).read_text().count(each["old"]) == 1, f"{file.name}: {each['why']}"
        named = [test.partition("::")[0] for test in each["tests"] if test.startswith("tests/")]
        assert named  # beside them may stand options of pytest, such as -k
        assert [test for test in named if not (ROOT / test).exists()] == []
