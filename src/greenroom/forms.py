"""The form fields. Swap one in, and the view stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from .bound import StagedBoundField
from .cleaning import Cleaner
from .core import Limits, UsageError
from .files import SavedFile, StagedFile
from .formsets import FileList, save_files, saved_rows, single_saved_row
from .images import Inspector, wants_picture
from .posted import Posted, Row
from .rules import Rules
from .widgets import StagedFileInput, StagedFilesInput

__all__ = [
    "FileList",
    "StagedFileField",
    "StagedFilesField",
    "StagedImageField",
    "StagedImagesField",
    "save_files",
]


class StagedFileField(forms.FileField):
    """One file of any type, held until the form is saved.

    `transfer` says when the bytes move where there is JavaScript: "pick" (at once) or "save" (when the form is sent);
    pictures with a crop also take "accept" (when the crop is applied). `limits` are the rules for the file; `memory` is how much of it may stay in memory (a size, by default
    Django's FILE_UPLOAD_MAX_MEMORY_SIZE); `inspectors` are called with `(file, picture)`, with None for the
    picture where none is asked for, and may refuse the file.
    """

    widget = StagedFileInput
    default_error_messages = {
        "preview": _("This is a preview. Nothing has been saved yet."),
        "cut_short": _("The form did not arrive whole, so nothing was saved. Check it and send it again."),
        "min_num": ngettext_lazy(
            "Choose at least %(min)d files; there is %(count)d.",
            "Choose at least %(min)d files; there are %(count)d.",
            "count",
        ),
        "max_num": ngettext_lazy(
            "Choose at most %(max)d file; there are %(count)d. Mark some for removal.",
            "Choose at most %(max)d files; there are %(count)d. Mark some for removal.",
            "max",
        ),
        "saved_before": _(
            "This form was saved already. What has been changed since then is not saved yet: "
            "send it again to save it as something new."
        ),
        "required": _("Choose a file."),
    }

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        memory: int | str | None = None,
        inspectors: Sequence[Inspector] = (),
        transfer: str = "pick",
        rules: Rules | None = None,
        **kwargs: Any,
    ) -> None:
        self.rules = rules or Rules(
            limits=limits or Limits(), memory=memory, inspectors=inspectors, transfer=transfer
        )
        if kwargs.get("allow_empty_file"):
            self.rules = replace(self.rules, limits=replace(self.rules.limits, allow_empty=True))
        if self.rules.transfer == "accept" and not self.rules.croppable:
            raise UsageError(
                'transfer="accept" waits for a crop: it is for pictures with crop=.', self.rules.transfer
            )
        for each in self.rules.inspectors:
            if wants_picture(each) and not self.rules.pictures:
                raise UsageError("This inspector looks at pictures: it is for a StagedImageField.", each)
        super().__init__(**kwargs)
        if not isinstance(self.widget, StagedFileInput):
            raise UsageError("A staged field's widget is a StagedFileInput or a subclass.", self.widget)
        self.widget.rules = self.rules

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> StagedBoundField:
        return StagedBoundField(form, self, field_name)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What a redisplayed form shows: what was sent, and only without that what was there before."""
        return initial if data is None else data

    def has_changed(self, initial: Any, data: Any | None) -> bool:
        """A page that is sent back untouched has its saved files in it, and they are no change."""
        if self.disabled or data is None:
            return False
        if not isinstance(data, Posted):
            return True
        return data.has_changed([row.saved for row in self.initial_rows(initial) if row.saved])

    def initial_rows(self, initial: Any) -> list[Row]:
        """The rows that the page shows before anything is sent."""
        return single_saved_row(initial)

    def clean(self, data: Any, initial: Any = None) -> Any:
        """A `StagedFile`; the initial file if nothing was sent; False if the person cleared it."""
        if self.disabled:
            return initial
        posted = self.to_posted(data)
        if posted is None:
            return self.nothing_sent(initial)
        cleaner = Cleaner(self.rules, posted, self.error_messages, self.initial_rows(initial))
        files = [each for each in cleaner.files() if not isinstance(each, SavedFile)]
        if files:
            self.check_name(files[-1])
            return files[-1]
        if cleaner.removed and not self.required:
            return False
        return self.nothing_sent(initial if not cleaner.removed else None)

    def to_posted(self, data: Any) -> Posted | None:
        """Plain files, as a test or another widget may give them, count as new ones."""
        if data is None or data is False or isinstance(data, Posted):
            return data or None
        fresh = list(data) if isinstance(data, list | tuple) else [data]
        return Posted(name="", fresh=fresh)

    def nothing_sent(self, initial: Any) -> Any:
        if isinstance(initial, StagedFile):
            initial = None  # it was shown as a row, and the row is not there any more
        if initial:
            return initial
        if self.required:
            raise ValidationError(self.error_messages["required"], code="required")
        return None

    def check_name(self, file: Any) -> None:
        """Django's own rule for the length of a name."""
        if self.max_length is not None and len(file.name) > self.max_length:
            params = {"max": self.max_length, "length": len(file.name)}
            raise ValidationError(self.error_messages["max_length"], code="max_length", params=params)


class StagedImageField(StagedFileField):
    """One picture, held until the form is saved.

    `crop` is None, "free" or a ratio such as "4:3", which a crop then has to have; a picture that nobody
    crops is saved byte for byte. The crop is cut into the saved file (and the result made to fit into
    `size`, a box in pixels), unless `keep_original` keeps the file as it is; `crop_to` names the model
    field that takes the crop.
    """

    default_error_messages = {"required": _("Choose a picture.")}

    def __init__(
        self,
        *,
        crop: str | None = None,
        keep_original: bool = False,
        crop_to: str = "",
        size: tuple[int, int] | None = None,
        limits: Limits | None = None,
        memory: int | str | None = None,
        inspectors: Sequence[Inspector] = (),
        transfer: str = "pick",
        **kwargs: Any,
    ) -> None:
        rules = Rules(limits=limits or Limits(), memory=memory, inspectors=inspectors, transfer=transfer)
        pictures = rules.for_pictures(crop=crop, keep_original=keep_original, size=size, crop_to=crop_to)
        super().__init__(rules=pictures, **kwargs)


class StagedFilesField(StagedFileField):
    """1..n files, in the person's order; saved and new ones in one list.

    `cleaned_data` is a `FileList` of `StagedFile` and `SavedFile`; `save_files` saves it. `initial` is an
    iterable of held files, or of model objects, whose file is in the field `saved_file` (by default their
    only file field) and whose crop is in `saved_crop`.
    """

    widget = StagedFilesInput

    def __init__(
        self,
        *,
        min_num: int | None = None,
        max_num: int | None = None,
        limits: Limits | None = None,
        memory: int | str | None = None,
        inspectors: Sequence[Inspector] = (),
        transfer: str = "pick",
        saved_file: str = "",
        saved_crop: str = "",
        rules: Rules | None = None,
        **kwargs: Any,
    ) -> None:
        rules = rules or Rules(
            limits=limits or Limits(), memory=memory, inspectors=inspectors, transfer=transfer
        )
        least = int(kwargs.get("required", True)) if min_num is None else min_num
        many = replace(
            rules,
            multiple=True,
            min_num=least,
            max_num=max_num,
            saved_file=saved_file,
            saved_crop=saved_crop,
        )
        super().__init__(rules=many, **kwargs)

    def initial_rows(self, initial: Any) -> list[Row]:
        return saved_rows(self.rules, initial)

    def clean(self, data: Any, initial: Any = None) -> FileList:
        if self.disabled:
            return FileList(row.file for row in self.initial_rows(initial))
        posted = self.to_posted(data) or Posted(name="")
        cleaner = Cleaner(self.rules, posted, self.error_messages, self.initial_rows(initial))
        files = FileList(cleaner.files(), removed=cleaner.removed)
        count = len(files)
        if count == 0 and self.required:
            raise ValidationError(self.error_messages["required"], code="required")
        if count < self.rules.min_num and (self.required or count):
            params = {"min": self.rules.min_num, "count": count}
            raise ValidationError(self.error_messages["min_num"], code="min_num", params=params)
        for each in files:
            if not isinstance(each, SavedFile):
                self.check_name(each)
        return files


class StagedImagesField(StagedFilesField):
    """1..n pictures: a `StagedFilesField` with the options of `StagedImageField`."""

    default_error_messages = {"required": _("Choose at least one picture.")}

    def __init__(
        self,
        *,
        min_num: int | None = None,
        max_num: int | None = None,
        crop: str | None = None,
        keep_original: bool = False,
        crop_to: str = "",
        size: tuple[int, int] | None = None,
        limits: Limits | None = None,
        memory: int | str | None = None,
        inspectors: Sequence[Inspector] = (),
        transfer: str = "pick",
        saved_file: str = "",
        saved_crop: str = "",
        **kwargs: Any,
    ) -> None:
        rules = Rules(limits=limits or Limits(), memory=memory, inspectors=inspectors, transfer=transfer)
        super().__init__(
            rules=rules.for_pictures(crop=crop, keep_original=keep_original, size=size, crop_to=crop_to),
            min_num=min_num,
            max_num=max_num,
            saved_file=saved_file,
            saved_crop=saved_crop,
            **kwargs,
        )
