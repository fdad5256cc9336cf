"""The suites catch each of a few dozen stores and ledgers that have one thing wrong, and say which promise that is."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connections, transaction

from greenroom.core import Bounded, Fencing, Ledger, LocalFiles, MemoryLedger, SideFiles, Store, Uses
from greenroom.ledger import OrmLedger
from greenroom.models import StagedUpload
from greenroom.stores import LocalStore, MemoryStore
from greenroom.testing import BareStore, BrokenPromise, LedgerSuite, StoreSuite
from greenroom.testing.promise import PROMISES, check_offers, methods_of
from tests.faults import tally
from tests.kit import broken_bytes, broken_ledgers, broken_stores
from tests.kit.proving import asked_by, complaint

STORE_PROTOCOLS = (Store, SideFiles, LocalFiles, Fencing, Bounded)


class OfStores(StoreSuite):
    """For a subclass of any of our stores."""

    def __init__(self, made: type) -> None:
        whole = {LocalStore: STORE_PROTOCOLS[1:], MemoryStore: (SideFiles, Fencing), BareStore: ()}
        self.offers = next(offers for good, offers in whole.items() if issubclass(made, good))

    def program(self, store: Store) -> str:
        if not isinstance(store, LocalStore):
            return ""
        made = type(store)
        name = f"from {made.__module__} import {made.__name__} as Made"
        return f"{name}\nstore = Made({str(store.root)!r}, keep_free=0)"

    def full(self, store: Store) -> Store | None:
        return type(store)(store.root, keep_free=10**18) if isinstance(store, LocalStore) else None


class OfLedgers(LedgerSuite):
    """For a subclass of any of our ledgers."""

    offers = (Uses,)

    def thread_ended(self) -> None:
        connections.close_all()

    def transaction(self, ledger: Ledger) -> transaction.Atomic | None:
        return transaction.atomic(using=ledger.alias) if isinstance(ledger, OrmLedger) else None


def maker(made: type, tmp_path: Path | None = None) -> Callable[[], object]:
    """Makes an empty one each time it is called."""
    numbers = itertools.count()

    def make() -> object:
        if issubclass(made, LocalStore):
            return made(f"{tmp_path}/{next(numbers)}", keep_free=0)
        if issubclass(made, OrmLedger):
            StagedUpload.objects.all().delete()
        return made()

    return make


# -- the good ones pass ----------------------------------------------------------------------------


@pytest.mark.parametrize("made", [LocalStore, MemoryStore, BareStore])
def test_nothing_is_said_against_a_good_store(made: type, tmp_path: Path) -> None:
    assert complaint(OfStores(made), maker(made, tmp_path)) == ""


def test_nothing_is_said_against_a_good_ledger() -> None:
    assert complaint(OfLedgers(), MemoryLedger) == ""


# -- the broken ones do not ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "number"),
    [*broken_bytes.CAUGHT.items(), *broken_stores.CAUGHT.items()],
    ids=lambda it: getattr(it, "__name__", it),
)
def test_a_broken_store_is_caught(made: type, number: int, tmp_path: Path) -> None:
    assert complaint(OfStores(made), maker(made, tmp_path), number)


@pytest.mark.parametrize(
    ("made", "number"), broken_ledgers.CAUGHT.items(), ids=lambda it: getattr(it, "__name__", it)
)
def test_a_broken_ledger_is_caught(made: type, number: int) -> None:
    assert complaint(OfLedgers(), made, number)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("made", "number"),
    broken_ledgers.CAUGHT_IN_A_DATABASE.items(),
    ids=lambda it: getattr(it, "__name__", it),
)
def test_a_broken_ledger_in_a_database_is_caught(made: type, number: int) -> None:
    assert complaint(OfLedgers(), maker(made), number)
    assert complaint(OfLedgers(), maker(OrmLedger), number) == "", "The good one passes the same tests."


METHODS = [
    *((LocalStore, name) for protocol in STORE_PROTOCOLS for name in methods_of(protocol)),
    *((MemoryLedger, name) for protocol in (Ledger, Uses) for name in methods_of(protocol)),
]


@pytest.mark.parametrize(("good", "name"), METHODS, ids=lambda it: getattr(it, "__name__", it))
def test_a_method_that_does_nothing_is_caught(
    good: type, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So there is no method of any protocol that a suite does not look at."""
    suite = OfLedgers() if good is MemoryLedger else OfStores(good)
    monkeypatch.setattr(good, name, lambda self, *given: None)
    assert complaint(suite, maker(good, tmp_path))


# -- what the suites say of themselves -------------------------------------------------------------


@pytest.mark.parametrize("suite", [StoreSuite, LedgerSuite])
def test_each_test_is_part_of_a_promise(suite: type) -> None:
    numbers = {test.promise for _, test in asked_by(suite)}
    assert {1, 2, 3, 4, 5, 6} <= numbers | ({1} if suite is LedgerSuite else set())
    assert numbers <= set(PROMISES)


def test_the_promises_are_called_what_they_are_called_elsewhere() -> None:
    assert {
        number: title.lower() for number, title in tally.PROMISES.items() if number in PROMISES
    } == PROMISES


def test_a_failure_says_which_promise_it_is_about() -> None:
    with pytest.raises(BrokenPromise) as caught:
        OfStores(MemoryStore).test_ids_are_exactly_what_is_here(broken_stores.ListsOnePage())
    assert caught.value.__notes__ == ["This is part of promise 6: every byte is explained."]


def test_what_is_offered_is_written_down_and_whole() -> None:
    check_offers(MemoryStore(), [Store, SideFiles], [Store, SideFiles])
    with pytest.raises(
        BrokenPromise, match=r"What offers Bounded has room, size\. Missing: \['room', 'size'\]"
    ):
        check_offers(MemoryStore(), [Store, Bounded], [Store, Bounded])
    with pytest.raises(
        BrokenPromise, match=r"\['claim', 'release'\] belong to Uses: write all of it, and name it"
    ):
        check_offers(MemoryLedger(), [Ledger], [Ledger, Uses])
