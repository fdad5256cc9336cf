"""Frames between server and worker: whole, bounded, and never waited for beyond the deadline."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.images import channel
from greenroom.images.channel import Channel, ChannelBroken, DeadlinePassed


@given(st.dictionaries(st.text(), st.integers() | st.text()), st.binary(max_size=1000))
def test_a_frame_comes_back(header: dict[str, object], payload: bytes) -> None:
    stream = io.BytesIO()
    channel.write(stream, header, payload)
    stream.seek(0)
    assert channel.read(stream) == (header, payload)
    assert channel.read(stream) is None


@pytest.mark.parametrize("end", [1, 15, 16, 20, -1])
def test_a_frame_that_is_cut_off_is_broken(end: int) -> None:
    stream = io.BytesIO()
    channel.write(stream, {"job": "probe"}, b"payload")
    with pytest.raises(ChannelBroken):
        channel.read(io.BytesIO(stream.getvalue()[:end]))


@pytest.mark.parametrize(
    "data",
    [b"Traceback (most recent call last):\n", channel.PREFIX.pack(b"GRw0", 2, 0) + b"{}",
     channel.PREFIX.pack(channel.MAGIC, 1 << 30, 0), channel.PREFIX.pack(channel.MAGIC, 2, 1 << 60),
     channel.PREFIX.pack(channel.MAGIC, 2, 0) + b"[]", channel.PREFIX.pack(channel.MAGIC, 2, 0) + b"{x"],
)  # fmt: skip
def test_what_is_not_a_frame_is_broken(data: bytes) -> None:
    with pytest.raises(ChannelBroken):
        channel.read(io.BytesIO(data))


@pytest.fixture
def pipes() -> Iterator[tuple[Channel, int, int]]:
    """The server's end, and the worker's two descriptors."""
    jobs, to = os.pipe()
    back, answers = os.pipe()
    yield Channel(to, back), jobs, answers
    for descriptor in (jobs, to, back, answers):
        try:
            os.close(descriptor)
        except OSError:
            continue


def soon() -> float:
    return time.monotonic() + 0.1


def test_nobody_waits_for_an_answer_beyond_the_deadline(pipes: tuple[Channel, int, int]) -> None:
    server, _jobs, answers = pipes
    with pytest.raises(DeadlinePassed):
        server.receive(soon())
    os.write(answers, channel.pack({}, 10))  # and none of its payload
    with pytest.raises(DeadlinePassed):
        server.receive(soon())


def test_nobody_waits_for_a_reader_beyond_the_deadline(pipes: tuple[Channel, int, int]) -> None:
    server, _jobs, _answers = pipes
    with pytest.raises(DeadlinePassed):
        server.send({}, b"\0" * 10_000_000, soon())


def test_a_closed_end_is_broken_at_once(pipes: tuple[Channel, int, int]) -> None:
    server, jobs, answers = pipes
    os.close(answers)
    os.close(jobs)
    started = time.monotonic()
    with pytest.raises(ChannelBroken):
        server.receive(time.monotonic() + 60)
    with pytest.raises(ChannelBroken):
        server.send({}, b"x", time.monotonic() + 60)
    assert time.monotonic() - started < 5
