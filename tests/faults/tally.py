"""What the fault suite did, in numbers: for each promise how many faults were injected, and how many it survived.

A plugin of pytest. The numbers travel with the tests' reports, so that they add up over several processes.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

PROMISES = {
    1: "Never torn",
    2: "Acknowledged means kept",
    3: "Exactly once for each use",
    4: "Commit or nothing",
    5: "The sweeper is never early, and always done in the end",
    6: "Every byte is explained",
    7: "Refused before stored",
    8: "Hard ceilings",
    9: "A declared length is law",
    10: "One writer",
    11: "Your uploads are yours",
    12: "The client's words are hints",
    13: "Type comes from bytes",
    14: "Bombs bounce",
    15: "A preview is inert",
    16: "No secrets in renditions",
    17: "Inspectors fail closed",
    18: "A full disk is a message",
    19: "Object-store faults are clean",
    20: "Slow is cheap",
    21: "Cut short is not cleared",
    22: "Quiet logs",
}
"""DESIGN's promises by their numbers."""

NIGHT = os.environ.get("GREENROOM_FAULTS") == "night"
"""Whether there is a whole night for it: every fault instead of a spread of them."""

Injected = Callable[..., contextlib.AbstractContextManager[None]]


@pytest.fixture
def injected(request: pytest.FixtureRequest) -> Injected:
    """`with injected(1, 40): ...` counts 40 faults against promise 1; they were survived if nothing is raised."""

    @contextlib.contextmanager
    def counted(promise: int, faults: int = 1) -> Iterator[None]:
        assert promise in PROMISES, f"The promises are {min(PROMISES)} to {max(PROMISES)}. Got: {promise!r}"
        request.node.user_properties.append(("injected", (promise, faults)))
        yield
        request.node.user_properties.append(("survived", (promise, faults)))

    return counted


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each promise that was under attack in this run."""
    counts = {"injected": Counter[int](), "survived": Counter[int]()}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for kind, value in report.user_properties:
                    if kind in counts:
                        counts[kind][value[0]] += value[1]
    if not counts["injected"]:
        return
    terminalreporter.section("faults injected and survived, for each promise")
    for number, injected_faults in sorted(counts["injected"].items()):
        survived = counts["survived"][number]
        torn = "" if survived == injected_faults else "   BROKEN"
        terminalreporter.write_line(
            f"{number:>3}. {PROMISES[number]:<56}{injected_faults:>8,} injected{survived:>8,} survived{torn}"
        )
