"""Saving: how a `StagedFile` in a model's file field becomes a file under its final name.

Django's own save is the promotion. Before the row is written the claim is journaled beside the held
bytes, then the bytes are put in place; when the row is safe the use is closed. A claim that was never
closed is settled by asking whether a row holds its name: at the end of the request, and by the sweeper.
Promotion never deletes what is held.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError, models, transaction
from django.db.models.fields.files import FieldFile

from . import conf, signals
from .core import SideFiles, Upload, UsageError
from .core.claims import Claim
from .core.errors import AlreadySaved, Altered, NotHeld, Refused
from .core.place import disk_or_refusal, sync_directory
from .files import StagedFile
from .ledger import OrmLedger, use_key
from .measures import measuring
from .owners import Visit, current_visit

_PENDING = "_greenroom_pending"
ATTEMPTS = 100  # names to try before a directory is given up as hopeless


@dataclass(kw_only=True)
class Promotion:
    """One file on its way from the stage into one model field.

    `taken` says that this request has the use, `finished` that nothing is left to settle, `saved` that the row is safe.
    """

    staged: StagedFile
    upload: Upload
    claim: Claim
    instance: models.Model
    taken: bool = False
    finished: bool = False
    saved: bool = False

    def __post_init__(self) -> None:
        self.measured = measuring("save")

    @property
    def key(self) -> str:
        """The use that it takes, as the ledger names it."""
        return use_key(self.known, self.claim.use)

    @property
    def known(self) -> Upload:
        """The record as the use is taken by it."""
        return self.claim.known(self.upload)

    @property
    def in_place(self) -> bool:
        """Whether its bytes stand under a name that is its own. What did not come so far is certainly not saved."""
        return self.measured.goes_on

    @property
    def record_is_safe(self) -> bool:
        """Whether the upload's record is: the row was written behind it, in the same database."""
        return self.saved and self.claim.database == self.ledger.alias

    @property
    def ledger(self) -> OrmLedger:
        return cast(OrmLedger, self.staged.stage.ledger)

    def take(self, visit: Visit | None) -> None:
        """Take the use. Raises `TakenUse` if another request has it, and `NotHeld` if the upload is gone."""
        if visit is not None and self.key in visit.uses:  # taken when the form was cleaned
            self.taken = True
            visit.uses.remove(self.key)
            return
        post = visit.post if visit is not None and self.staged.use else ""
        if self.ledger.claim(self.known, self.claim.use, post):
            self.taken = True
            return
        # Or this very request took it before: a view may save one file into two objects, or try again after an
        # error. The chance is the request's.
        self.taken = visit is not None and any(
            each.taken and each.key == self.key for each in visit.promotions
        )
        if not self.taken:
            raise TakenUse(name=self.upload.client_name, key=self.key)

    def look_again(self) -> None:
        """Raise `NotHeld` if the upload was given up before our claim stood beside it, and could be seen.

        Who gives it up buries the record and then looks for claims: one of the two always sees the other.
        """
        if not self.ledger.has(self.upload.id):
            raise NotHeld(name=self.upload.client_name)

    def close(self) -> None:
        """The row is written: in the same transaction, the use is closed and the upload is promoted."""
        self.ledger.close(self.known, self.claim.use)
        self.staged.stage.mark_promoted(self.upload)

    def finish(self) -> None:
        """The row is safe: nothing is left to settle."""
        self.claim.erase(cast(SideFiles, self.staged.stage.store))
        self.end(saved=True)

    def end(self, *, saved: bool) -> None:
        """It is certain what became of it; this is told once."""
        if self.finished:  # its claim could not be erased then
            return
        self.finished, self.saved = True, saved
        self.measured.end(None if saved else "undone")
        if saved:
            # Robust, since it is saved whatever a receiver makes of it, and the next file has to be finished too.
            signals.promoted.send_robust(
                sender=type(self.instance), instance=self.instance, upload=self.upload, name=self.claim.place
            )


class TakenUse(AlreadySaved):
    """`AlreadySaved`, with the `key` of the use, so that the middleware can give the first answer again."""

    def __init__(self, *, name: str = "", key: str = "") -> None:
        super().__init__(name=name)
        self.key = key


def promote_before_save(
    sender: type[models.Model], instance: models.Model, raw: bool, using: str, **kwargs: Any
) -> None:
    """`pre_save`: put every staged file of this instance in place."""
    if raw:  # fixtures are loaded as they are
        return
    only = kwargs.get("update_fields")
    for field in sender._meta.concrete_fields:
        if not isinstance(field, models.FileField) or field.attname not in instance.__dict__:
            continue
        if only is not None and field.name not in only:
            continue
        fieldfile = getattr(instance, field.attname)
        staged = getattr(fieldfile, "_file", None)
        if isinstance(staged, StagedFile) and not fieldfile._committed and is_ordinary(fieldfile):
            check_crop_is_written(staged, only)
            promote(staged, instance, field, fieldfile, using)


def close_after_save(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    """`post_save`: the row exists. (An `on_commit` from `pre_save` would run before it does, in autocommit.)"""
    for promotion in instance.__dict__.pop(_PENDING, []):
        if using == promotion.ledger.alias:
            promotion.close()
            transaction.on_commit(promotion.finish, using=using)
        else:
            # Two databases share no transaction: the ledger follows when the row is safe.
            transaction.on_commit(promotion.close, using=using)
            transaction.on_commit(promotion.finish, using=using)


def promote(
    staged: StagedFile, instance: models.Model, field: models.FileField, fieldfile: FieldFile, using: str
) -> None:
    """Claim, journal, put in place, and name the file in the instance, which is about to be written to `using`."""
    visit = current_visit()
    content = content_of(staged, visit)
    upload = staged.keep()
    staged.stage.verify(upload)
    target = f"{field.model._meta.label}.{field.name}"
    claim = Claim.new(
        upload.id, use=staged.use, target=target, source=staged.source, database=using, content=content
    )
    promotion = Promotion(staged=staged, upload=upload, claim=claim, instance=instance)
    if visit is not None:
        visit.promotions.append(promotion)  # before anything is taken: whatever happens, it will be settled
    with promotion.measured as measured:
        measured.tell_of(upload)
        promotion.take(visit)
        try:
            name = field.generate_filename(instance, staged.name)
            name = put(promotion, fieldfile.storage, name, field.max_length)
        except BaseException:
            # Of a transaction that is broken the request's end will do it.
            with contextlib.suppress(DatabaseError):
                promotion.ledger.release(promotion.known, promotion.claim.use)
            raise
        measured.bytes, measured.goes_on = staged.size, True  # in place is not yet saved
    instance.__dict__.setdefault(_PENDING, []).append(promotion)
    if staged.crop_to:
        write_crop(instance, staged)
    fieldfile.name = name
    # As FieldFile.save does it (an ImageField's dimension fields are not read from the disk again).
    private = cast(Any, fieldfile)
    private._set_instance_attribute(name, staged)
    private._committed = True


def content_of(staged: StagedFile, visit: Visit | None) -> str:
    """What stands for the bytes in the use: by what it was taken when the form was cleaned, or else a digest.

    Without a form nobody compares what has the same sample; without a use there is nothing to tell it from.
    """
    if staged.use:
        key = use_key(staged.known, staged.use)
        if visit is not None and (key in visit.uses or key in {each.key for each in visit.promotions}):
            return staged.known.digest or f"id:{staged.upload.id}"
        staged.identify()
    return staged.upload.digest or f"id:{staged.upload.id}"


def put(promotion: Promotion, storage: Any, name: str, max_length: int | None) -> str:
    """The bytes under a name that is free in `storage`; the claim has it, and it is returned."""
    staged = promotion.staged
    store = cast(SideFiles, staged.stage.store)
    for _ in range(ATTEMPTS):
        name = storage.get_available_name(name, max_length=max_length)
        promotion.claim = replace(promotion.claim, place=name)
        try:
            promotion.claim.write(store)
            promotion.look_again()
            saved = put_once(staged, storage, name, max_length)
        except FileExistsError:
            promotion.claim.erase(store)  # what stands there is somebody else's
            # Somebody took the name between the look and the link, or is copying to it at this moment: in
            # that case it still looks free, and asking for it again would be no use.
            stem, extension = os.path.splitext(name)
            name = storage.get_alternative_name(stem, extension)
            continue
        except (OSError, Refused):
            if is_local(storage):
                promotion.claim.erase(store)  # nothing stands there; of any other error that is not certain
            promotion.look_again()  # what was given up meanwhile is the reason, rather than a file that is missing
            raise
        if saved != name:  # a storage may choose another name after all
            promotion.claim = replace(promotion.claim, place=saved)
            promotion.claim.write(store)
        check_size(promotion, storage)
        return saved
    raise FileExistsError(f"No free name for {name} after {ATTEMPTS} attempts.")


def put_once(staged: StagedFile, storage: Any, name: str, max_length: int | None) -> str:
    """Link or copy into a directory of this machine; stream into any other storage."""
    if not is_local(storage):
        staged.open()
        return cast(str, storage.save(name, File(staged, name=name), max_length=max_length))
    path = Path(storage.path(name))
    make_directories(path.parent, storage.directory_permissions_mode)
    staged.put_in_place(path, mode=storage.file_permissions_mode, link=conf.current().place == "link")
    return name


def check_size(promotion: Promotion, storage: Any) -> None:
    """Whether a storage elsewhere has as much as it was sent. If not, the claim says what to remove."""
    if not is_local(storage):
        with contextlib.suppress(NotImplementedError):  # Django asks no storage for `size` to save into it
            if storage.size(promotion.claim.place) != promotion.staged.size:
                raise Altered(name=promotion.upload.client_name)


@disk_or_refusal()
def make_directories(directory: Path, mode: int | None) -> None:
    """As `FileSystemStorage` makes them: `FILE_UPLOAD_DIRECTORY_PERMISSIONS` for all that are missing."""
    missing = itertools.takewhile(lambda each: not each.exists(), (directory, *directory.parents))
    for each in reversed(list(missing)):
        each.mkdir(exist_ok=True)
        if mode is not None:
            os.chmod(each, mode)
        sync_directory(each.parent)  # or a power cut takes the saved file along with its directory


def is_local(storage: Any) -> bool:
    """Whether the storage puts files where a link can, and does nothing of its own when it saves them."""
    kind: Any = storage.__class__  # of a lazy storage too, the real one
    return (
        issubclass(kind, FileSystemStorage)
        and kind._save is cast(Any, FileSystemStorage)._save
        and not getattr(storage, "_allow_overwrite", False)
    )


def is_ordinary(fieldfile: FieldFile) -> bool:
    """A field file with a `save` of its own is left to it: it gets an ordinary stream."""
    return type(fieldfile).save is FieldFile.save


def check_crop_is_written(staged: StagedFile, only: Collection[str] | None) -> None:
    """Raise `UsageError` if the picture would be saved without its crop: the row would keep that of another picture."""
    if staged.crop_to and only is not None and staged.crop_to not in only:
        rule = (
            f"A picture is saved together with its crop, so update_fields names {staged.crop_to!r} as well."
        )
        raise UsageError(f"{rule} It never names a field that was deferred.", sorted(only))


def write_crop(instance: models.Model, staged: StagedFile) -> None:
    """The crop goes to the model field that the form field named: as JSON, or as its text."""
    field = instance._meta.get_field(staged.crop_to)
    crop = staged.crop.to_dict() if staged.crop is not None else None
    if not isinstance(field, models.JSONField):
        setattr(instance, staged.crop_to, json.dumps(crop) if crop is not None else "")
    else:
        setattr(instance, staged.crop_to, crop)
