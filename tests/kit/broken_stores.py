"""Stores with one thing wrong about what is around the bytes. `CAUGHT` says which promise that breaks."""

import contextlib
import math
import os
import shutil
import time
from pathlib import Path

from greenroom.core import Standing
from greenroom.core.errors import Busy, DiskFull
from greenroom.core.store import check_beside
from greenroom.stores import LocalStore, MemoryStore
from greenroom.stores.memory import FencedMemoryWriter, MemoryPlace
from greenroom.stores.writing import LocalWriter
from greenroom.testing import BareStore

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


class PlaceOfAnybodysSize(MemoryPlace):
    size = property(lambda self: len(self._store._bytes.get(self._upload_id, b"")), lambda self, size: None)


class CountsWhatOthersAdd(MemoryStore):
    """The size that a place begins with grows while somebody else writes."""

    def take(self, upload_id, epoch):
        place = super().take(upload_id, epoch)
        place.__class__ = PlaceOfAnybodysSize
        return place


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
        return Path(self.root, str(upload_id)[:1], str(upload_id), name or "bytes")


class TrustsNames(MemoryStore):
    """Whatever a side file is called is taken."""

    def read_beside(self, upload_id, name):
        return self._beside.get(upload_id, {})[name]


CAUGHT = {
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
    CountsWhatOthersAdd: 10,
    SeesNobody: 10,
    FencesOneProcess: 10,
    KeepsWaiting: 10,
    TrustsIds: 12,
    TrustsNames: 12,
}
