"""kill -9 at any call to the system leaves nothing torn, loses nothing acknowledged, and nothing unexplained."""

from pathlib import Path

import pytest

from tests.faults.files.programs import run
from tests.faults.tally import Injected


@pytest.mark.slow
@pytest.mark.parametrize("where", ["one device", "two devices"])
def test_holding_and_saving(
    where: str, tmp_path: Path, layer: Path, injected: Injected, request: pytest.FixtureRequest
) -> None:
    saved = tmp_path if where == "one device" else request.getfixturevalue("other_device")
    assert run(injected, (1, 2), layer, "killing.py", str(tmp_path), str(saved)) > 100
