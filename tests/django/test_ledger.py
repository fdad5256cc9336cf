"""The ledger in the database keeps the promises of every ledger."""

import pytest
from django.db import connections

from greenroom.core import Ledger, Uses
from greenroom.ledger import OrmLedger
from greenroom.testing import LedgerSuite


@pytest.mark.django_db(transaction=True)  # threads meet only what has been committed
class TestOrmLedger(LedgerSuite):
    @pytest.fixture
    def ledger(self) -> OrmLedger:
        return OrmLedger()

    def thread_ended(self) -> None:
        connections.close_all()

    def test_what_it_offers(self, ledger: OrmLedger) -> None:
        assert isinstance(ledger, Ledger)
        assert isinstance(ledger, Uses)
