"""The core is tried on every store, by a clock that stands still, and on other disks, too."""

from pathlib import Path

import pytest

from greenroom.core import MemoryLedger, Stage
from greenroom.stores import LocalStore, MemoryStore
from greenroom.testing import BareStore, FakeClock
from tests.disks import other_device, small_disk

__all__ = ["other_device", "small_disk"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock) -> MemoryLedger:
    return MemoryLedger(clock)


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "held", keep_free=0)


@pytest.fixture(params=["local", "memory", "bare"])
def store(request: pytest.FixtureRequest, local: LocalStore) -> LocalStore | MemoryStore | BareStore:
    return {"local": local, "memory": MemoryStore(), "bare": BareStore()}[request.param]


@pytest.fixture
def stage(store, ledger: MemoryLedger) -> Stage:
    return Stage(store, ledger=ledger, owner="somebody")


@pytest.fixture
def local_stage(local: LocalStore, ledger: MemoryLedger) -> Stage:
    return Stage(local, ledger=ledger, owner="somebody")
