"""What fencing costs an append that nobody disturbs: the same bytes with and without it, in one run.

    .venv/test/bin/python benchmarks/fencing.py [--size "200 MB"] [--rounds 9] [--directory DIR]

Prints CPU microseconds for each chunk of `Stage.append` into a LocalStore: as it is, and with the lock and
the look before each write left out. Then what one append costs whatever its size.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from greenroom import LocalStore, Stage
from greenroom.core import format_size, parse_size
from greenroom.core.place import write_all
from greenroom.stores import fenced

FENCED = fenced.FencedWriter.write


def unfenced(writer: fenced.FencedWriter, data: bytes) -> None:
    """The same without a fence."""
    writer._room.check(writer._descriptor, len(data))
    try:
        write_all(writer._descriptor, data)
    except OSError:
        with fenced.room_or_refusal():
            raise


def append(stage: Stage, chunk: bytes, count: int) -> float:
    """CPU seconds of one append of so many chunks."""
    upload = stage.create(client_name="bench.bin", length=len(chunk) * count)
    began = time.process_time()
    stage.append(upload.id, (chunk for _ in range(count)), offset=0)
    taken = time.process_time() - began
    stage.discard(upload.id)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="200 MB")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--directory", default=tempfile.gettempdir())
    options = parser.parse_args()
    size = parse_size(options.size)
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        stage = Stage(LocalStore(directory, keep_free=0))
        print(f"{format_size(size)}, SHA-256 on; CPU microseconds for each chunk, best of {options.rounds}")
        for length in (65_536, 1 << 20):
            chunk, count = os.urandom(length), size // length
            times: dict[str, list[float]] = {"fenced": [], "not fenced": []}
            for _ in range(options.rounds):  # in turn, so that what disturbs the machine disturbs both
                for name, write in (("fenced", FENCED), ("not fenced", unfenced)):
                    fenced.FencedWriter.write = write  # type: ignore[method-assign]
                    times[name].append(append(stage, chunk, count) / count * 1e6)
            fenced.FencedWriter.write = FENCED  # type: ignore[method-assign]
            with_it, without = (min(times[name]) for name in times)  # the least disturbed
            print(f"{length:>8} bytes: {with_it:8.2f} {without:8.2f}   {with_it / without - 1:+.1%}")
        small = statistics.median(append(stage, b"x" * 5_000, 1) for _ in range(1_000)) * 1e6
        print(f"one append of 5 kB: {small:.0f} in all")


if __name__ == "__main__":
    main()
