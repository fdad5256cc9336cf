"""Breaks each promise's code on purpose, and sees that the fault suite fails.

python scripts/break_promises.py [number of a promise ...]

`tests/faults/breaks/` has a file for each promise with its breaks: `why` it is a break, the `path` of the
source, the text `old` (which stands there once) and the `new` one, and the `tests` that must fail then. Each
break is made in a copy of the repository. The tests must also be green without it, in the same copy.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BREAKS = Path("tests/faults/breaks")
FAILED = 1  # what pytest answers when a test has failed; anything else means that it could not run


def main(numbers: list[str]) -> int:
    """Every break of the promises in `numbers`, or of all; the exit status is 1 when one was not noticed."""
    unnoticed = 0
    with tempfile.TemporaryDirectory(prefix="greenroom-breaks-") as scratch:
        copy = Path(scratch) / "main"
        left_out = shutil.ignore_patterns(".git", ".venv", "node_modules", "var", "screenshots")
        shutil.copytree(ROOT, copy, ignore=left_out)
        for file in sorted((copy / BREAKS).glob("*.toml")):
            if numbers and file.name.partition("-")[0].lstrip("0") not in numbers:
                continue
            for each in tomllib.loads(file.read_text())["break"]:
                verdict = judge(copy, each)
                unnoticed += verdict != "noticed"
                print(f"{file.stem}: {each['why']}: {verdict}", flush=True)
    return int(unnoticed > 0)


def judge(copy: Path, each: dict[str, str | list[str]]) -> str:
    """Make one break, run its tests, and mend it again."""
    source = copy / str(each["path"])
    whole = source.read_text()
    if whole.count(str(each["old"])) != 1:
        return f"CANNOT BE MADE, its `old` is there {whole.count(str(each['old']))} times"
    if (status := run(copy, each["tests"])) != 0:
        return f"ITS TESTS ARE NOT GREEN WITHOUT IT ({status})"
    source.write_text(whole.replace(str(each["old"]), str(each["new"])))
    try:
        status = run(copy, each["tests"])
    finally:
        source.write_text(whole)
    return "noticed" if status == FAILED else f"NOT NOTICED ({status})"


def run(copy: Path, tests: str | list[str]) -> int:
    """The exit status of pytest, in the copy."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
