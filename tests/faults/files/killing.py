"""A program: holds, saves and gives up files, killed at each call to the system in turn, and goes on from what is left.

python killing.py HELD SAVED

For every N a fork does the whole job in fresh directories and is killed (SIGKILL) before the N-th call that changes
anything; and for every write once more in the middle of it. Then this looks at what is left, goes on with it, and
sweeps. It ends when a fork gets through alive, and prints how many were killed. It runs behind `calls.Layer`.
"""

import contextlib
import hashlib
import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from greenroom import LocalStore, Stage
from greenroom.core import MemoryLedger, State, Upload
from greenroom.core.errors import NotHeld
from greenroom.core.upload import new_id
from greenroom.testing import FakeClock
from tests.faults.files.calls import CHANGES, Call, How, Layer

DATA = b"".join(bytes([n]) * 7_001 for n in range(6))
SHA256 = hashlib.sha256(DATA).hexdigest()
HALF = 20_000
LATER = 8 * 24 * 3600.0  # seconds: whatever is held is over by then


class Told(MemoryLedger):
    """Tells another process of each change: that one has the records when this one is killed."""

    pipe: BinaryIO | None = None

    def tell(self, *words: object) -> None:
        if self.pipe is not None:
            pickle.dump(words, self.pipe)

    def insert(self, upload: Upload, *others: object) -> None:
        super().insert(upload, *others)  # type: ignore[arg-type]
        self.tell("insert", upload)

    def swap(self, before: Upload, after: Upload) -> bool:
        done = super().swap(before, after)
        if done:
            self.tell("swap", before, after)
        return done

    def bury(self, upload_id: str) -> bool:
        done = super().bury(upload_id)
        if done:
            self.tell("bury", upload_id)
        return done

    def remove(self, *upload_ids: str) -> None:
        super().remove(*upload_ids)
        for upload_id in upload_ids:
            self.tell("remove", upload_id)


def pieces(start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, 7_001):
        yield DATA[at : min(at + 7_001, end)]


def job(stage: Stage, part: Upload, saved: Path) -> None:
    """What is told is true from then on."""
    tell = stage.ledger.tell  # type: ignore[attr-defined]
    for start, end in ((0, HALF), (HALF, len(DATA))):
        part = stage.append(part.id, pieces(start, end), offset=start)
        tell("landed", part.offset)
    intake = stage.intake(client_name="tea.bin", memory="10 kB")
    for piece in pieces(0, len(DATA)):
        intake.write(piece)
    intake.finish()
    whole = intake.keep()
    tell("held", whole.id)
    for name in ("linked", "copied"):
        stage.promote(whole.id, saved / name, use=name)
        tell("saved", name)
    stage.discard(stage.receive([DATA], client_name="unwanted.bin").id)
    tell("given up")
    stage.discard(whole.id)


class Trial:
    """One fork's whole life, and what comes after it."""

    def __init__(self, held_in: Path, saved_in: Path, what: str) -> None:
        self.what = what
        self.held, self.saved = held_in / f"held-{new_id()}", saved_in / f"saved-{new_id()}"
        self.held.mkdir()
        self.saved.mkdir()
        self.clock = FakeClock()
        self.stage = Stage(LocalStore(self.held, keep_free=0), ledger=Told(self.clock))
        self.part = self.stage.create(client_name="part.bin", length=len(DATA))
        self.told: list[tuple[object, ...]] = []

    def run(self, layer: Layer, how: How, calls: Call, number: int) -> bool:
        """Whether the fork was killed."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                with open(writing, "wb", buffering=0) as pipe:
                    self.stage.ledger.pipe = pipe  # type: ignore[attr-defined]
                    layer.inject(how, calls, number)
                    job(self.stage, self.part, self.saved)
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        with open(reading, "rb") as pipe, contextlib.suppress(EOFError, pickle.UnpicklingError):
            while True:  # the last word may be cut off by the kill, and then was not said
                self.told.append(pickle.load(pipe))  # noqa: S301 - our own fork wrote it
        status = os.waitpid(pid, 0)[1]
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"{self.what}: the job failed by itself"
        for word, *values in self.told:
            if word in ("insert", "swap", "bury", "remove"):
                values += [self.stage.ceilings] if word == "insert" else []
                getattr(self.stage.ledger, str(word))(*values)
        return os.WIFSIGNALED(status)

    def look(self) -> None:
        """Nothing torn, nothing lost that was acknowledged."""
        names = {path.name for path in self.saved.iterdir() if not path.name.startswith(".greenroom-")}
        for name in names:
            assert sha256(self.saved / name) == SHA256, f"{self.what}: {name} is torn"
        for word, *values in self.told:
            if word == "saved":
                assert values[0] in names, f"{self.what}: {values[0]} was acknowledged and is not there"
            if word == "held" and ("given up",) not in self.told:
                with self.stage.open(str(values[0])) as file:
                    assert file.read() == DATA, f"{self.what}: the upload was acknowledged and is not whole"

    def go_on(self) -> None:
        """Another process goes on with the upload that comes in parts."""
        landed = max([0, *(int(str(values[0])) for word, *values in self.told if word == "landed")])
        upload = self.stage.fence(self.part.id)
        assert upload.offset >= landed, f"{self.what}: {landed} bytes were acknowledged, not {upload.offset}"
        if upload.state is State.RECEIVING:
            # Who hears that all is here sends nothing more, and the upload would never be finished.
            assert upload.offset < len(DATA), f"{self.what}: all is here, and nobody finishes it"
            upload = self.stage.append(upload.id, [DATA[upload.offset :]], offset=upload.offset)
        assert upload.state is State.STAGED, f"{self.what}: {upload}"
        assert upload.digest == f"sha256:{SHA256}", f"{self.what}: other bytes"
        self.stage.promote(upload.id, self.saved / "gone on with", use="once")
        assert sha256(self.saved / "gone on with") == SHA256, f"{self.what}: other bytes"

    def save_again(self) -> None:
        """What is held and was not acknowledged as saved can be saved."""
        for word, *values in self.told:
            if word == "held" and ("given up",) not in self.told:
                self.stage.promote(str(values[0]), self.saved / "saved again")
                assert sha256(self.saved / "saved again") == SHA256, f"{self.what}: other bytes"

    def sweep(self) -> None:
        """When its time is over the sweeper takes all that is held, and only that."""
        whole = {path.name for path in self.saved.iterdir() if not path.name.startswith(".greenroom-")}
        for _ in range(3):  # what is over is buried, what nobody explains is seen; later both are removed
            self.clock.advance(LATER)
            self.stage.expire()
        with contextlib.suppress(NotHeld):
            raise AssertionError(f"{self.what}: {self.stage.get(self.part.id)} is still held")
        # An empty directory of the first level may stay: the next upload whose id begins so uses it.
        left = [str(path) for path in self.held.rglob("*") if path.parent != self.held]
        assert left == [], f"{self.what}: the sweeper has left {left}"
        assert {path.name for path in self.saved.iterdir()} == whole, f"{self.what}: {os.listdir(self.saved)}"

    def end(self) -> None:
        shutil.rmtree(self.held)
        shutil.rmtree(self.saved)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    held_in, saved_in = map(Path, sys.argv[1:])
    layer, killed = Layer(), 0
    seen: set[str] = set()
    for how, calls in ((How.KILL, CHANGES), (How.TEAR, Call.WRITE | Call.COPY)):
        number = 0
        while True:
            number += 1
            trial = Trial(held_in, saved_in, f"{how.name} at call {number}")
            was_killed = trial.run(layer, how, calls, number)
            trial.look()
            names = [path.name for path in trial.saved.iterdir()]
            seen |= {".greenroom" if name.startswith(".greenroom-") else name for name in names}
            trial.go_on()
            trial.save_again()
            trial.sweep()
            trial.end()
            if not was_killed:
                break
            killed += 1
    # The job was really caught in the middle of things.
    assert {"linked", "copied", ".greenroom"} <= seen, seen
    print(killed)


if __name__ == "__main__":
    main()
