"""The bytes of a file go past the grammar: without a copy, and with the same events as if they had not."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from greenroom.core.errors import MalformedBody, UsageError
from greenroom.wire import multipart
from greenroom.wire.multipart import PART_END, Event, MultipartParser, PartBegin
from tests.wire.forms import BOUNDARY, ENCODED, FILE, FORM, body_of

DELIMITER = f"\r\n--{BOUNDARY}".encode()
PHOTO = FILE.format("photo", "tea.jpg", "image/jpeg")
HEAD = f"--{BOUNDARY}\r\n{PHOTO}\r\n\r\n".encode()
Told = tuple[list[str | bytes | None], str]


def add(told: list[str | bytes | None], event: str | bytes | None) -> None:
    """Names, joined data, and None for an end."""
    if isinstance(event, bytes) and told and isinstance(told[-1], bytes):
        told[-1] += event
    else:
        told.append(event)


def ended(told: list[str | bytes | None], error: str) -> Told:
    """How much of a refused part is handed out before that depends on where the body is cut."""
    return (told[:-1] if error and told and isinstance(told[-1], bytes) else told), error


def told_by_the_library(body: bytes) -> Told:
    """What the `multipart` package alone makes of a body, in one piece."""
    told: list[str | bytes | None] = []
    try:
        with PushMultipartParser(BOUNDARY, max_header_count=16, header_charset="latin-1") as parser:
            for event in parser.parse(body):
                add(told, event.name if isinstance(event, MultipartSegment) else event)
    except MultipartError as error:
        return ended(told, str(error))
    return ended(told, "")


def told_by_us(body: bytes, cuts: Iterable[int]) -> Told:
    """What we make of it, cut, in a buffer that is filled again and again."""
    told: list[str | bytes | None] = []
    parser = MultipartParser(BOUNDARY.encode())
    buffer = bytearray(len(body))
    try:
        for start, end in itertools.pairwise([0, *sorted(cuts), len(body)]):
            buffer[: end - start] = body[start:end]
            for event in parser.feed(buffer, end - start):
                if isinstance(event, PartBegin):
                    add(told, event.name)
                else:
                    add(told, None if event is PART_END else bytes(event))
            buffer[:] = bytes(len(buffer))
    except MalformedBody as error:
        return ended(told, error.params["reason"])
    return ended(told, "" if parser.finish() else "Unexpected end of multipart stream (parser closed)")


# -- the same events ---------------------------------------------------------------------------------------

nearly = st.lists(
    st.one_of(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n--", b"x", b"\0" * 50, b"\r" * 50]),
        st.integers(1, len(DELIMITER)).map(lambda length: DELIMITER[:length]),
        st.integers(1, len(DELIMITER)).map(lambda length: DELIMITER[-length:]),
        st.binary(max_size=4),
    ),
    max_size=12,
).map(b"".join)
headers = st.one_of(
    st.just(PHOTO),
    st.just(FORM.format("title")),
    st.integers(0, 60).map(lambda length: f"{PHOTO}\r\nContent-Length: {length}"),
)


@given(
    st.lists(st.tuples(headers, nearly), min_size=1, max_size=4),
    st.one_of(st.lists(st.integers(0, 1000)), st.integers(1, 100).map(lambda step: range(step, 5000, step))),
    st.sampled_from([1, 2, 5, 40, 41, 42, 100, 65_536]),
    st.integers(0, 60),
)
def test_any_body_cut_anywhere_is_what_the_library_makes_of_it(
    parts: list[tuple[str, bytes]], cuts: Iterable[int], slice_bytes: int, missing: int
) -> None:
    # There follow headers, and the library reads broken ones (bare line feeds) as they are cut.
    assume(not any(DELIMITER + b"\r\n" in content for _headers, content in parts))
    body = body_of(*parts)
    body = body[: len(body) - missing]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multipart, "_SLICE", slice_bytes)
        assert told_by_us(body, (cut for cut in cuts if cut < len(body))) == told_by_the_library(body)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"tea",
        b"tea\r\n",
        b"\r\r\n\r",
        DELIMITER[:-1],
        DELIMITER[:-1] + b"\r",
        DELIMITER[2:],
        DELIMITER + b"X",
        DELIMITER + b"-",
        DELIMITER + b"\rX",
    ],
)
def test_an_end_split_over_three_pieces(content: bytes) -> None:
    body = body_of((PHOTO, content), (FORM.format("title"), b"tea"))
    expected = told_by_the_library(body)
    end = len(HEAD) + len(content) + len(DELIMITER) + 3
    for cuts in itertools.combinations_with_replacement(range(len(HEAD) - 3, end), 2):
        assert told_by_us(body, cuts) == expected


@pytest.mark.parametrize("unit", [b"\r", b"\r\n--", DELIMITER[:-1], DELIMITER[2:], b"-", b"\r\n"])
def test_a_large_file_of_nothing_but_near_boundaries(unit: bytes) -> None:
    body = body_of((PHOTO, unit * (300_000 // len(unit))), (FORM.format("title"), b"tea"))
    expected = told_by_the_library(body)
    for step in (65_535, 65_536, 100_000, len(body)):
        assert told_by_us(body, range(step, len(body), step)) == expected


def test_a_body_that_was_refused_within_a_file_stays_refused() -> None:
    parser = MultipartParser(BOUNDARY.encode())
    for body in (HEAD + b"tea" + DELIMITER + b"XX", b"green"):
        with pytest.raises(MalformedBody):
            list(parser.feed(body))
    assert parser.finish() is False


# -- without a copy ----------------------------------------------------------------------------------------


def inside_a_file() -> MultipartParser:
    parser = MultipartParser(BOUNDARY.encode())
    list(parser.feed(HEAD))
    return parser


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_piece_of_a_file_is_a_view_of_the_callers_buffer(kind: type[bytes] | type[bytearray]) -> None:
    parser, buffer = inside_a_file(), kind(bytes(range(256)) * 4000)
    for size in (len(buffer), 1, 999):
        (event,) = parser.feed(buffer, size)
        assert isinstance(event, memoryview)
        assert event.obj is buffer
        assert event == buffer[:size]


def test_what_may_begin_a_boundary_is_copied_and_nothing_more() -> None:
    parser = inside_a_file()
    first, second = bytearray(b"x" * 100_000 + DELIMITER[:20]), bytearray(b"y" * 200_000)
    (event,) = parser.feed(first)
    assert isinstance(event, memoryview)
    assert event == b"x" * 100_000
    del event
    first[:] = bytes(len(first))  # what is held back does not come from there
    copied, passed = parser.feed(second)
    assert isinstance(copied, bytes)
    assert copied.startswith(DELIMITER[:20] + b"y")
    assert isinstance(passed, memoryview)
    assert passed.obj is second
    assert copied + passed == DELIMITER[:20] + second
    assert len(passed) >= 100_000


def test_what_follows_a_boundary_is_not_copied_with_it() -> None:
    body = body_of((PHOTO, b"x" * 500_000), (FORM.format("title"), b"tea"), (PHOTO, b"y" * 500_000))
    events = list(MultipartParser(BOUNDARY.encode()).feed(body))
    data = [event for event in events if isinstance(event, (bytes, memoryview))]
    assert sum(len(event) for event in data) == 1_000_003
    assert sum(len(event) for event in data if isinstance(event, memoryview)) > 800_000


@pytest.mark.parametrize(
    ("headers", "content", "expected"),
    [
        (FORM.format("title"), b"green tea", b"green tea"),
        (FILE.format("empty", "", "image/png"), b"green tea", b"green tea"),
        (PHOTO + "\r\nContent-Length: 9", b"green tea", b"green tea"),
        (PHOTO + ENCODED.format("base64"), base64.b64encode(b"green tea"), b"green tea"),
    ],
    ids=["field", "empty file input", "content length", "base64"],
)
@pytest.mark.parametrize("step", [1, 4, 1000])
def test_what_is_no_plain_file_outlasts_the_buffer(
    headers: str, content: bytes, expected: bytes, step: int
) -> None:
    parser, buffer = MultipartParser(BOUNDARY.encode()), bytearray(1000)
    body = body_of((headers, content))
    events: list[Event] = []
    for start in range(0, len(body), step):
        piece = body[start : start + step]
        buffer[: len(piece)] = piece
        events += parser.feed(buffer, len(piece))
        buffer[:] = bytes(1000)
    assert b"".join(event for event in events if isinstance(event, bytes)) == expected
    assert not any(isinstance(event, memoryview) for event in events)


def test_a_view_may_be_fed() -> None:
    body = body_of((PHOTO, b"green" * 1000))
    parser, buffer = MultipartParser(BOUNDARY.encode()), bytearray(999)
    events: list[Event] = []
    for start in range(0, len(body), 999):
        piece = body[start : start + 999]
        buffer[: len(piece)] = piece
        events += parser.feed(memoryview(buffer)[: len(piece)])
        buffer[:] = bytes(999)
    assert b"".join(event for event in events if isinstance(event, (bytes, memoryview))) == b"green" * 1000


def test_the_size_is_how_much_of_the_buffer_counts() -> None:
    parser, buffer = inside_a_file(), bytearray(b"green" + DELIMITER + b"--")
    assert list(parser.feed(buffer, 0)) == []
    assert list(parser.feed(buffer, 2)) == [b"gr"]
    assert list(parser.feed(buffer, 9)) == [b"green"]
    assert parser.finish() is False
    for size in (-1, len(buffer) + 1):
        with pytest.raises(UsageError, match=f"size is 0 to {len(buffer)}.* Got: {size}"):
            list(parser.feed(buffer, size))


# -- what is known of the library ----------------------------------------------------------------------------


def test_the_library_keeps_what_it_holds_back_where_we_look() -> None:
    parser = PushMultipartParser(BOUNDARY)
    held = []
    for piece in (HEAD, b"tea", b"tea\r", b"\n--", b"tea", b"tea" + DELIMITER, b"-", b"-"):
        list(parser.parse(piece))
        held.append(parser._buffer)
    assert held == [b"", b"", b"\r", b"\r\n--", b"", DELIMITER, DELIMITER + b"-", b""]


def test_with_another_library_every_byte_goes_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        closed = False

    clear = multipart._Grammar.is_clear
    assert clear.fget is not None
    assert clear.fget(Other()) is False  # type: ignore[arg-type]  # it has no such name
    monkeypatch.setattr(multipart._Grammar, "is_clear", property(lambda _grammar: clear.fget(Other())))
    body = body_of((PHOTO, b"green" * 50_000 + DELIMITER[:-1]), (FORM.format("title"), b"tea"))
    parser = MultipartParser(BOUNDARY.encode())
    assert not any(isinstance(event, memoryview) for event in parser.feed(body))
    for step in (1000, len(body)):
        assert told_by_us(body, range(step, len(body), step)) == told_by_the_library(body)
