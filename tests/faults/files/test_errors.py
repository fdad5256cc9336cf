"""Whatever call to the system fails, and however: nothing torn, nothing lost, nothing left open, and words to read."""

from pathlib import Path

import pytest

from tests.faults.files.failing import FAULTS
from tests.faults.files.programs import run, run_site
from tests.faults.tally import NIGHT, Injected

# Every call that a full disk, a lack of descriptors or another device can refuse; of what any call may say, a spread.
STEPS = {} if NIGHT else {"EIO": 7, "EDQUOT": 5, "EROFS": 5, "EINTR": 5}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "lasting"),
    # Whoever is interrupted tries again, and would for ever.
    [
        (fault, lasting)
        for fault in FAULTS
        for lasting in (False, True)
        if (fault, lasting) != ("EINTR", True)
    ],
)
def test_holding_and_saving(
    fault: str, lasting: bool, tmp_path: Path, layer: Path, injected: Injected
) -> None:
    arguments = [fault, str(STEPS.get(fault, 1)), *(["lasting"] if lasting else [])]
    promises = (1, 2, 18) if FAULTS[fault].refusal == "disk_full" else (1, 2)
    faults = run(injected, promises, layer, "failing.py", str(tmp_path), str(tmp_path), *arguments)
    assert faults > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", ["ENOSPC", "ENOSPC+", "EIO", "EIO+", "EMFILE", "EROFS+", "EXDEV", "EINTR", "short"]
)
def test_requests(fault: str, tmp_path: Path, layer: Path, injected: Injected) -> None:
    promises = (1, 2, 18) if fault.startswith("ENOSPC") else (1, 2)
    every = 1 if NIGHT or fault == "EXDEV" else 8
    assert run_site(injected, promises, layer, tmp_path, fault, every)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["ENOSPC@", "EIO@", "EIO+@"])
def test_requests_while_the_database_fails(
    fault: str, tmp_path: Path, layer: Path, injected: Injected
) -> None:
    """That is an error of the server, as for every page; nothing is torn or lost by it, and it goes on afterwards."""
    promises = (1, 2, 18) if fault == "ENOSPC@" else (1, 2)
    every = 1 if NIGHT else 11
    assert run_site(injected, promises, layer, tmp_path, fault, every)
