"""The main job under settings that a project may have, and that ours are not: each of them is tried, none is assumed."""

from __future__ import annotations

import ast
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.db import connections
from django.test import override_settings
from django.urls import get_script_prefix, set_script_prefix
from django.utils.translation import override

from greenroom.models import StagedUpload
from tests.django.conftest import Browser
from tests.django.uploading import URL, Script, metadata
from tests.pages import Page, encode, errors_of, page_of
from tests.settings import SQLITE
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)

DATA = bytes(range(256)) * 40
LOCALE = "django.middleware.locale.LocaleMiddleware"


class Literals:
    """A serializer of sessions that takes Python's plainest values, and no others."""

    def dumps(self, obj: Any) -> bytes:
        text = repr(obj)
        assert ast.literal_eval(text) == obj
        return text.encode()

    def loads(self, data: bytes) -> Any:
        return ast.literal_eval(data.decode())


def middleware(before: str) -> list[str]:
    """With the language's middleware in front of another one; at the end for ""."""
    found = list(configured.MIDDLEWARE)
    found.insert(found.index(before) if before else len(found), LOCALE)
    return found


SESSIONS = "django.contrib.sessions.backends."
GREENROOM = "greenroom.middleware.GreenroomMiddleware"
CASES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "local times": {"USE_TZ": False, "TIME_ZONE": "America/St_Johns"},
    "CSRF in sessions": {"CSRF_USE_SESSIONS": True},
    "CSRF out of reach": {"CSRF_COOKIE_HTTPONLY": True},
    "CSRF by other names": {"CSRF_COOKIE_NAME": "own", "CSRF_HEADER_NAME": "HTTP_X_OWN"},
    "CSRF in sessions in cookies": {"CSRF_USE_SESSIONS": True, "SESSION_ENGINE": SESSIONS + "signed_cookies"},
    "sessions in cookies": {"SESSION_ENGINE": SESSIONS + "signed_cookies"},
    "sessions in the cache": {"SESSION_ENGINE": SESSIONS + "cache"},
    "sessions in both": {"SESSION_ENGINE": SESSIONS + "cached_db"},
    "sessions in files": {"SESSION_ENGINE": SESSIONS + "file", "SESSION_SAVE_EVERY_REQUEST": True},
    "sessions as literals": {"SESSION_SERIALIZER": __name__ + ".Literals"},
    "below a path": {"FORCE_SCRIPT_NAME": "/shop"},
    "a language before us": {"MIDDLEWARE": middleware(GREENROOM)},
    "a language behind us": {"MIDDLEWARE": middleware("")},
    "another database": {"DATABASE_ROUTERS": [__name__ + ".Elsewhere"]},
}


class Elsewhere:
    """Greenroom's records are in one database with the users, to whom they refer; what is saved is in another."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "elsewhere" if model._meta.app_label in ("auth", "greenroom") else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return app_label in ("auth", "contenttypes", "greenroom") if db == "elsewhere" else None


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """The other database as it is when nothing has happened."""
    path = tmp_path_factory.mktemp("elsewhere") / "db.sqlite3"
    with (
        django_db_blocker.unblock(),
        override_settings(**CASES["another database"]),
        second_database(path),
    ):
        call_command("migrate", database="elsewhere", verbosity=0, skip_checks=True)
    return path


@contextlib.contextmanager
def second_database(path: Path) -> Iterator[None]:
    connections.settings["elsewhere"] = {**connections.settings["default"], **SQLITE, "NAME": path}
    connections[
        "elsewhere"
    ].connect()  # a test may otherwise ask those databases alone that Django made for it
    try:
        yield
    finally:
        connections["elsewhere"].close()
        del connections["elsewhere"]
        del connections.settings["elsewhere"]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Iterator[str]:
    for name, value in CASES[request.param].items():
        setattr(settings, name, value)
    settings.SESSION_FILE_PATH = str(tmp_path)
    before = get_script_prefix()
    set_script_prefix(f"{settings.FORCE_SCRIPT_NAME or ''}/")  # as Django's handlers of servers do it
    with contextlib.ExitStack() as stack:
        stack.enter_context(override("en"))  # a language's middleware leaves its thread in that language
        if request.param == "another database":
            copied = shutil.copy(request.getfixturevalue("migrated"), tmp_path)
            stack.enter_context(second_database(Path(copied)))
        yield request.param
    set_script_prefix(before)


def here(url: str) -> str:
    """The path that a server would give to the application."""
    prefix = get_script_prefix().rstrip("/")
    assert url.startswith(prefix + "/"), url
    return url.removeprefix(prefix)


def saved() -> list[bytes]:
    return [Path(each.body.path).read_bytes() for each in Paper.objects.order_by("pk")]


def test_a_form_comes_back_with_its_file_and_saves_it(case: str, browser: Browser, held_root: Path) -> None:
    first = browser.get("/paper/")
    for wrong in ("x" * 64, "", None):  # refused before anything is received
        changes = {"title": "", "csrfmiddlewaretoken": wrong}
        answer = browser.send("/paper/", first, changes, {"body": ("tea.bin", bytes(300_000))})
        assert answer.status_code == 403
        assert not list(held_root.glob("*/*/bytes"))
        assert not StagedUpload.objects.exists()
    answer = browser.send("/paper/", first, {"title": ""}, {"body": ("tea.bin", DATA)})
    page = page_of(answer)
    assert page.names("body") == ["tea.bin"], errors_of(answer, "body")
    if case == "another database":
        assert not StagedUpload.objects.using("default").exists()
    download = browser.client.get(here(page.links[0]))
    assert b"".join(download.streaming_content) == DATA
    other = Browser()
    other.get("/paper/")
    assert other.client.get(here(page.links[0])).status_code == 404
    for _ in range(2):  # sent twice
        assert browser.send("/paper/", page, {"title": "tea"}).status_code == 302
    assert saved() == [DATA]
    # And from one view to the next.
    assert browser.fill("/step-one/", {"title": "x"}, {"body": ("two.bin", DATA[1:])}).status_code == 302
    assert browser.client.get("/step-two/").status_code == 302
    assert saved() == [DATA, DATA[1:]]


def test_a_script_sends_a_file_and_the_form_saves_it(case: str, settings: Any) -> None:
    script = Script()
    header = settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-").title()
    own = {header.replace("-", "_").lower(): script.csrf or ""}
    token, script.csrf = script.csrf, None
    words = metadata(filename="tea.bin", policy=script.policy())
    created = script.tus("POST", URL, upload_length=str(len(DATA)), upload_metadata=words, **own)
    assert created.status_code == 201, created.content
    url = here(created["Location"].removeprefix("http://testserver"))
    assert script.patch(url, DATA[:5_000], 0).status_code == 403, "without its CSRF token"
    assert script.patch(url, DATA[:5_000], 0, **own).status_code == 204
    assert script.offset(url) == 5_000
    sent = script.patch(url, DATA[5_000:], 5_000, **own)
    assert sent.status_code == 204
    script.csrf = token
    assert script.save("/backup/", sent["Greenroom-Token"], title="tea").status_code == 302
    assert saved() == [DATA]


@pytest.mark.parametrize("case", ["a language before us", "a language behind us"], indirect=True)
def test_a_refusal_is_in_the_language_of_the_person(case: str, browser: Browser) -> None:
    browser.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    page = browser.get("/papers/")
    answer = browser.send("/papers/", page, {"title": "x"}, {"papers": ("tea.bin", bytes(1_100_000))})
    assert "ist zu groß" in " ".join(errors_of(answer, "papers"))
    taken: Page = page_of(browser.client.get("/album/"))
    assert taken["photos-policy"]
    wrong = browser.post_body("/check/", encode([("csrfmiddlewaretoken", page["csrfmiddlewaretoken"])]))
    assert "nicht angenommen" in page_of(wrong).text
