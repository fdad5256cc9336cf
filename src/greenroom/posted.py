"""What a form has sent for one staged field: rows that are held or saved, new files, and refusals.

Without JavaScript every row has inputs of its own (`<name>-<i>-token`, `-use`, `-position`, `-remove`,
`-crop-x`, ...); with it one JSON list in `<name>-state` says the same. Both become the same rows here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.datastructures import MultiValueDict

from .core import Picture
from .core.errors import CropInvalid, Refused, gettext_noop
from .core.names import clean_name
from .files import SavedFile, StagedFile

_ = gettext_noop

MOST_FILES = 300
"""The most that a field may ask for (`Rules`)."""
MAX_ROWS = 2 * MOST_FILES
"""Rows with tokens that are read of one field: as many again may have been removed. A bound on what a forged post can
make us look up; rows of saved files are only compared with those that the form started with."""
UNREADABLE = _("The list of files did not arrive in a readable form. Check the files and send it again.")
MISSING = object()
CROP_PARTS = ("x", "y", "w", "h", "rot", "flip", "src")
ROW_PARTS = ("token", "use", "saved", "name", "position", "remove", *(f"crop-{each}" for each in CROP_PARTS))
MAX_ROW_FIELDS = MAX_ROWS * len(ROW_PARTS)
_ROW = re.compile(r"-([0-9]{1,4})-(token|saved)", re.ASCII)
_OF_ROW = re.compile(rf"(.+)-[0-9]{{1,4}}-(?:{'|'.join(ROW_PARTS)})", re.ASCII)
_USE = re.compile(r"[!-~]{1,200}", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,8}", re.ASCII)


class StagedFiles(MultiValueDict[str, Any]):
    """`request.FILES` of a governed post: what was taken, and beside it what was refused and why.

    `cut_short` says that the body ended too early, or that we had enough of it, so that what is missing means nothing.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.refused: dict[str, list[Refused]] = {}
        self.cut_short = False

    def __bool__(self) -> bool:
        # Views write `request.FILES or None`: what was refused must get to the form as well.
        return bool(len(self) or self.refused or self.cut_short)

    def refuse(self, name: str, refusal: Refused) -> None:
        """Remember why a file of the input `name` was not taken."""
        self.refused.setdefault(name, []).append(refusal)


@dataclass(kw_only=True, eq=False)
class Row:
    """One file of a field: held (by token), saved (by primary key), or new in this post.

    `crop_input` is what was typed or sent for the crop, kept to be shown again when it is wrong.
    `errors` are the messages beside this file.
    """

    index: int = 0
    token: str = ""
    use: str = ""
    saved: str = ""
    client_name: str = ""
    position: int | None = None
    removed: bool = False
    crop_input: Mapping[str, str] | str | None = None
    file: Any = None
    object_pk: Any = None
    picture: Picture | None = None
    refused: bool = False
    errors: list[str] = field(default_factory=list)

    @property
    def place(self) -> float:
        """Where it goes. Of two that want one place, the one that was moved up comes first, and the one
        that was moved down comes last: it is what the person meant by typing that number."""
        wanted = self.index + 1 if self.position is None else self.position
        was = self.index + 1
        return wanted - 0.5 if wanted < was else wanted + 0.5 if wanted > was else wanted

    @property
    def is_saved(self) -> bool:
        """Whether the row stands for a file that was saved before."""
        return isinstance(self.file, SavedFile)

    @property
    def staged(self) -> StagedFile | None:
        """The held file, when the row stands for one."""
        return self.file if isinstance(self.file, StagedFile) else None


@dataclass(kw_only=True)
class Posted:
    """One field's part of a post. `problem` is what is wrong with it as a whole."""

    name: str
    rows: list[Row] = field(default_factory=list)
    fresh: list[Any] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    preview: bool = False
    cut_short: bool = False
    problem: str = ""

    @property
    def says_something(self) -> bool:
        """Whether there is more to it than an untouched input."""
        return bool(self.rows) or self.brings_something

    @property
    def brings_something(self) -> bool:
        """Whether there is more to it than the rows of the page."""
        return bool(self.fresh or self.refused or self.preview or self.cut_short or self.problem)

    def has_changed(self, saved: list[str]) -> bool:
        """Whether it says anything else than that `saved` (the keys of saved rows, in order) stays as it is."""
        kept = [row.saved for row in self.rows if row.saved and not row.removed]
        held = any(not row.saved for row in self.rows)
        # A saved row that the post does not mention stays, at the end.
        kept += [key for key in saved if key not in {row.saved for row in self.rows}]
        return self.brings_something or held or kept != saved


def read_post(data: Mapping[str, Any], files: Any, name: str) -> Posted | None:
    """What was sent for the input `name`, or None if nothing was: a policy alone is nothing."""
    posted = Posted(
        name=name,
        fresh=[each for each in files_of(files, name) if each],
        refused=list(getattr(files, "refused", {}).get(name, [])),
        cut_short=getattr(files, "cut_short", False),
        preview=bool(data.get(f"{name}-preview")),
    )
    state = data.get(f"{name}-state")
    if state:
        read_state(posted, str(state), data)
    else:
        read_rows(posted, data)
    return posted if posted.says_something else None


def files_of(files: Any, name: str) -> list[Any]:
    """All files of one input, from a `MultiValueDict` or, in a unit test, from a plain dict."""
    if hasattr(files, "getlist"):
        return list(files.getlist(name))
    value = files.get(name) if files else None
    return list(value) if isinstance(value, list | tuple) else [value] if value else []


def read_rows(posted: Posted, data: Mapping[str, Any]) -> None:
    """The rows of a form without JavaScript, in the order that the person wants."""
    name = posted.name
    numbers = set()
    for key in data:
        match = _ROW.fullmatch(key, len(name)) if key.startswith(name) else None
        if match:
            numbers.add(int(match[1]))
    rows = [read_row(data, f"{name}-{number}", index) for index, number in enumerate(sorted(numbers))]
    posted.rows = sorted(first_of(posted, rows), key=lambda row: row.place)


def first_of(posted: Posted, rows: list[Row]) -> list[Row]:
    """As many as are read. That there are more is a problem: what stands behind them would be lost without a word."""
    held = [row for row in rows if row.token]
    if len(held) <= MAX_ROWS:
        return rows
    posted.problem = UNREADABLE
    return held[:MAX_ROWS]


def read_row(data: Mapping[str, Any], prefix: str, index: int) -> Row:
    """One row from its inputs. A position that is no number counts as none."""
    position = str(data.get(f"{prefix}-position") or "").strip()
    crop = {part: str(data.get(f"{prefix}-crop-{part}") or "").strip() for part in CROP_PARTS}
    return Row(
        index=index,
        token=str(data.get(f"{prefix}-token") or ""),
        use=use_of(str(data.get(f"{prefix}-use") or "")),
        saved=str(data.get(f"{prefix}-saved") or ""),
        client_name=clean_name(str(data.get(f"{prefix}-name") or "")) if f"{prefix}-name" in data else "",
        position=int(position) if _WHOLE.fullmatch(position) else None,
        removed=bool(data.get(f"{prefix}-remove")),
        crop_input=crop if f"{prefix}-crop-src" in data else None,
    )


def read_state(posted: Posted, state: str, data: Mapping[str, Any]) -> None:
    """The rows from the element's JSON list; what cannot be read is a problem and clears nothing."""
    try:
        items = json.loads(state, parse_int=bounded_int)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ValueError("not a list of objects")
    except (ValueError, RecursionError):
        posted.problem = UNREADABLE
        read_rows(posted, data)
        return
    rows = first_of(posted, [row_of(item, index) for index, item in enumerate(items)])
    posted.rows = sorted(rows, key=lambda row: row.index if row.position is None else row.position)


def row_of(item: Mapping[str, Any], index: int) -> Row:
    """One row from its part of the list. An order that is no number counts as none."""
    crop, order = item.get("crop", MISSING), item.get("order")
    return Row(
        index=index,
        token=text_of(item.get("token")),
        use=use_of(text_of(item.get("use"))),
        saved=text_of(item.get("saved")),
        client_name=clean_name(text_of(item["name"])) if item.get("name") else "",
        position=order if type(order) is int and 0 <= order < 10_000 else None,
        removed=item.get("removed") is True,
        crop_input=None if crop is MISSING else crop if isinstance(crop, str) else json.dumps(crop),
    )


def field_of_row(name: str) -> str:
    """The field of whose rows an input of this name may be; empty if it is not called like that."""
    match = _OF_ROW.fullmatch(name)
    return match[1] if match else ""


def text_of(value: object) -> str:
    """Texts and whole numbers as text; whatever else a forged state holds is nothing.

    JSON can spell halves of surrogate pairs, which no page and no database takes.
    """
    text = str(value) if isinstance(value, str) or type(value) is int else ""
    return text if text.isascii() else text.encode(errors="ignore").decode()


def use_of(text: str) -> str:
    """A use as we have rendered it; anything else is none."""
    return text if _USE.fullmatch(text) else ""


def bounded_int(digits: str) -> int:
    """A JSON number; one that is absurdly long is no reason to lose the rest of the list, and fits no picture."""
    return int(digits) if len(digits) <= 18 else -1


def whole_number(text: str, part: str) -> int:
    """A coordinate as typed. Raises `CropInvalid`, in words, for anything but digits."""
    if not _WHOLE.fullmatch(text):
        raise CropInvalid(reason=f"“{text[:20]}” is not a whole number ({part})")
    return int(text)
