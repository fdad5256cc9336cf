"""Stores with one thing wrong each. `CAUGHT` says which promise that breaks."""

import contextlib
import io
import math
import os
import shutil
import time
from pathlib import Path

from greenroom.core import Standing
from greenroom.core.errors import Busy, DiskFull, OffsetMismatch
from greenroom.core.store import check_beside
from greenroom.stores import LocalStore, MemoryStore
from greenroom.stores.fenced import LocalPlace
from greenroom.stores.memory import FencedMemoryWriter, MemoryPlace, MemoryWriter
from greenroom.stores.writing import LocalWriter
from greenroom.testing import BareStore

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


# -- 4. commit or nothing --------------------------------------------------------------------------


class WritesSideFilesInPlace(LocalStore):
    """Readers see half a side file."""

    def put_beside(self, upload_id, name, data):
        path = self._path_beside(upload_id, name)
        self.make_directory(path.parent)
        path.write_bytes(data)


class ListsTheUnfinished(LocalStore):
    """A side file that is being written is listed."""

    def list_beside(self, upload_id):
        names = os.listdir(self.path(upload_id).parent)
        return sorted(name for name in names if name != "bytes")


class ListsByAge(MemoryStore):
    """The names of side files are in the order of their coming."""

    def list_beside(self, upload_id):
        super().list_beside(upload_id)
        return list(self._beside.get(upload_id, ()))


# -- 5. the sweeper --------------------------------------------------------------------------------


class LeavesSideFiles(MemoryStore):
    """Side files stay when the upload goes."""

    def remove(self, upload_id):
        beside = self._beside.get(upload_id)
        super().remove(upload_id)
        if beside:
            self._beside[upload_id] = beside


class EmptiesBeforeItRemoves(LocalStore):
    """Who is reading loses the bytes under their hands."""

    def remove(self, upload_id):
        if self.path(upload_id).exists():
            os.truncate(self.path(upload_id), 0)
        super().remove(upload_id)


class RemovesTheShard(LocalStore):
    """What is beside it in the same directory goes, too."""

    def remove(self, upload_id):
        self.path(upload_id)
        shutil.rmtree(self.root, ignore_errors=True)


class RemovesOnce(MemoryStore):
    """What is gone already is an error."""

    def remove(self, upload_id):
        self._held(upload_id)
        super().remove(upload_id)


# -- 6. every byte is explained --------------------------------------------------------------------


class ForgetsSideFiles(MemoryStore):
    """An upload of which only side files are left is not listed."""

    def ids(self):
        return iter(sorted(self._bytes))


class ListsOnePage(MemoryStore):
    """Only the first ten are listed."""

    def ids(self):
        return iter(sorted({*self._bytes, *self._beside})[:10])


class MakesWhatIsAskedFor(LocalStore):
    """Asking for a path makes its directory."""

    def path(self, upload_id, name=None):
        path = super().path(upload_id, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class OldFromTheStart(LocalStore):
    """Everything seems to have been here for ever."""

    def age(self, upload_id):
        super().age(upload_id)
        return math.inf


class Misspelled(BareStore):
    """Meant to offer side files; nobody would ever ask it for one."""

    def put_beside(self, upload_id, name, data):
        check_beside(name)

    def read_besides(self, upload_id, name):
        raise FileNotFoundError(name)


# -- 8. hard ceilings, 18. a full disk -------------------------------------------------------------


class CountsBlocks(LocalStore):
    """The size is that of whole blocks."""

    def size(self, upload_id):
        return -(-super().size(upload_id) // 4096) * 4096


class HasRoomForEver(LocalStore):
    """The floor of free disk is forgotten."""

    def room(self):
        return 10**15


class SilentWriter(LocalWriter):
    def write(self, data):
        with contextlib.suppress(DiskFull):
            super().write(data)


class SwallowsAFullDisk(LocalStore):
    """What found no room is acknowledged."""

    def append(self, upload_id, offset):
        path = self.path(upload_id)
        if offset == 0:
            self.make_directory(path.parent)
        return SilentWriter(path, offset, self._disk())


# -- 10. one writer --------------------------------------------------------------------------------


class LetsEverybodyWrite(MemoryStore):
    """Whoever is overtaken writes on."""

    def take(self, upload_id, epoch):
        place = super().take(upload_id, epoch)
        place.check = lambda: None
        return place


class LandingWriter(FencedMemoryWriter):
    def write(self, data):
        try:
            super().write(data)
        except Busy:
            self._held += data[:1]
            raise


class LandsAByte(MemoryStore):
    """Whoever is overtaken is told so, a byte too late."""

    def take(self, upload_id, epoch):
        place = super().take(upload_id, epoch)
        place.writer = lambda offset: LandingWriter(place, MemoryPlace.writer(place, offset)._held)
        return place


class TakesOlderNumbers(MemoryStore):
    """Whoever comes last has the place, with whatever number."""

    def take(self, upload_id, epoch):
        writing = self._writing.get(upload_id)
        if writing is not None:
            writing.begun = min(writing.begun, epoch)
        return super().take(upload_id, epoch)


class SeesNobody(MemoryStore):
    """Nobody seems to be writing."""

    def standing(self, upload_id, epoch):
        return Standing(size=super().standing(upload_id, epoch).size, idle=None)


class FencesOneProcess(LocalStore):
    """Writers of other processes are not known of."""

    def take(self, upload_id, epoch):
        place = super().take(upload_id, epoch)
        place._writers.check = lambda: None
        return place


class KeepsWaiting(LocalStore):
    """Whoever takes over waits for a writer that does nothing."""

    def take(self, upload_id, epoch):
        if epoch == 2:
            time.sleep(2)
        return super().take(upload_id, epoch)


# -- 12. names are the server's --------------------------------------------------------------------


class TrustsIds(LocalStore):
    """Whatever is asked for becomes a path."""

    def path(self, upload_id, name=None):
        return Path(self.root, str(upload_id)[:2], str(upload_id), name or "bytes")


class TrustsNames(MemoryStore):
    """Whatever a side file is called is taken."""

    def read_beside(self, upload_id, name):
        return self._beside.get(upload_id, {})[name]


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
    WritesSideFilesInPlace: 4,
    ListsTheUnfinished: 4,
    ListsByAge: 4,
    LeavesSideFiles: 5,
    EmptiesBeforeItRemoves: 5,
    RemovesTheShard: 5,
    RemovesOnce: 5,
    ForgetsSideFiles: 6,
    ListsOnePage: 6,
    MakesWhatIsAskedFor: 6,
    OldFromTheStart: 6,
    Misspelled: 6,
    CountsBlocks: 8,
    HasRoomForEver: 8,
    SwallowsAFullDisk: 18,
    LetsEverybodyWrite: 10,
    LandsAByte: 10,
    TakesOlderNumbers: 10,
    SeesNobody: 10,
    FencesOneProcess: 10,
    KeepsWaiting: 10,
    TrustsIds: 12,
    TrustsNames: 12,
}
