"""`kill -9` at every moment of a save: nothing torn, nothing lost, and the sweeper settles it."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("saving.py")
ROOT = SCRIPT.parents[2]


def moments() -> list[str]:
    """The moments that the script knows, read without running it here: it sets Django up for itself."""
    for node in ast.parse(SCRIPT.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "MOMENTS":
            assert isinstance(node.value, ast.Dict)
            return [ast.literal_eval(key) for key in node.value.keys if key is not None]
    raise AssertionError(SCRIPT)


MOMENTS = moments()
SAVED = {"after the commit", "before the request ends"}
SAVED_IN_AUTOCOMMIT = SAVED | {"after the row", "after the use is closed"}


def run(scratch: Path, *arguments: str, killed: bool = False) -> dict[str, Any]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "GREENROOM_TEST_SCRATCH": str(scratch),
        "GREENROOM_TEST_POSTGRES": "",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
    }
    environment.pop("PYTEST_XDIST_WORKER", None)
    (scratch / "main" / "media").mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (-signal.SIGKILL if killed else 0), done.stderr
    return {} if killed else json.loads(done.stdout)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A database and a store with one held file, to be copied for every test."""
    scratch = tmp_path_factory.mktemp("prepared")
    return scratch, run(scratch, "prepare")["token"]


@pytest.mark.parametrize("mode", ["autocommit", "atomic"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_save_that_is_killed(tmp_path: Path, prepared: tuple[Path, str], moment: str, mode: str) -> None:
    source, token = prepared
    scratch = tmp_path / "scratch"
    shutil.copytree(source, scratch)  # times and all: they are the stamp of the held bytes
    run(scratch, "save", token, moment, mode, killed=True)

    answer = run(scratch, "sweep", token)
    found, swept = answer["found"], answer["swept"]
    assert found["torn"] == []
    assert found["whole"], "the upload is held, and can be read"
    saved = moment in (SAVED_IN_AUTOCOMMIT if mode == "autocommit" else SAVED)
    assert bool(swept["rows"]) == saved
    last = answer["at last"]
    assert last["visible"] == last["rows"]
    assert (len(last["rows"]), last["whole"]) == (1, True)
    if saved:
        assert (swept["visible"], swept["hidden"], swept["whole"]) == (swept["rows"], [], True)
        assert (swept["state"], swept["claims"]) == ("promoted", 0)
        assert (answer["buried"]["records"], len(answer["buried"]["bytes"])) == ([True], 1)
        assert (last["rows"], last["records"], last["bytes"]) == (swept["rows"], [], [])
    else:
        assert swept["visible"] == swept["hidden"] == []
        assert (swept["state"], swept["claims"]) == ("staged", 0)
