"""What a store promises of its disk (`LocalFiles`, `Bounded`) and of other processes: a part of `StoreSuite`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from greenroom.core.errors import DiskFull
from greenroom.core.store import Bounded, Fencing, LocalFiles, SideFiles, Store
from greenroom.core.upload import new_id

from .holding import append, pattern, put, read, removed
from .promise import Suite, at_once, part_of, promise, promised

# What another process does once it has its `store`. It says so line by line, and waits to be told to go on, or killed.
WRITES = """
import sys
writer = store.append(sys.argv[1], 0)
for _ in range(3):
    writer.write(b"green tea")
writer.close()
if sys.argv[2]:
    store.put_beside(sys.argv[1], "claim-1", b"{}")
print("kept", flush=True)
sys.stdin.readline()
"""
STALLS = """
import sys
from greenroom.core.errors import Busy
place = store.take(sys.argv[1], 1)
writer = place.writer(0)
writer.write(b"green")
print("written", flush=True)
sys.stdin.readline()
try:
    writer.write(b"xxx")
    print("added", flush=True)
except Busy:
    print("busy", flush=True)
"""
READS = """
import hashlib, sys
with store.open(sys.argv[1]) as held:
    print(hashlib.sha256(held.read()).hexdigest())
print(",".join(store.ids()))
"""


class StoreWithPaths(Store, LocalFiles, Protocol):
    """A store that offers `LocalFiles`."""


class StoreWithRoom(Store, Bounded, Protocol):
    """A store that offers `Bounded`."""


class DiskPromises(Suite):
    """The part of `StoreSuite` about what is beyond this process."""

    def program(self, store: Store) -> str:
        """Python after which `store` is this same store in another process; empty, as here, if there it cannot be."""
        return ""

    def full(self, store: Store) -> Store | None:
        """The same place, with no room for another byte; None, as here, if there is no such thing."""
        return None

    # -- LocalFiles --------------------------------------------------------------------------------

    @part_of(1, LocalFiles)
    def test_another_process_sees_the_bytes_at_their_path(self, store: StoreWithPaths) -> None:
        data = pattern(200_000)
        upload_id = put(store, data)
        program = "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"
        command = [sys.executable, "-c", program, str(store.path(upload_id))]
        seen = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        promise(seen == hashlib.sha256(data).hexdigest(), "The path leads every process to the same bytes.")

    @part_of(6, LocalFiles)
    def test_a_path_is_given_for_what_is_not_here(self, store: StoreWithPaths) -> None:
        upload_id = new_id()
        promise(not store.path(upload_id).exists(), "Asking for a path makes nothing.")
        promise(store.path(upload_id, "one") != store.path(upload_id), "A side file has a path of its own.")
        promise(store.age(put(store, b"tea")) < 60, "What was just written is young.")
        promise(upload_id not in store.ids(), "Asking for a path makes nothing.")

    # -- Bounded -----------------------------------------------------------------------------------

    @part_of(8, Bounded)
    def test_it_says_how_many_bytes_are_here(self, store: StoreWithRoom) -> None:
        promise(
            store.size(new_id()) == store.size(removed(store)) == 0, "Of what is not here there are no bytes."
        )
        upload_id, other = put(store, pattern(100_000)), put(store, b"tea")
        promise(store.size(upload_id) == 100_000, "Every byte counts.")
        append(store, upload_id, 99_000, b"leaf")
        promise(store.size(upload_id) == 99_004, "What was cut off does not count, what was added does.")
        promise(store.size(other) == 3, "The bytes of others do not count.")
        promise(list(store.ids()) == sorted([upload_id, other]), "Asking for a size makes nothing.")

    @part_of(8, Bounded)
    def test_it_says_how_much_room_there_is(self, store: StoreWithRoom) -> None:
        promise(isinstance(store.room(), int), "The room is a number of bytes.")
        full = self.full(store)
        promise(
            isinstance(full, Bounded),
            "A store that offers Bounded can be full: its suite says how, in `full`.",
        )
        if isinstance(full, Bounded):
            promise(full.room() <= 0 < store.room(), "Where there is no room for a byte it says so.")

    @part_of(18)
    def test_a_full_store_is_a_refusal_and_loses_nothing(self, store: Store) -> None:
        full = self.full(store)
        if full is None:
            return
        upload_id, unknown = put(store, b"green tea"), new_id()
        with promised(DiskFull, "What finds no room is refused with DiskFull, and is not taken for kept."):
            append(full, unknown, 0, pattern(100_000))
        with promised(DiskFull, "What is here already cannot grow either."):
            append(full, upload_id, 9, pattern(100_000))
        promise(read(full, upload_id).startswith(b"green tea"), "What was held before is held.")
        full.remove(upload_id)
        full.remove(unknown)
        promise(list(full.ids()) == [], "What is full can be made empty.")
        promise(read(store, put(store, b"tea")) == b"tea", "And goes on when there is room again.")

    # -- other threads and processes ---------------------------------------------------------------

    @part_of(1)
    def test_whoever_reads_while_it_is_written_reads_a_beginning(self, store: Store) -> None:
        data, upload_id = pattern(1_000_000), new_id()
        append(store, upload_id, 0, data[:1])
        done: list[bool] = []

        def write() -> None:
            try:
                for start in range(1, len(data), 20_000):
                    append(store, upload_id, start, data[start : start + 20_000])
            finally:
                done.append(True)

        def look() -> None:
            while not done:
                promise(
                    data.startswith(read(store, upload_id)),
                    "What is read is what was written, up to somewhere.",
                )

        looks: list[Callable[[], None]] = [look] * 3
        at_once([write, *looks])
        promise(read(store, upload_id) == data, "Whoever reads at the end reads all.")

    @part_of(2)
    def test_what_was_kept_survives_the_process(self, store: Store) -> None:
        if not self.program(store):
            return
        upload_id, beside = new_id(), isinstance(store, SideFiles)
        with self._run(store, WRITES, upload_id, "beside" * beside) as other:
            promise(say(other) == "kept", "Another process can write.")
            other.kill()
        promise(
            read(store, upload_id) == b"green tea" * 3, "What was closed is here when its process is killed."
        )
        if isinstance(store, SideFiles):
            promise(store.read_beside(upload_id, "claim-1") == b"{}", "So is what was put beside it.")
        append(store, upload_id, 27, b"!")
        promise(read(store, upload_id) == b"green tea" * 3 + b"!", "It can be gone on with.")

    @part_of(6)
    def test_another_process_sees_what_is_here(self, store: Store) -> None:
        if not self.program(store):
            return
        data = pattern(200_000)
        upload_id, _ = put(store, data), removed(store)
        with self._run(store, READS, upload_id) as other:
            seen, ids = say(other), say(other)
        promise(seen == hashlib.sha256(data).hexdigest(), "What was closed is visible to every process.")
        promise(ids == upload_id, "Every process has the same ids.")

    @part_of(10, Fencing)
    def test_a_writer_in_another_process_adds_nothing_when_it_is_over(self, store: Store) -> None:
        if not self.program(store) or not isinstance(store, Fencing):
            return
        upload_id = new_id()
        with self._run(store, STALLS, upload_id) as other:
            promise(say(other) == "written", "Another process can take the place.")
            other.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            place = store.take(upload_id, 2)
            # 1.5 s, and some for a machine that is busy with other things.
            promise(time.monotonic() - began < 2, "A writer that was stopped keeps nobody waiting.")
            other.send_signal(signal.SIGCONT)
            promise(place.size == 5, "Whoever takes over goes on with what another process wrote.")
            writer = place.writer(5)
            writer.write(b" tea")
            promise(say(other, "go on") == "busy", "An overtaken writer in another process is told so.")
            writer.close()
            place.close()
        promise(read(store, upload_id) == b"green tea", "Nothing of an overtaken writer is added.")

    @contextlib.contextmanager
    def _run(self, store: Store, program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Another process, in which `program` has the store. Afterwards it is gone, also if it was stopped."""
        command = [sys.executable, "-c", f"{self.program(store)}\n{program}", *arguments]
        found = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=found
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def say(process: subprocess.Popen[str], line: str = "") -> str:
    """Tell it to go on, if there is a `line` for it, and wait for what it says; empty if it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    if line:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
    return process.stdout.readline().strip()
