"""Pages as a browser without JavaScript sees them: their fields are read, changed and sent back."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

BOUNDARY = "a-boundary-of-the-tests"

File = tuple[str, bytes]
"""A file to send: the client's name and the bytes."""


@dataclass
class Page:
    """The one form of a page that is sent by POST, field by field in the order of the page."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, dict[str, str | None]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return next(value for each, value in self.fields if each == name)

    def __contains__(self, name: str) -> bool:
        return any(each == name for each, _value in self.fields)

    def get(self, name: str) -> str | None:
        return next((value for each, value in self.fields if each == name), None)

    def rows(self, name: str) -> list[str]:
        """The prefixes of the rows of one field, in their order."""
        found = [re.fullmatch(rf"({re.escape(name)}-\d+)-(?:token|saved)", each) for each, _ in self.fields]
        return [match[1] for match in found if match]

    def names(self, name: str) -> list[str]:
        """The names of the files that the rows show, in their order."""
        return [self[f"{row}-name"] for row in self.rows(name)]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def parts(
        self,
        changes: Mapping[str, str | None] | None = None,
        files: Mapping[str, File | Sequence[File]] | None = None,
    ) -> list[tuple[str, File | str]]:
        """What the browser sends: every field where it stands, file inputs included, empty or not."""
        changes, files = dict(changes or {}), dict(files or {})
        parts: list[tuple[str, File | str]] = []
        for name, value in self.fields:
            if name in self.files and not value:
                chosen = files.pop(name, ())
                several = [chosen] if chosen and isinstance(chosen[0], str) else chosen
                parts += [(name, each) for each in several or [("", b"")]]  # type: ignore[misc]
            elif name in changes:
                changed = changes.pop(name)
                parts += [(name, changed)] if changed is not None else []
            else:
                parts.append((name, value))
        assert not files, f"no file input is called {list(files)}"
        parts += [(name, value) for name, value in changes.items() if value is not None]
        return parts

    def body(
        self,
        changes: Mapping[str, str | None] | None = None,
        files: Mapping[str, File | Sequence[File]] | None = None,
    ) -> bytes:
        return encode(self.parts(changes, files))


def encode(parts: Iterable[tuple[str, File | str]], *, closed: bool = True) -> bytes:
    """multipart/form-data as browsers write it (WHATWG HTML, "multipart/form-data encoding algorithm")."""
    pieces = []
    for name, value in parts:
        pieces.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'.encode())
        if isinstance(value, str):
            pieces.append(b"\r\n\r\n" + value.encode())
        else:
            filename = value[0].replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
            pieces.append(f'; filename="{filename}"\r\n'.encode())
            pieces.append(b"Content-Type: application/octet-stream\r\n\r\n" + value[1])
        pieces.append(b"\r\n")
    return b"".join(pieces) + (f"--{BOUNDARY}--\r\n".encode() if closed else b"")


CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def page_of(html: Any) -> Page:
    """The page of a response, or of HTML text."""
    text = html if isinstance(html, str) else html.content.decode()
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.page


def errors_of(response: Any, name: str) -> list[str]:
    """The messages beside one field of the form in the context of a response."""
    return list(response.context["form"].errors.get(name, []))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def files_under(directory: Path) -> list[Path]:
    """Every file in a directory and below, whatever it is called. What a server removes meanwhile is not there."""
    return sorted(Path(place) / name for place, _, names in os.walk(directory) for name in names)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._select: str | None = None
        self._chosen: str | None = None
        self._textarea: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        name = values.get("name") or ""
        if tag == "img":
            self.page.images.append(values.get("src") or "")
        elif tag == "a":
            self.page.links.append(values.get("href") or "")
        elif tag == "textarea":
            self._textarea = name
            self.page.fields.append((name, ""))
        elif tag == "select":
            self._select, self._chosen = name, None
        elif tag == "option" and self._select and (self._chosen is None or "selected" in values):
            self._chosen = values.get("value") or ""
        elif tag == "input" and name:
            kind = values.get("type", "text")
            if kind == "file":
                self.page.files[name] = values
                self.page.fields.append((name, ""))
            elif kind not in ("checkbox", "radio") or "checked" in values:
                self.page.fields.append((name, values.get("value") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            self.page.fields.append((self._select, self._chosen or ""))
            self._select = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self.page.fields[-1] = (self._textarea, self.page.fields[-1][1] + data)
        else:
            self.page.texts.append(data)
