"""One pass over the bytes of one file: count, hash, sniff, enforce the limits, keep small things in memory.

The size of *this* file decides between memory and disk. A file that outgrows memory moves to the
writer in mid-stream, and nothing of it is written before its type has been judged.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO, NoReturn, Self

from .digests import DEFAULT, Digests
from .errors import (
    CutShort,
    EmptyFile,
    LengthExceeded,
    Refused,
    TooLarge,
    TypeContradicted,
    TypeNotAllowed,
    UsageError,
)
from .limits import Limits, format_size, parse_size
from .names import split_name
from .place import disk_or_refusal, write_all
from .sniff import (
    HEAD_BYTES,
    PICTURES,
    UNKNOWN,
    contradicts,
    describe,
    is_known,
    is_listed,
    may_be,
    refine,
    sniff,
)
from .store import Writer

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DEFAULT_MEMORY = 2_621_440  # Django's own FILE_UPLOAD_MAX_MEMORY_SIZE: 2.5 MiB


class Spool:
    """Push bytes in with `write`, say `finish`, and read `size`, `digest` and `media_type`.

    `memory` is how many bytes may stay in memory (a size); more go to the writer that `spill` gives, and
    without one to an anonymous file that ends with the spool or the process, whichever is first. `start` is
    the offset that writing goes on from, when earlier bytes are in the store already, and `head` the first
    of those (`HEAD_BYTES`, or all if they are fewer).

    `digest` is "sha256", "blake3", or None for none; `expect` are digests that all bytes must have. From a
    later `start` on neither can be told, so nothing is hashed.

    A spool is a context manager: at its end the anonymous file is gone, while a store keeps what it has.

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
        head: bytes = b"",
        digest: str | None = DEFAULT,
        expect: Collection[str] = (),
    ) -> None:
        self.name = name
        self.limits = limits or Limits()
        self.size = start
        self.digest = ""
        self.media_type = ""
        self.start = start
        self._length = length
        self._ceiling = self.limits.ceiling
        self._memory = parse_size(memory)
        self._spill = spill
        self._digests = Digests(digest, expect) if start == 0 else Digests(None)
        self._head = head
        self._judged = len(head) >= HEAD_BYTES
        self._finished = False
        self._buffer: io.BytesIO | None = io.BytesIO()
        self._writer: Writer | None = None
        self._own_file: io.FileIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
        if self._own_file is not None:
            self._own_file.close()

    @property
    def in_memory(self) -> bool:
        """Whether all of it is (still) in memory."""
        return self._writer is None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take `data`, or raise the refusal (`TooLarge`, `LengthExceeded`, `TypeNotAllowed`, ...).

        Nothing refers to `data` afterwards: the caller may use its memory for the next piece.
        """
        if self._finished:
            raise UsageError("A spool that is finished takes no more bytes.", self.name)
        if isinstance(data, memoryview) and (data.ndim != 1 or data.itemsize != 1):
            data = data.cast("B")  # so that its length is its number of bytes
        size = self.size + len(data)
        # The check comes before the work: what is over a limit is neither hashed nor written.
        if self._ceiling is not None and size > self._ceiling:
            raise TooLarge(name=self.name, limit=format_size(self._ceiling))
        if self._length is not None and size > self._length:
            raise LengthExceeded(name=self.name, declared=self._length)
        # The head is judged before anything moves on, so that nothing of a refused type is stored.
        if not self._judged:
            self._head += bytes(data[: HEAD_BYTES - len(self._head)])
            if len(self._head) >= HEAD_BYTES:
                self._judge()
        # What is in memory makes way first, so that `data` itself is never copied on its way out.
        if self._writer is None and self._judged and size - self.start > self._memory:
            self.spill()
        if self._writer is not None:
            try:
                self._writer.write(data)
            except Refused as refusal:
                self._rename(refusal)
        elif self._buffer is not None:
            self._buffer.write(data)
        self._digests.update(data)
        self.size = size

    def finish(self) -> None:
        """No more bytes come. Raises `EmptyFile`, `CutShort`, `DigestMismatch` or the refusal of a short file's type."""
        # In this order: where bytes were announced, none at all is a broken connection, not an empty file.
        if self._length is not None and self.size < self._length:
            raise CutShort(name=self.name)
        if self.size == 0 and not self.limits.allow_empty:
            raise EmptyFile(name=self.name)
        if not self.media_type:  # not when the whole head was here before the first of our bytes, either
            self._judge()
        self.digest = self._digests.finish(name=self.name)
        self._finished = True

    def spill(self) -> None:
        """Move what is in memory to the writer, now."""
        if self._buffer is None:
            return
        try:
            writer = self._spill() if self._spill is not None else self._anonymous()
            try:
                with self._buffer.getbuffer() as held:
                    if held.nbytes:
                        writer.write(held)
            except BaseException:
                # Still in memory, whatever the writer has taken: another try starts from the beginning.
                writer.close()
                raise
        except Refused as refusal:
            self._rename(refusal)
        self._writer, self._buffer = writer, None

    def close(self) -> None:
        """Let the writer go: what it was given is kept. Closing twice is fine."""
        if self._writer is not None:
            self._writer.close()

    def open(self) -> BinaryIO:
        """Read what is in memory (or in the anonymous file), from the start. Each reader has its own place."""
        if self._buffer is not None:
            return ReadOnlyBytes(self._buffer.getvalue())
        if self._own_file is None:
            raise UsageError("These bytes went to a store's writer: read them from the store.", self.name)
        return io.BufferedReader(PlacedReader(self._own_file.fileno()))

    def _rename(self, refusal: Refused) -> NoReturn:
        """A writer does not know whose bytes it takes; the person wants to read the name of the file."""
        raise refusal.named(self.name) from refusal

    def _anonymous(self) -> Writer:
        self._own_file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as long as the spool
        return FileWriter(self._own_file)

    def _judge(self) -> None:
        """Type from bytes: the client's word is not asked, its name is only held against them."""
        extension = split_name(self.name)[1]
        sniffed = sniff(self._head)
        self.media_type = judge(sniffed, extension, self.name, self.limits, empty=not self._head)
        self._judged = True


class FileWriter:
    """A `Writer` over an open file without a buffer, which it leaves open."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take all of `data`, or raise (`DiskFull` when there is no room)."""
        with disk_or_refusal():
            write_all(self._file.fileno(), data)

    def close(self) -> None:
        """Everything is in the file already."""


class ReadOnlyBytes(io.BytesIO):
    """Bytes in memory that are only read, as those on a disk are: a write would change a copy, and be lost."""

    def writable(self) -> bool:
        """Never."""
        return False

    def write(self, data: object, /) -> NoReturn:
        """Raises `io.UnsupportedOperation`."""
        raise io.UnsupportedOperation("write")

    def writelines(self, lines: object, /) -> NoReturn:
        """Raises `io.UnsupportedOperation`."""
        raise io.UnsupportedOperation("write")

    def truncate(self, size: int | None = None, /) -> NoReturn:
        """Raises `io.UnsupportedOperation`."""
        raise io.UnsupportedOperation("truncate")


class PlacedReader(io.RawIOBase):
    """Reads an open file from a place of its own, so that readers move neither each other nor the writer."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)
        self._place = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """As `io.RawIOBase`."""
        count = os.preadv(self._descriptor, [buffer], self._place)
        self._place += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As `io.IOBase`."""
        size = os.fstat(self._descriptor).st_size
        place = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: size}[whence] + offset
        if place < 0:
            raise ValueError(f"A place in a file is not negative. Got: {place}")
        self._place = place
        return place

    def close(self) -> None:
        """Only this reader: the file stays open for the others."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)


def judge(
    sniffed: str, extension: str, name: str, limits: Limits, *, empty: bool = False, renamed: bool = True
) -> str:
    """The media type of a file from its sniffed type and its extension, or the refusal.

    `renamed` says that a picture is saved under the extension of its type, whatever the client's is.
    """
    media_type = refine(sniffed, extension)
    # First: under no other name would it be taken, and to advise one would send the person round in a circle.
    if not limits.allows(media_type):
        allowed = ", ".join(dict.fromkeys(describe(allowed) for allowed in limits.types))
        raise TypeNotAllowed(name=name, found=describe(media_type), allowed=allowed)
    if not empty and contradicts(sniffed, extension):
        raise TypeContradicted(name=name, extension=extension, found=describe(sniffed))
    # OWASP File Upload Cheat Sheet, "List allowed extensions": whoever takes PDF does not take a PDF called "x.php".
    strange = bool(extension) and not is_listed(extension) and media_type != UNKNOWN
    own = renamed and media_type in PICTURES
    if strange and limits.names_types and not own:
        raise TypeContradicted(name=name, extension=extension, found=describe(sniffed))
    return media_type


def judge_claims(name: str, client_type: str, limits: Limits) -> None:
    """Refuse by its name and its declared type what could only be refused by its bytes later.

    The claims decide nothing in a file's favour. Where the name's extension promises something it is believed
    before the declared type: browsers take that from the extension as well, and know fewer.
    """
    if not limits.types:
        return
    claimed = may_be(split_name(name)[1]) or ((client_type,) if is_known(client_type) else ())
    if claimed and not any(limits.allows(each) for each in claimed):
        allowed = ", ".join(dict.fromkeys(describe(each) for each in limits.types))
        raise TypeNotAllowed(name=name, found=describe(claimed[0]), allowed=allowed)


def chunks_of(source: BinaryIO | Iterable[bytes], size: int = 1 << 20) -> Iterator[bytes]:
    """Pieces of at most `size` bytes from a binary file, or the pieces that an iterable gives."""
    if isinstance(source, bytes | bytearray | memoryview | str):
        raise UsageError("A source is a binary file or an iterable of bytes, such as [data].", type(source))
    if hasattr(source, "read"):
        while chunk := source.read(size):
            if isinstance(chunk, str):
                raise UsageError('A source is binary: open(path, "rb").', source)
            yield chunk
    else:
        yield from source
