"""Runs every check, goes on when one fails, and ends with a list of what ran and what did not.

python scripts/check.py [--lint-only | --faults] [--django61] [-- arguments for pytest]

With GREENROOM_REQUIRE=1 a check that cannot run is a failure (the tests read the same variable).
With GREENROOM_TEST_LARGE_MB=2000 the upload that is resumed over restarts has 2 GB instead of 300 MB.
With GREENROOM_FAULTS=night `tests/faults` injects every fault instead of a spread of them.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from postgres import find_bin, running

VENVS = Path(".venv")
MAIN = VENVS / "test/bin"
DJANGO61 = VENVS / "django61/bin"
WEB = Path("web")
FAULTS = "tests/faults"
WITH_DATABASE = ("tests/django", f"{FAULTS}/database")  # what is run again on PostgreSQL
# What takes long, and has little to do with Django, Python and the database: it is run once.
ONCE = (
    "tests/test_*",
    "tests/asgi/test_many.py",
    "tests/deploy/*",
    "tests/django/test_handler_cut.py",
    "tests/e2e/test_whole_widget.py",
    "tests/e2e/test_demo_readme.py",
    "tests/e2e/test_element_*",
    "tests/e2e/test_refused_upload.py",
    "tests/images/test_animation.py",
    "tests/kit/*",
    f"{FAULTS}/database/test_refused.py",
)
AGAIN = [f"--ignore-glob={each}" for each in ONCE]
NODE = 18  # the oldest that Vite and Vitest take; "engines" in web/package.json says the same
REQUIRE = os.environ.get("GREENROOM_REQUIRE") == "1"


@dataclass(frozen=True)
class Result:
    """One line of the list: `word` is ok, FAILED or skipped, `detail` the tool's own last line."""

    word: str
    name: str
    detail: str


def run(name: str, sums_up: str, *command: str | Path) -> Result:
    """Run one tool and pass on what it prints; the last line that matches `sums_up` is its detail."""
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    last = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as tool:
        assert tool.stdout is not None  # a pipe was asked for
        for line in tool.stdout:
            print(line, end="", flush=True)
            last = line.strip(" =\n") if re.search(sums_up, line) else last
    seconds = f"{time.monotonic() - started:.0f} s"
    return Result("ok" if tool.returncode == 0 else "FAILED", name, f"{last or 'see above'} ({seconds})")


def pytest(bin_dir: Path, arguments: Sequence[str]) -> Result:
    """The whole suite under the Python and the Django of one environment."""
    question = (
        "import platform, django; print(f'Python {platform.python_version()}, Django {django.__version__}')"
    )
    versions = subprocess.check_output([bin_dir / "python", "-c", question], text=True).strip()
    workers = os.environ.get("WORKERS", "2")
    parallel = ("-n", workers, "--dist", "worksteal") if workers != "0" else ()
    command = [bin_dir / "python", "-m", "pytest", *parallel, *arguments]
    return run(f"pytest on {versions}", r" in [0-9.]+s", *command)


def pytest_on_postgres(arguments: Sequence[str]) -> Result:
    """What has to do with a database again, on a PostgreSQL server of its own."""
    name = "pytest on PostgreSQL"
    bin_dir = find_bin()
    if bin_dir is None:
        return missing(name, "no initdb was found; the package is called postgresql")
    with running(bin_dir) as socket:
        os.environ["GREENROOM_TEST_POSTGRES"] = socket
        result = pytest(MAIN, [*(arguments or (*WITH_DATABASE, *AGAIN))])
        del os.environ["GREENROOM_TEST_POSTGRES"]
    return Result(result.word, name, result.detail)


def element(*, lint_only: bool) -> list[Result]:
    """The browser half: its packages are installed from the lock, its types checked, its tests run."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return [missing("the element", "no node and npm were found; the packages are called nodejs and npm")]
    version = subprocess.check_output([node, "--version"], text=True).strip()
    if int(version.lstrip("v").partition(".")[0]) < NODE:
        return [missing("the element", f"it wants Node {NODE} or newer; this is {version}")]
    lock, installed = WEB / "package-lock.json", WEB / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        # Not `npm ci`, which wants packages for all other platforms in the lock, and not every registry has them.
        options = ("--no-save", "--ignore-scripts", "--no-audit", "--no-fund")
        done = run("npm install", r"^added ", npm, "--prefix", WEB, "install", *options)
        if done.word != "ok":
            return [missing("the element", "its packages could not be installed (npm install)")]
        installed.touch()
    tsc = run("tsc", r"^Found|error", node, WEB / "node_modules/typescript/bin/tsc", "-p", WEB)
    if lint_only:
        return [tsc]
    vitest = WEB / "node_modules/vitest/vitest.mjs"
    return [tsc, run("vitest", r"Tests ", node, vitest, "run", "--root", WEB, "--no-color")]


def missing(name: str, why: str) -> Result:
    """A check that cannot run here."""
    return Result("FAILED" if REQUIRE else "skipped", name, why)


def main() -> int:
    """Everything in turn; the exit status is 1 when anything failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lint-only", action="store_true")
    parser.add_argument("--faults", action="store_true", help="the fault suite and nothing else")
    parser.add_argument("--django61", action="store_true", help=f"{DJANGO61.parent} is set up")
    parser.add_argument("pytest_arguments", nargs="*")
    options = parser.parse_args()

    if options.faults:
        results = [
            pytest(MAIN, [FAULTS, *options.pytest_arguments]),
            pytest_on_postgres([f"{FAULTS}/database", *options.pytest_arguments]),
        ]
        return show(results)
    python = MAIN / "python"
    results = [
        run("ruff check", r"^(Found|All checks)", python, "-m", "ruff", "check", "."),
        run("ruff format", r" files? ", python, "-m", "ruff", "format", "--check", "."),
        run("mypy", r"^(Found|Success)", python, "-m", "mypy"),
        run("import-linter", r"^Contracts: ", MAIN / "lint-imports"),
        *element(lint_only=options.lint_only),
    ]
    if not options.lint_only:
        results.append(pytest(MAIN, options.pytest_arguments))
        results.append(pytest_on_postgres(options.pytest_arguments))
        if options.django61:
            arguments = options.pytest_arguments or [*AGAIN, f"--ignore={FAULTS}"]
            results.append(pytest(DJANGO61, arguments))
        else:
            # Django 6.1 needs a Python that not every system can install; where there is none, we say so.
            results.append(
                Result("skipped", "pytest on Django 6.1", "no Python 3.12, 3.13 or 3.14 was found")
            )

    return show(results)


def show(results: Sequence[Result]) -> int:
    """The list at the end, and the exit status."""
    print("\nWhat ran:")
    for result in results:
        print(f"  {result.word:<7}  {result.name:<40}  {result.detail}")
    return int(any(result.word == "FAILED" for result in results))


if __name__ == "__main__":
    sys.exit(main())
