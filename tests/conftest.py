"""What every test may use, and the switch that lets nothing be skipped."""

import os
import shutil
from collections.abc import Callable, Generator
from typing import TypeVar

import pytest
from django.conf import settings

pytest_plugins = ["tests.faults.tally"]

REQUIRE = os.environ.get("GREENROOM_REQUIRE") == "1"

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

made_here = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the scratch directory of tests.settings."""
    config.stash[made_here] = not settings.SCRATCH.parent.exists()
    settings.SCRATCH.mkdir(mode=0o700, parents=True, exist_ok=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove it with all workers' parts; only the first process of a run gets here with it its own."""
    if config.stash.get(made_here, False):
        shutil.rmtree(settings.SCRATCH.parent, ignore_errors=True)


def _require(component: str, found: object) -> None:
    if not found:
        pytest.skip(f"{component} was not found")


@pytest.fixture(scope="session")
def require() -> Callable[[str, object], None]:
    """`require("Chromium", path)` skips the test when `path` is false; see below for GREENROOM_REQUIRE."""
    return _require


def _refuse_skip(report: Report) -> Report:
    if REQUIRE and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"GREENROOM_REQUIRE=1, and this was not run. {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under GREENROOM_REQUIRE=1 a skipped test is a failure, however it was skipped."""
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself while it is collected."""
    return _refuse_skip((yield))
