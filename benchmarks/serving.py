"""One contender's server: started in a directory of its own, given work, looked at, emptied and ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contenders import Contender
from measuring import Tree
from sending import Visitor, write_plan

ROOT = Path(__file__).resolve().parent.parent
MB = 10**6
STARTED_IN = 60.0
SETTLED_IN = 0.1
ENDS = 4096
# What is written down about uploads, for whoever has such a table.
TABLES = ("greenroom_stageduse", "greenroom_stagedupload", "project_paper")
TABLES += ("django_file_form_temporaryuploadedfile",)


@dataclass(frozen=True, kw_only=True)
class Work:
    """`clients` at once, each of whom sends `files` of `size` bytes one after the other, on one connection."""

    title: str
    clients: int = 1
    files: int
    size: int

    @property
    def bytes(self) -> int:
        return self.clients * self.files * self.size


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU seconds for each GB, wall seconds, and bytes of memory over idle for each client at once."""

    cpu: float
    wall: float
    memory: float


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What the run has built: the sender's command, the limit, the Node peer, and the file whose bytes are sent."""

    sender: tuple[str | Path, ...]
    limit: Path
    node: Path
    body: Path


class Failed(Exception):
    """What was sent is not what arrived, or an answer was not the expected one."""


class Server:
    """A running contender."""

    def __init__(self, contender: Contender, directory: Path, tools: Tools) -> None:
        self.contender = contender
        self.directory = directory
        self.tools = tools
        self.stored = directory / "stored"
        self.stored.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_")}
        environment |= {
            "BENCH_DIRECTORY": str(self.stored),
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        }
        environment |= contender.environment
        if contender.settings:
            environment["DJANGO_SETTINGS_MODULE"] = f"{contender.settings}.settings"
            for name in ("media", "media/papers", "media/temp_uploads"):
                (self.stored / name).mkdir(exist_ok=True)
            migrate = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity=0"]
            subprocess.run(migrate, env=environment, check=True)
        places: dict[str, object] = {
            "port": self.port,
            "directory": self.stored,
            "limit": tools.limit,
            "node": tools.node,
        }
        places |= {"python": sys.executable, "path": contender.path}
        command = [part.format(**places) for part in contender.command]
        self.log = directory / "log"
        with self.log.open("wb") as log:
            self.running = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self.tree = Tree(self.running.pid)
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        until = time.monotonic() + STARTED_IN
        while True:  # there is no event for it: whoever listens is found by knocking
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            if self.running.poll() is not None or time.monotonic() > until:
                raise Failed(f"{self.contender.name} did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def close(self) -> None:
        """End it, kindly at first."""
        self.running.terminate()
        try:
            self.running.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()
        shutil.rmtree(self.directory)

    def idle(self) -> int:
        """Resident bytes now."""
        return self.tree.memory("VmRSS")

    def do(self, work: Work, idle: int) -> Cost:
        """Send the work, check what arrived, and remove it. Raises `Failed`."""
        plan = self.directory / "plan"
        make, page = self.contender.make, self.contender.page
        visitors = [Visitor(self.port, page, work.files) for _ in range(work.clients)]
        write_plan(plan, [[make(each, work.size) for _ in range(work.files)] for each in visitors])
        command = [*self.tools.sender, str(self.port), self.tools.body, plan]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as sender:
            assert sender.stdout is not None  # a pipe was asked for
            sender.stdout.readline()
            self.make_room(work.bytes)
            self.tree.forget_peak()
            before = self.tree.cpu()
            said, trouble = sender.communicate("\n")
            time.sleep(SETTLED_IN)  # what is done after the answer counts, too
            cpu, peak = self.tree.cpu() - before, self.tree.memory("VmHWM")
        if sender.returncode:
            raise Failed(f"{self.contender.name}, {work.title}: {trouble}\n{self.log.read_text()[-4000:]}")
        self.check(work)
        self.empty()
        return Cost(cpu=cpu / (work.bytes / 1e9), wall=float(said), memory=max(peak - idle, 0) / work.clients)

    def make_room(self, size: int) -> None:
        """Use as much of the page cache as is about to be needed, and let it go again.

        A virtual machine gets memory from its host only when it first touches it, and gives it back when it is
        free for some seconds. That costs more than receiving does, and would be counted for whoever comes first.
        """
        path = self.directory / "room"
        with path.open("wb", buffering=0) as file:
            for _ in range(0, size, MB):
                file.write(bytes(MB))
        path.unlink()

    def check(self, work: Work) -> None:
        """Every file that was sent is there, in its full length, and begins and ends as it should."""
        found = dict(self.files(work.size))
        wanted = work.clients * work.files
        if len(found) != wanted:
            sizes = sorted(path.stat().st_size for path in self.stored.rglob("*") if path.is_file())
            raise Failed(
                f"{self.contender.name}, {work.title}: {len(found)} of {wanted} arrived. {sizes[-20:]}"
            )
        with self.tools.body.open("rb") as body:
            begin = body.read(ENDS)
            body.seek((work.size - ENDS) % self.tools.body.stat().st_size)
            end = body.read(ENDS)
        for path in found.values():
            with path.open("rb") as file:
                first = file.read(ENDS)
                file.seek(-ENDS, os.SEEK_END)
                if (first, file.read()) != (begin, end):
                    raise Failed(f"{self.contender.name}, {work.title}: {path.name} was altered")

    def files(self, size: int) -> Iterator[tuple[int, Path]]:
        """Files of exactly so many bytes, by inode: what is linked has two names and is there once."""
        for path in self.stored.rglob("*"):
            if path.is_file() and path.stat().st_size == size:
                yield path.stat().st_ino, path

    def empty(self) -> None:
        """Remove what was stored and what was written down about it."""
        places = [self.stored]
        if self.contender.settings:
            places = [self.stored / name for name in ("greenroom-held", "media/papers", "media/temp_uploads")]
        for place in places:
            for each in place.iterdir() if place.exists() else ():
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        database = self.stored / "db.sqlite3"
        if database.exists():
            with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection, connection:
                rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for table in TABLES:
                    if (table,) in rows:
                        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
