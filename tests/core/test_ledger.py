"""`MemoryLedger` keeps the promises of every ledger, by the clock that it is given."""

import pytest

from greenroom.core import Ceilings, MemoryLedger, UsageError, Uses
from greenroom.core.errors import QuotaExceeded, TooLarge
from greenroom.testing import FakeClock, LedgerSuite
from greenroom.testing.ledgers import inserted


class TestMemoryLedger(LedgerSuite):
    offers = (Uses,)

    @pytest.fixture
    def ledger(self) -> MemoryLedger:
        return MemoryLedger()


class TestMemoryLedgerWithAClockThatStandsStill(LedgerSuite):
    offers = (Uses,)

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def ledger(self, clock: FakeClock) -> MemoryLedger:
        return MemoryLedger(clock)

    def test_a_lease_ends_at_its_second(self, ledger: MemoryLedger, clock: FakeClock) -> None:
        upload = inserted(ledger, expires_at=clock() + 60)
        clock.advance(59.999)
        assert ledger.bury_due() == []
        clock.advance(0.001)
        assert ledger.bury_due() == [upload.id]

    def test_what_is_over_makes_room(self, ledger: MemoryLedger, clock: FakeClock) -> None:
        one = Ceilings(uploads=1)
        inserted(ledger, one, expires_at=clock() + 60)
        with pytest.raises(QuotaExceeded):
            inserted(ledger, one)
        clock.advance(60)
        inserted(ledger, one)


def test_the_sentences_of_the_ceilings_name_the_limit() -> None:
    ledger = MemoryLedger()
    with pytest.raises(QuotaExceeded, match="0 files are waiting already"):
        inserted(ledger, Ceilings(uploads=0))
    with pytest.raises(TooLarge, match="too large: at most 5 GB"):  # nothing waits
        inserted(ledger, Ceilings(), reserved=5_000_000_001)
    inserted(ledger, Ceilings(), reserved=1)
    with pytest.raises(QuotaExceeded, match="5 GB are waiting already"):
        inserted(ledger, Ceilings(), reserved=5_000_000_000)


def test_ceilings_are_sizes() -> None:
    with pytest.raises(UsageError):
        inserted(MemoryLedger(), Ceilings(bytes="many"))
