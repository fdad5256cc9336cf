"""Saves that do not become true: whatever breaks, the upload is held as before and nothing is left behind."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from greenroom import signals
from greenroom.models import StagedUse
from tests.django.refusing import refusing
from tests.pages import files_under, page_of
from tests.shop.forms import ProductForm
from tests.shop.models import Paper, Product
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]
DATA = bytes(range(256)) * 40


class Broken(Exception):
    pass


def assert_as_before(guest: Any, file: Any, media: Path) -> None:
    """The upload is staged, its use is free, no claim is open and nothing is in MEDIA_ROOT."""
    assert files_under(media) == []
    assert guest.claims(file) == []
    assert not StagedUse.objects.exists()
    upload = guest.visit.stage.ledger.get(file.upload.id)
    assert upload.state == "staged"
    assert not Paper.objects.exists()
    again = guest.stage.open(file.token)
    again.use = file.use
    assert again.read() == DATA
    Paper.objects.create(title="at last", body=again)
    guest.end_request()
    assert Path(Paper.objects.get().body.path).read_bytes() == DATA
    assert len(files_under(media)) == 1


@pytest.mark.parametrize("place", ["link", "copy"])
def test_a_transaction_that_is_rolled_back(guest: Any, settings: Any, media: Path, place: str) -> None:
    settings.GREENROOM = {"PLACE": place}
    file = guest.hold(DATA, use="once")
    with contextlib.suppress(Broken), transaction.atomic():
        Paper.objects.create(title="tea", body=file)
        assert len(files_under(media)) == 1
        raise Broken
    guest.end_request()
    assert_as_before(guest, file, media)


def test_a_savepoint_that_is_rolled_back_inside_a_transaction_that_is_not(guest: Any, media: Path) -> None:
    file = guest.hold(DATA, use="once")
    with transaction.atomic():
        with contextlib.suppress(Broken), transaction.atomic():
            Paper.objects.create(title="tea", body=file)
            raise Broken
        Product.objects.create(name="kept")
    guest.end_request()
    assert Product.objects.exists()
    assert_as_before(guest, file, media)


@pytest.fixture
def failing_insert() -> Any:
    """The database itself refuses to write papers, until it is told to."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(refusing("shop_paper", "NEW.id > 0"))
        yield stack.close


def test_an_insert_that_fails_in_autocommit(guest: Any, media: Path, failing_insert: Any) -> None:
    file = guest.hold(DATA, use="once")
    with pytest.raises(DatabaseError):
        Paper.objects.create(title="tea", body=file)
    guest.end_request()
    failing_insert()
    assert_as_before(guest, file, media)


def test_an_insert_that_fails_in_a_transaction(guest: Any, media: Path, failing_insert: Any) -> None:
    file = guest.hold(DATA, use="once")
    with pytest.raises(DatabaseError), transaction.atomic():
        Paper.objects.create(title="tea", body=file)
    guest.end_request()
    failing_insert()
    assert_as_before(guest, file, media)


def test_trying_again_in_the_same_request(guest: Any, media: Path, failing_insert: Any) -> None:
    file = guest.hold(DATA, use="once")
    with pytest.raises(DatabaseError):
        Paper.objects.create(title="tea", body=file)
    failing_insert()
    Paper.objects.create(title="tea", body=file)
    guest.end_request()
    assert files_under(media) == [Path(Paper.objects.get().body.path)]
    assert Path(Paper.objects.get().body.path).read_bytes() == DATA
    assert guest.claims(file) == []


def test_saving_the_same_object_again_after_it_failed(guest: Any, media: Path, failing_insert: Any) -> None:
    file = guest.hold(DATA, use="once")
    paper = Paper(title="tea", body=file)
    with pytest.raises(DatabaseError):
        paper.save()
    failing_insert()
    paper.save()
    guest.end_request()
    assert files_under(media) == [Path(Paper.objects.get().body.path)]
    assert guest.claims(file) == []
    assert StagedUse.objects.filter(closed=True).count() == 1


def test_one_of_two_objects_fails(guest: Any, media: Path) -> None:
    Product.objects.create(name="taken")
    first, second = guest.hold(DATA, use="first"), guest.hold(b"GIF89a" + DATA, "tea.gif", use="second")
    Paper.objects.create(title="tea", body=first)
    with pytest.raises(IntegrityError):
        Product.objects.create(name="taken", photo=second)
    guest.end_request()
    assert files_under(media) == [Path(Paper.objects.get().body.path)]
    assert guest.visit.stage.ledger.get(first.upload.id).state == "promoted"
    assert guest.visit.stage.ledger.get(second.upload.id).state == "staged"


def test_a_file_that_cannot_be_placed(guest: Any, media: Path) -> None:
    (media / "papers").write_text("a file where the directory should be")
    file = guest.hold(DATA, use="once")
    with pytest.raises(OSError, match="papers"):
        Paper.objects.create(title="tea", body=file)
    guest.end_request()
    (media / "papers").unlink()
    assert_as_before(guest, file, media)


def test_nothing_is_told_of_a_save_that_was_undone(guest: Any) -> None:
    told: list[Any] = []

    def note(**kwargs: Any) -> None:
        told.append(kwargs["name"])

    signals.promoted.connect(note)
    try:
        with contextlib.suppress(Broken), transaction.atomic():
            Paper.objects.create(title="tea", body=guest.hold(DATA))
            raise Broken
        guest.end_request()
        assert told == []
        with transaction.atomic():
            Paper.objects.create(title="tea", body=guest.hold(DATA))
            assert told == []
        assert told == ["papers/tea.bin"] or told[0].startswith("papers/tea_")
    finally:
        signals.promoted.disconnect(note)


# -- through views ---------------------------------------------------------------------------------


def careless(request: HttpRequest) -> HttpResponse:
    """A view that lets the person see a unique violation as a 500."""
    form = ProductForm(request.POST or None, request.FILES or None)
    form.fields["name"].validators = []
    if request.method == "POST" and form.is_valid():
        Product(name="taken", photo=form.cleaned_data["photo"]).save()
        return redirect("/saved/")
    return render(request, "shop/form.html", {"form": form})


def careful(request: HttpRequest) -> HttpResponse:
    """A view that catches it and shows its form again."""
    form = ProductForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                Product(name=form.cleaned_data["name"][:5], photo=form.cleaned_data["photo"]).save()
        except IntegrityError:
            form.add_error("name", "There is one with this name.")
        else:
            return redirect("/saved/")
    return render(request, "shop/form.html", {"form": form})


def hopeless(request: HttpRequest) -> HttpResponse:
    """A view that looks at its form in a transaction, and takes everything back."""
    with transaction.atomic():
        form = ProductForm(request.POST or None, request.FILES or None)
        form.is_valid()
        answer = render(request, "shop/form.html", {"form": form})
        transaction.set_rollback(request.method == "POST")
    return answer


def late(request: HttpRequest) -> HttpResponse:
    """A view that breaks after everything was saved."""
    form = ProductForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        raise Broken
    return render(request, "shop/form.html", {"form": form})


urlpatterns = [
    *shop,
    path("careless/", careless),
    path("careful/", careful),
    path("late/", late),
    path("hopeless/", hopeless),
]


@pytest.fixture(params=[False, True], ids=["autocommit", "atomic requests"])
def atomic_requests(request: Any, monkeypatch: Any) -> bool:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", request.param)
    return bool(request.param)


@pytest.fixture
def watched(browser: Any, media: Path) -> Any:
    browser.client.raise_request_exception = False
    Product.objects.create(name="taken")
    return browser


def test_a_unique_violation_that_nobody_catches(
    watched: Any, atomic_requests: bool, jpeg: bytes, media: Path, held_root: Path
) -> None:
    page = page_of(watched.fill("/careless/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    assert watched.send("/careless/", page, {"name": "tea"}).status_code == 500
    assert files_under(media) == []
    assert [each for each in files_under(held_root) if "claim" in each.name] == []
    assert watched.send("/product/", page, {"name": "tea"}).status_code == 302
    assert Path(Product.objects.get(name="tea").photo.path).read_bytes() == jpeg


def test_a_unique_violation_that_is_caught(
    watched: Any, atomic_requests: bool, jpeg: bytes, media: Path, held_root: Path
) -> None:
    answer = watched.fill("/careful/", {"name": "taken!"}, {"photo": ("tea.jpg", jpeg)})
    assert answer.status_code == 200
    assert files_under(media) == []
    assert page_of(answer).names("photo") == ["tea.jpg"]
    assert watched.send("/careful/", page_of(answer), {"name": "tea"}).status_code == 302
    assert [Path(Product.objects.get(name="tea").photo.path)] == files_under(media)
    assert [each for each in files_under(held_root) if "claim" in each.name] == []


@pytest.mark.parametrize("ordinary", [False, True], ids=["governed", "ordinary"])
def test_what_a_page_shows_is_held_although_the_transaction_was_rolled_back(
    watched: Any, atomic_requests: bool, jpeg: bytes, ordinary: bool
) -> None:
    changes = {"photo-policy": "garbled"} if ordinary else {}
    answer = watched.fill("/hopeless/", {"name": "tea", **changes}, {"photo": ("tea.jpg", jpeg)})
    assert answer.status_code == 200
    assert watched.send("/product/", page_of(answer), {"name": "tea"}).status_code == 302
    assert Path(Product.objects.get(name="tea").photo.path).read_bytes() == jpeg


def test_an_exception_after_the_save(
    watched: Any, atomic_requests: bool, jpeg: bytes, media: Path, held_root: Path
) -> None:
    page = page_of(watched.fill("/late/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    assert watched.send("/late/", page, {"name": "tea"}).status_code == 500
    assert [each for each in files_under(held_root) if "claim" in each.name] == []
    if atomic_requests:
        assert files_under(media) == []
        assert watched.send("/product/", page, {"name": "tea"}).status_code == 302
    assert files_under(media) == [Path(Product.objects.get(name="tea").photo.path)]
    assert files_under(media)[0].read_bytes() == jpeg
