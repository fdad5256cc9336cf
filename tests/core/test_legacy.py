"""Sessions of the old days: str(bytes) and base64, broken by terminals and wrapped in one another."""

from __future__ import annotations

import base64
import gzip
import json
import random
import re
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from greenroom.core import legacy
from greenroom.core.errors import NotAdoptable, UsageError
from greenroom.core.legacy import adopt

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00"
    b"\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
EVERY_BYTE = bytes(range(256))
Wrap = Callable[[bytes], bytes]


def as_repr(data: bytes) -> bytes:
    return repr(data).encode()


def is_text_of_bytes(data: bytes) -> bool:
    """Whether a file looks like a layer itself (adopt documents that it is taken for one)."""
    flat = data.translate(None, b"\r\n")
    return flat[:2] in (b"b'", b'b"') or re.fullmatch(rb"[A-Za-z0-9+/_-]{4,}={0,2}", flat) is not None


@pytest.mark.parametrize(
    "data", [GIF, EVERY_BYTE, b"", b"x", b"\0", b"'", b'"', b"'\"", b"\\", b"\\x41", b"\n\r\t"]
)
def test_the_text_of_bytes(data: bytes) -> None:
    assert adopt(str(data)) == data


@pytest.mark.parametrize("value", range(256))
def test_every_single_byte(value: int) -> None:
    data = bytes([value])
    assert adopt(str(data)) == data
    assert adopt(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize("text", [r"b'a\'b\"c'", r'''b"a\'b\"c"'''])
def test_both_quotes_may_be_escaped(text: str) -> None:
    assert adopt(text) == b"a'b\"c"


@given(st.binary(), st.data())
@example(GIF, None)
def test_line_breaks_anywhere_in_the_text_of_bytes_are_dropped(
    data: bytes, draw: st.DataObject | None
) -> None:
    assume(not is_text_of_bytes(data))
    text = str(data)
    places = range(len(text) + 1) if draw is None else draw.draw(st.lists(st.integers(0, len(text))))
    for place in sorted(places, reverse=True):
        text = text[:place] + random.choice(["\n", "\r", "\r\n"]) + text[place:]
    assert adopt(text) == data


@given(st.binary(min_size=1), st.lists(st.integers(0, 100)))
def test_line_breaks_anywhere_in_base64_are_dropped(data: bytes, places: list[int]) -> None:
    assume(not is_text_of_bytes(data))
    text = base64.b64encode(data).decode()
    for place in places:
        text = text[:place] + "\r\n" + text[place:]
    assert adopt(text) == data


def test_a_break_within_an_escape() -> None:
    assert adopt("b'GIF89a\\x0\n1\\\r\nx00'") == b"GIF89a\x01\x00"


@pytest.mark.parametrize("text", [" \t{}  ", "\n{}\n", "\u00a0{}"])
def test_white_space_around_the_text(text: str) -> None:
    assert adopt(text.format(GIF)) == GIF
    assert adopt(text.format(base64.b64encode(GIF).decode())) == GIF


def test_base64_forms() -> None:
    data = b"\xfb\xff\xbf" * 9 + b"\xfe"
    assert adopt(base64.b64encode(data).decode()) == data
    assert adopt(base64.b64encode(data).decode().rstrip("=")) == data
    assert adopt(base64.urlsafe_b64encode(data).decode()) == data
    assert adopt(base64.urlsafe_b64encode(data).decode().rstrip("=")) == data
    assert adopt(base64.encodebytes(data * 9).decode()) == data * 9


def test_data_urls() -> None:
    text = base64.b64encode(GIF).decode()
    assert adopt(f"data:image/gif;base64,{text}") == GIF
    assert adopt(f"DATA:;BASE64,{text}") == GIF


@pytest.mark.parametrize(
    "wrap",
    [
        lambda data: as_repr(base64.b64encode(data)),
        lambda data: as_repr(base64.encodebytes(data)),
        lambda data: base64.b64encode(as_repr(data)),
        lambda data: base64.urlsafe_b64encode(as_repr(data)),
        lambda data: as_repr(as_repr(data)),
        lambda data: as_repr(as_repr(as_repr(data))),
        lambda data: repr(repr(data)).encode(),
        lambda data: json.dumps(repr(data)).encode(),
        lambda data: json.dumps(base64.b64encode(data).decode()).encode(),
        lambda data: base64.b64encode(base64.b64encode(data)),
        lambda data: as_repr(base64.b64encode(as_repr(data))),
        lambda data: as_repr(base64.b64encode(as_repr(base64.b64encode(data)))),
    ],
)
@pytest.mark.parametrize(
    "data",
    [GIF, EVERY_BYTE, gzip.compress(b"tea"), b"%PDF-1.7\n", b"\xff\xd8\xff\xe0" + bytes(9999), bytes(1000)],
    ids=lambda data: repr(data[:4]),
)
def test_wrapped_forms(wrap: Wrap, data: bytes) -> None:
    assert adopt(wrap(data).decode()) == data


def test_a_short_padded_text_is_unwrapped() -> None:
    assert adopt("b'aGVsbG8='") == b"hello"


@pytest.mark.parametrize(
    "content",
    [
        b"tea",
        b"abcd",
        b"Darjeeling12",
        b"DarjeelingAssamNilgiriSencha",
        b"foo=",
        b"a=b=",
        b"da39a3ee5e6b4b0d3255bfef95601890afd80709",
        b"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        b"x" * 1_000_000,
        b"green\nwhite\nblack\n",
        b"Assam1\nYunnan2\nDarjeeling3\nNilgiri4\nSencha5ab\nMatcha67890",
        b"2f9a6c1e-3b7d-4e80-9a51-0c2d4e6f8a1B",
        b"'abcd'",
        b"data:,tea",
        b"b'",
        b"b'\\x4'",
        b"dGVh" * 3,
    ],
    ids=lambda content: repr(content[:12]),
)
def test_a_file_of_plain_text_comes_back_as_itself(content: bytes) -> None:
    assert adopt(str(content)) == content
    assert adopt(base64.b64encode(content).decode()) == content


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", legacy._EMPTY),
        (" \n", legacy._EMPTY),
        ("None", legacy._NEITHER),
        ("null", legacy._NEITHER),
        ("tea", legacy._NEITHER),
        ("two", legacy._NEITHER),
        ("garbage", legacy._NEITHER),
        ("not bytes", legacy._NEITHER),
        ("{'picture': 1}", legacy._NEITHER),
        ("<_io.BytesIO object at 0x7f>", legacy._NEITHER),
        ("b", legacy._NEITHER),
        ("YQ=", legacy._NEITHER),
        ("YQ===", legacy._NEITHER),
        ("YR==", legacy._NEITHER),
        ("Y=Q=", legacy._NEITHER),
        ("=", legacy._NEITHER),
        ("+_+_", legacy._NEITHER),
        ("R0lGODlh AQAB", legacy._NEITHER),
        ("data:image/gif,GIF89a", legacy._NEITHER),
        ("bytearray(b'tea')", legacy._NEITHER),
        ("b'", legacy._NO_END),
        ("b'GIF89a", legacy._NO_END),
        ("b'GIF89a\"", legacy._NO_END),
        ("b\"it's", legacy._NO_END),
        ("b'a'b'", legacy._FOREIGN),
        ("b'a' + b'b'", legacy._FOREIGN),
        ("b'a\\'", legacy._FOREIGN),
        ("b'\\x4'", legacy._FOREIGN),
        ("b'\\xAB'", legacy._FOREIGN),
        ("b'\\0'", legacy._FOREIGN),
        ("b'\\101'", legacy._FOREIGN),
        ("b'\\u0041'", legacy._FOREIGN),
        ("b'\\N{DIGIT ONE}'", legacy._FOREIGN),
        ("b'\\a'", legacy._FOREIGN),
        ("b'tab\there'", legacy._FOREIGN),
        ("b'\x7f'", legacy._FOREIGN),
        ("B'tea'", legacy._NEITHER),
        ("'not bytes'", legacy._NEITHER),
        ("b'Grün'", legacy._NOT_ASCII),
        ("b'\ud800'", legacy._NOT_ASCII),
        ("__import__('os').getcwd()", legacy._NEITHER),
        ("b'a'.__class__", legacy._NO_END),
    ],
)
def test_anything_else_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(NotAdoptable) as refusal:
        adopt(text)
    assert refusal.value.params == {"reason": reason}
    assert reason in str(refusal.value)


def test_depth_is_bounded() -> None:
    text = str(GIF)
    for _layer in range(legacy.MAX_DEPTH - 1):
        text = str(text.encode())
    assert adopt(text) == GIF
    with pytest.raises(NotAdoptable, match="too many times"):
        adopt(str(text.encode()))


def test_size_is_bounded() -> None:
    assert adopt("b'tea'", max_characters=6) == b"tea"
    with pytest.raises(NotAdoptable, match="too long"):
        adopt("b'tea'", max_characters=5)


def test_bytes_are_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="Got: <class 'bytes'>"):
        adopt(b"b'tea'")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data", [random.Random(7).randbytes(4_000_000), b"\\" * 4_000_000, b"'\"" * 2_000_000]
)
def test_megabytes_are_linear(data: bytes) -> None:
    start = time.process_time()
    assert adopt(str(data)) == data
    assert adopt(base64.b64encode(data).decode()) == data
    assert adopt(str(str(data).encode())) == data
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "text",
    ["b'" + "\\" * 999_999, "b'" + "a\\x00" * 200_000, "A" * 999_997, "A" * 999_998 + "="],
    ids=["backslashes", "no end", "no padding", "wrong padding"],
)
def test_hostile_megabytes_are_linear(text: str) -> None:
    start = time.process_time()
    with pytest.raises(NotAdoptable):
        adopt(text)
    assert time.process_time() - start < 2


@given(st.text())
def test_text_is_adopted_or_refused(text: str) -> None:
    with suppress(NotAdoptable):
        assert isinstance(adopt(text), bytes)
