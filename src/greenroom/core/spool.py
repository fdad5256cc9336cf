"""One pass over the bytes of one file: count, hash, sniff, enforce the limits, keep small things in memory.

The size of *this* file decides between memory and disk. A file that outgrows memory moves to the
writer in mid-stream, and nothing of it is written before its type has been judged.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable
from typing import BinaryIO

from .errors import CutShort, EmptyFile, LengthExceeded, TooLarge, TypeContradicted, TypeNotAllowed, UsageError
from .limits import Limits, format_size, parse_size
from .names import split_name
from .sniff import HEAD_BYTES, contradicts, describe, refine, sniff
from .store import Writer

DEFAULT_MEMORY = 2_621_440  # Django's own FILE_UPLOAD_MAX_MEMORY_SIZE: 2.5 MiB


class Spool:
    """Push bytes in with `write`, say `finish`, and read `size`, `sha256` and `media_type`.

    `memory` is how many bytes may stay in memory (a size); more go to the writer that `spill` gives, and
    without one to an anonymous file that the operating system removes with the process. `start` is the
    offset that writing goes on from, when earlier bytes are in the store already.

    >>> spool = Spool(name="tea.txt")
    >>> spool.write(b"Darjeeling")
    >>> spool.finish()
    >>> spool.size, spool.media_type, spool.in_memory
    (10, 'text/plain', True)
    """

    def __init__(
        self,
        *,
        name: str = "",
        limits: Limits | None = None,
        length: int | None = None,
        memory: int | str = DEFAULT_MEMORY,
        spill: Callable[[], Writer] | None = None,
        start: int = 0,
    ) -> None:
        self.name = name
        self.limits = limits or Limits()
        self.size = start
        self.sha256 = ""
        self.media_type = ""
        self.start = start
        self._length = length
        self._ceiling = self.limits.ceiling
        self._memory = parse_size(memory)
        self._spill = spill
        self._digest = hashlib.sha256()
        self._head = b""
        self._buffer: io.BytesIO | None = io.BytesIO()
        self._writer: Writer | None = None
        self._own_file: BinaryIO | None = None

    @property
    def in_memory(self) -> bool:
        """Whether all of it is (still) in memory."""
        return self._writer is None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take `data`, or raise the refusal (`TooLarge`, `LengthExceeded`, `TypeNotAllowed`, ...)."""
        size = self.size + len(data)
        # The check comes before the work: what is over a limit is neither hashed nor written.
        if self._ceiling is not None and size > self._ceiling:
            raise TooLarge(name=self.name, limit=format_size(self._ceiling))
        if self._length is not None and size > self._length:
            raise LengthExceeded(name=self.name, declared=self._length)
        if self.start == 0 and len(self._head) < HEAD_BYTES:
            self._head += bytes(data[: HEAD_BYTES - len(self._head)])
            if len(self._head) >= HEAD_BYTES:
                self._judge()
        self._digest.update(data)
        if self._writer is not None:
            self._writer.write(data)
            self.size = size
            return
        assert self._buffer is not None
        self._buffer.write(data)
        self.size = size
        # The head is judged before anything moves on, so that nothing of a refused type is stored.
        if size - self.start > self._memory and (self.media_type or self.start):
            self.spill()

    def finish(self) -> None:
        """No more bytes come. Raises `EmptyFile`, `CutShort` or the refusal of a short file's type."""
        if self.size == 0 and not self.limits.allow_empty:
            raise EmptyFile(name=self.name)
        if self._length is not None and self.size < self._length:
            raise CutShort(name=self.name)
        if self.start == 0:
            if not self.media_type:
                self._judge()
            self.sha256 = self._digest.hexdigest()

    def spill(self) -> None:
        """Move what is in memory to the writer, now."""
        if self._writer is None:
            self._writer = self._spill() if self._spill is not None else self._anonymous()
            assert self._buffer is not None
            with self._buffer.getbuffer() as held:
                self._writer.write(held)
            self._buffer = None

    def close(self) -> None:
        """Let the writer go: what it was given is kept."""
        if self._writer is not None:
            self._writer.close()

    def open(self) -> BinaryIO:
        """Read what is in memory (or in the anonymous file), from the start."""
        if self._buffer is not None:
            return io.BytesIO(self._buffer.getvalue())
        if self._own_file is None:
            raise UsageError("These bytes went to a store's writer: read them from the store.", self.name)
        self._own_file.seek(0)
        return self._own_file

    def _anonymous(self) -> Writer:
        self._own_file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the spool
        return FileWriter(self._own_file)

    def _judge(self) -> None:
        """Type from bytes: the client's word is not asked, its name is only held against them."""
        extension = split_name(self.name)[1]
        sniffed = sniff(self._head)
        self.media_type = judge(sniffed, extension, self.name, self.limits, empty=not self._head)


class FileWriter:
    """A `Writer` over an open file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._file.write(data)

    def close(self) -> None:
        self._file.flush()


def judge(sniffed: str, extension: str, name: str, limits: Limits, *, empty: bool = False) -> str:
    """The media type of a file from its sniffed type and its extension, or the refusal."""
    media_type = refine(sniffed, extension)
    if not empty and contradicts(sniffed, extension):
        raise TypeContradicted(name=name, extension=extension, found=describe(sniffed))
    if not limits.allows(media_type):
        allowed = ", ".join(dict.fromkeys(describe(allowed) for allowed in limits.types))
        raise TypeNotAllowed(name=name, found=describe(media_type), allowed=allowed)
    return media_type
