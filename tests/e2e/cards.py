"""The upgraded widget as a person sees it: cards by the names of their files, what they say, what they offer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from tests.e2e.person import Person

WAIT_MS = 20_000
HELD = ("ready", "cropped")


class Cards:
    """One widget of a page. `hand` of the person decides how buttons are pressed."""

    def __init__(self, person: Person, name: str) -> None:
        self.person = person
        self.page = person.page
        self.name = name
        self.root = self.page.locator("greenroom-upload", has=self.page.locator(f'input[name="{name}"]'))

    # -- acting ------------------------------------------------------------------------------------

    def choose(self, *files: Path) -> Cards:
        self.person.choose(self.name, *files)
        return self

    def act(self, name: str, act: str) -> None:
        """Press one of the buttons of a file's card."""
        self.person.press(self.card(name).locator(f"[data-act={act}]"))

    def press(self, text: str) -> None:
        """Press a button of the widget, or of its editor, by its name."""
        self.person.press(self.page.get_by_role("button", name=text, exact=True).first)

    def drop(self, files: list[Path], *, taken: bool = True) -> None:
        """A real drop, as the browser gets it from the operating system."""
        box = self.root.bounding_box()
        where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": [str(each) for each in files], "dragOperationsMask": 1}
        session = self.page.context.new_cdp_session(self.page)
        for kind in ("dragEnter", "dragOver"):
            session.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})
        if taken:  # nobody lets go before the page shows that it would take them; a hand moves meanwhile
            self.page.locator("greenroom-upload.greenroom-over").wait_for()
        for kind in ("dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})

    # -- looking -----------------------------------------------------------------------------------

    def card(self, name: str) -> Any:
        return self.root.locator(f'.greenroom-card[aria-label="{name}"]')

    def state(self, name: str) -> str:
        return self.card(name).first.get_attribute("data-state")

    def wait(self, name: str, *states: str) -> Cards:
        wanted = ", ".join(
            f'.greenroom-card[aria-label="{name}"][data-state={each}]' for each in states or HELD
        )
        self.root.locator(wanted).first.wait_for(timeout=WAIT_MS)
        return self

    def wait_all(self, *names: str) -> Cards:
        for name in names:
            self.wait(name)
        return self

    @property
    def names(self) -> list[str]:
        """Of all cards that are not removed, in their order."""
        cards = self.root.locator(".greenroom-card:not([data-state=removed])")
        return cards.evaluate_all("cards => cards.map(each => each.getAttribute('aria-label'))")

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What the form would send."""
        return json.loads(self.page.locator(f'[name="{self.name}-state"]').input_value() or "[]")

    def says(self, name: str) -> str:
        return self.card(name).inner_text()

    def acts(self, name: str) -> list[str]:
        """What the buttons below a file do; those for its place are not among them."""
        buttons = self.card(name).locator(".greenroom-actions [data-act]")
        return buttons.evaluate_all("all => all.map(each => each.dataset.act)")

    def errors(self, name: str) -> list[str]:
        return self.card(name).locator(".greenroom-error").all_inner_texts()

    @property
    def focused(self) -> str:
        """What has the focus: the name of a card, the act of a button, or the name of an input."""
        return self.page.evaluate(
            """() => { const each = document.activeElement;
            return each.dataset.act || (each.matches('.greenroom-card') && each.getAttribute('aria-label')) || each.name || each.className }"""
        )

    # -- the editor --------------------------------------------------------------------------------

    @property
    def dialog(self) -> Any:
        return self.page.locator("greenroom-crop dialog[open]")

    def edit(self, name: str) -> Cards:
        self.act(name, "crop")
        self.dialog.wait_for(timeout=WAIT_MS)
        return self

    @property
    def box(self) -> list[int]:
        """Left, top, width and height in the editor's number fields."""
        return [int(self.number(part).input_value()) for part in "xywh"]

    def number(self, part: str) -> Any:
        return self.dialog.locator(f"[data-part={part}]")

    def type(self, part: str, value: int) -> None:
        field = self.number(part)
        if self.person.hand == "mouse":
            field.fill(str(value))
            field.press("Tab")
        else:
            self.person.focus(field)
            self.page.keyboard.press("Control+a")
            self.page.keyboard.type(str(value))
            self.page.keyboard.press("Tab")

    @property
    def result(self) -> tuple[int, ...]:
        """Width and height of the result, as the editor says it."""
        text = self.dialog.locator(".greenroom-result").inner_text().replace(",", "")
        return tuple(int(each) for each in re.findall(r"\d+", text))

    def apply(self) -> None:
        self.apply_as("Apply")

    def apply_as(self, name: str) -> None:
        """Press the button that applies the crop; editors in another language call it otherwise."""
        self.press(name)
        self.dialog.wait_for(state="detached")


def slow(page: Any, *, upload: int = -1, offline: bool = False) -> None:
    """A slow or a dead connection: bytes per second upwards, -1 is as fast as it goes."""
    session = _sessions.setdefault(page, None) or page.context.new_cdp_session(page)
    _sessions[page] = session  # of several sessions each would slow the page down in its own way
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload},
    )


_sessions: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
