"""Promise 4: PostgreSQL crashes in the midst of a save, at each of its statements and around its commit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.postgres import find_bin, running
from tests.django.servers import ROOT
from tests.faults.tally import NIGHT, Injected


@pytest.mark.slow
@pytest.mark.timeout(3600 if NIGHT else 300)
def test_the_server_stops_in_the_midst_of_a_save(tmp_path: Path, injected: Injected) -> None:
    bin_dir = find_bin()
    assert bin_dir is not None, "this run is on a PostgreSQL server, so its programs are here"
    with running(bin_dir) as directory:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "GREENROOM_TEST_SCRATCH": str(tmp_path),
            "GREENROOM_TEST_POSTGRES": directory,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        }
        program = ["-m", "tests.faults.database.stopping_postgres"]
        done = subprocess.run(
            [sys.executable, *program, bin_dir, directory, "1" if NIGHT else "4"],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    stops = int(done.stdout)
    with injected(4, stops):
        assert stops > 10
