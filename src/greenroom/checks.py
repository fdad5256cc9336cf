"""System checks: every wrong value and every missing piece, with the line to paste."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from . import conf
from .core import LocalFiles, SideFiles, UsageError
from .core.digests import check_choice
from .stores import LocalStore, MemoryStore

MIDDLEWARE = "greenroom.middleware.GreenroomMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
# What is asked of a database that is to survive a power cut, the answers that are right, and how to get them.
# https://sqlite.org/pragma.html#pragma_synchronous, https://www.postgresql.org/docs/current/runtime-config-wal.html
_SQLITE = 'Add "PRAGMA synchronous=FULL;" to the database\'s OPTIONS["init_command"].'
_POSTGRESQL = "Set it in postgresql.conf, or for the role that the site uses."
_LASTING = {
    "sqlite": (("PRAGMA synchronous", {"2", "3"}, _SQLITE),),
    "postgresql": (
        ("SHOW fsync", {"on"}, _POSTGRESQL),
        ("SHOW synchronous_commit", {"on", "local", "remote_write", "remote_apply"}, _POSTGRESQL),
    ),
}


def register_all() -> None:
    """Called once, when the app is ready."""
    for check in (check_settings, check_middleware, check_urls, check_routers):
        register(check)
    register(check_tables, Tags.database)
    register(check_durability, Tags.database)


def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E001 to E005, E010, E011, W001: the `GREENROOM` dict, the store that it describes, and where that is."""
    values = getattr(settings, "GREENROOM", {})
    try:
        current = conf.read(values)
    except (UsageError, TypeError) as error:
        return [Error(f"The setting GREENROOM is wrong: {error}", id="greenroom.E001")]
    try:
        check_choice(current.digest)
    except UsageError:
        message = (
            f'GREENROOM["DIGEST"] is {current.digest!r}, and the package {current.digest} is not installed.'
        )
        hint = f'Run: pip install "django-greenroom[{current.digest}]"'
        return [Error(message, hint=hint, id="greenroom.E010")]
    try:
        current.owner_of()
    except Exception as error:  # importing the project's own module may raise anything
        hint = 'Use "greenroom.owners.session_owner", or a function (request, create) of your own.'
        return [Error(f'GREENROOM["OWNER"] cannot be used: {error}', hint=hint, id="greenroom.E002")]
    try:
        current.address_of()
    except Exception as error:  # as above
        hint = 'Use "greenroom.addresses.remote_address", or a function (request) of your own.'
        return [Error(f'GREENROOM["ADDRESS"] cannot be used: {error}', hint=hint, id="greenroom.E011")]
    try:
        store = current.make_store()
    except Exception as error:  # a store of the project's own may raise anything
        return [Error(f'GREENROOM["STORE"] cannot be used: {error}', id="greenroom.E003")]
    return check_store(store)


def check_store(store: object) -> list[CheckMessage]:
    """E004, E005, W001: seen by every process, not public, and on the file system of MEDIA_ROOT."""
    if isinstance(store, MemoryStore) or not isinstance(store, SideFiles):
        return [
            Error(
                "What waits for the next request must be in a store that every process sees, with room for"
                f" side files. Got: {store!r}",
                hint='Leave GREENROOM["STORE"] out, or use "greenroom.stores.LocalStore".',
                id="greenroom.E004",
            )
        ]
    if not isinstance(store, LocalStore) or not isinstance(store, LocalFiles):
        return []
    root = store.root.resolve()  # a symbolic link makes nothing less public
    hint = 'Set GREENROOM["STORE"] = {"OPTIONS": {"root": ...}} to an absolute path'
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        public = getattr(settings, name, None)
        if public and root.is_relative_to(Path(public).resolve()):
            # Whatever is in there is served to anybody who guesses its name.
            message = f"Held files are in {root}, inside {name}, which is public."
            return [Error(message, hint=f"{hint} outside of {public}.", id="greenroom.E005")]
    if settings.MEDIA_ROOT and device_of(root) != device_of(Path(settings.MEDIA_ROOT).absolute()):
        message = (
            f"Held files in {root} are on another file system than MEDIA_ROOT, so every save copies them."
        )
        hint = f"{hint} on the file system of {settings.MEDIA_ROOT}, and not in it."
        return [Warning(message, hint=hint, id="greenroom.W001")]
    return []


def check_middleware(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E006 to E008: `GreenroomMiddleware` is there, after the session's and before the CSRF one."""
    installed = list(settings.MIDDLEWARE)
    places = {path: place(installed, path) for path in (MIDDLEWARE, SESSION, CSRF)}
    ours, session, csrf = places[MIDDLEWARE], places[SESSION], places[CSRF]
    line = f'Add "{MIDDLEWARE}" to MIDDLEWARE, after SessionMiddleware and before CsrfViewMiddleware.'
    if ours is None:
        return [
            Error("GreenroomMiddleware is missing, so nothing can be held.", hint=line, id="greenroom.E006")
        ]
    found: list[CheckMessage] = []
    if conf_owner() == "greenroom.owners.session_owner" and (session is None or session > ours):
        message = "GreenroomMiddleware needs the session of SessionMiddleware, which must stand before it."
        hint = line if session is not None else f'Add "{SESSION}" to MIDDLEWARE, before GreenroomMiddleware.'
        found.append(Error(message, hint=hint, id="greenroom.E007"))
    if csrf is not None and csrf < ours:
        message = "CsrfViewMiddleware stands before GreenroomMiddleware, so it receives every file and refuses later."
        found.append(Error(message, hint=line, id="greenroom.E008"))
    return found


def check_urls(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E009: the previews have URLs."""
    try:
        reverse("greenroom:preview", args=["token"])
    except NoReverseMatch:
        hint = (
            'Add path("greenroom/", include("greenroom.urls")) to urlpatterns,'
            " and at the top: from django.urls import include, path"
        )
        return [Error("The URLs of Greenroom are not included.", hint=hint, id="greenroom.E009")]
    return []


def check_routers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E012: all records are in one database, and the users, to whom they refer, in the same one."""
    from django.contrib.auth import get_user_model
    from django.db import router

    from .models import StagedCrowd, StagedOwner, StagedUpload, StagedUse

    user = get_user_model()
    kinds = (StagedUpload, StagedOwner, StagedUse, StagedCrowd, user)
    aliases = {kind.__name__: router.db_for_write(kind) for kind in kinds}
    if len(set(aliases.values())) == 1:
        return []
    named = ", ".join(f"{name} in {alias!r}" for name, alias in aliases.items())
    message = f"The records of Greenroom refer to each other and to users, but DATABASE_ROUTERS put {named}."
    hint = (
        f"Let the router give one database to the apps greenroom and {user._meta.app_label};"
        " what is saved may be in others."
    )
    return [Error(message, hint=hint, id="greenroom.E012")]


def check_tables(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """W002: the tables exist (`manage.py check --database default`, and `migrate` itself)."""
    from django.db import connections

    from .ledger import OrmLedger
    from .models import StagedUpload

    alias = OrmLedger().alias
    if alias not in (databases or []) or "migrate" in sys.argv[1:2]:
        return []  # `migrate` runs the checks before it makes the tables
    if StagedUpload._meta.db_table in connections[alias].introspection.table_names():
        return []
    return [
        Warning("The tables of Greenroom are missing.", hint="Run manage.py migrate.", id="greenroom.W002")
    ]


def check_durability(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """W003: with DURABILITY "power" the ledger's rows survive what its bytes do (`manage.py check --database default`)."""
    from django.db import connections

    from .ledger import OrmLedger

    alias = OrmLedger().alias
    values = getattr(settings, "GREENROOM", {})
    if (
        alias not in (databases or [])
        or not isinstance(values, Mapping)
        or values.get("DURABILITY") != "power"
    ):
        return []
    found = []
    with connections[alias].cursor() as cursor:
        for statement, lasting, hint in _LASTING.get(connections[alias].vendor, ()):
            cursor.execute(statement)
            value = str(cursor.fetchone()[0])
            if value not in lasting:
                found.append((f"{statement} says {value}", hint))
    if not found:
        return []
    message = (
        f'GREENROOM["DURABILITY"] is "power", but the database {alias!r} may forget in a power cut what it has'
        f" acknowledged: {', '.join(said for said, _ in found)}."
    )
    return [Warning(message, hint=found[0][1], id="greenroom.W003")]


def conf_owner() -> str:
    """The dotted path that OWNER has, also when other settings are wrong."""
    values = getattr(settings, "GREENROOM", {})
    return values.get("OWNER", conf.Settings.owner) if isinstance(values, Mapping) else conf.Settings.owner


def place(installed: list[str], path: str) -> int | None:
    """Where a middleware, or a subclass of it, stands."""
    wanted = import_string(path)
    for index, each in enumerate(installed):
        try:
            kind: Callable[..., Any] = import_string(each)
        except ImportError:
            continue  # Django says so when it loads them, to answer requests
        if kind is wanted or (isinstance(kind, type) and issubclass(kind, wanted)):
            return index
    return None


def device_of(path: Path) -> int:
    """The device of a path, or of its nearest parent that exists."""
    while not path.exists():
        path = path.parent
    return os.stat(path).st_dev
