"""How the server's process and a worker talk: frames of a JSON header and a payload, over two pipes.

A frame is 4 bytes of magic, the length of the header (4 bytes) and of the payload (8 bytes), both
big-endian, then the header, then the payload. The worker's side reads and writes plainly: it
has nothing else to do. The server's side never waits longer than its deadline, neither to be
read from nor to be written to, since a worker that hangs does neither.
"""

from __future__ import annotations

import json
import os
import selectors
import struct
import time
from typing import Any, BinaryIO

PREFIX = struct.Struct(">4sIQ")
MAGIC = b"GRw1"
MAX_HEADER = 1 << 20
MAX_PAYLOAD = 1 << 31
PIECE = 1 << 16
"""How much is read or written at once: the capacity of a pipe on Linux."""

Header = dict[str, Any]


class ChannelBroken(Exception):
    """The other side closed the pipe, or what it sent is not a frame."""


class DeadlinePassed(Exception):
    """The other side did not answer in time."""


def pack(header: Header, payload_size: int) -> bytes:
    """The beginning of a frame, up to its payload."""
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    return PREFIX.pack(MAGIC, len(text), payload_size) + text


def lengths(prefix: bytes) -> tuple[int, int]:
    """The lengths of header and payload that a prefix announces. Raises `ChannelBroken`."""
    magic, header_size, payload_size = PREFIX.unpack(prefix)
    if magic != MAGIC or header_size > MAX_HEADER or payload_size > MAX_PAYLOAD:
        raise ChannelBroken("not a frame")
    return header_size, payload_size


def unpack(text: bytes) -> Header:
    """The header of a frame. Raises `ChannelBroken` unless it is a JSON object."""
    try:
        header = json.loads(text)
    except ValueError as error:
        raise ChannelBroken("the header is not JSON") from error
    if not isinstance(header, dict):
        raise ChannelBroken("the header is not an object")
    return header


def read(stream: BinaryIO) -> tuple[Header, bytes] | None:
    """The next frame of a blocking stream, or None where the stream ends between two frames."""
    prefix = stream.read(PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < PREFIX.size:
        raise ChannelBroken("cut short")
    header_size, payload_size = lengths(prefix)
    text, payload = stream.read(header_size), stream.read(payload_size)
    if len(text) < header_size or len(payload) < payload_size:
        raise ChannelBroken("cut short")
    return unpack(text), payload


def write(stream: BinaryIO, header: Header, payload: bytes = b"") -> None:
    """Write one frame to a blocking stream."""
    stream.write(pack(header, len(payload)))
    stream.write(payload)
    stream.flush()


class Channel:
    """The server's end. `to` and `back` are file descriptors of pipes, which it makes non-blocking."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        os.set_blocking(to, False)
        os.set_blocking(back, False)

    def send(self, header: Header, payload: bytes | memoryview, deadline: float) -> None:
        """Write a frame until `deadline` (by `time.monotonic`)."""
        for part in (memoryview(pack(header, len(payload))), memoryview(payload)):
            sent = 0
            while sent < len(part):
                try:
                    sent += os.write(self._to, part[sent : sent + PIECE])
                except BlockingIOError:
                    _wait(self._to, selectors.EVENT_WRITE, deadline)
                except OSError as error:
                    raise ChannelBroken("closed while writing") from error

    def receive(self, deadline: float) -> tuple[Header, bytes]:
        """Read a frame until `deadline` (by `time.monotonic`)."""
        header_size, payload_size = lengths(self._exactly(PREFIX.size, deadline))
        header = unpack(self._exactly(header_size, deadline))
        return header, self._exactly(payload_size, deadline)

    def _exactly(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                piece = os.read(self._back, min(size - len(data), PIECE))
            except BlockingIOError:
                _wait(self._back, selectors.EVENT_READ, deadline)
                continue
            if not piece:
                raise ChannelBroken("closed while reading")
            data += piece
        return bytes(data)


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Until the descriptor is ready. (`select` itself could not take descriptors from 1024 on.)"""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise DeadlinePassed
