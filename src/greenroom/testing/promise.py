"""How a suite says that something is not as promised."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, TypeVar, cast

PROMISES = {
    1: "never torn",
    2: "acknowledged means kept",
    3: "exactly once for each use",
    4: "commit or nothing",
    5: "the sweeper is never early, and always done in the end",
    6: "every byte is explained",
    8: "hard ceilings",
    10: "one writer",
    12: "the client's words are hints",
    18: "a full disk is a message",
}
"""The promises that rest on a store or a ledger, by the numbers of docs/explanation/promises.md."""

Asked = TypeVar("Asked", bound=Callable[..., None])


class BrokenPromise(AssertionError):
    """The store or ledger under test does not do what its protocol says. The message is the promise."""


def promise(kept: object, sentence: str) -> None:
    """Fail with `sentence` unless `kept`. (A bare `assert` would say nothing outside of a test module.)"""
    if not kept:
        raise BrokenPromise(sentence)


class Suite:
    """What both suites have: `offers` names what your store or ledger implements beyond what it has to."""

    offers: ClassVar[Sequence[type]] = ()


def part_of(number: int, protocol: type | None = None) -> Callable[[Asked], Asked]:
    """Of which promise a test is a part: a failure says so. With a `protocol` only those who offer it are asked."""

    def mark(test: Asked) -> Asked:
        @functools.wraps(test)
        def ask(suite: Suite, *given: Any, **named: Any) -> None:
            # Not `isinstance`: what was meant to be offered and is misspelled would never be asked.
            if protocol is not None and protocol not in suite.offers:
                return
            try:
                test(suite, *given, **named)
            except Exception as failure:
                failure.add_note(f"This is part of promise {number}: {PROMISES[number]}.")
                raise

        ask.__dict__["promise"] = number
        return cast(Asked, ask)

    return mark


def check_offers(subject: object, offers: Sequence[type], protocols: Sequence[type]) -> None:
    """Fail unless `subject` has all methods of what it offers, and none of the other `protocols`."""
    for protocol in protocols:
        names = methods_of(protocol)
        missing = [name for name in names if not callable(getattr(subject, name, None))]
        if protocol in offers:
            promise(
                not missing, f"What offers {protocol.__name__} has {', '.join(names)}. Missing: {missing}"
            )
        else:
            here = [name for name in names if name not in missing]
            promise(
                not here, f"{here} belong to {protocol.__name__}: write all of it, and name it in `offers`."
            )


def methods_of(protocol: type) -> list[str]:
    """The names of the methods, in their order."""
    return [name for name in vars(protocol) if not name.startswith("_")]


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
