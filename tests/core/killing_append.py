"""A program: appends in two parts, killed before each line of Greenroom in turn, and goes on from what is left.

python killing_append.py HELD
"""

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
from greenroom.core.upload import new_id
from tests.core.killing import DATA, kill_at

HALF = 20_000


class Told(MemoryLedger):
    """Tells another process of each change: that one has the records when this one is killed."""

    pipe: BinaryIO | None = None

    def swap(self, before: Upload, after: Upload) -> bool:
        done = super().swap(before, after)
        if done and self.pipe is not None:
            pickle.dump(("swap", before, after), self.pipe)
        return done


def pieces(start: int, end: int, pipe: BinaryIO) -> Iterator[bytes]:
    for at in range(start, end, 7_000):
        yield DATA[at : min(at + 7_000, end)]
        pickle.dump(("landed", min(at + 7_000, end)), pipe)


def send(stage: Stage, upload: Upload, pipe: BinaryIO) -> None:
    for start, end in ((0, HALF), (HALF, len(DATA))):
        upload = stage.append(upload.id, pieces(start, end, pipe), offset=start)
        pickle.dump(("landed", upload.offset), pipe)


def run(number: int, stage: Stage, upload: Upload) -> tuple[bool, int]:
    """Whether the fork was killed, and how many bytes it had in the store by then."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with open(writing, "wb", buffering=0) as pipe:
                stage.ledger.pipe = pipe
                kill_at(number)
                send(stage, upload, pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    landed = 0
    with open(reading, "rb") as pipe:
        while True:
            try:
                word, *values = pickle.load(pipe)  # noqa: S301 - our own fork wrote it
            except EOFError:
                break
            if word == "swap":
                assert stage.ledger.swap(*values)
            else:
                landed = values[0]
    status = os.waitpid(pid, 0)[1]
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        raise AssertionError(f"line {number}: the job failed by itself")
    return os.WIFSIGNALED(status), landed


def main() -> None:
    number, killed = 0, True
    offsets: set[int] = set()
    while killed:
        number += 1
        held = Path(sys.argv[1]) / f"held-{new_id()}"
        stage = Stage(LocalStore(held, keep_free=0), ledger=Told())
        upload = stage.create(client_name="tea.bin", length=len(DATA))
        killed, landed = run(number, stage, upload)
        upload = stage.fence(upload.id)
        offsets.add(upload.offset)
        least = min(landed, len(DATA) - 1)
        assert upload.offset >= least, f"line {number}: {landed} bytes were there, {upload.offset} are left"
        if upload.state is State.RECEIVING:
            upload = stage.append(upload.id, [DATA[upload.offset :]], offset=upload.offset)
        assert upload.state is State.STAGED, f"line {number}: {upload}"
        assert upload.digest == "sha256:" + hashlib.sha256(DATA).hexdigest(), f"line {number}: other bytes"
        with stage.open(upload.id) as file:
            assert file.read() == DATA, f"line {number}: other bytes"
        shutil.rmtree(held)
    assert {0, 7_000, HALF, len(DATA) - 1, len(DATA)} <= offsets, offsets
    print(number - 1)


if __name__ == "__main__":
    main()
