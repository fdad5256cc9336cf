"""The workers: started when they are first needed, kept warm, replaced when a picture breaks one.

Made with `subprocess` and pipes: `multiprocessing` would run a user's script again in each worker.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any

from ..core import errors
from ..core.errors import NotAPicture, Refused, TooMuchWork, UsageError
from .channel import Channel, ChannelBroken, DeadlinePassed, Header

logger = logging.getLogger("greenroom.images")

START_SECONDS = 30.0
"""To start a worker takes about 0.2 s; on a machine that is short of everything, longer."""

STARTER = "import sys, runpy; sys.path += sys.argv[1:]; runpy.run_module('greenroom.images.worker', run_name='__main__')"
"""Isolated (`-I`), so that neither the current directory, nor the script's, nor the environment can put a
module in the place of one of the standard library's; the paths of this process come last, so that
the package is found wherever this process found it."""

PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""The environment of a worker. Passwords and keys are no business of a process that reads strangers' files."""

REFUSALS: dict[str, type[Refused]] = {
    kind.code: kind
    for kind in (
        errors.Blank,
        errors.CropStale,
        errors.NotAPicture,
        errors.TooManyFrames,
        errors.TooManyPixels,
        errors.TooMuchWork,
    )
}


class WorkersUnavailable(RuntimeError):
    """No worker can be started here, for a reason that is not a picture's: most often, pyvips is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerLimits:
    """What one job may take: `seconds` of wall time, `memory` bytes of address space."""

    seconds: float = 20.0
    memory: int = 1 << 30

    def __post_init__(self) -> None:
        if isinstance(self.memory, bool) or not isinstance(self.memory, int) or self.memory < 1:
            raise UsageError("WorkerLimits.memory is a number of bytes.", self.memory)
        if not self.seconds > 0:
            raise UsageError("WorkerLimits.seconds is more than 0.", self.seconds)


class Worker:
    """One running worker process, used by one thread at a time."""

    def __init__(self, python: str) -> None:
        paths = [path for path in sys.path if os.path.isabs(path)]
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        # Every arena of glibc's allocator reserves 64 MB of the address space that is limited.
        environment["MALLOC_ARENA_MAX"] = "2"
        self._process = subprocess.Popen(
            [python, "-I", "-c", STARTER, *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a pipe that nobody reads fills, and blocks the writer
            bufsize=0,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the server; the worker ends when its input does
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pipes = (self._process.stdin, self._process.stdout)
        self._channel = Channel(self._pipes[0].fileno(), self._pipes[1].fileno())
        self.jobs = 0
        try:
            hello, _payload = self._channel.receive(time.monotonic() + START_SECONDS)
        except (ChannelBroken, DeadlinePassed) as error:
            self.kill()
            raise WorkersUnavailable(f"A worker did not start with {python!r}.") from error
        if "unavailable" in hello:
            self.kill()
            raise WorkersUnavailable(
                f"Pictures need libvips: pip install 'pyvips[binary]'. The worker said: {hello['unavailable']}"
            )

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def ask(self, header: Header, payload: bytes | memoryview, deadline: float) -> tuple[Header, bytes]:
        """One job and its answer. Raises `ChannelBroken` and `DeadlinePassed`; the worker is then unusable."""
        self.jobs += 1
        self._channel.send(header, payload, deadline)
        return self._channel.receive(deadline)

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()
        self._close_pipes()
        self._process.wait()

    def dismiss(self) -> None:
        """Let it end by itself, since its input ends; a little later, not by itself."""
        self._close_pipes()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self.kill()

    def forget(self) -> None:
        """In a forked child: give up the parent's worker without disturbing it."""
        self._close_pipes()
        self._process.returncode = 0  # it is not this process's child; nobody here will wait for it

    def _close_pipes(self) -> None:
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.close()


class Workers:
    """At most `size` workers, shared by all threads of a process. After a fork the child has its own.

    A worker that dies, is late or runs out of memory costs the picture it was given: `TooMuchWork`. The next
    job gets a new one. After `jobs` jobs a worker is replaced, so that what leaks does not pile up.
    """

    def __init__(
        self, size: int = 2, *, limits: WorkerLimits | None = None, jobs: int = 500, python: str | None = None
    ) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise UsageError("Workers.size is a whole number from 1.", size)
        self.size, self.limits, self.jobs = size, limits or WorkerLimits(), jobs
        self._python = python or sys.executable
        self._renew()
        _pools.add(self)

    def run(
        self, job: Header, payload: bytes | memoryview = b"", *, limits: WorkerLimits | None = None
    ) -> tuple[Header, bytes]:
        """Have one job done. Waits for a free worker; the time limit counts from then.

        Raises the refusal that the worker answers with, `TooMuchWork`, `OSError` if a file cannot be read or
        written, `WorkersUnavailable`.
        """
        given = limits or self.limits
        with self._free:
            worker = self._take()
            keep = False
            try:
                answer, data = worker.ask(
                    job | {"seconds": given.seconds, "memory": given.memory},
                    payload,
                    time.monotonic() + given.seconds,
                )
                keep = not answer.get("last") and worker.jobs < self.jobs
            except (ChannelBroken, DeadlinePassed) as error:
                raise TooMuchWork() from error
            finally:
                self._give_back(worker, keep=keep, part=job.get("part"))
        return _judge(answer), data

    def pids(self) -> list[int]:
        """The process ids of the workers that wait for a job."""
        with self._lock:
            return [worker.pid for worker in self._idle]

    def close(self) -> None:
        """End the waiting workers. The pool can be used again; it starts new ones."""
        with self._lock:
            idle = list(self._idle)
            self._idle.clear()
        for worker in idle:
            worker.dismiss()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(self.size)
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()

    def _take(self) -> Worker:
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is not None and not worker.alive:
            worker.kill()
            worker = None
        worker = worker or Worker(self._python)
        with self._lock:
            self._busy.add(worker)
        return worker

    def _give_back(self, worker: Worker, *, keep: bool, part: str | None) -> None:
        with self._lock:
            self._busy.discard(worker)
            if keep:
                self._idle.append(worker)
        if not keep:
            worker.kill()
            if part is not None:
                with contextlib.suppress(OSError):
                    os.unlink(part)

    def _forked(self) -> None:
        """In the child: the locks may be held by threads that do not exist here, the pipes are the parent's."""
        inherited = [*self._idle, *self._busy]
        self._renew()
        for worker in inherited:
            worker.forget()


def _judge(answer: Header) -> Header:
    if "refused" in answer:
        raise REFUSALS.get(answer["refused"], NotAPicture)(**answer["params"])
    if "broken" in answer:
        logger.error("A worker failed, and the picture is refused: %s", answer["broken"])
        raise TooMuchWork()
    if "errno" in answer:
        raise OSError(answer["errno"], answer["strerror"], answer["filename"])
    return answer


_pools: weakref.WeakSet[Workers] = weakref.WeakSet()
_default: Workers | None = None
_default_lock = threading.Lock()


def configure(size: int = 2, *, limits: WorkerLimits | None = None, **options: Any) -> Workers:
    """Set up the workers that `probe`, `render` and the inspectors use. The former ones are closed."""
    global _default
    made = Workers(size, limits=limits, **options)
    with _default_lock:
        former, _default = _default, made
    if former is not None:
        former.close()
    return made


def workers() -> Workers:
    """The workers of this process, made on the first call unless `configure` was called."""
    global _default
    with _default_lock:
        if _default is None:
            _default = Workers()
        return _default


def _forked() -> None:
    global _default_lock
    _default_lock = threading.Lock()
    for pool in list(_pools):
        pool._forked()


def _close_all() -> None:
    for pool in list(_pools):
        pool.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
atexit.register(_close_all)
