"""Whether every file has its row and every row its file, when nobody is at work: promise 6, asked after every fault."""

from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import models

from greenroom import conf
from greenroom.core.claims import claims_of
from greenroom.core.errors import Refused
from greenroom.ledger import to_upload
from greenroom.models import StagedUpload, StagedUse
from greenroom.owners import make_stage
from tests.pages import files_under


def saved_names() -> list[str]:
    """The names in all file fields of the shop, one for each object."""
    names: list[str] = []
    for model in apps.get_app_config("shop").get_models():
        for field in model._meta.local_fields:
            if isinstance(field, models.FileField):
                names += [name for name in model._base_manager.values_list(field.name, flat=True) if name]
    return names


def unexplained() -> list[str]:
    """What is not explained, in words; nothing is left out because it might be under way."""
    found = [*unexplained_files(), *unexplained_uploads()]
    found += [f"an open use of {each.upload_id}" for each in StagedUse.objects.filter(closed=False)]
    return found


def unexplained_files() -> list[str]:
    """Files without an object, objects without their file, and two that share one."""
    media = Path(settings.MEDIA_ROOT)
    files = {str(each.relative_to(media)): each for each in files_under(media)}
    names = saved_names()
    found = [f"{name} belongs to no object" for name in files.keys() - set(names)]
    found += [f"{name} is named by an object, and not there" for name in set(names) - files.keys()]
    found += [f"{name} is named by two objects" for name in {each for each in names if names.count(each) > 1}]
    inodes = [each.stat().st_ino for each in files.values()]
    return found + (["two saved files are one"] if len(set(inodes)) < len(inodes) else [])


def unexplained_uploads() -> list[str]:
    """Held bytes without a record, records without their bytes, and saves that nobody has settled."""
    stage, store = make_stage(), conf.current_store()
    held = set(store.ids())
    records = {row.id: to_upload(row) for row in StagedUpload.objects.all()}
    found = [f"the bytes of {each} have no record" for each in held - records.keys()]
    found += [f"{each} has an open claim" for each in held if any(claims_of(store, each))]
    for upload in records.values():
        if upload.buried_at is not None:
            continue  # its bytes may be gone already
        try:
            stage.verify(upload)
        except Refused as refusal:
            found.append(f"{upload.id}, {upload.state.value}: {type(refusal).__name__}")
    return found
