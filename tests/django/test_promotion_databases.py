"""Rows in another database than the records of uploads: whoever settles a save asks where the row was written."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction

from greenroom import signals
from greenroom.core.claims import PREFIX
from greenroom.files import StagedFile
from greenroom.models import StagedUse
from greenroom.settling import settle
from tests.django.conftest import Guest
from tests.pages import files_under
from tests.settings import SQLITE
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)
DATA = bytes(range(256)) * 40


class Broken(Exception):
    pass


@pytest.fixture(autouse=True)
def archive(guest: Guest, tmp_path: Path) -> Iterator[None]:
    """A second database, which has papers and nothing of Greenroom's."""
    usual = connections.settings["default"]
    connections.settings["archive"] = {**usual, **SQLITE, "NAME": tmp_path / "archive.sqlite3"}
    connections["archive"].connect()  # a test may otherwise ask those databases alone that Django made for it
    with connections["archive"].schema_editor() as editor:
        editor.create_model(Paper)
    yield
    connections["archive"].close()
    del connections["archive"]
    del connections.settings["archive"]


class ByInstance:
    """A router that answers for an object, and says nothing of its model."""

    def db_for_write(self, model: Any, instance: Any = None, **hints: Any) -> str | None:
        return "archive" if isinstance(instance, Paper) else None


def fail() -> None:
    raise Broken


def save(file: Any, *, using: str | None = "archive", after: Any = None) -> None:
    """The row is written; an earlier hook of the view raises, so that ours are not called."""
    with contextlib.suppress(Broken), transaction.atomic(using="archive"):
        transaction.on_commit(fail, using="archive")
        Paper(title="tea", body=file).save(using=using)
        if after is not None:
            after()


def papers() -> list[bytes]:
    return [Path(each.body.path).read_bytes() for each in Paper.objects.using("archive")]


def assert_saved(guest: Guest, file: Any, media: Path) -> None:
    assert papers() == [DATA]
    assert len(files_under(media)) == 1
    assert guest.claims(file) == []
    assert [each.closed for each in StagedUse.objects.all()] == [True]
    assert guest.visit.stage.ledger.get(file.upload.id).state == "promoted"  # type: ignore[union-attr]


def assert_undone(guest: Guest, file: Any, media: Path) -> None:
    assert papers() == []
    assert files_under(media) == []
    assert guest.claims(file) == []
    assert not StagedUse.objects.exists()
    assert guest.stage.open(file.token).read() == DATA


def test_a_save_that_goes_well(guest: Guest, media: Path) -> None:
    file = guest.hold(DATA, use="once")
    Paper(title="tea", body=file).save(using="archive")
    assert_saved(guest, file, media)


def test_the_record_is_written_again_that_a_rollback_beside_the_row_has_set_back(
    guest: Guest, media: Path
) -> None:
    """The row is safe in its own database. That the bytes are in the store was written down in the other one."""
    stage = guest.visit.stage
    intake = stage.intake(client_name="tea.bin")
    guest.visit.intakes.append(intake)
    intake.write(DATA)
    file = StagedFile(stage, intake.finish(), intake=intake)
    with contextlib.suppress(Broken), transaction.atomic():
        Paper(title="tea", body=file).save(using="archive")
        raise Broken
    assert stage.ledger.get(file.upload.id).state == "receiving"  # type: ignore[union-attr]
    guest.end_request()
    assert papers() == [DATA]
    assert stage.ledger.get(file.upload.id).state == "staged"  # type: ignore[union-attr]


def test_a_hook_of_the_view_raises(guest: Guest, media: Path) -> None:
    file = guest.hold(DATA, use="once")
    save(file)
    guest.end_request()
    assert_saved(guest, file, media)


def test_a_hook_raises_and_a_router_chooses_by_the_object(guest: Guest, media: Path, settings: Any) -> None:
    settings.DATABASE_ROUTERS = [ByInstance()]
    file = guest.hold(DATA, use="once")
    save(file, using=None)
    guest.end_request()
    assert_saved(guest, file, media)


def test_it_is_rolled_back_there(guest: Guest, media: Path) -> None:
    file = guest.hold(DATA, use="once")
    save(file, after=fail)
    guest.end_request()
    assert_undone(guest, file, media)


def test_beside_a_damaged_claim_a_save_that_became_true_keeps_its_use(guest: Guest, media: Path) -> None:
    """The claim cannot be settled, but the form is not to be saved once more."""
    told: list[Any] = []

    def note(**values: Any) -> None:
        told.append(values["name"])

    file = guest.hold(DATA, use="once")
    store: Any = guest.visit.stage.store
    signals.promoted.connect(note)
    try:
        save(file)
        store.put_beside(file.upload.id, f"{PREFIX}damaged", b"{")
        guest.end_request()
    finally:
        signals.promoted.disconnect(note)
    assert (papers(), len(files_under(media))) == ([DATA], 1)
    assert told == [Paper.objects.using("archive").get().body.name]
    assert len(guest.claims(file)) == 2, "both are left to whoever looks at the damaged one"
    assert StagedUse.objects.count() == 1


def forget_process(guest: Guest, file: Any, *, database: str | None) -> None:
    """As if the server had been killed behind the commit; its claim is what `database` makes of it."""
    guest.visit.promotions.clear()
    StagedUse.objects.update(holder="", claimed_at="2000-01-01T00:00:00Z")
    (name,) = [each for each in guest.claims(file) if each.startswith(PREFIX)]
    store: Any = guest.visit.stage.store
    values = json.loads(store.read_beside(file.upload.id, name))
    assert values.pop("database") == "archive"
    if database is not None:
        values["database"] = database
    store.put_beside(file.upload.id, name, json.dumps(values).encode())


@pytest.mark.parametrize("database", ["archive", None], ids=["a claim", "a claim of an older program"])
@pytest.mark.parametrize("saved", [True, False], ids=["saved", "undone"])
def test_the_sweeper_finds_out(guest: Guest, media: Path, database: str | None, saved: bool) -> None:
    file = guest.hold(DATA, use="once")
    save(file, after=None if saved else fail)
    forget_process(guest, file, database=database)
    assert settle(guest.visit.stage, file.upload.id)
    (assert_saved if saved else assert_undone)(guest, file, media)


def test_of_a_database_that_is_not_configured_any_more_nothing_is_removed(guest: Guest, media: Path) -> None:
    file = guest.hold(DATA, use="once")
    save(file, after=fail)
    (placed,) = files_under(media)
    forget_process(guest, file, database="long gone")
    assert settle(guest.visit.stage, file.upload.id)
    assert files_under(media) == [placed]
