"""Sessions in the database are loaded by a statement of ours, and are what they are to Django."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends import cached_db, db
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from greenroom.owners import load
from tests.django.uploading import TUS_BODY, Script

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = b"Darjeeling"


def kept(**data: Any) -> str:
    """The key of a session that was saved."""
    session = db.SessionStore()
    session.update(data)
    session.save()
    return str(session.session_key)


def statements_on_sessions(captured: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in captured.captured_queries if "django_session" in query["sql"]]


@pytest.mark.parametrize("use_tz", [True, False])
def test_it_has_what_django_would_find(settings: Any, *, use_tz: bool) -> None:
    settings.USE_TZ = use_tz
    session = db.SessionStore(kept(tea="Assam"))
    load(session)
    with CaptureQueriesContext(connection) as captured:
        assert not session.accessed
        assert session["tea"] == "Assam"
        assert session.accessed
        assert not session.modified
    assert captured.captured_queries == []


def test_what_was_changed_is_not_read_over() -> None:
    session = db.SessionStore(kept(tea="Assam"))
    session["tea"] = "Ceylon"
    load(session)
    assert session["tea"] == "Ceylon"


def test_one_that_is_over_is_none() -> None:
    key = kept(tea="Assam")
    Session.objects.filter(pk=key).update(expire_date=timezone.now() - timedelta(seconds=1))
    session = db.SessionStore(key)
    load(session)
    assert session.get("tea") is None
    assert session.session_key is None


def test_one_that_was_never_there_is_none_and_its_key_is_not_taken_over() -> None:
    session = db.SessionStore("a" * 32)
    load(session)
    assert session.get("tea") is None
    assert session.session_key is None


def test_one_that_somebody_has_written_into_is_empty() -> None:
    key = kept(tea="Assam")
    Session.objects.filter(pk=key).update(session_data="tea:Assam")
    session = db.SessionStore(key)
    load(session)
    assert session.get("tea") is None


def test_one_of_another_kind_is_loaded_by_its_own_way() -> None:
    class Stricter(db.SessionStore):
        def load(self) -> dict[str, Any]:
            return {}

    for session in (Stricter(kept(tea="Assam")), cached_db.SessionStore(kept(tea="Assam"))):
        with CaptureQueriesContext(connection) as captured:
            load(session)
        assert captured.captured_queries == []


def test_an_upload_asks_for_it_once_and_in_few_words() -> None:
    script = Script()
    headers = {"Upload-Length": str(len(TEXT)), "Tus-Resumable": "1.0.0", "Content-Type": TUS_BODY}
    with CaptureQueriesContext(connection) as captured:
        assert script.send("POST", "/greenroom/uploads/", TEXT, headers).status_code == 201
    (statement,) = statements_on_sessions(captured)
    assert statement.count("expire_date") == 1  # Django's own would compare it as well


def test_who_comes_with_a_session_that_is_over_sends_nothing() -> None:
    script = Script()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    headers = {"Upload-Length": str(len(TEXT)), "Tus-Resumable": "1.0.0", "Content-Type": TUS_BODY}
    assert script.send("POST", "/greenroom/uploads/", TEXT, headers).status_code == 403
