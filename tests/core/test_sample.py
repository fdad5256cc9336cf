"""A sample of a file, by which it is known where it has no digest."""

import io

from greenroom.core.digests import sample_of
from greenroom.testing.stores import pattern


def sampled(data: bytes) -> str:
    return sample_of(io.BytesIO(data), len(data))


def test_a_sample_is_of_the_size_and_of_every_byte_of_a_small_file() -> None:
    small = pattern(262_144)
    for at in range(0, len(small), 4_099):
        assert sampled(small[:at] + bytes([small[at] ^ 1]) + small[at + 1 :]) != sampled(small)
    assert sampled(b"") != sampled(b"\0") != sampled(b"\0\0")
    assert sampled(small) == sampled(small)


def test_a_sample_of_a_large_file_is_of_its_two_ends_and_of_what_is_between() -> None:
    large = bytes(10_000_000)
    changed = []
    for at in (0, 8_191, 5_000_000, 9_991_808, 9_999_999):
        data = bytearray(large)
        data[max(at - 300_000, 0) : at + 1] = b"!" * len(data[max(at - 300_000, 0) : at + 1])
        changed.append(sampled(bytes(data)))
    assert len({sampled(large), sampled(large + b"\0"), *changed}) == 7


def test_a_sample_is_the_same_of_a_file_that_reads_short() -> None:
    class Short(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 700) if size and size > 0 else size)

    large = pattern(1_000_000)
    assert sample_of(Short(large), len(large)) == sampled(large)
