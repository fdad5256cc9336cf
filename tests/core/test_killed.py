"""kill -9 at any line leaves nothing torn, loses nothing acknowledged, and nothing that cannot be removed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("where", ["one device", "two devices"])
def test_killed_at_every_line(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    saved = tmp_path if where == "one device" else request.getfixturevalue("other_device")
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            str(Path(__file__).with_name("killing.py")),
            str(tmp_path),
            str(saved),
        ],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_appending_is_killed_at_every_line_and_gone_on_with(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(Path(__file__).with_name("killing_append.py")), str(tmp_path)],
        env={"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300
