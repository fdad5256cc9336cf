"""Records for the tests of a ledger, and what those tests ask of whoever runs them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from greenroom.core.ceilings import Ceilings
from greenroom.core.ledger import Ledger
from greenroom.core.upload import Upload, new_id

from .promise import Suite

ROOMY = Ceilings(uploads=1_000, bytes="1 TB")
THREADS = 16


class Abandoned(Exception):
    """What a test ends a transaction with that it does not want."""


class Recording(Suite):
    """What a ledger may have, and the suite cannot know."""

    def thread_ended(self) -> None:
        """Called in every thread that a test has started, as it ends: let go what is kept for each (a connection)."""

    def transaction(self, ledger: Ledger) -> AbstractContextManager[object] | None:
        """A transaction of the ledger, that an exception rolls back; None, as here, if it has none."""
        return None


def record(ledger: Ledger, **values: Any) -> Upload:
    """A record that is not in the ledger yet. Whole seconds: a database may keep no more than microseconds."""
    now = float(int(ledger.now()))
    given: dict[str, Any] = {
        "id": new_id(),
        "owner": "somebody",
        "client_name": "tea.jpg",
        "client_type": "",
        "created_at": now,
        "expires_at": now + 1_000,
    }
    return Upload(**{**given, **values})


def inserted(ledger: Ledger, ceilings: Ceilings = ROOMY, **values: Any) -> Upload:
    """A record that is in the ledger."""
    upload = record(ledger, **values)
    ledger.insert(upload, ceilings)
    return upload
