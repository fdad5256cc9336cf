"""`clean()` of a staged field: every file opened, judged, probed, inspected, cropped and rendered.

What is wrong with one file is a message beside that file, and the others stay held. A file that the
field can never take leaves the list; one that only has a wrong crop stays, with the crop as it was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .answers import raise_if_taken
from .core import Picture, UsageError, format_size
from .core.errors import EmptyFile, NotHeld, Refused, TooLarge, TooMany
from .core.names import clean_name, split_name
from .core.sniff import HEAD_BYTES, sniff
from .core.spool import judge
from .crops import read_crop
from .files import OwnersStage, SavedFile, StagedFile
from .images import inspect, probe
from .owners import current_visit
from .posted import Posted, Row
from .rules import Rules
from .wording import say


class Cleaner:
    """Cleans what one field was sent. `saved` are the rows of what is saved, for a field of many files."""

    def __init__(
        self, rules: Rules, posted: Posted, messages: Mapping[str, Any], saved: list[Row] | None = None
    ) -> None:
        self.rules = rules
        self.posted = posted
        self.messages = messages
        self.saved = {row.saved: row for row in saved or [] if row.saved}
        self.removed: list[Any] = []
        self.errors: list[ValidationError] = []

    def files(self) -> list[Any]:
        """The files in their order, or `ValidationError` with all that is wrong."""
        self.collect_general_errors()
        self.match_saved_rows()
        for row in self.posted.rows:
            self.guarded(row, open_row)
        self.take_fresh()
        rows = [row for row in self.posted.rows if not row.removed]
        if not self.posted.preview:
            raise_if_taken(row.staged for row in rows if row.staged is not None)
        for row in rows:
            self.guarded(row, self.judge_row)
        if self.posted.preview:
            self.errors.append(ValidationError(self.messages["preview"], code="preview"))
        if not self.errors:
            for row in rows:
                self.guarded(row, self.render_row)
        if self.errors:
            raise ValidationError(self.errors)
        self.removed = [
            row.object_pk for row in self.posted.rows if row.removed and row.object_pk is not None
        ]
        return [row.file for row in rows if row.file is not None]

    # -- steps -------------------------------------------------------------------------------------

    def collect_general_errors(self) -> None:
        if self.posted.cut_short:
            # A body that ended too early never reads as "the person removed the file".
            self.errors.append(ValidationError(self.messages["cut_short"], code="cut_short"))
        if self.posted.problem:
            self.errors.append(ValidationError(_(self.posted.problem), code="state"))
        for refusal in self.posted.refused:
            self.refuse(None, refusal)

    def match_saved_rows(self) -> None:
        """Saved rows are those the form started with; what the post does not mention stays."""
        if not self.rules.multiple:
            return
        mentioned = set()
        for row in list(self.posted.rows):
            if not row.saved:
                continue
            known = self.saved.get(row.saved)
            if known is None or row.saved in mentioned:
                self.posted.rows.remove(row)
                if known is None and not row.removed:
                    message = _("“%s” was removed in another window.") % (row.client_name or row.saved)
                    self.errors.append(ValidationError(message, code="gone"))
                continue
            mentioned.add(row.saved)
            row.file, row.object_pk, row.client_name = known.file, known.object_pk, known.client_name
        self.posted.rows += [row for key, row in self.saved.items() if key not in mentioned]

    def take_fresh(self) -> None:
        """New files become rows. In a field for one file, a new one takes the place of what was there."""
        allowed = self.rules.max_files
        for index, each in enumerate(self.posted.fresh):
            row = Row(index=len(self.posted.rows), client_name=clean_name(each.name or ""))
            self.posted.rows.append(row)
            if index >= allowed:
                self.refuse(row, TooMany(name=row.client_name, limit=allowed))
                continue
            self.guarded(row, lambda row, each=each: hold(row, each, self.rules))
            if row.file is not None and not self.rules.multiple:
                self.posted.rows = [row]
        self.posted.fresh = []

    def judge_row(self, row: Row) -> None:
        """Everything that can be said about one file without rendering it."""
        if row.file is None or isinstance(row.file, SavedFile) or row.saved:
            return
        file, rules = row.file, self.rules
        ceiling = rules.limits.ceiling
        if ceiling is not None and size_of(file) > ceiling:
            raise TooLarge(limit=format_size(ceiling))
        if size_of(file) == 0 and not rules.limits.allow_empty:
            raise EmptyFile
        media_type = judge_type(file, row.client_name, rules)
        picture = None
        if rules.pictures:
            picture = file.probe() if isinstance(file, StagedFile) else probe(file, rules.limits)
        elif isinstance(file, StagedFile) and media_type.startswith("image/") and file.crop is not None:
            picture = file.probe()
        if rules.inspectors:
            source: Any = file.original if isinstance(file, StagedFile) else file
            inspect(source, cast(Picture, picture), rules.inspectors)
        if isinstance(file, StagedFile):
            self.crop_row(row, file)
        else:
            file.seek(0)

    def crop_row(self, row: Row, file: StagedFile) -> None:
        crop, bake = file.crop, file.bake
        if self.rules.pictures:
            picture = file.probe()
            if row.crop_input is not None:
                crop = read_crop(row.crop_input, picture, self.rules)
            if self.rules.croppable or self.rules.bake.size is not None:
                bake = self.rules.bake
            if crop is not None:
                crop.check(picture, self.rules.ratio)
        row.file = file.cropped(crop, bake, crop_to=self.rules.crop_to)

    def render_row(self, row: Row) -> None:
        """Rendered now, so that saving cannot fail on a picture."""
        if row.staged is not None and row.staged.is_baked:
            row.staged.render()

    # -- errors ------------------------------------------------------------------------------------

    def guarded(self, row: Row, step: Any) -> None:
        """Take one step for one file; what is refused is said beside that file."""
        try:
            step(row)
        except Refused as refusal:
            self.refuse(row, refusal if refusal.name else refusal.named(row.client_name))

    def refuse(self, row: Row | None, refusal: Refused) -> None:
        message = say(refusal)
        self.errors.append(ValidationError(message, code=refusal.code))
        if row is None or row.removed:
            return
        row.errors.append(message)
        if not refusal.code.startswith("crop_"):
            # This field can never take it. What is held stays held, for whoever else has its token.
            self.posted.rows.remove(row)


def open_row(row: Row) -> None:
    """The held file that a row's token names."""
    if not row.token or row.file is not None:
        return
    visit = current_visit()
    if visit is None:
        raise UsageError(
            "A token is opened for its owner: behind GreenroomMiddleware, or inside greenroom.testing.as_owner().",
            "no owner",
        )
    try:
        staged = OwnersStage(visit.stage).open(row.token)
    except NotHeld as refusal:
        raise refusal.named(row.client_name) from None
    staged.use = row.use
    row.file = staged
    row.client_name = staged.upload.client_name


def hold(row: Row, file: Any, rules: Rules) -> None:
    """A file that came Django's ordinary way is held from now on, if there is somebody to hold it for."""
    visit = current_visit()
    if isinstance(file, StagedFile) or visit is None or visit.owner(create=True) is None:
        row.file = file
        return
    held = getattr(file, "greenroom_held", None)
    if held is None:
        intake = visit.stage.intake(
            client_name=row.client_name,
            client_type=file.content_type or "",
            length=file.size,
            memory=rules.memory_bytes,
            limits=rules.limits,
        )
        visit.intakes.append(intake)
        for chunk in file.chunks():
            intake.write(chunk)
        upload = intake.finish()
        held = file.greenroom_held = StagedFile(visit.stage, upload, intake=intake)
    row.file = held


def judge_type(file: Any, client_name: str, rules: Rules) -> str:
    """The type from the bytes, against this field's limits (a token may come from a field with others)."""
    if isinstance(file, StagedFile):
        media_type = file.upload.media_type
        return judge(
            media_type, split_name(client_name)[1], client_name, rules.limits, empty=not file.upload.size
        )
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return judge(sniff(head), split_name(client_name)[1], client_name, rules.limits, empty=not head)


def size_of(file: Any) -> int:
    """Of the uploaded bytes: the limits are for what was sent, not for what is made of it."""
    return file.upload.size if isinstance(file, StagedFile) else int(file.size or 0)
