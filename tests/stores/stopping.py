"""A program: writes to an upload, and is stopped (SIGSTOP) at a given moment.

python stopping.py HELD ID EPOCH MOMENT

When it is continued it goes on as if nothing had happened, and prints what that came to.
"""

import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from greenroom.core.errors import Busy
from greenroom.stores import LocalStore, fenced

STALE = b"s" * 1_000


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def stopping(name: str, *, after: bool = False) -> None:
    """Stop around the next call of a function of the module."""
    real: Callable[..., Any] = getattr(fenced, name)

    def stopped(*args: Any) -> Any:
        setattr(fenced, name, real)
        if after:
            result = real(*args)
            stop()
            return result
        stop()
        return real(*args)

    setattr(fenced, name, stopped)


def halves() -> None:
    real = fenced.write_all

    def half(descriptor: int, data: bytes) -> None:
        fenced.write_all = real
        real(descriptor, data[: len(data) // 2])
        stop()
        real(descriptor, data[len(data) // 2 :])

    fenced.write_all = half


# What is done before the place is taken, before it is written to, and before the next write.
MOMENTS: dict[str, tuple[Callable[[], None] | None, Callable[[], None] | None, Callable[[], None] | None]] = {
    "before it takes its place": (stop, None, None),
    "before it settles": (lambda: stopping("settle"), None, None),
    "with its place taken": (None, stop, None),
    "with the file open": (None, lambda: stopping("open_at", after=True), None),
    "before it cuts": (None, lambda: stopping("cut_at"), None),
    "between two writes": (None, None, stop),
    "inside of a write": (None, None, lambda: stopping("write_all")),
    "in the middle of a write": (None, None, halves),
    "with its copy made": (None, lambda: stopping("copy_start", after=True), None),
}


def main() -> None:
    root, upload_id, epoch, moment = sys.argv[1:]
    store = LocalStore(root, keep_free=0)
    taking, opening, writing = MOMENTS[moment]
    landed = 0
    try:
        (taking or bool)()
        place = store.take(upload_id, int(epoch))
        (opening or bool)()
        writer = place.writer(place.size)
        writer.write(STALE)
        landed += 1
        (writing or bool)()
        for _ in itertools.repeat(None, 5):
            writer.write(STALE)
            landed += 1
    except Busy:
        print("busy", landed)
    else:
        print("not stopped", landed)


if __name__ == "__main__":
    main()
