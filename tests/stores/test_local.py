"""`LocalStore`."""

import pytest

from greenroom.stores import LocalStore
from greenroom.testing import StoreSuite


class TestLocalStore(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path) -> LocalStore:
        return LocalStore(tmp_path / "held", keep_free=0)
