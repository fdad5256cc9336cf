"""Stores with one thing wrong about the bytes. `CAUGHT` says which promise that breaks."""

import io
import os
import time

from greenroom.core.errors import OffsetMismatch
from greenroom.stores import LocalStore, MemoryStore
from greenroom.stores.fenced import LocalPlace
from greenroom.stores.memory import MemoryWriter
from greenroom.stores.writing import LocalWriter

PIECE = 65_536


# -- 1. never torn ---------------------------------------------------------------------------------


class ShortWriter(MemoryWriter):
    def write(self, data):
        super().write(data[:PIECE])


class ShortWrites(MemoryStore):
    """What does not fit into one call to the system is dropped."""

    def append(self, upload_id, offset):
        return ShortWriter(super().append(upload_id, offset)._held)


class BufferingWriter(MemoryWriter):
    def __init__(self, held):
        super().__init__(held)
        self._waiting = b""

    def write(self, data):
        self._waiting += data
        whole = len(self._waiting) // PIECE * PIECE
        super().write(self._waiting[:whole])
        self._waiting = self._waiting[whole:]


class LosesTheTail(MemoryStore):
    """What waits in a buffer is forgotten at the close."""

    def append(self, upload_id, offset):
        return BufferingWriter(super().append(upload_id, offset)._held)


class LateWriter(MemoryWriter):
    def __init__(self, held):
        super().__init__(held)
        self._pieces = []

    def write(self, data):
        self._pieces.append(data)

    def close(self):
        for piece in self._pieces:
            super().write(piece)
        self._pieces = []


class KeepsWhatIsNotItsOwn(MemoryStore):
    """The caller's buffers are kept until the close, by when they hold something else."""

    def append(self, upload_id, offset):
        return LateWriter(super().append(upload_id, offset)._held)


class OneReaderForAll(MemoryStore):
    """Readers share one place."""

    def __init__(self):
        super().__init__()
        self._readers = {}

    def open(self, upload_id):
        return self._readers.setdefault(upload_id, super().open(upload_id))


class GrowingWriter(LocalWriter):
    def write(self, data):
        here = os.fstat(self._descriptor).st_size
        os.ftruncate(self._descriptor, here + len(data))
        time.sleep(0.001)
        super().write(data)


class GrowsBeforeItWrites(LocalStore):
    """Readers see zeros where bytes are about to be."""

    def append(self, upload_id, offset):
        path = self.path(upload_id)
        if offset == 0:
            self.make_directory(path.parent)
        return GrowingWriter(path, offset, self._disk())


class SwappingWriter:
    def __init__(self, writer):
        self._writer = writer
        self.close = writer.close

    def write(self, data):
        self._writer.write(bytes(data).swapcase())


class LeadsElsewhere(LocalStore):
    """What is at the path is not what is read."""

    def open(self, upload_id):
        return io.BytesIO(self.path(upload_id).read_bytes().swapcase())

    def append(self, upload_id, offset):
        return SwappingWriter(super().append(upload_id, offset))

    def take(self, upload_id, epoch):
        place = super().take(upload_id, epoch)
        place.writer = lambda offset: SwappingWriter(LocalPlace.writer(place, offset))
        return place


# -- 2. acknowledged means kept --------------------------------------------------------------------


class LeavesWhatIsBeyond(MemoryStore):
    """What a broken writer left beyond the offset stays."""

    def _cut(self, upload_id, offset):
        return super()._cut(upload_id, max(offset, len(self._bytes.get(upload_id, b""))))


class FillsGaps(MemoryStore):
    """Bytes that never came are zeros."""

    def _cut(self, upload_id, offset):
        held = self._bytes.setdefault(upload_id, bytearray())
        held.extend(bytes(max(offset - len(held), 0)))
        return super()._cut(upload_id, offset)


class CutsBeforeItRefuses(MemoryStore):
    """What is refused has done harm already."""

    def _cut(self, upload_id, offset):
        held = self._bytes.get(upload_id, bytearray())
        if offset > len(held):
            here = len(held)
            held.clear()
            raise OffsetMismatch(offset=offset, expected=here)
        return super()._cut(upload_id, offset)


class KeepsToItself(LocalStore):
    """Each process sees what it has written itself."""

    def path(self, upload_id, name=None):
        path = super().path(upload_id, name)
        return self.root / f"of-{os.getpid()}" / path.relative_to(self.root)

    def make_directory(self, directory):
        directory.mkdir(parents=True, exist_ok=True)

    def ids(self):
        return LocalStore(self.root / f"of-{os.getpid()}").ids()


# -- 3. exactly once -------------------------------------------------------------------------------


class StampsTheSize(MemoryStore):
    """As many other bytes have the same stamp."""

    def seal(self, upload_id):
        return str(len(self._held(upload_id)))


class StampsEachTime(MemoryStore):
    """The stamp changes although the bytes do not."""

    def seal(self, upload_id):
        self._stamps[upload_id] += 1
        return super().seal(upload_id)


CAUGHT = {
    ShortWrites: 1,
    LosesTheTail: 1,
    KeepsWhatIsNotItsOwn: 1,
    OneReaderForAll: 1,
    GrowsBeforeItWrites: 1,
    LeadsElsewhere: 1,
    LeavesWhatIsBeyond: 2,
    FillsGaps: 2,
    CutsBeforeItRefuses: 2,
    KeepsToItself: 2,
    StampsTheSize: 3,
    StampsEachTime: 3,
}
