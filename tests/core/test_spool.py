"""One pass over the bytes of one file."""

import hashlib
import io
import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.core import Limits, Spool, UsageError
from greenroom.core.errors import (
    CutShort,
    DiskFull,
    EmptyFile,
    LengthExceeded,
    TooLarge,
    TypeContradicted,
    TypeNotAllowed,
)
from greenroom.core.sniff import HEAD_BYTES
from greenroom.core.spool import chunks_of
from greenroom.testing.stores import pattern

GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"


class Sink:
    """A writer that remembers what came and when it was made."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.made = 0
        self.closed = 0

    def __call__(self) -> "Sink":
        self.made += 1
        return self

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.closed += 1

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


class FullSink(Sink):
    """A disk that takes so many bytes and no more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(data[: self.room])
        self.room -= len(self.pieces[-1])
        if len(self.pieces[-1]) < len(data):
            raise DiskFull


def filled(data: bytes, *, step: int = 1_000, **options: object) -> Spool:
    spool = Spool(**options)  # type: ignore[arg-type]
    for start in range(0, len(data), step):
        spool.write(data[start : start + step])
    return spool


@given(
    data=st.binary(max_size=20_000),
    cuts=st.lists(st.integers(0, 20_000), max_size=8),
    memory=st.sampled_from([0, 1, 100, HEAD_BYTES, 10_000, 100_000]),
)
def test_size_digest_and_bytes_are_those_of_the_file(data: bytes, cuts: list[int], memory: int) -> None:
    sink = Sink()
    spool = Spool(limits=Limits(allow_empty=True), memory=memory, spill=sink)
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in pairwise(edges):
        spool.write(data[start:end])
    spool.finish()
    assert spool.size == len(data)
    assert spool.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert (spool.open().read() if spool.in_memory else sink.data) == data
    assert sink.made == (0 if spool.in_memory else 1)


@pytest.mark.parametrize("step", [1, 999, 5_000, 100_000])
def test_the_size_of_the_file_decides_between_memory_and_disk(step: int) -> None:
    for size, in_memory in ((9_999, True), (10_000, True), (10_001, False)):
        sink = Sink()
        spool = filled(pattern(size), step=step, memory=10_000, spill=sink)
        assert spool.in_memory is in_memory
        assert sink.data == (b"" if in_memory else pattern(size))


def test_pieces_beyond_memory_are_not_gathered_first() -> None:
    sink = Sink()
    filled(b"a" * 50_000, step=10_000, memory=10_000, spill=sink)
    assert [len(piece) for piece in sink.pieces] == [10_000] * 5


def test_without_a_writer_an_anonymous_file_takes_over() -> None:
    data = pattern(100_000)
    with filled(data, memory="10 kB") as spool:
        spool.finish()
        assert not spool.in_memory
        one, other = spool.open(), spool.open()
        assert one.read(10) + one.read() == data
        assert other.read(5) == data[:5]
        assert other.seek(-3, io.SEEK_END) == 99_997
        assert other.read() == data[-3:]
        assert other.seek(50) == 50
        assert other.seek(10, io.SEEK_CUR) == 60
        assert other.read(1) == data[60:61]
        with pytest.raises(ValueError, match="negative"):
            one.seek(-1)
        one.close()
    # Who reads can read on; nobody new can begin.
    other.seek(0)
    assert other.read() == data
    other.close()
    with pytest.raises(ValueError, match="closed"):
        spool.open()


def test_readers_of_memory_are_independent_too() -> None:
    spool = filled(b"green tea")
    one, other = spool.open(), spool.open()
    one.read(5)
    assert other.read() == b"green tea"


@pytest.mark.parametrize("memory", [0, 1_000_000])
def test_readers_only_read(memory: int) -> None:
    data = pattern(10_000)
    with filled(data, memory=memory) as spool, spool.open() as reader:
        assert (reader.readable(), reader.writable()) == (True, False)
        for attempt in (lambda: reader.write(b"x"), lambda: reader.writelines([b"x"]), reader.truncate):
            with pytest.raises(io.UnsupportedOperation):
                attempt()
        assert reader.read() == data


def test_what_went_to_a_store_is_read_from_the_store() -> None:
    spool = filled(pattern(10_000), memory=0, spill=Sink())
    with pytest.raises(UsageError, match="read them from the store"):
        spool.open()


def test_closing_closes_the_writer() -> None:
    sink = Sink()
    with filled(pattern(10_000), memory=0, spill=sink):
        assert sink.closed == 0
    assert sink.closed == 1


# -- limits ----------------------------------------------------------------------------------------


def test_too_large_is_refused_at_the_first_byte_over_and_that_piece_goes_nowhere() -> None:
    sink = Sink()
    spool = Spool(name="tea.bin", limits=Limits(max_bytes=10_000), memory=0, spill=sink)
    spool.write(bytes(10_000))
    with pytest.raises(TooLarge, match=r"“tea.bin” is too large: at most 10 kB"):
        spool.write(b"x")
    assert len(sink.data) == 10_000
    spool.finish()
    assert spool.size == 10_000


def test_a_declared_length_is_law() -> None:
    spool = Spool(length=5)
    spool.write(b"tea")
    with pytest.raises(LengthExceeded):
        spool.write(b"pot")
    with pytest.raises(CutShort):
        spool.finish()
    spool.write(b"ly")
    spool.finish()
    assert spool.size == 5


def test_empty_files() -> None:
    with pytest.raises(EmptyFile):
        Spool().finish()
    spool = Spool(limits=Limits(allow_empty=True))
    spool.finish()
    assert spool.digest == "sha256:" + hashlib.sha256().hexdigest()
    # Bytes were announced: the connection broke, the file is not empty.
    with pytest.raises(CutShort):
        Spool(length=5).finish()


@pytest.mark.parametrize("step", [1, 1_000, HEAD_BYTES - 1, HEAD_BYTES, 50_000])
@pytest.mark.parametrize("memory", [0, 2_000, 1_000_000])
def test_a_refused_type_reaches_no_writer(step: int, memory: int) -> None:
    sink = Sink()
    limits = Limits(types=["image/png"])
    with pytest.raises(TypeNotAllowed, match=r"is a GIF picture by its content, but only a PNG"):
        filled(GIF.ljust(20_000, b"\0"), step=step, limits=limits, memory=memory, spill=sink)
    assert sink.made == 0


def test_a_short_file_is_judged_at_its_end() -> None:
    sink = Sink()
    spool = filled(GIF, limits=Limits(types=["image/png"]), memory=0, spill=sink)
    with pytest.raises(TypeNotAllowed):
        spool.finish()
    assert sink.made == 0


@pytest.mark.parametrize("name", ["leaf.jpg", "leaf.pdf", "leaf.php", "leaf"])
def test_what_no_other_name_would_let_in_is_not_told_to_be_renamed(name: str) -> None:
    spool = Spool(name=name, limits=Limits(types=["application/pdf"]))
    with pytest.raises(TypeNotAllowed, match="is a GIF picture by its content, but only a PDF document"):
        spool.write(GIF.ljust(5_000, b"\0"))


def test_the_extension_must_not_contradict_the_bytes() -> None:
    spool = Spool(name="tea.pdf")
    with pytest.raises(TypeContradicted, match=r"“tea.pdf” ends in .pdf, but its content is a GIF picture"):
        spool.write(GIF.ljust(5_000, b"\0"))


@pytest.mark.parametrize("name", ["backup.zip", "backup.tar.gz", "letter.docx", "report.pdf", "leaf.png"])
def test_bytes_of_an_unknown_type_contradict_no_extension(name: str) -> None:
    data = b"\x00" + bytes(range(255, 0, -1)) * 40
    spool = filled(data, name=name)
    spool.finish()
    assert spool.media_type == "application/octet-stream"
    assert spool.open().read() == data


def test_limits_that_name_types_judge_the_unknown_by_its_bytes() -> None:
    spool = filled(bytes(range(256)), name="leaf.png", limits=Limits(types=["image/*"]))
    with pytest.raises(TypeNotAllowed, match=r"“leaf.png” is of an unknown type by its content, but only"):
        spool.finish()


def test_the_type_comes_from_the_bytes() -> None:
    spool = filled(GIF, name="tea.gif")
    spool.finish()
    assert spool.media_type == "image/gif"


# -- going on --------------------------------------------------------------------------------------


def test_going_on_counts_from_the_start() -> None:
    sink = Sink()
    spool = Spool(limits=Limits(max_bytes=10), start=8, head=b"12345678", memory=0, spill=sink)
    spool.write(b"90")
    with pytest.raises(TooLarge):
        spool.write(b"1")
    spool.finish()
    spool.spill()
    assert sink.data == b"90"
    assert spool.digest == ""  # of a part only; who has all bytes can tell


@pytest.mark.parametrize("start", [1, 5, HEAD_BYTES - 1])
def test_a_type_that_earlier_bytes_could_not_tell_is_judged_when_it_shows(start: int) -> None:
    data, sink = GIF.ljust(20_000, b"\0"), Sink()
    limits = Limits(types=["image/png"])
    spool = Spool(limits=limits, start=start, head=data[:start], memory=0, spill=sink)
    with pytest.raises(TypeNotAllowed):
        spool.write(data[start:])
    assert sink.made == 0


def test_the_head_tells_the_type_however_late_one_goes_on() -> None:
    spool = Spool(start=5_000, head=GIF.ljust(HEAD_BYTES, b"\0"))
    spool.write(b"more")
    spool.finish()
    assert (spool.size, spool.media_type) == (5_004, "image/gif")


# -- faults and mistakes ---------------------------------------------------------------------------


def test_a_full_disk_while_moving_out_of_memory_loses_nothing() -> None:
    data = pattern(50_000)
    full, sinks = FullSink(20_000), [Sink()]
    spool = filled(data, name="tea.bin", memory="1 MB", spill=lambda: sinks[0])
    spool.finish()
    sinks[0] = full
    with pytest.raises(DiskFull, match=r"“tea.bin” could not be kept"):
        spool.spill()
    assert full.closed == 1
    assert spool.in_memory
    assert spool.open().read() == data
    sinks[0] = Sink()
    spool.spill()
    assert sinks[0].data == data
    assert not spool.in_memory


def test_a_full_disk_in_mid_stream_leaves_size_and_digest_at_what_is_safe() -> None:
    spool = Spool(memory=0, spill=FullSink(12_000))
    spool.write(bytes(10_000))
    with pytest.raises(DiskFull):
        spool.write(b"x" * 10_000)
    spool.finish()
    assert spool.size == 10_000
    assert spool.digest == "sha256:" + hashlib.sha256(bytes(10_000)).hexdigest()


def test_a_full_disk_under_an_anonymous_file_is_a_refusal(require) -> None:
    require("/dev/full", os.path.exists("/dev/full"))
    spool = Spool(memory=0)
    spool.write(bytes(10_000))
    with open("/dev/full", "wb", buffering=0) as full:
        os.dup2(full.fileno(), spool._own_file.fileno())
    with pytest.raises(DiskFull, match="This file could not be kept"):
        spool.write(b"x")
    spool.__exit__()


def test_nothing_is_taken_after_the_end() -> None:
    spool = filled(b"tea")
    spool.finish()
    with pytest.raises(UsageError, match="finished"):
        spool.write(b"pot")
    spool.finish()
    assert spool.size == 3


def test_views_are_counted_in_bytes() -> None:
    wide = memoryview(bytearray(4_000)).cast("I")
    assert len(wide) == 1_000
    spool = Spool(limits=Limits(max_bytes=3_999))
    with pytest.raises(TooLarge):
        spool.write(wide)
    spool = Spool()
    spool.write(wide)
    spool.finish()
    assert spool.size == 4_000


def test_sources() -> None:
    assert list(chunks_of(io.BytesIO(b"green tea"), 4)) == [b"gree", b"n te", b"a"]
    assert list(chunks_of(iter([b"green", b"tea"]))) == [b"green", b"tea"]
    for bare in (b"tea", bytearray(b"tea"), "tea"):
        with pytest.raises(UsageError, match=r"such as \[data\]"):
            list(chunks_of(bare))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="binary"):
        list(chunks_of(io.StringIO("tea")))  # type: ignore[arg-type]
