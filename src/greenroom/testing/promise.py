"""How a suite says that something is not as promised."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator


class BrokenPromise(AssertionError):
    """The store or ledger under test does not do what its protocol says. The message is the promise."""


def promise(kept: object, sentence: str) -> None:
    """Fail with `sentence` unless `kept`. (A bare `assert` would say nothing outside of a test module.)"""
    if not kept:
        raise BrokenPromise(sentence)


@contextlib.contextmanager
def promised(error: type[Exception], sentence: str) -> Iterator[None]:
    """Fail with `sentence` unless the block raises `error`."""
    try:
        yield
    except error:
        return
    except Exception as other:
        raise BrokenPromise(f"{sentence} Got {type(other).__name__}: {other}") from other
    raise BrokenPromise(f"{sentence} Nothing was raised.")


def at_once(works: list[Callable[[], None]], *, ended: Callable[[], None] = lambda: None) -> None:
    """Run each in a thread of its own, all let go at the same moment; raises what the first of them raised.

    `ended` is called in every thread as it ends.
    """
    gate = threading.Barrier(len(works))
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            gate.wait(timeout=60)
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            ended()

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    # Threads that take turns after every few instructions find the gaps that they would rarely hit.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
    finally:
        sys.setswitchinterval(interval)
    promise(not any(thread.is_alive() for thread in threads), "Nothing waits for ever for another thread.")
    if failures:
        raise failures[0]
