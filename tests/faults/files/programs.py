"""Runs the programs of this directory, each behind the layer."""

import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.faults.files.calls import variables
from tests.faults.tally import Injected

HERE = Path(__file__).parent


def run(
    injected: Injected, promises: Iterable[int], layer: Path, name: str, *arguments: str, **more: str
) -> int:
    """How many faults it has survived; `promises` are the ones that they were injected against."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(HERE / name), *arguments],
        env=variables(layer, **more),
        capture_output=True,
        text=True,
        check=False,
    )
    faults = int(done.stdout.split()[-1]) if done.returncode == 0 else 1
    for promise in promises:
        with injected(promise, faults):
            assert done.returncode == 0, done.stderr
    return faults


def run_site(
    injected: Injected, promises: Iterable[int], layer: Path, scratch: Path, how: str, every: int
) -> int:
    """The same of `requesting.py`, in a scratch directory of its own, at each `every`-th call.

    The first of them is drawn, so that they are others with every seed of pytest-randomly.
    """
    return run(
        injected,
        promises,
        layer,
        "requesting.py",
        how,
        str(1 + random.randrange(every)),
        str(every),
        DJANGO_SETTINGS_MODULE="tests.settings",
        GREENROOM_TEST_SCRATCH=str(scratch),
    )
