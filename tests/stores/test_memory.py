"""`MemoryStore` and `BareStore` keep the promises of every store."""

import io

import pytest

from greenroom.core import Fencing, LocalFiles, SideFiles, Store
from greenroom.core.upload import new_id
from greenroom.stores import MemoryStore
from greenroom.testing import BareStore, StoreSuite


class TestMemoryStore(StoreSuite):
    offers = (SideFiles, Fencing)

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


class TestBareStore(StoreSuite):
    @pytest.fixture
    def store(self) -> BareStore:
        return BareStore()

    def test_it_offers_the_five_methods_and_nothing_else(self, store: BareStore) -> None:
        assert isinstance(store, Store)
        assert not isinstance(store, SideFiles | LocalFiles)
        assert {name for name in dir(store) if not name.startswith("_")} == {
            *("append", "seal", "open", "remove", "ids"),
        }


def test_what_is_held_is_only_read() -> None:
    store, upload_id = MemoryStore(), new_id()
    store.append(upload_id, 0).write(b"tea")
    reader = store.open(upload_id)
    assert not reader.writable()
    with pytest.raises(io.UnsupportedOperation):
        reader.write(b"x")
    assert reader.read() == b"tea"
