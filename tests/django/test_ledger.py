"""The ledger in the database keeps the promises of every ledger."""

import pytest
from django.db import connections, transaction

from greenroom.core import Uses
from greenroom.core.ceilings import Ceilings
from greenroom.core.errors import QuotaExceeded
from greenroom.ledger import OrmLedger
from greenroom.testing import FakeClock, LedgerSuite
from greenroom.testing.recording import inserted


@pytest.mark.django_db(transaction=True)  # threads meet only what has been committed
class TestOrmLedger(LedgerSuite):
    offers = (Uses,)

    @pytest.fixture
    def ledger(self) -> OrmLedger:
        return OrmLedger()

    def thread_ended(self) -> None:
        connections.close_all()

    def transaction(self, ledger: OrmLedger) -> transaction.Atomic:
        return transaction.atomic(using=ledger.alias)


@pytest.mark.django_db
def test_what_was_counted_while_a_clock_was_wrong_does_not_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three days ahead all that waits looks as if it was over. It waits again when the clock is right."""
    clock, ledger, three = FakeClock(), OrmLedger(), Ceilings(uploads=3)
    monkeypatch.setattr(OrmLedger, "now", lambda ledger: clock())
    for _ in range(3):
        inserted(ledger, three)
    clock.advance(3 * 86_400)
    inserted(ledger, three)
    clock.advance(-3 * 86_400)
    with pytest.raises(QuotaExceeded):
        inserted(ledger, three)
