"""Whether every file has its row and every row its file, when nobody is at work: promise 6, asked after every fault."""

from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import models

from greenroom import conf
from greenroom.auditing import audit_staged
from greenroom.core.claims import is_claimed
from greenroom.models import StagedUse
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
    """What `auditstaged` finds, and what it takes for work that is under way: saves that nobody has settled."""
    store = conf.current_store()
    found = [f"{each.code}: {each.what} {each.upload_id} {each.path}" for each in audit_staged()]
    return found + [f"{each} has an open claim" for each in store.ids() if is_claimed(store, each)]
