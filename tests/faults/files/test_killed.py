"""kill -9 at any call to the system leaves nothing torn, loses nothing acknowledged, and nothing unexplained."""

from pathlib import Path

import pytest

from tests.faults.files.programs import run, run_site
from tests.faults.tally import NIGHT, Injected


@pytest.mark.slow
@pytest.mark.parametrize("where", ["one device", "two devices"])
def test_holding_and_saving(
    where: str, tmp_path: Path, layer: Path, injected: Injected, request: pytest.FixtureRequest
) -> None:
    saved = tmp_path if where == "one device" else request.getfixturevalue("other_device")
    assert run(injected, (1, 2), layer, "killing.py", str(tmp_path), str(saved)) > 100


@pytest.mark.slow
@pytest.mark.parametrize("how", ["KILL", "TEAR"])
def test_requests(how: str, tmp_path: Path, layer: Path, injected: Injected) -> None:
    assert run_site(injected, (1, 2), layer, tmp_path, how, 1 if NIGHT else 4) > 10
