"""`clean()` of a staged field: every file opened, judged, probed, inspected, cropped and rendered.

What is wrong with one file is a message beside that file, and the others stay held. A file that the
field can never take leaves the list; one that only has a wrong crop stays, with the crop as it was typed, and so
does one that could not be checked just now.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from . import conf
from .answers import give_first_answer, take_uses
from .core import UsageError, format_size
from .core.errors import (
    Altered,
    Busy,
    DiskFull,
    EmptyFile,
    NotChecked,
    NotHeld,
    Refused,
    StoreUnavailable,
    TooLarge,
    TooMany,
)
from .core.names import clean_name, split_name
from .core.sniff import HEAD_BYTES, sniff
from .core.spool import judge
from .crops import read_crop
from .files import OwnersStage, StagedFile
from .images import inspect, probe
from .measures import measuring
from .owners import current_visit
from .posted import Posted, Row
from .promotion import TakenUse
from .rules import Rules
from .wording import say

PASSING = {NotChecked.code, DiskFull.code, StoreUnavailable.code, Busy.code}
"""Refusals that say nothing about the file: the same one may be taken the next time, and stays on the page."""


class Cleaner:
    """Cleans what one field was sent. `saved` are the rows of what is saved already."""

    def __init__(
        self, rules: Rules, posted: Posted, messages: Mapping[str, Any], saved: list[Row] | None = None
    ) -> None:
        self.rules = rules
        self.posted = posted
        self.messages = messages
        self.saved = {row.saved: row for row in saved or [] if row.saved}
        self.removed: list[Any] = []
        self.errors: list[tuple[Row | None, ValidationError]] = []

    def files(self) -> list[Any]:
        """The files in their order, or `ValidationError` with all that is wrong."""
        self.collect_general_errors()
        self.match_saved_rows()
        if not self.rules.multiple:
            del self.posted.rows[1:]  # there was one on the page; more of them are no person's doing
        self.for_each(self.posted.rows, open_row)
        fresh = self.take_fresh()
        rows = [row for row in self.posted.rows if not row.removed]
        most = self.rules.most(saved=sum(row.is_saved for row in rows))
        if self.rules.multiple and len(rows) > most:
            self.stop_at_too_many(len(rows), most)
        if not self.posted.preview:
            self.take_uses(rows)
        rows = [row for row in rows if row.file is not None]
        self.for_each(rows, self.judge)
        self.for_each(rows, self.check, side_by_side=self.rules.pictures or bool(self.rules.inspectors))
        self.write_down(rows)
        self.for_each(rows, self.crop)
        if not self.rules.multiple:
            self.keep_newest(fresh)
        if self.posted.preview:
            self.errors.append((None, ValidationError(self.messages["preview"], code="preview")))
        rows = [row for row in self.posted.rows if not row.removed]
        if not self.errors:
            for row in rows:
                if row.staged is not None and row.staged.is_baked:
                    row.staged.keep()
            # Rendered now, so that saving cannot fail on a picture.
            self.for_each(rows, render, side_by_side=True)
        if self.errors:
            raise ValidationError([error for _row, error in self.errors])
        self.removed = [
            row.object_pk for row in self.posted.rows if row.removed and row.object_pk is not None
        ]
        return [row.file for row in rows if row.file is not None]

    # -- steps -------------------------------------------------------------------------------------

    def collect_general_errors(self) -> None:
        """What is wrong with the post as a whole, and what was refused while it arrived."""
        if self.posted.cut_short:
            # A body that ended too early never reads as "the person removed the file".
            self.errors.append((None, ValidationError(self.messages["cut_short"], code="cut_short")))
        if self.posted.problem:
            self.errors.append((None, ValidationError(_(self.posted.problem), code="state")))
        for refusal in self.posted.refused:
            self.refuse(None, refusal)

    def stop_at_too_many(self, count: int, most: int) -> None:
        """Counted before any picture is looked at: what cannot be saved is not worth the work."""
        params = {"max": most, "count": count}
        error = ValidationError(self.messages["max_num"], code="max_num", params=params)
        raise ValidationError([error, *(other for _row, other in self.errors)])

    def take_uses(self, rows: list[Row]) -> None:
        """This form's chances, before anything is made of its files. Raises `TakenUse` if it was saved already."""
        try:
            if not take_uses([row.staged for row in rows if row.staged is not None]):
                self.renew_uses(rows)
        except (NotHeld, Busy) as refusal:  # given up since it was opened, a moment ago; or nobody's turn
            self.refuse(next(row for row in rows if row.client_name == refusal.name), refusal)

    def renew_uses(self, rows: list[Row]) -> None:
        """This form was saved before, and has been changed since: it is shown again, and can be saved as new."""
        self.errors.append((None, ValidationError(self.messages["saved_before"], code="saved_before")))
        for row in rows:
            row.use = secrets.token_urlsafe(12)
            if row.staged is not None:
                row.staged.use = row.use

    def match_saved_rows(self) -> None:
        """Saved rows are those the form started with; what the post does not mention stays."""
        mentioned = set()
        for row in list(self.posted.rows):
            if not row.saved:
                continue
            known = self.saved.get(row.saved)
            if known is None or row.saved in mentioned:
                self.posted.rows.remove(row)
                if known is None and not row.removed:
                    message = _("“%s” was removed in another window.") % (row.client_name or _("A file"))
                    self.errors.append((None, ValidationError(message, code="gone")))
                continue
            mentioned.add(row.saved)
            row.file, row.object_pk, row.client_name = known.file, known.object_pk, known.client_name
        if self.rules.multiple or not self.posted.rows:
            self.posted.rows += [row for key, row in self.saved.items() if key not in mentioned]

    def take_fresh(self) -> list[Row]:
        """New files become rows, at the end; returns these rows."""
        rows = []
        for index, each in enumerate(self.posted.fresh):
            row = Row(index=len(self.posted.rows), client_name=clean_name(each.name or ""))
            self.posted.rows.append(row)
            if index >= self.rules.max_files:
                self.refuse(row, TooMany(name=row.client_name, limit=self.rules.max_files))
                continue
            self.for_each([row], functools.partial(hold, each, self.rules))
            rows.append(row)
        self.posted.fresh = []
        return rows

    def judge(self, row: Row) -> None:
        """Size and type. They were judged on the way in, but perhaps by another field's limits."""
        limits = self.rules.limits
        if limits.ceiling is not None and size_of(row.file) > limits.ceiling:
            raise TooLarge(limit=format_size(limits.ceiling))
        if size_of(row.file) == 0 and not limits.allow_empty:
            raise EmptyFile
        judge_type(row.file, row.client_name, self.rules)

    def check(self, row: Row) -> None:
        """`look`, told of where there is something to look for."""
        if self.rules.pictures or self.rules.inspectors:
            with measuring("check", "form") as measured:
                measured.bytes = size_of(row.file)
                if row.staged is not None:
                    measured.tell_of(row.staged.upload)
                self.look(row)

    def look(self, row: Row) -> None:
        """What picture it is, and what the inspectors say. Nothing here touches the database."""
        file, picture = row.file, None
        if self.rules.pictures:
            limits = conf.current().bounded(self.rules.limits)
            picture = file.look(limits) if isinstance(file, StagedFile) else probe(file, limits)
            row.picture = picture
        if self.rules.inspectors:
            source: Any = file.original if isinstance(file, StagedFile) else file
            try:
                inspect(source, picture, self.rules.inspectors, seconds=conf.current().inspection)
            finally:
                if source is not file:
                    source.close()
        if not isinstance(file, StagedFile):
            file.seek(0)

    def write_down(self, rows: list[Row]) -> None:
        """What picture it is goes into the record, also where an inspector could not say whether it is taken."""
        for row in rows:
            if row.staged is not None and row.picture is not None:
                row.staged.write_down(row.picture)

    def crop(self, row: Row) -> None:
        """The crop that was sent, checked against the picture."""
        file = row.staged
        if file is None:
            return
        crop, bake = file.crop, file.bake
        if row.picture is not None:
            if row.crop_input is not None:
                crop = read_crop(row.crop_input, row.picture, self.rules)
            if self.rules.croppable or self.rules.bake.size is not None:
                bake = self.rules.bake
            if crop is not None:
                crop.check(row.picture, self.rules.ratio)
        if (crop, bake, self.rules.crop_to) != (file.crop, file.bake, file.crop_to):
            file = file.cropped(crop, bake, crop_to=self.rules.crop_to)
        if row.picture is not None and file.is_baked:
            file.recipe.check(row.picture)
        row.file = file

    def keep_newest(self, fresh: list[Row]) -> None:
        """In a field for one file a new one takes the place of what was there, unless it was refused."""
        taken = [row for row in fresh if row in self.posted.rows][-1:]
        if taken:
            self.posted.rows = taken
            self.errors = [(row, error) for row, error in self.errors if row is None or row in fresh]

    # -- errors ------------------------------------------------------------------------------------

    def for_each(
        self, rows: Iterable[Row], step: Callable[[Row], None], *, side_by_side: bool = False
    ) -> None:
        """Take one step for every file that is still in the running; what is refused is said beside it.

        `side_by_side` takes it in as many threads as there are workers, since they do the work.
        """
        left = [row for row in rows if row in self.posted.rows and not row.refused and not row.is_saved]

        def refusal_of(row: Row) -> Refused | None:
            try:
                step(row)
            except TakenUse:
                raise  # that is for the whole form
            except Refused as refusal:
                return refusal
            return None

        if side_by_side and len(left) > 1:
            contexts = [copy_context() for _row in left]  # the threads work for this visit
            with ThreadPoolExecutor(conf.current().workers) as threads:
                refusals = list(
                    threads.map(lambda context, row: context.run(refusal_of, row), contexts, left)
                )
        else:
            refusals = [refusal_of(row) for row in left]
        for row, refusal in zip(left, refusals, strict=True):
            if refusal is not None:
                self.refuse(row, refusal if refusal.name else refusal.named(row.client_name))

    def refuse(self, row: Row | None, refusal: Refused) -> None:
        message = say(refusal)
        if row is not None and row.removed:
            return
        self.errors.append((row, ValidationError(message, code=refusal.code)))
        if row is None:
            return
        row.errors.append(message)
        row.refused = True
        passes = refusal.code in PASSING and bool(row.token or row.file)
        if not refusal.code.startswith("crop_") and not passes:
            # This field can never take it. What is held stays held, for whoever else has its token.
            self.posted.rows.remove(row)


def render(row: Row) -> None:
    """Apply the crop of one file."""
    if row.staged is not None:
        row.staged.render()


def open_row(row: Row) -> None:
    """The held file that a row's token names."""
    if row.file is not None or row.saved:
        return
    visit = current_visit()
    if visit is None:
        raise UsageError(
            "A token is opened for its owner: behind GreenroomMiddleware, or inside greenroom.testing.as_owner().",
            "no owner",
        )
    try:
        staged = OwnersStage(visit.stage).open(row.token)
    except (NotHeld, Altered) as refusal:
        give_first_answer(row.token, row.use)
        raise (refusal if refusal.name else refusal.named(row.client_name)) from None
    staged.use = row.use
    row.file = staged
    row.client_name = staged.upload.client_name


def hold(file: Any, rules: Rules, row: Row) -> None:
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
        with measuring("receive", "ordinary") as measured:
            measured.tell_of(intake.upload)
            for chunk in file.chunks():
                measured.bytes += len(chunk)
                intake.write(chunk)
            upload = intake.finish()
        held = file.greenroom_held = StagedFile(visit.stage, upload, intake=intake)
    row.file = held


def judge_type(file: Any, client_name: str, rules: Rules) -> str:
    """The type from the bytes, against this field's limits (a token may come from a field with others)."""
    if isinstance(file, StagedFile):
        media_type, empty = file.upload.media_type, not file.upload.size
    else:
        file.seek(0)
        head = file.read(HEAD_BYTES)
        file.seek(0)
        media_type, empty = sniff(head), not head
    extension = split_name(client_name)[1]
    return judge(media_type, extension, client_name, rules.limits, empty=empty, renamed=rules.pictures)


def size_of(file: Any) -> int:
    """Of the uploaded bytes: the limits are for what was sent, not for what is made of it."""
    return file.upload.size if isinstance(file, StagedFile) else int(file.size or 0)
