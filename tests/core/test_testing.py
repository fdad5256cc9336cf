"""What users' own tests import."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import greenroom.testing
from greenroom.testing import BrokenPromise, FakeClock
from greenroom.testing.promise import at_once, promise, promised

SRC = Path(__file__).resolve().parents[2] / "src"


def test_importing_it_imports_neither_django_nor_pytest() -> None:
    program = "import sys, greenroom.testing; print({'django', 'pytest', '_pytest'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SRC)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "set()"


def test_everything_it_offers_is_there() -> None:
    assert sorted(greenroom.testing.__all__) == greenroom.testing.__all__
    for name in greenroom.testing.__all__:
        assert getattr(greenroom.testing, name).__doc__


def test_a_broken_promise_says_what_was_promised() -> None:
    promise(True, "Kept.")
    with pytest.raises(BrokenPromise, match=r"Bytes are kept\."):
        promise(False, "Bytes are kept.")
    with promised(KeyError, "Raises KeyError."):
        raise KeyError
    with (
        pytest.raises(BrokenPromise, match=r"Raises KeyError\. Nothing was raised"),
        promised(KeyError, "Raises KeyError."),
    ):
        pass
    with (
        pytest.raises(BrokenPromise, match=r"Raises KeyError\. Got ValueError: tea"),
        promised(KeyError, "Raises KeyError."),
    ):
        raise ValueError("tea")


def test_threads_are_let_go_together_and_their_failures_are_raised() -> None:
    met, ended = threading.Barrier(4), []
    at_once([lambda: met.wait(30) and None] * 4, ended=lambda: ended.append(True))
    assert len(ended) == 4

    def fail() -> None:
        raise LookupError("tea")

    with pytest.raises(LookupError, match="tea"):
        at_once([fail, lambda: None])


def test_a_clock_moves_when_it_is_told_to() -> None:
    clock = FakeClock(100.0)
    assert clock() == clock() == 100.0
    clock.advance(0.5)
    assert clock() == 100.5
