"""The widgets. They need no JavaScript: an input that adds or replaces, and a row for every file."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.renderers import DjangoTemplates, Jinja2, get_default_renderer
from django.forms.widgets import Script
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .cleaning import open_row
from .core import Limits, Picture
from .core.errors import Refused
from .core.sniff import describe
from .element import ROOM_TO_UNDO, facts_of, field_of, url_of
from .files import Bake, SavedFile, StagedFile
from .formsets import saved_rows, single_saved_row
from .images import Crop, largest
from .owners import current_visit
from .policies import SUFFIX, IntakePolicy
from .posted import CROP_PARTS, Posted, Row, read_post
from .rules import Rules
from .wording import say, say_size

BY_DJANGO = DjangoTemplates()


class StagedFileInput(forms.FileInput):
    """One file: its row, if there is one, and the input that replaces it."""

    template_name = "greenroom/widgets/staged_files.html"
    use_fieldset = True  # several inputs: a legend names them all
    rules = Rules(limits=Limits())

    class Media:
        css = {"all": ["greenroom/greenroom.css"]}
        js = [Script("greenroom/greenroom.js", type="module")]

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Posted | None:
        return read_post(data, files, name)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return name not in files and f"{name}{SUFFIX}" not in data and read_post(data, files, name) is None

    def use_required_attribute(self, initial: Any) -> bool:
        return super().use_required_attribute(initial) and not initial

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        """By Django's own templates, also in a form that Jinja renders: there is one set of them."""
        renderer = renderer or get_default_renderer()
        return super().render(name, value, attrs, BY_DJANGO if isinstance(renderer, Jinja2) else renderer)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        rows = self.rows(value)
        widget = context["widget"]
        if any(not row.removed for row in rows):
            widget["attrs"].pop("required", None)
        if self.rules.accept:
            widget["attrs"].setdefault("accept", self.rules.accept)
        hint = self.hint()
        hint_id = f"{widget['attrs']['id']}-limits" if hint and widget["attrs"].get("id") else ""
        if hint_id:  # beside the form's own descriptions, such as its help text
            described = widget["attrs"].get("aria-describedby")
            widget["attrs"]["aria-describedby"] = f"{described} {hint_id}" if described else hint_id
        shown = [self.show(row, name, number, rows) for number, row in enumerate(rows)]
        policy = self.policy(name)
        widget |= {
            "rows": shown,
            "policy_name": name + SUFFIX,
            "policy": policy.encode() if policy is not None else "",
            # A field that is disabled stays as it is: whatever is sent for it, Django takes no notice.
            "element": ""
            if widget["attrs"].get("disabled")
            else self.element(name, rows, posted=isinstance(value, Posted)),
            "multiple": self.rules.multiple,
            "croppable": self.rules.croppable,
            "preview_name": f"{name}-preview",
            "any_crop": any("crop" in each for each in shown),
            "hint": hint,
            "hint_id": hint_id,
            "ratio": str(self.rules.ratio) if self.rules.ratio else "",
        }
        return context

    def rows(self, value: Any) -> list[Row]:
        """The rows of what was sent, or of what the form starts with."""
        if isinstance(value, Posted):
            for row in value.rows:
                if row.file is None and row.token:
                    try:
                        open_row(row)
                    except Refused:
                        row.removed = True
            return [row for row in value.rows if row.file is not None]
        if not value:
            return []
        if isinstance(value, StagedFile):
            return [Row(file=value, client_name=value.upload.client_name)]
        return single_saved_row(value)

    def policy(self, name: str, *, more: int = 0) -> IntakePolicy | None:
        """The policy, for `more` files than the field takes; None where nobody is there to hold files for, and the
        input is a plain one."""
        visit = current_visit()
        owner = visit.owner(create=True) if visit is not None else None
        if owner is None:
            return None
        return IntakePolicy.new(
            name=name,
            owner=owner,
            limits=self.rules.limits,
            max_files=self.rules.max_files + more,
            memory=self.rules.memory_bytes,
        )

    def element(self, name: str, rows: list[Row], *, posted: bool) -> str:
        """What the element is told, as JSON; empty where it could not do anything: then the input stays as it is."""
        policy = self.policy(name, more=ROOM_TO_UNDO)
        if policy is None or not url_of("uploads"):
            return ""
        saved = sum(row.is_saved for row in rows)
        return json.dumps(field_of(self.rules, policy, required=self.is_required, posted=posted, saved=saved))

    def hint(self) -> str:
        """What the input takes, in words."""
        parts = []
        if self.rules.limits.types:
            kinds = dict.fromkeys(describe(each) for each in self.rules.limits.types)
            parts.append(", ".join(_(kind) for kind in kinds))
        if self.rules.limits.ceiling is not None:
            parts.append(_("up to %s") % say_size(self.rules.limits.ceiling))
        if self.rules.multiple and self.rules.max_num is not None:
            count = self.rules.max_num
            parts.append(ngettext("at most %d file", "at most %d files", count) % count)
        text = ", ".join(parts)
        return text[:1].upper() + text[1:]

    # -- one row -----------------------------------------------------------------------------------

    def show(self, row: Row, name: str, number: int, rows: list[Row]) -> dict[str, Any]:
        """What the template shows of one file."""
        shown: dict[str, Any] = {
            "prefix": f"{name}-{number}",
            "id": f"id_{name}-{number}",
            "number": number + 1,
            "count": len(rows),
            "name": row.client_name,
            "removed": row.removed,
            "errors": row.errors,
            "removable": self.rules.multiple or not self.is_required or row.staged is not None,
        }
        if row.staged is not None:
            try:
                self.show_held(shown, row, row.staged)
            except Refused as refusal:  # no room to keep it for the next request: the page can still say so
                shown["errors"] = [*row.errors, say(refusal)]
        elif isinstance(row.file, SavedFile):
            self.show_saved(shown, row, row.file)
        shown["element"] = json.dumps(self.element_row(shown, row))
        return shown

    def element_row(self, shown: dict[str, Any], row: Row) -> dict[str, Any]:
        """The same file, for the element."""
        keys = ("token", "use", "saved", "name", "removed", "removable", "errors")
        values = {key: shown[key] for key in keys if key in shown}
        values |= {"preview": shown.get("preview_url", ""), "original": shown.get("url", "")}
        if row.staged is not None and "token" in shown:
            values |= facts_of(row.staged if not self.rules.croppable else row.staged.original)
            if self.rules.croppable and row.staged.crop is not None:
                values["crop"] = row.staged.crop.to_dict()
        return values

    def show_held(self, shown: dict[str, Any], row: Row, file: StagedFile) -> None:
        upload = file.upload
        # The token without the crop: the crop travels in inputs of its own where it can be changed here.
        bare = file.cropped(None, Bake(apply=False)) if self.rules.croppable else file
        shown |= {
            "token": bare.token,
            "use": row.use or file.use or secrets.token_urlsafe(12),
            "size": say_size(upload.size),
            "kind": _(describe(upload.media_type)),
            "original_url": url_of("original", file.original.token),
        }
        if upload.picture is not None:
            shown["preview_url"] = url_of("preview", file.token)
            shown["pixels"] = f"{upload.picture.width} × {upload.picture.height}"
            if self.rules.croppable:
                shown["crop"] = crop_context(
                    row.crop_input if row.errors else None, file.crop, upload.picture, self.rules
                )
            if file.crop is not None:
                shown["result"] = "{} × {}".format(*file.crop.result_size)

    def show_saved(self, shown: dict[str, Any], row: Row, saved: SavedFile) -> None:
        shown |= {"saved": row.saved, "url": getattr(saved.file, "url", "")}
        # A saved file is shown as it is; where browsers would show a broken picture it gets the sign for a file.
        if self.rules.pictures and not row.client_name.lower().endswith((".tif", ".tiff")):
            shown["preview_url"] = shown["url"]


class StagedFilesInput(StagedFileInput):
    """Many files: a row for each, in the person's order, and an input that adds."""

    allow_multiple_selected = True

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"multiple": True, **(attrs or {})})

    def rows(self, value: Any) -> list[Row]:
        if isinstance(value, Posted) or not value:
            return super().rows(value)
        return saved_rows(self.rules, value)


def crop_context(
    crop_input: Mapping[str, str] | str | None, crop: Crop | None, picture: Picture, rules: Rules
) -> dict[str, Any]:
    """The crop's inputs: as they were typed when they were wrong, else as the crop is."""
    values: dict[str, Any]
    if isinstance(crop_input, Mapping):
        values = {part: crop_input.get(part, "") for part in CROP_PARTS}
    elif crop is not None:
        values = {**crop.to_dict(), "flip": "1" if crop.flip else ""}
    else:
        values = {}
    try:
        whole = largest(picture, rules.ratio)
        where = {"x": whole.x, "y": whole.y, "w": whole.w, "h": whole.h}
        suggestion = _("left %(x)d, top %(y)d, %(w)d × %(h)d") % where
    except Refused:
        suggestion = ""
    return {
        **values,
        "rot": str(values.get("rot") or 0),
        "src": f"{picture.width}x{picture.height}",
        "largest": suggestion,
        "rotations": ["0", "90", "180", "270"],
        "in_use": crop is not None or any(values.get(part) for part in "xywh"),
    }
