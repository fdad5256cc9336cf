"""The one hook for counters and timings: a `Measure` for each thing that was done or refused, told once.

It goes to the signal `greenroom.signals.measured`, and as one record to the logger `greenroom.measures`. Nothing in it
was written by a client, so that a log cannot be forged with it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

from . import signals
from .core import Upload
from .core.errors import GreenroomError

DONE = "done"
ERROR = "error"
"""The outcome of what failed without being refused: a mistake in a program, or a database that is away."""

logger = logging.getLogger("greenroom.measures")


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One thing that was done, or refused. docs/reference/measures.md lists the names and kinds.

    `outcome` is "done", the `code` of a refusal, or "error". `seconds` is how long it took, `bytes` how many were taken
    or made, `count` how many files it was done for: none where it was refused. `upload_id` is the record's, where there
    is one.
    """

    name: str
    kind: str
    outcome: str
    seconds: float
    bytes: int
    count: int
    upload_id: str

    def __str__(self) -> str:
        what = f"{self.name} {self.kind}".rstrip()
        upload = f", upload {self.upload_id}" if self.upload_id else ""
        amount = f"{counted(self.count, 'file')}, {counted(self.bytes, 'byte')}"
        return f"{what}: {self.outcome}, {amount} in {self.seconds:.3f} s{upload}"


def counted(number: int, noun: str) -> str:
    """As it is said in a log, which is English: "1 file", "0 bytes"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class measuring:
    """`with measuring("render", "preview") as measured:` tells how the block ended. What it sets is told along.

    What ends elsewhere `goes_on` after its block, and is told by `end`.
    """

    def __init__(self, name: str, kind: str = "") -> None:
        self.name = name
        self.kind = kind
        self.upload_id = ""
        self.outcome = DONE
        self.bytes = 0
        self.count = 1
        self.goes_on = False
        self._began = time.perf_counter()
        self._told = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.end(error.code if isinstance(error, GreenroomError) else ERROR)
        elif not self.goes_on:
            self.end()

    def tell_of(self, upload: Upload, *, is_new: bool = True) -> None:
        """Which upload it is, and whether it is one more."""
        self.upload_id, self.count = upload.id, int(is_new)

    def end(self, outcome: str | None = None) -> None:
        """Tell of it, once. `outcome` is that of the block if none is given."""
        if self._told:
            return
        self._told = True
        outcome = outcome or self.outcome
        level = logging.DEBUG if outcome == DONE else logging.INFO
        is_logged, is_heard = logger.isEnabledFor(level), signals.measured.has_listeners(Measure)
        if not (is_logged or is_heard):
            return
        measure = Measure(
            name=self.name,
            kind=self.kind,
            outcome=outcome,
            seconds=time.perf_counter() - self._began,
            bytes=self.bytes,
            count=self.count if outcome == DONE else 0,
            upload_id=self.upload_id,
        )
        if is_logged:
            values = asdict(measure)
            values["measure"] = values.pop("name")  # a record of `logging` has a `name` already
            logger.log(level, "%s", measure, extra=values)
        if is_heard:
            # Whoever counts must not break what is counted: Django logs what a receiver raises.
            signals.measured.send_robust(sender=Measure, measure=measure)
