"""Faults inside one stretch of a program: an exception before the n-th line of Greenroom, or around the n-th statement."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, Self

from django.db import DatabaseError, connection

import greenroom

PACKAGE = str(Path(greenroom.__file__).parent)


class Broken(Exception):
    """What is raised where nobody expects it."""


class Fault:
    """`with fault:` marks the stretch. It counts what it passes, and strikes at the `at`-th of them (0: never)."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.count = 0
        self.where = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is broken by default."""

    def passes(self, where: str) -> bool:
        """One more; whether it is the one."""
        self.count += 1
        if self.count == self.at:
            self.where = where
        return self.count == self.at


class AtLine(Fault):
    """`Broken` is raised before a line of Greenroom."""

    def __enter__(self) -> Self:
        sys.settrace(self._on_call)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(None)

    def _on_call(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._on_line if frame.f_code.co_filename.startswith(PACKAGE) else None

    def _on_line(self, frame: FrameType, event: str, argument: object) -> Any:
        place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        if event == "line" and self.passes(place):
            raise Broken(place)
        return self._on_line


class BeforeStatement(Fault):
    """The database does not take a statement."""

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._stack.enter_context(connection.execute_wrapper(self._execute))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _execute(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if self.passes(sql):
            raise DatabaseError(sql)
        return execute(sql, *rest)


class AfterStatement(BeforeStatement):
    """It does, and nobody hears of it."""

    def _execute(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if not sql.startswith("BEGIN") and self.passes(sql):  # of that Django would not know itself
            raise DatabaseError(sql)
        return result
