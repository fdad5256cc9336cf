"""Many files and the objects they belong to: saved and new ones in one list, saved in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import models, router, transaction

from .core import UsageError
from .files import SavedFile, StagedFile
from .images import Crop
from .posted import Row
from .rules import Rules


class FileList(list[Any]):
    """The `StagedFile`s and `SavedFile`s of a field, in the person's order.

    `removed` are the primary keys of those that the person removed.
    """

    def __init__(self, files: Iterable[Any] = (), removed: Iterable[Any] = ()) -> None:
        super().__init__(files)
        self.removed = list(removed)


def save_files(
    files: Sequence[Any], manager: Any, *, file: str, order: str = "", crop: str = ""
) -> list[models.Model]:
    """Make the objects of a related manager those of `files`, in that order, in one transaction.

    `manager` is such as `album.photos`; `file` names its file field, `order` an integer field for the
    place (from 0), `crop` a field for the crop. New objects are created, moved ones updated, removed ones
    deleted, and once that is certain their files too. With a field's own `FileList` only what the
    person removed is deleted; with any other list, all that is not in it. Returns the objects.
    """
    if not hasattr(manager, "create") or not isinstance(getattr(manager, "instance", None), models.Model):
        # Of Photo.objects the pictures of every album are; what is not in the list would be deleted.
        raise UsageError("save_files takes the related manager of one object, such as album.photos.", manager)
    using = router.db_for_write(manager.model)
    saved = {each.pk: each for each in files if isinstance(each, SavedFile)}
    with transaction.atomic(using=using):
        existing = {each.pk: each for each in manager.all()}
        gone = files.removed if isinstance(files, FileList) else [pk for pk in existing if pk not in saved]
        for pk in gone:
            if pk in existing:
                delete_with_file(existing.pop(pk), file, using)
        objects = []
        for place, each in enumerate(files):
            values: dict[str, Any] = {order: place} if order else {}
            if isinstance(each, SavedFile):
                if each.pk not in existing:
                    continue  # somebody else has removed it meanwhile
                if crop:
                    values[crop] = each.crop.to_dict() if each.crop is not None else None
                objects.append(update(existing[each.pk], values))
            else:
                if crop and isinstance(each, StagedFile):
                    values[crop] = each.crop.to_dict() if each.crop is not None else None
                objects.append(manager.create(**{file: each}, **values))
    return objects


def update(instance: models.Model, values: dict[str, Any]) -> models.Model:
    """Write only what has changed."""
    changed = [name for name, value in values.items() if getattr(instance, name) != value]
    for name in changed:
        setattr(instance, name, values[name])
    if changed:
        instance.save(update_fields=changed)
    return instance


def delete_with_file(instance: models.Model, file: str, using: str) -> None:
    """Delete an object, and its file when that is certain and nobody else has it."""
    fieldfile = getattr(instance, file)
    storage, name, model = fieldfile.storage, fieldfile.name, type(instance)
    instance.delete()

    def delete_file() -> None:
        if name and not model._base_manager.using(using).filter(**{file: name}).exists():
            storage.delete(name)

    transaction.on_commit(delete_file, using=using)


def saved_rows(rules: Rules, initial: Any) -> list[Row]:
    """The rows of what a form starts with: model objects, saved files or held files."""
    if initial is None:
        return []
    objects = initial.all() if hasattr(initial, "all") else initial
    return [initial_row(rules, each, index) for index, each in enumerate(objects)]


def single_saved_row(initial: Any) -> list[Row]:
    """The row of the one file that a field for one file starts with: nothing in it needs a primary key."""
    if not initial or isinstance(initial, StagedFile):
        return []
    name = str(getattr(initial, "name", initial)).rpartition("/")[2]
    saved = SavedFile(pk=1, file=initial)
    return [Row(saved="1", object_pk=saved.pk, file=saved, client_name=name)]


def initial_row(rules: Rules, each: Any, index: int) -> Row:
    """One row of a form that nobody has sent yet."""
    if isinstance(each, StagedFile):
        return Row(index=index, file=each, client_name=each.upload.client_name)
    saved = each if isinstance(each, SavedFile) else saved_file(rules, each)
    name = str(saved.file.name).rpartition("/")[2]
    return Row(index=index, saved=str(saved.pk), object_pk=saved.pk, file=saved, client_name=name)


def saved_file(rules: Rules, instance: Any) -> SavedFile:
    """A model object as a `SavedFile`."""
    if not isinstance(instance, models.Model):
        raise UsageError("initial holds model objects, SavedFile or StagedFile.", instance)
    file = rules.saved_file or only_file_field(type(instance))
    crop = getattr(instance, rules.saved_crop) if rules.saved_crop else None
    return SavedFile(pk=instance.pk, file=getattr(instance, file), crop=Crop.parse(crop) if crop else None)


def only_file_field(model: type[models.Model]) -> str:
    """The name of the one file field that a model has. Raises `UsageError` if there are none or several."""
    names = [each.name for each in model._meta.concrete_fields if isinstance(each, models.FileField)]
    if len(names) != 1:
        raise UsageError(f"{model._meta.label} needs saved_file=, one of its file fields.", names)
    return names[0]
