"""The ledger in the database keeps the promises of every ledger."""

import pytest
from django.db import connections, transaction

from greenroom.core import Uses
from greenroom.ledger import OrmLedger
from greenroom.testing import LedgerSuite


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
