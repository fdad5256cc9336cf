"""Runs a suite against a store or a ledger without pytest, to see what it says."""

from collections.abc import Callable, Iterator
from typing import Any

from greenroom.testing import BrokenPromise

Tests = Iterator[tuple[str, Callable[[Any], None]]]


def asked_by(suite: Any, number: int | None = None) -> Tests:
    """The names and the tests of a suite; those of one promise alone, if its `number` is given."""
    for name in dir(suite):
        test = getattr(suite, name)
        if name.startswith("test_") and number in (None, test.promise):
            yield name, test


def complaint(suite: Any, make: Callable[[], object], number: int | None = None) -> str:
    """What the first test that fails says, of `make()` for each test; empty if all pass."""
    for name, test in asked_by(suite, number):
        try:
            test(make())
        except BrokenPromise as failure:
            return str(failure)
        except Exception as failure:  # of the store itself, which is as good a failure
            return f"{name}: {failure!r}"
    return ""
