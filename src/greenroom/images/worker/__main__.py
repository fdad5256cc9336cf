"""One worker: reads jobs from standard input, answers on standard output, ends when its input ends."""

from __future__ import annotations

import errno
import logging
import os
import resource
import signal
import time
import traceback
from typing import BinaryIO

from ...core.errors import NotAPicture, Refused, TooMuchWork
from .. import channel

GRACE = 5
"""The server kills a worker that is late. Should the server itself be gone, the worker's own alarm ends it
this many seconds later."""


def main() -> None:
    """Shut what is not needed, say hello, work."""
    jobs, answers = _own_pipes()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold a person's picture
    try:
        from . import jobs as work
    except Exception as error:
        channel.write(answers, {"unavailable": f"{type(error).__name__}: {error}"})
        return
    channel.write(answers, {"ready": os.getpid()})
    while (frame := channel.read(jobs)) is not None:
        job, payload = frame
        started = time.process_time()
        signal.alarm(int(job["seconds"]) + GRACE)
        limit_memory(job["memory"])
        data = b""
        try:
            answer, data = work.do(job, payload)
        except Refused as refused:
            answer = {"refused": refused.code, "params": dict(refused.params)}
        except MemoryError:
            answer = {"refused": TooMuchWork.code, "params": {}, "last": True}
        except OSError as error:
            if error.errno == errno.ENOMEM:
                answer = {"refused": TooMuchWork.code, "params": {}, "last": True}
            else:
                answer = {"errno": error.errno, "strerror": error.strerror, "filename": error.filename}
        except work.LibraryError as error:
            # The library's text is for its authors; a person is told what can be done about it.
            logging.getLogger(__name__).debug("%s", error)
            answer = _library_failure(error)
        except Exception:
            answer = {"broken": traceback.format_exc(), "last": True}
        signal.alarm(0)
        answer["cpu"] = time.process_time() - started
        channel.write(answers, answer, data)
        if answer.get("last"):
            return


def limit_memory(size: int) -> None:
    """Let the address space grow to `size` bytes and no further. What is mapped counts."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(
        resource.RLIMIT_AS, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard)
    )


def _library_failure(error: Exception) -> channel.Header:
    from .reading import DAMAGED

    if any(word in str(error).lower() for word in ("out of memory", "unable to allocate", "cannot allocate")):
        return {"refused": TooMuchWork.code, "params": {}, "last": True}
    return {"refused": NotAPicture.code, "params": {"reason": DAMAGED}}


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes under numbers that nothing else writes to: what prints to 1 goes to 2 now."""
    jobs, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return os.fdopen(jobs, "rb"), os.fdopen(answers, "wb")


if __name__ == "__main__":
    main()
