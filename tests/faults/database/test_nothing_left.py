"""Promise 4: whatever breaks at whatever step of a save, it is all there or nothing, and the form can be sent again."""

import contextlib
import gc
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.core.management import call_command
from django.db import DatabaseError, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from greenroom.forms import StagedFileField, save_files
from greenroom.models import StagedUpload
from tests.faults.database.explained import unexplained
from tests.faults.database.faults import AfterStatement, AtLine, BeforeStatement, Broken, Fault
from tests.faults.tally import NIGHT, Injected
from tests.pages import page_of
from tests.shop.forms import AlbumForm
from tests.shop.models import Album, Paper, Photo
from tests.urls import urlpatterns as shop

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls(__name__),
    pytest.mark.timeout(3600 if NIGHT else 600),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
DATA = bytes(range(256)) * 40
LONG_AGO = "2001-01-01T00:00:00Z"
SOON = 5.0  # seconds: nobody waits for an answer that will never come


class NoteForm(forms.ModelForm):
    body = StagedFileField()

    class Meta:
        model = Paper
        fields = ["title", "body"]


# -- how a developer may save ----------------------------------------------------------------------


def plain(form: Any) -> None:
    form.save()


def again_after_a_rollback(form: Any) -> None:
    """The inner transaction is taken back, the outer one is not, and the file is saved in a second one."""
    with transaction.atomic():
        with contextlib.suppress(DatabaseError), transaction.atomic():
            form.save()
            raise DatabaseError("not this time")
        form.instance = Paper(title="second", body=form.cleaned_data["body"])
        form.instance.save()


def again_after_an_error(form: Any) -> None:
    """In autocommit: a save that fails in the database, and then another object with the same file."""
    with contextlib.suppress(DatabaseError):
        Paper(title=None, body=form.cleaned_data["body"]).save()
    form.instance = Paper(title="second", body=form.cleaned_data["body"])
    form.instance.save()


def without_savepoint(form: Any) -> None:
    with transaction.atomic(), transaction.atomic(savepoint=False):
        form.save()


def durable(form: Any) -> None:
    """Django refuses `durable=True` inside another transaction, ATOMIC_REQUESTS' own included."""
    with transaction.atomic(durable=not transaction.get_connection().in_atomic_block):
        form.save()


def hook_before(form: Any) -> None:
    """A hook of the developer's own that raises, before ours."""
    with transaction.atomic():
        transaction.on_commit(broken_hook)
        form.save()


def hook_after(form: Any) -> None:
    with transaction.atomic():
        form.save()
        transaction.on_commit(broken_hook)


def refused_at_commit(form: Any) -> None:
    """The database finds at the end that a key leads nowhere."""
    with transaction.atomic():
        form.save()
        Photo.objects.create(album_id=987_654, image="")


def taken_back(form: Any) -> None:
    with transaction.atomic():
        form.save()
        raise Broken


def broken_hook() -> None:
    raise Broken


WAYS = [
    plain,
    again_after_a_rollback,
    again_after_an_error,
    without_savepoint,
    durable,
    hook_before,
    hook_after,
    refused_at_commit,
    taken_back,
]


class Plan:
    """What the next request does."""

    way: Callable[[Any], None] = staticmethod(plain)
    fault: Fault = Fault()

    @classmethod
    def is_to(cls, way: Callable[[Any], None], fault: Fault) -> None:
        cls.way, cls.fault = staticmethod(way), fault


def note(request: HttpRequest) -> HttpResponse:
    form = NoteForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with Plan.fault:
            Plan.way(form)
        return redirect(f"/saved/{form.instance.pk}/")
    return render(request, "shop/form.html", {"form": form})


def album(request: HttpRequest) -> HttpResponse:
    form = AlbumForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with Plan.fault, transaction.atomic():
            album = form.save()
            save_files(form.cleaned_data["photos"], album.photos, file="image", order="position")
        return redirect(f"/saved/{album.pk}/")
    return render(request, "shop/form.html", {"form": form})


urlpatterns = [path("note/", note), path("album/", album), *shop]


@pytest.fixture(params=[False, True], ids=["autocommit", "atomic requests"], autouse=True)
def atomic_requests(request: Any, monkeypatch: Any) -> bool:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", request.param)
    return bool(request.param)


@pytest.fixture(autouse=True)
def person(browser: Any) -> Iterator[Any]:
    """Whose requests may end as errors of the server."""
    browser.client.raise_request_exception = False
    yield browser
    Plan.is_to(plain, Fault())
    gc.collect()  # what an exception has left open in the midst of a `with` is this test's, and not the next one's


# -- one try ---------------------------------------------------------------------------------------


def held(person: Any) -> bytes:
    """A form whose file is held already."""
    return page_of(person.fill("/note/", {"title": ""}, {"body": ("tea.bin", DATA)})).body({"title": "tea"})


def sent(person: Any) -> bytes:
    """A form that brings its file along."""
    return person.get("/note/").body({"title": "tea"}, {"body": ("tea.bin", DATA)})


def three_pictures(person: Any, pictures: list[bytes]) -> bytes:
    files = [(f"{number}.png", data) for number, data in enumerate(pictures)]
    return page_of(person.fill("/album/", {"title": ""}, {"photos": files})).body({"title": "tea"})


def objects() -> int:
    return Paper.objects.count() + Album.objects.count()


def send_twice(person: Any, url: str, body: bytes, way: Callable[[Any], None], fault: Fault) -> None:
    """With the fault, and without: in the end it is saved once, and nothing else is there at any time."""
    Plan.is_to(way, fault)
    answer = person.post_body(url, body)
    where = (way.__name__, fault.at, fault.where, answer.status_code)
    assert unexplained() == [], where
    assert objects() <= 1, where
    Plan.is_to(plain, Fault())
    began = time.monotonic()
    again = person.post_body(url, body)
    assert again.status_code in (302, 409), (*where, again.content.decode()[-2000:])
    assert time.monotonic() - began < SOON, where
    assert objects() == 1, where
    assert unexplained() == [], where
    for paper in Paper.objects.all():
        assert Path(paper.body.path).read_bytes() == DATA, where
    assert Photo.objects.count() in (0, 3), where


def clear_away() -> None:
    """Everything that a try has left, by the ways that there are for it."""
    for model, name in ((Paper, "body"), (Photo, "image")):
        for each in model.objects.all():
            getattr(each, name).delete(save=False)
    Paper.objects.all().delete()
    Album.objects.all().delete()
    StagedUpload.objects.update(expires_at=LONG_AGO, buried_at=LONG_AGO)
    call_command("clearstaged", verbosity=0)
    assert not StagedUpload.objects.exists()


def spread(count: int, by_day: int) -> range:
    """1 to `count`: all of them in a night, else about `by_day`, others with every seed of pytest-randomly."""
    step = 1 if NIGHT else max(1, count // by_day)
    return range(1 + random.randrange(step), count + 1, step)


def try_each(
    person: Any,
    injected: Injected,
    kind: type[Fault],
    by_day: int,
    *,
    way: Callable[[Any], None] = plain,
    url: str = "/note/",
    body_of: Callable[[Any], bytes] = held,
) -> None:
    """First without a fault, to count; then with one at each place in turn."""
    counting = kind()
    send_twice(person, url, body_of(person), way, counting)
    clear_away()
    for at in spread(counting.count, by_day):
        body = body_of(person)
        with injected(4):
            send_twice(person, url, body, way, kind(at))
        clear_away()


# -- the tests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("body_of", [held, sent])
def test_an_exception_at_every_line(person: Any, injected: Injected, body_of: Any) -> None:
    try_each(person, injected, AtLine, 20, body_of=body_of)


@pytest.mark.parametrize("kind", [BeforeStatement, AfterStatement])
@pytest.mark.parametrize("way", WAYS)
def test_an_error_at_every_statement(person: Any, injected: Injected, kind: Any, way: Any) -> None:
    try_each(person, injected, kind, 4, way=way)


@pytest.mark.parametrize(("kind", "by_day"), [(AtLine, 10), (BeforeStatement, 5), (AfterStatement, 5)])
def test_several_pictures_in_one_transaction(
    person: Any, injected: Injected, kind: Any, by_day: int, png: bytes, gif: bytes, jpeg: bytes
) -> None:
    def body_of(person: Any) -> bytes:
        return three_pictures(person, [png, gif, jpeg])

    try_each(person, injected, kind, by_day, url="/album/", body_of=body_of)
