"""A program: a server process whose writers are stopped (SIGSTOP) at the N-th line of code that they come to.

python stalling.py DATABASE HELD

Says "ready". For a line "ID OFFSET N" it forks a writer that adds pieces at OFFSET, and says "stopped" when that has
come to the line, or "ended" if it never did. After "on" the writer goes on, and says what came of it.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from django.db import connections

from greenroom.core import Refused, Stage
from greenroom.ledger import OrmLedger
from greenroom.stores import LocalStore

PIECE = 70_000
PIECES = 3
WRITING = ("/core/appending.py", "/core/spool.py", "/core/place.py", "/stores/", "/greenroom/ledger.py")


def stop_at(moment: int) -> Iterator[int]:
    """Count the lines of everything that writes, and stop this process at one of them."""
    lines = itertools.count(1)

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if not any(part in frame.f_code.co_filename for part in WRITING):
            return None
        if event == "line" and next(lines) == moment:
            os.kill(os.getpid(), signal.SIGSTOP)
        return trace

    sys.settrace(trace)
    return lines


def write(root: str, upload_id: str, offset: int, moment: int) -> str:
    """What came of it, and how many lines that took."""
    stage = Stage(LocalStore(root, keep_free=0), ledger=OrmLedger(), owner="somebody")
    lines = stop_at(moment)
    try:
        upload = stage.append(upload_id, [b"a" * PIECE] * PIECES, offset=offset)
    except Refused as refusal:
        return f"{refusal.code} {next(lines)}"
    finally:
        sys.settrace(None)
    return f"{upload.state} {next(lines)}"


def main() -> None:
    connections["default"].settings_dict["NAME"] = sys.argv[1]
    print("ready", flush=True)
    for line in sys.stdin:
        upload_id, offset, moment = line.split()
        connections.close_all()
        child = os.fork()
        if child == 0:
            result = write(sys.argv[2], upload_id, int(offset), int(moment))
            print(result, flush=True)
            os._exit(0)
        _, status = os.waitpid(child, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            print("stopped", flush=True)
            assert sys.stdin.readline() == "on\n"
            os.kill(child, signal.SIGCONT)
            os.waitpid(child, 0)
        else:
            print("ended", flush=True)


if __name__ == "__main__":
    main()
