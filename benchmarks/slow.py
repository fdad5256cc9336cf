"""How fast one client is beside 300 slow ones: the same upload alone and beside them, in turn, in one run.

    .venv/test/bin/python benchmarks/slow.py [--clients 300] [--size "1 GB"] [--rounds 5] [--kinds gunicorn uvicorn]

The slow ones send 1 kB a second each. Prints the median of the ratios of speed, the memory that each slow client
takes, and how many connections to the database are open meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from greenroom.core import parse_size
from tests.django.servers import Server, Visitor

A_DAY = 86_400  # as many kB as the slow ones have to say
HELD_AT_MOST = 50  # by one visitor, who may hold 100


def speed(server: Server, data: bytes) -> float:
    """Bytes a second of one upload, creation left out."""
    visitor = Visitor(server)
    path = visitor.create(len(data))
    began = time.perf_counter()
    with visitor.begin_patch(path, 0, len(data)) as connection:
        connection.sendall(data)
        if not connection.recv(65_536).startswith(b"HTTP/1.1 204"):
            raise RuntimeError("the upload was refused")
    taken = time.perf_counter() - began
    visitor.http.delete(server.url + path, headers={"Tus-Resumable": "1.0.0"}, timeout=60)
    return len(data) / taken


@contextlib.contextmanager
def slow_clients(server: Server, count: int) -> Iterator[None]:
    """So many clients who have begun an upload and go on with it at 1 kB a second each."""
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        connections = []
        for number in range(count):
            if number % HELD_AT_MOST == 0:
                visitor = Visitor(server)
            path = visitor.create(A_DAY * 1_000)
            connection = stack.enter_context(visitor.begin_patch(path, 0, A_DAY * 1_000))
            connection.sendall(b"x" * 5_000)
            connections.append(connection)

        def send() -> None:
            while not stop.is_set():
                for connection in connections:
                    connection.sendall(b"x" * 1_000)
                    if stop.wait(1 / count):
                        return

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(3)  # until they all are at it
        try:
            yield
        finally:
            stop.set()
            sender.join()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--size", default="1 GB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", default=["gunicorn", "uvicorn"])
    options = parser.parse_args()
    data = os.urandom(parse_size(options.size))
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as scratch:
            threads = [f"--threads={options.clients + 20}"] if kind.startswith("gunicorn") else []
            server = Server(kind, Path(scratch), options=threads)
            server.start()
            try:
                measure(server, data, options.clients, options.rounds)
            finally:
                server.stop()


def measure(server: Server, data: bytes, clients: int, rounds: int) -> None:
    speed(server, data)  # the first one loads what the others find loaded
    ratios = []
    for _ in range(rounds):
        alone, idle = speed(server, data), server.memory
        with slow_clients(server, clients):
            held = server.memory - idle
            database = sum("sqlite3" in each for each in server.open_files())
            beside = speed(server, data)
        ratios.append(beside / alone)
        print(
            f"{server.kind}: alone {alone / 1e6:.0f} MB/s, beside {clients} slow ones {beside / 1e6:.0f} MB/s "
            f"({beside / alone:.0%}); {held / clients / 1e3:.0f} kB for each, {database} files of the database open"
        )
        time.sleep(1)
    print(f"{server.kind}: median {statistics.median(ratios):.0%} of its speed", flush=True)


if __name__ == "__main__":
    main()
