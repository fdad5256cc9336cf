"""A person in front of the demo, who uses the mouse or nothing but the keyboard, and no JavaScript."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MOST_TABS = 400
"""More than any page has stops for the Tab key."""


class Person:
    """What a person does, by name of what they act on. `see` and the like only look."""

    def __init__(self, page: Any, hand: str) -> None:
        self.page = page
        self.hand = hand

    # -- acting ------------------------------------------------------------------------------------

    def go(self, path: str) -> Person:
        self.page.goto(path)
        return self

    def send(self, button: str, *, by: str = "") -> None:
        """Press a submit button, and wait for the page that answers."""
        found = self.page.get_by_role("button", name=button, exact=True) if button else self.page.locator(by)
        with self.page.expect_navigation():
            self.press(found.first)
        self.page.wait_for_load_state()

    def follow(self, link: str) -> None:
        with self.page.expect_navigation():
            self.press(self.page.locator("main").get_by_role("link", name=link).first)
        self.page.wait_for_load_state()

    def enter(self, name: str) -> None:
        """Press Enter in an input, as people do who never look for the button."""
        self.focus(self.input(name))
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.page.wait_for_load_state()

    def back(self) -> None:
        self.page.go_back()

    def press(self, found: Any) -> None:
        if self.hand == "mouse":
            found.click(no_wait_after=True)
        else:
            self.focus(found)
            self.page.keyboard.press("Enter")

    def write(self, name: str, text: str | int) -> None:
        found = self.input(name)
        self.reveal(found)
        if self.hand == "mouse":
            found.fill(str(text))
        else:
            self.focus(found)
            self.page.keyboard.press("Control+a")
            self.page.keyboard.press("Delete")
            self.page.keyboard.type(str(text))
        assert found.input_value() == str(text)

    def choose(self, name: str, *files: Path) -> None:
        """Choose files in the dialogue that the file input opens."""
        with self.page.expect_file_chooser() as dialogue:
            self.press(self.input(name))
        dialogue.value.set_files(files)

    def tick(self, name: str) -> None:
        found = self.input(name)
        self.reveal(found)
        if self.hand == "mouse":
            found.click()
        else:
            self.focus(found)
            self.page.keyboard.press("Space")

    def pick(self, name: str, value: str) -> None:
        found = self.input(name)
        self.reveal(found)
        if self.hand == "mouse":
            found.select_option(value)
        else:
            self.focus(found)
            self.page.keyboard.type(value)
        assert found.input_value() == value

    def crop(self, row: str, **numbers: int) -> None:
        """Type the numbers of a crop: x=, y=, w=, h=."""
        for part, number in numbers.items():
            self.write(f"{row}-crop-{part}", number)

    def reveal(self, found: Any) -> None:
        """Open the fold in which an input is."""
        fold = self.page.locator("details:not([open])").filter(has=found)
        if fold.count():
            self.press(fold.locator("summary"))

    def focus(self, found: Any) -> None:
        """Where the keyboard goes: by Tab, as far as it takes."""
        if self.hand == "mouse":
            found.focus()
            return
        wanted = found.element_handle()
        for _ in range(MOST_TABS):
            if wanted.evaluate("each => each === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"The keyboard does not get to {found}.")

    # -- looking -----------------------------------------------------------------------------------

    def input(self, name: str) -> Any:
        return self.page.locator(f'[name="{name}"]:not([type=hidden])')

    @property
    def path(self) -> str:
        return "/" + self.page.url.split("/", 3)[3]

    def errors(self) -> list[str]:
        """The messages at the fields."""
        return self.page.locator(".errors li").all_inner_texts()

    def rows(self) -> list[str]:
        """The names of the files in the form, in their order."""
        return self.page.locator(".greenroom-name").all_inner_texts()

    def row(self, name: str) -> Any:
        return self.page.locator(f'.greenroom-row[aria-label="{name}"]')

    def prefix(self, name: str) -> str:
        """What the inputs of a file's row begin with."""
        token = self.row(name).locator('input[name$="-name"]').get_attribute("name")
        return token.removesuffix("-name")

    def value(self, name: str) -> str:
        return self.input(name).input_value()

    def saved(self) -> list[dict[str, Any]]:
        """The files of the saved thing whose page this is."""
        assert self.path.startswith("/saved/"), (self.path, self.errors())
        answer = self.page.request.get(self.path.rstrip("/") + ".json")
        return answer.json()["files"]

    def pictures_load(self) -> None:
        """Every picture on the page has come, and is one."""
        for picture in self.page.locator("img:visible").all():
            picture.scroll_into_view_if_needed()
            shown = picture.evaluate("async each => { await each.decode(); return each.naturalWidth }")
            assert shown > 0, picture.get_attribute("src")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(files: Iterable[dict[str, Any]]) -> list[str]:
    return [each["sha256"] for each in files]
