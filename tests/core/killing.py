"""A program: receives, promotes and discards, killed before each line of Greenroom in turn.

python killing.py HELD SAVED

For every N a fork does the whole job in fresh directories and kills itself (SIGKILL) before the N-th line.
Then this looks at what is left. It ends when a fork gets through alive, and prints how many were killed.
"""

import hashlib
import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType

import greenroom
from greenroom import LocalStore, Stage
from greenroom.core import Leases
from greenroom.core.upload import new_id

PACKAGE = str(Path(greenroom.__file__).parent)
DATA = b"".join(bytes([n]) * 7_000 for n in range(6))
SHA256 = hashlib.sha256(DATA).hexdigest()


def job(held: Path, saved: Path, acknowledge: int) -> None:
    """What is told to `acknowledge` has to be true from then on."""
    stage = Stage(LocalStore(held, keep_free=0))
    intake = stage.intake(client_name="tea.bin", memory="10 kB")
    for start in range(0, len(DATA), 7_000):
        intake.write(DATA[start : start + 7_000])
    intake.finish()
    upload_id = intake.keep().id
    os.write(acknowledge, f"held {upload_id}\n".encode())
    for name in ("linked", "copied"):
        stage.promote(upload_id, saved / name, use=name)
        os.write(acknowledge, f"saved {name}\n".encode())
    os.write(acknowledge, b"given up\n")
    stage.discard(upload_id)
    os.write(acknowledge, b"discarded\n")


def kill_at(number: int) -> None:
    """SIGKILL before the line of the package that is executed as the `number`th from now."""
    left = number

    def on_line(frame: FrameType, event: str, argument: object):
        nonlocal left
        if event == "line":
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    def on_call(frame: FrameType, event: str, argument: object):
        return on_line if frame.f_code.co_filename.startswith(PACKAGE) else None

    sys.settrace(on_call)


def run(number: int, held: Path, saved: Path) -> tuple[bool, list[str]]:
    """Whether the fork was killed, and what it had acknowledged."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            kill_at(number)
            job(held, saved, writing)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading) as pipe:
        acknowledged = pipe.read().splitlines()
    status = os.waitpid(pid, 0)[1]
    killed = os.WIFSIGNALED(status)
    if not killed and os.WEXITSTATUS(status) != 0:
        raise AssertionError(f"line {number}: the job failed by itself")
    return killed, acknowledged


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def look(number: int, held: Path, saved: Path, acknowledged: list[str]) -> None:
    """Nothing torn, nothing lost that was acknowledged."""
    for path in saved.iterdir():
        if not path.name.startswith(".greenroom-"):
            assert sha256(path) == SHA256, f"line {number}: {path.name} is torn"
    for line in acknowledged:
        word, _, name = line.partition(" ")
        if word == "saved":
            assert (saved / name).exists(), f"line {number}: {name} was acknowledged and is not there"
        if word == "held" and "given up" not in acknowledged:
            path = LocalStore(held).path(name)
            assert sha256(path) == SHA256, f"line {number}: the upload was acknowledged and is not whole"


def sweep(number: int, held: Path, saved: Path) -> None:
    """After a restart nothing is known of the uploads any more; the sweeper takes all of it, and only that."""
    whole = {path.name for path in saved.iterdir() if not path.name.startswith(".greenroom-")}
    stage = Stage(LocalStore(held, keep_free=0), leases=Leases(grace=0))
    assert stage.expire() == [], f"line {number}: removed as soon as it was found"
    stage.expire()
    # An empty directory of the first level may stay: the next upload whose id begins so uses it.
    left = [str(path) for path in held.rglob("*") if path.parent != held]
    assert left == [], f"line {number}: the sweeper has left {left}"
    assert {path.name for path in saved.iterdir()} == whole, f"line {number}: {os.listdir(saved)}"


def main() -> None:
    held_in, saved_in = map(Path, sys.argv[1:])
    number, killed = 0, True
    seen: set[str] = set()
    while killed:
        number += 1
        held, saved = held_in / f"held-{new_id()}", saved_in / f"saved-{new_id()}"
        held.mkdir()
        saved.mkdir()
        killed, acknowledged = run(number, held, saved)
        look(number, held, saved, acknowledged)
        seen.update(
            ".greenroom" if path.name.startswith(".greenroom-") else path.name for path in saved.iterdir()
        )
        sweep(number, held, saved)
        shutil.rmtree(held)
        shutil.rmtree(saved)
    # The job was really caught in the middle of things.
    assert {"linked", "copied", ".greenroom"} <= seen, seen
    print(number - 1)


if __name__ == "__main__":
    main()
