"""Checks that may refuse a file: a stream in, a verdict out, a deadline. Only a pass is a pass.

An inspector is called with the file (an `Inspected`) and the `Picture` that was found in it, or None where the
file is not known to be one. It returns None to accept the file and raises a `Refused` to refuse it. Whatever
else it does (it raises anything else, returns anything, or does not come back in time) is no verdict, and a
file without a verdict is refused: `NotChecked`, which may be tried again.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from .errors import NotChecked, Refused, UsageError
from .upload import Picture

logger = logging.getLogger("greenroom.inspection")

Source = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes, or a binary file that can seek. Of a file that says where it is (`local_path`, as held
files do) that is believed; `name` never is: of an upload it is what the client says."""

SECONDS = 20.0
"""As long as one picture may take."""

MOST_LATE = 8
"""Inspections of one process that are over and go on all the same. Python cannot end a thread, so with this
many in the air no other is begun: a scanner that hangs must not fill the server with threads."""


class Inspector(Protocol):
    """Looks at one file; raises `Refused` unless it is accepted, and returns None if it is.

    It runs in a thread of its own, and is given up when its time is over. Some look at pictures only, so what they
    are called with is theirs to say: see `inspect`.
    """

    def __call__(self, file: Any, picture: Any, /) -> None:
        """Inspect `file`, which stands at its first byte."""


class Inspected(io.RawIOBase):
    """The bytes of a file, for reading and seeking, until `deadline` (by `time.monotonic`).

    After it everything raises `TimeoutError`, so an inspector that reads ends by itself. `name` is what the client
    calls the file, a hint; `local_path` is where the bytes can be read in place, or None.
    """

    def __init__(self, source: BinaryIO, *, deadline: float, local_path: Path | None = None) -> None:
        self.deadline = deadline
        self.local_path = local_path
        name = getattr(source, "name", "")
        self.name = name if isinstance(name, str) else ""
        self._source = source

    def seconds_left(self) -> float:
        """How long the inspection may still take: for the timeout of a socket. Raises `TimeoutError` at its end."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The time for this inspection is over.")
        return left

    @property
    def size(self) -> int:
        """In bytes, without reading."""
        return size_of(cast(BinaryIO, self))

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """What `read` is made of. Raises `TimeoutError`."""
        self.seconds_left()
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of any file. Raises `TimeoutError`."""
        self.seconds_left()
        self._source.seek(offset, whence)
        return self._source.tell()

    def tell(self) -> int:
        """As of any file."""
        return self._source.tell()


def inspect(
    file: Source, picture: Picture | None, inspectors: Iterable[Inspector], *, seconds: float = SECONDS
) -> None:
    """Ask every inspector in turn, `seconds` for all of them together. The first refusal is raised.

    Raises `NotChecked` where one of them has given no verdict; the log says which, and why. Nothing is remembered:
    what could not be checked is checked from the beginning when it is sent again.
    """
    asked = tuple(inspectors)
    if not asked:
        return
    asking = asked[0]
    try:
        with opened(file) as (source, local_path):
            stream = Inspected(source, deadline=time.monotonic() + seconds, local_path=local_path)
            inspection = Inspection(asked, stream, picture)
            error = inspection.run()
            asking = inspection.asking
    except OSError as failure:
        error = failure
    if isinstance(error, Refused):
        raise error
    if error is not None:
        logger.error("The inspector %r gave no verdict, so the file is refused.", asking, exc_info=error)
        raise NotChecked() from error


class Inspection:
    """One file before its inspectors, in a thread that can be left behind."""

    late: set[threading.Thread] = set()

    def __init__(self, inspectors: tuple[Inspector, ...], stream: Inspected, picture: Picture | None) -> None:
        self.asking = inspectors[0]
        self._inspectors = inspectors
        self._stream = stream
        self._picture = picture
        self._ended: list[BaseException | None] = []

    def run(self) -> BaseException | None:
        """None if every inspector has accepted the file; otherwise what kept it from that."""
        Inspection.late -= {each for each in tuple(self.late) if not each.is_alive()}
        if len(self.late) >= MOST_LATE:
            return TimeoutError(f"{MOST_LATE} inspections of other files have not ended yet.")
        # The language and the owner of the request go along.
        thread = threading.Thread(target=copy_context().run, args=(self._ask,), daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system gives no more threads
            return error
        thread.join(max(0.0, self._stream.deadline - time.monotonic()))
        if not self._ended:
            self.late.add(thread)
            return TimeoutError("It did not answer in time.")
        return self._ended[0]

    def _ask(self) -> None:
        try:
            for inspector in self._inspectors:
                self.asking = inspector
                self._stream.seek(0)
                verdict = cast(Callable[[Any, Any], object], inspector)(self._stream, self._picture)
                if verdict is not None:
                    # `False` or "FOUND" must not read as a pass; nor must True, or the next one would try that.
                    raise UsageError("An inspector returns None, or raises a Refused.", verdict)
        except BaseException as error:  # SystemExit, too, would otherwise end the thread without a word
            self._ended.append(error)
        else:
            self._ended.append(None)


@contextlib.contextmanager
def opened(file: Source) -> Iterator[tuple[BinaryIO, Path | None]]:
    """`file` as a binary file, and where its bytes lie, if that is known. Its position stays what it was."""
    if isinstance(file, bytes | bytearray | memoryview):
        yield io.BytesIO(file), None
    elif isinstance(file, str | os.PathLike):
        with open(file, "rb") as source:
            yield source, Path(file).absolute()
    else:
        local_path = getattr(file, "local_path", None)
        position = file.tell()
        try:
            yield file, local_path if isinstance(local_path, Path) else None
        finally:
            file.seek(position)


def size_of(file: Source) -> int:
    """The size in bytes, without reading: from the file system, or by seeking to the end and back."""
    if isinstance(file, bytes | bytearray | memoryview):
        return len(file)
    if isinstance(file, str | os.PathLike):
        return os.stat(file).st_size
    position = file.tell()
    try:
        return file.seek(0, os.SEEK_END)
    finally:
        file.seek(position)
