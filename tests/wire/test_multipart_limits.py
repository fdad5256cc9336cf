"""Forms on the wire that were cut short, are too much, or are none."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from greenroom.core.errors import MalformedBody, UsageError
from greenroom.wire.multipart import (
    PART_END,
    MultipartParser,
    PartBegin,
    boundary_of,
)
from tests.wire.forms import BOUNDARY, ENCODED, FILE, FORM, body_of, events_of

# -- cut short ---------------------------------------------------------------------------------------------


def test_a_body_cut_at_any_byte_is_cut_short_until_its_end() -> None:
    body = body_of(
        (FORM.format("title"), b"tea"),
        (FILE.format("photo", "tea.jpg", "image/jpeg"), b"\xff\xd8\xff\r\n--"),
        (FILE.format("scan", "tea.tif", "image/tiff") + ENCODED.format("base64"), b"SUkqAA=="),
    )
    end = len(body) - len(b"\r\n")
    for length in range(len(body) + 1):
        events, whole = events_of(body[:length])
        assert whole is (length >= end)
        begun = sum(isinstance(event, PartBegin) for event in events)
        assert events.count(PART_END) in (begun, begun - 1)
        if length < end - 2:  # before that boundary, the last file is open
            assert events.count(PART_END) < 3


def test_nothing_is_no_form() -> None:
    assert events_of(b"") == ([], False)
    assert events_of(f"--{BOUNDARY}--".encode()) == ([], True)
    assert events_of(b"preamble") == ([], False)


def test_what_comes_after_the_end_is_ignored() -> None:
    body = body_of((FORM.format("tea"), b"green"))
    for cut in (len(body), len(body) - 1, len(body) + 3):
        events, whole = events_of(body + body_of((FORM.format("tea"), b"black")), [cut])
        assert whole
        assert events.count(PART_END) == 1


def test_a_refused_body_stays_refused_and_is_not_whole() -> None:
    parser = MultipartParser(BOUNDARY.encode())
    body = body_of(("garbage", b"x"))
    for _again in range(2):
        with pytest.raises(MalformedBody):
            list(parser.feed(body))
    assert parser.finish() is False


# -- limits and mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        body_of(("garbage", b"x")),
        body_of((FORM.format("a") + "\r\nContent-Length: 2", b"xyz")),
        body_of((FORM.format("a") + "\r\nContent-Length: 5", b"xyz")),
        body_of((FORM.format("a"), b"x")).replace(b"\r\n", b"\n"),
        f"--{BOUNDARY}x\r\n".encode() + body_of((FORM.format("a"), b"x")),
        b"tea--" + body_of((FORM.format("a"), b"x")),
    ],
    ids=["no header", "longer than declared", "shorter than declared", "line feeds", "boundary", "preamble"],
)
def test_what_is_no_multipart_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody) as refusal:
        events_of(body)
    assert refusal.value.params["reason"]


def test_limits() -> None:
    form = body_of((FORM.format("a" * 100), b""), (FORM.format("b") + "\r\nX-A: b" * 3, b""))
    longest = len(FORM.format("a" * 100))
    allowed: list[dict[str, Any]] = [{"max_header_bytes": longest}, {"max_headers": 4}, {"max_parts": 2}]
    for limits in allowed:
        assert events_of(form, **limits)[1]
        for name, limit in limits.items():
            with pytest.raises(MalformedBody, match="Maximum"):
                events_of(form, **{name: limit - 1})
    heavy = body_of((FORM.format("b") + "\r\nX-A: b" * 10, b""))
    assert events_of(heavy, max_header_bytes=99)[1]
    with pytest.raises(MalformedBody, match="too long"):
        events_of(heavy, max_header_bytes=60)
    many = body_of(*[(FORM.format("a"), b"")] * 1101)
    assert events_of(many, max_parts=None)[1]
    with pytest.raises(MalformedBody, match="Maximum"):
        events_of(many)


def test_an_endless_header_is_refused_before_its_end() -> None:
    parser = MultipartParser(BOUNDARY.encode())
    list(parser.feed(f"--{BOUNDARY}\r\nContent-Disposition: ".encode()))
    for _piece in range(8):
        list(parser.feed(b"a" * 1000))
    with pytest.raises(MalformedBody, match="Maximum"):
        list(parser.feed(b"a" * 1000))


@pytest.mark.parametrize("value", ['form-data; name="a' + ";" * 8000, "form-data" + "; a=b" * 1600])
def test_headers_that_take_the_standard_library_long_are_refused(value: str) -> None:
    with pytest.raises(MalformedBody, match="too many parameters"):
        events_of(body_of((f"Content-Disposition: {value}", b"")))


@pytest.mark.parametrize(
    "filename", [";" * 300, ";" * 255 + '\\"', "🍵" * 255, "&#127861;" * 255, "茶" * 300]
)
def test_long_names_pass(filename: str) -> None:
    part = events_of(body_of((FILE.format("a", filename, "image/png"), b"")))[0][0]
    assert isinstance(part, PartBegin)
    assert len(part.filename or "") in (255, 256, 300)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=tea", b"tea"),
        ('Multipart/Form-Data; charset=utf-8; Boundary="green tea"', b"green tea"),
        (f"multipart/form-data; boundary={BOUNDARY}", BOUNDARY.encode()),
    ],
)
def test_boundary_of(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain; boundary=tea",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="tea "',
        "multipart/form-data; boundary=" + "a" * 202,
        "multipart/form-data; boundary=grün",
        "multipart/form-data; boundary*=utf-8''gr%C3%BCn",
    ],
)
def test_no_boundary_is_a_malformed_body(content_type: str) -> None:
    with pytest.raises(MalformedBody):
        boundary_of(content_type)


@pytest.mark.parametrize("boundary", [b"", b"a\n", b"a ", b"a" * 202, b"\xff"])
def test_a_boundary_that_is_none_is_the_callers_mistake(boundary: bytes) -> None:
    with pytest.raises(UsageError, match="Got: "):
        MultipartParser(boundary)


def test_a_refusal_quotes_nothing_of_what_was_sent() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="x"\r\nContent-Length: secret\r\n\r\nx\r\n--b--\r\n'
    with pytest.raises(MalformedBody) as refusal:
        list(MultipartParser(b"b").feed(body))
    trace = "".join(traceback.format_exception(refusal.value))
    assert "Content-Length" in trace
    assert "secret" not in trace
