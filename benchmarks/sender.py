"""What sender.c does, where there is no compiler: the same arguments, the same plan, the same words.

It sends by sendfile(2) too, so it keeps up with every server that is written in Python; only the wall seconds of
very small files are a little more.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

NUMBERS = struct.Struct("=7Q")


@dataclass(frozen=True)
class Planned:
    """One record of the plan."""

    head: bytes
    second: bytes
    size: int
    tail: bytes
    status: int
    second_status: int


def read_plan(path: Path) -> dict[int, list[Planned]]:
    """The requests of each client."""
    data, at = path.read_bytes(), 0
    clients: dict[int, list[Planned]] = defaultdict(list)
    while at < len(data):
        client, head, second, size, tail, status, second_status = NUMBERS.unpack_from(data, at)
        at += NUMBERS.size
        pieces = []
        for length in (head, second, tail):
            pieces.append(data[at : at + length])
            at += length
        clients[client].append(Planned(pieces[0], pieces[1], size, pieces[2], status, second_status))
    return clients


class Client:
    """One connection, which is made anew when the server has ended it."""

    def __init__(self, port: int, body: int) -> None:
        self.port = port
        self.body = body
        self.body_size = os.fstat(body).st_size
        self.peer: socket.socket | None = None

    def send(self, head: bytes, size: int, tail: bytes, status: int) -> bytes:
        """One request; returns the head of its answer."""
        if self.peer is None:
            self.peer = socket.create_connection(("127.0.0.1", self.port))
            self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.peer.sendall(head, socket.MSG_MORE if size else 0)
            while size:
                place = 0
                while size and place < self.body_size:
                    sent = os.sendfile(
                        self.peer.fileno(), self.body, place, min(size, self.body_size - place)
                    )
                    place, size = place + sent, size - sent
            self.peer.sendall(tail)
        except OSError:
            pass  # what the server says instead is read next
        return self.receive(status)

    def receive(self, status: int) -> bytes:
        assert self.peer is not None  # a request was sent
        text = b""
        while b"\r\n\r\n" not in text:
            text += self.more()
        head, _, rest = text.partition(b"\r\n\r\n")
        if int(head.split(b" ", 2)[1]) != status:
            raise ConnectionError(f"{status} was expected, and this came:\n{head.decode()}")
        length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
        if re.search(rb"(?i)\r\ntransfer-encoding:", head):
            while not rest.endswith(b"0\r\n\r\n"):
                rest += self.more()
        elif length:
            while len(rest) < int(length[1]):
                rest += self.more()
        if re.search(rb"(?i)\r\nconnection: *close", head) or not (length or status in (204, 304)):
            self.peer.close()
            self.peer = None
        return head

    def more(self) -> bytes:
        assert self.peer is not None  # a request was sent
        data = self.peer.recv(65_536)
        if not data:
            raise ConnectionError("The connection was closed before the answer.")
        return data

    def do(self, each: Planned) -> None:
        if not each.second:
            self.send(each.head, each.size, each.tail, each.status)
            return
        answer = self.send(each.head, 0, b"", each.status)
        location = re.search(rb"(?i)\r\nlocation: *(?:https?://[^/]*)?([^\r\n]+)", answer + b"\r\n")
        if location is None:
            raise ConnectionError("The answer has no Location.")
        second = each.second.replace(b"{location}", location[1])
        self.send(second, each.size, each.tail, each.second_status)


def main(port: str, body: str, plan: str) -> int:
    clients = read_plan(Path(plan))
    troubles: list[Exception] = []
    source = os.open(body, os.O_RDONLY)

    def run(requests: list[Planned]) -> None:
        try:
            client = Client(int(port), source)
            for each in requests:
                client.do(each)
        except Exception as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=run, args=(requests,)) for requests in clients.values()]
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{time.monotonic() - started:.6f}")
    for trouble in troubles:
        print(trouble, file=sys.stderr)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
