"""System checks: each wrong setting and each missing piece is named, with the line that mends it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection

from greenroom.middleware import GreenroomMiddleware
from greenroom.models import StagedUpload

# Some of Django's own checks look into the database.
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]
OURS = "greenroom.middleware.GreenroomMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"

urlpatterns: list[Any] = []


def found(**options: Any) -> dict[str, Any]:
    return {each.id: each for each in run_checks(**options) if (each.id or "").startswith("greenroom.")}


@pytest.fixture
def included(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.urls"


@pytest.mark.usefixtures("included")
class TestTheRightProject:
    def test_has_nothing_to_mend(self) -> None:
        assert found() == {}

    def test_may_have_a_middleware_of_its_own(self, settings: Any) -> None:
        settings.MIDDLEWARE = [
            f"{__name__}.OwnMiddleware" if each == OURS else each for each in settings.MIDDLEWARE
        ]
        assert found() == {}

    def test_needs_no_session_for_other_owners(self, settings: Any) -> None:
        settings.GREENROOM = {"OWNER": "greenroom.owners.user_owner"}
        settings.MIDDLEWARE = [OURS, CSRF]
        assert found() == {}


class OwnMiddleware(GreenroomMiddleware):
    pass


class FailingStore:
    def __init__(self) -> None:
        raise RuntimeError("there is no bucket of that name")


@pytest.mark.usefixtures("included")
@pytest.mark.parametrize(
    ("value", "check", "words"),
    [
        ("everything", "E001", "must be a dict"),
        (None, "E001", "must be a dict"),
        ([], "E001", "must be a dict"),
        ({"STORE": {"BACKEND": 5}}, "E001", "STORE"),
        ({"STORE": {"BACKEND": ".LocalStore"}}, "E003", "STORE"),
        ({"STORE": {"BACKEND": f"{__name__}.FailingStore"}}, "E003", "no bucket"),
        ({"STORE": {"OPTIONS": {"root": "held"}}}, "E003", "absolute"),
        ({"OWNER": ".session_owner"}, "E002", "OWNER"),
        ({"LEASE": "24 h"}, "E001", "LEASE"),
        ({"LEASES": 1}, "E001", "LEASES"),
        ({"OWNER_BYTES": "much"}, "E001", "much"),
        ({"OWNER": "nowhere.at_all"}, "E002", "nowhere"),
        ({"ADDRESS": "nowhere.at_all"}, "E011", "nowhere"),
        ({"ADDRESS": "greenroom.addresses.IPV6_BITS"}, "E011", "ADDRESS"),
        ({"TOTAL_UPLOADS": 0}, "E001", "TOTAL_UPLOADS"),
        ({"ADDRESS_BYTES": "much"}, "E001", "much"),
        ({"OWNER": "greenroom.owners.SESSION_KEY"}, "E002", "OWNER"),
        ({"STORE": {"BACKEND": "greenroom.stores.Nowhere"}}, "E003", "Nowhere"),
        ({"STORE": {"OPTIONS": {"rooot": "x"}}}, "E003", "rooot"),
        ({"STORE": {"BACKEND": "builtins.dict"}}, "E003", "Store"),
        ({"STORE": {"BACKEND": "greenroom.stores.MemoryStore"}}, "E004", "every process"),
    ],
)
def test_wrong_settings(settings: Any, value: Any, check: str, words: str) -> None:
    settings.GREENROOM = value
    messages = found()
    assert list(messages) == [f"greenroom.{check}"]
    assert words in messages[f"greenroom.{check}"].msg


@pytest.mark.usefixtures("included")
def test_no_directory_for_what_is_held(settings: Any) -> None:
    settings.MEDIA_ROOT = "media"
    assert list(messages := found()) == ["greenroom.E003"]
    assert 'such as BASE_DIR / "media"' in messages["greenroom.E003"].msg


@pytest.mark.usefixtures("included")
@pytest.mark.parametrize("name", ["MEDIA_ROOT", "STATIC_ROOT"])
@pytest.mark.parametrize("linked", ["nothing", "public", "held"])
def test_held_files_in_public(settings: Any, tmp_path: Path, name: str, linked: str) -> None:
    public = tmp_path / "public"
    public.mkdir()
    os.symlink(public, tmp_path / "link")
    setattr(settings, name, str(tmp_path / "link" if linked == "public" else public))
    settings.GREENROOM = {
        "STORE": {"OPTIONS": {"root": (tmp_path / "link" if linked == "held" else public) / "held"}}
    }
    messages = found()
    assert list(messages) == ["greenroom.E005"]
    assert name in messages["greenroom.E005"].msg
    assert f"outside of {getattr(settings, name)}" in messages["greenroom.E005"].hint


@pytest.mark.usefixtures("included")
def test_held_files_on_another_file_system(settings: Any, tmp_path: Path, require: Any) -> None:
    shared = Path("/dev/shm")
    require(
        "a second file system at /dev/shm", shared.is_dir() and shared.stat().st_dev != tmp_path.stat().st_dev
    )
    settings.GREENROOM = {"STORE": {"OPTIONS": {"root": shared / "greenroom-held"}}}
    messages = found()
    assert list(messages) == ["greenroom.W001"]
    assert "copies" in messages["greenroom.W001"].msg
    assert f"on the file system of {settings.MEDIA_ROOT}" in messages["greenroom.W001"].hint
    assert not (shared / "greenroom-held").exists(), "a check makes nothing"


@pytest.mark.usefixtures("included")
@pytest.mark.parametrize(
    ("middleware", "check"),
    [
        ([SESSION, CSRF], "E006"),
        ([OURS, SESSION, CSRF], "E007"),
        ([SESSION, CSRF, OURS], "E008"),
    ],
)
def test_the_middleware(settings: Any, middleware: list[str], check: str) -> None:
    settings.MIDDLEWARE = middleware
    messages = found()
    assert list(messages) == [f"greenroom.{check}"]
    hint = messages[f"greenroom.{check}"].hint
    assert f'"{OURS}"' in hint
    assert "after SessionMiddleware and before CsrfViewMiddleware" in hint


@pytest.mark.usefixtures("included")
def test_no_sessions_at_all(settings: Any) -> None:
    settings.MIDDLEWARE = [OURS, CSRF]
    messages = found()
    assert list(messages) == ["greenroom.E007"]
    assert f'Add "{SESSION}" to MIDDLEWARE' in messages["greenroom.E007"].hint


@pytest.mark.usefixtures("included")
def test_a_misspelled_middleware_of_somebody_else_is_no_matter_of_ours(settings: Any) -> None:
    settings.MIDDLEWARE = ["nowhere.Middleware", *settings.MIDDLEWARE, "greenroom.middleware.Nothing"]
    assert found() == {}


def test_the_urls() -> None:
    messages = found()
    assert list(messages) == ["greenroom.E009"]
    assert "from django.urls import include" in messages["greenroom.E009"].hint
    assert 'path("greenroom/", include("greenroom.urls"))' in messages["greenroom.E009"].hint


def test_without_the_app_an_import_says_what_to_add() -> None:
    program = """
import django, django.conf
django.conf.settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"])
django.setup()
import greenroom.forms
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.stderr.splitlines()[-1].endswith('Add "greenroom" to INSTALLED_APPS.')


@pytest.mark.usefixtures("included")
@pytest.mark.django_db(transaction=True)
class Parted:
    """A router that leaves the users alone."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "elsewhere" if model._meta.app_label == "greenroom" else None


@pytest.mark.usefixtures("included")
def test_records_and_users_in_different_databases(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.Parted"]
    message = found()["greenroom.E012"]
    assert "StagedUpload in 'elsewhere'" in message.msg
    assert "User in 'default'" in message.msg


@pytest.mark.usefixtures("included")
def test_the_tables(monkeypatch: Any) -> None:
    assert found(databases=["default"]) == {}
    monkeypatch.setattr(StagedUpload._meta, "db_table", "a_table_that_nobody_has_made")
    assert found() == {}, "the database is not looked at unless that is asked for"
    messages = found(databases=["default"])
    assert list(messages) == ["greenroom.W002"]
    assert "migrate" in messages["greenroom.W002"].hint


@pytest.mark.usefixtures("included")
@pytest.mark.django_db(transaction=True)
def test_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", "greenroom", check=True, dry_run=True, verbosity=0)


@pytest.mark.usefixtures("included")
@pytest.mark.django_db(transaction=True)
def test_what_the_database_keeps_over_a_power_cut(settings: Any) -> None:
    weaker, usual = {
        "sqlite": ("PRAGMA synchronous=NORMAL", "PRAGMA synchronous=FULL"),
        "postgresql": ("SET synchronous_commit = off", "SET synchronous_commit = on"),
    }[connection.vendor]
    with connection.cursor() as cursor:
        try:
            cursor.execute(weaker)
            assert found(databases=["default"]) == {}, "nobody has asked for that"
            settings.GREENROOM = {"DURABILITY": "power"}
            assert found() == {}, "the database is not looked at unless that is asked for"
            message = found(databases=["default"])["greenroom.W003"]
            assert "synchronous" in message.msg
            assert message.hint
        finally:
            cursor.execute(usual)
        left = found(databases=["default"])
        if connection.vendor == "postgresql":
            # The tests' own server forgets in a power cut, for their speed, and that is said, too.
            cursor.execute("SHOW fsync")
            assert ("SHOW fsync says off" in str(left)) == (cursor.fetchone()[0] == "off")
            assert "synchronous" not in str(left)
        else:
            assert left == {}
