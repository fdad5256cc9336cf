"""A program: receives, appends, saves and gives up files while one call to the system, or every one from it on, fails.

python failing.py HELD SAVED FAULT EVERY [lasting]

For each EVERY-th N the N-th call that the fault concerns fails. Whatever is refused is refused in words, leaves nothing
torn, nothing open and nothing unexplained, and is done again in the same process when the fault is gone. Prints how
many faults there were. It runs behind `calls.Layer`.
"""

import errno
import functools
import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from greenroom import LocalStore, Stage
from greenroom.core import MemoryLedger, State, Upload
from greenroom.core.errors import Refused
from greenroom.core.upload import new_id
from greenroom.testing import FakeClock
from tests.faults.files.calls import EVERY, Call, How, Layer
from tests.faults.files.killing import DATA, HALF, LATER, SHA256, pieces, sha256

Result = TypeVar("Result")
ROOM = Call.MAKE | Call.WRITE | Call.MKDIR | Call.LINK | Call.RENAME | Call.COPY | Call.SYNC
RETRIED = Call.OPEN | Call.MAKE | Call.READ | Call.WRITE | Call.SYNC | Call.TRUNCATE | Call.LOCK


class Fault(NamedTuple):
    """What is done to which calls, and the code of the refusal; none where nobody must notice anything."""

    how: How
    calls: Call
    code: int
    refusal: str


FAULTS = {
    "ENOSPC": Fault(How.FAIL, ROOM, errno.ENOSPC, "disk_full"),
    "EDQUOT": Fault(How.FAIL, ROOM, errno.EDQUOT, "disk_full"),
    "EIO": Fault(How.FAIL, EVERY, errno.EIO, "store_unavailable"),
    "unsynced": Fault(How.FAIL, Call.SYNC, errno.EIO, "store_unavailable"),
    "EROFS": Fault(How.FAIL, ROOM | Call.UNLINK | Call.RMDIR, errno.EROFS, "store_unavailable"),
    "EMFILE": Fault(How.FAIL, Call.OPEN | Call.MAKE | Call.LIST, errno.EMFILE, "store_unavailable"),
    "EXDEV": Fault(How.FAIL, Call.LINK | Call.COPY, errno.EXDEV, ""),
    "EINTR": Fault(How.FAIL, RETRIED, errno.EINTR, ""),
    "short": Fault(How.SHORTEN, Call.WRITE | Call.COPY | Call.READ, 0, ""),
}


class Trial:
    """One time through everything, with one fault."""

    def __init__(self, held_in: Path, saved_in: Path, name: str, number: int, *, lasting: bool) -> None:
        self.fault, self.number, self.lasting = FAULTS[name], number, lasting
        self.what = f"{name} at call {number}{' and after' if lasting else ''}"
        self.held, self.saved = held_in / f"held-{new_id()}", saved_in / f"saved-{new_id()}"
        self.saved.mkdir()
        self.clock = FakeClock()
        # A file that cannot be written through matters most to those who count on that.
        durability = "power" if name == "unsynced" else "process"
        store = LocalStore(self.held, keep_free=0, durability=durability)
        self.stage = Stage(store, ledger=MemoryLedger(self.clock))
        self.before = self.stage.receive([DATA], client_name="held before.bin")
        self.layer = Layer()
        self.refused = 0

    def run(self) -> int:
        """How many calls there were that the fault concerns."""
        stage = self.stage
        self.open = sorted(os.listdir("/proc/self/fd"))
        fault = self.fault
        self.layer.inject(
            fault.how,
            fault.calls,
            self.number,
            under=(self.held, self.saved),
            code=fault.code,
            lasting=self.lasting,
        )
        whole = self.attempt(lambda: stage.receive(pieces(0, len(DATA)), client_name="whole.bin"))
        small = self.attempt(self.receive_through_memory)
        part = self.attempt(lambda: stage.create(client_name="part.bin", length=len(DATA)))
        for _ in range(2):
            part = self.attempt(functools.partial(self.append, part.id))
        assert part.state is State.STAGED
        assert part.digest == whole.digest == f"sha256:{SHA256}", self.what
        for name, upload in (("linked", whole), ("copied", whole), ("parts", part)):
            self.attempt(functools.partial(self.promote, upload, name))
        self.attempt(lambda: stage.open(small.id).close())
        self.attempt(lambda: self.discard(small.id))
        seen = self.layer.end()
        self.look()
        assert {path.name for path in self.saved.iterdir()} == {"linked", "copied", "parts"}, self.what
        self.sweep()
        shutil.rmtree(self.held)
        shutil.rmtree(self.saved)
        return seen

    def attempt(self, step: Callable[[], Result]) -> Result:
        """Take a step. If it is refused: in the right words, with nothing broken, and done the next time."""
        try:
            return step()
        except Refused as refusal:
            code = refusal.code
        assert code == self.fault.refusal, f"{self.what}: {code}"
        self.layer.end()
        self.refused += 1
        self.look()
        return step()

    def receive_through_memory(self) -> Upload:
        intake = self.stage.intake(client_name="small.bin")
        try:
            intake.write(DATA)
            intake.finish()
            return intake.keep()
        except Refused:
            intake.abandon()
            raise

    def append(self, upload_id: str) -> Upload:
        """As a client does that asks how far it has come; half of what is left, or the rest."""
        offset = self.stage.fence(upload_id).offset
        if offset == len(DATA):
            return self.stage.get(upload_id)
        end = HALF if offset < HALF else len(DATA)
        try:
            return self.stage.append(upload_id, pieces(offset, end), offset=offset)
        except Refused:
            if self.fault.calls == Call.SYNC and offset:
                # fsync(2) that has failed once says the next time that all is well.
                here = self.stage.store.path(upload_id).stat().st_size
                assert here == offset, f"{self.what}: {here} bytes count, not {offset}"
            raise

    def promote(self, upload: Upload, name: str) -> None:
        try:
            self.stage.promote(upload.id, self.saved / name, use=name)
        except FileExistsError:
            # A disk that stays broken does not let the name be taken back that could not be made durable.
            assert self.refused, self.what
            assert self.lasting, self.what

    def discard(self, upload_id: str) -> None:
        if self.stage.ledger.get(upload_id) is not None:
            self.stage.discard(upload_id)

    def look(self) -> None:
        """Nothing torn, nothing left open, and what was held is held; what is here has a record."""
        left_open = sorted(os.listdir("/proc/self/fd"))
        assert left_open == self.open, f"{self.what}: open are {left_open}, and were {self.open}"
        for path in self.saved.iterdir():
            assert path.name.startswith(".greenroom-") or sha256(path) == SHA256, (
                f"{self.what}: {path} is torn"
            )
        with self.stage.open(self.before.id) as file:
            assert hashlib.sha256(file.read()).hexdigest() == SHA256, f"{self.what}: what was held is not"
        for upload_id in self.stage.store.ids():
            assert self.stage.ledger.get(upload_id), f"{self.what}: {os.listdir(self.held)} has no record"

    def sweep(self) -> None:
        """In the end everything goes."""
        for _ in range(3):  # what is over is buried, what nobody explains is seen; later both are removed
            self.clock.advance(LATER)
            self.stage.expire()
        left = [str(path) for path in self.held.rglob("*") if path.parent != self.held]
        assert left == [], f"{self.what}: the sweeper has left {left}"


def main() -> None:
    held_in, saved_in, name, step, *lasting = sys.argv[1:]
    logging.disable()
    number, faults, refused = 1, 0, 0
    while True:
        trial = Trial(Path(held_in), Path(saved_in), name, number, lasting=bool(lasting))
        try:
            seen = trial.run()
        except Exception as error:
            raise AssertionError(trial.what) from error
        refused += trial.refused
        if seen < number and not trial.refused:
            break
        faults += 1
        number += int(step)
    assert bool(refused) == bool(FAULTS[name].refusal), f"{refused} of {faults} were refused"
    print(faults)


if __name__ == "__main__":
    main()
