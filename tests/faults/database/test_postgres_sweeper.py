"""Promise 5 where transactions run side by side: the sweeper leaves alone what another one is at, and waits for nobody."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction

from greenroom.ledger import OrmLedger, to_datetime
from greenroom.models import StagedOwner, StagedUpload
from tests.django.conftest import Guest
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def open_transaction(work: Callable[[], object]) -> Iterator[None]:
    """`work` is done in another transaction, which stays open for as long as the block runs, and then ends well."""
    done, go_on = threading.Event(), threading.Event()

    def run() -> None:
        with transaction.atomic():
            work()
            done.set()
            go_on.wait(60)
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert done.wait(30)
        yield
    finally:
        go_on.set()
        thread.join()


def test_what_is_being_saved_in_an_open_transaction_is_not_buried(guest: Guest, injected: Any) -> None:
    ledger, file, other = OrmLedger(), guest.hold(b"tea"), guest.hold(b"pot")
    StagedUpload.objects.update(expires_at=to_datetime(ledger.now() - 60))
    with injected(5):
        with open_transaction(lambda: Paper.objects.create(title="tea", body=file)):
            assert ledger.bury_due() == [other.upload.id]
        assert ledger.bury_due() == []
        assert Path(Paper.objects.get().body.path).read_bytes() == b"tea"


def test_an_owner_who_comes_back_at_the_last_moment_is_not_forgotten(guest: Guest, injected: Any) -> None:
    ledger, upload = OrmLedger(), guest.hold(b"tea").upload
    record = ledger.get(upload.id)
    assert record is not None
    ledger.remove(upload.id)
    StagedOwner.objects.update(seen_at="2000-01-01T00:00Z")
    with injected(5):
        with open_transaction(lambda: ledger.insert(record, guest.visit.stage.ceilings)):
            assert ledger.forget_owners(ledger.now() - 60) == 0
        assert ledger.forget_owners(ledger.now() - 60) == 0
        assert ledger.get(upload.id) == record
