"""A clock that stands still until it is told to move."""

from __future__ import annotations


class FakeClock:
    """Seconds since the epoch, for `MemoryLedger(clock)`: time passes when a test says so.

    >>> clock = FakeClock(start=100.0)
    >>> clock.advance(60)
    >>> clock()
    160.0
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._now += seconds
