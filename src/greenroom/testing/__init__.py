"""For your own tests: the suites that every store and every ledger passes, and stand-ins for a few parts.

A store or a ledger that you write is proved by subclassing its suite and giving it a pytest fixture
(docs/how-to/stores.md has a whole one):

    class TestShelfStore(StoreSuite):
        offers = (SideFiles,)

        @pytest.fixture
        def store(self, tmp_path):
            return ShelfStore(tmp_path)

The suites are plain classes, and nothing here imports pytest or Django when it is imported.
"""

from .clock import FakeClock
from .held import as_owner, stage_file
from .ledgers import LedgerSuite
from .promise import BrokenPromise
from .stores import BareStore, StoreSuite

__all__ = [
    "BareStore",
    "BrokenPromise",
    "FakeClock",
    "LedgerSuite",
    "StoreSuite",
    "as_owner",
    "stage_file",
]
