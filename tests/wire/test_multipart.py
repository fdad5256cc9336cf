"""Forms on the wire: the same as Django's own parser for what a view can see, however the body is cut."""

from __future__ import annotations

import base64
import http.server
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from django.http.multipartparser import MultiPartParserError
from hypothesis import assume, given
from hypothesis import strategies as st

from greenroom.core.errors import MalformedBody
from greenroom.wire.multipart import PartBegin, boundary_of
from tests.wire.forms import BOUNDARY, ENCODED, FILE, FORM, body_of, events_of, same, seen_by_django

# -- what a view can see -----------------------------------------------------------------------------------


def test_a_form() -> None:
    body = body_of(
        (FORM.format("title"), "Grüner Tee".encode()),
        (FILE.format("photo", "tea.jpg", "image/jpeg"), b"\xff\xd8\xff\r\n--" + bytes(range(256))),
        (FILE.format("empty", "nothing.txt", "text/plain"), b""),
        (FORM.format("title"), b""),
    )
    fields, files = same(body)
    assert fields == [("title", "Grüner Tee"), ("title", "")]
    assert [(name, filename, len(data)) for name, filename, *_kind, data in files] == [
        ("photo", "tea.jpg", 263),
        ("empty", "nothing.txt", 0),
    ]


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ('filename="tea.jpg"', "tea.jpg"),
        ("filename=tea.jpg", "tea.jpg"),
        ('filename="Grüner Tee 緑茶 🍵.jpg"', "Grüner Tee 緑茶 🍵.jpg"),
        ('filename="C:\\Users\\tea\\tea.jpg"', "tea.jpg"),
        ('filename="../../etc/tea.jpg"', "tea.jpg"),
        ('filename="a\\"b.jpg"', 'a"b.jpg'),
        ('filename="a%22b%0D.jpg"', "a%22b%0D.jpg"),
        ('filename="a;b.jpg"', "a;b.jpg"),
        ('filename="&#127861;&amp;&lt;.jpg"', "🍵&<.jpg"),
        ('filename="a&#x2f;b.jpg"', "b.jpg"),
        ('filename="<tea.jpg>"', "<tea.jpg>"),
        ('filename="te\x01a\u202e.jpg"', "tea.jpg"),
        ("filename*=UTF-8''Gr%C3%BCn%20Tee.jpg", "Grün Tee.jpg"),
        ("filename*=iso-8859-1'de'Gr%FCn.jpg", "Grün.jpg"),
        ('filename*0="green "; filename*1=tea.jpg', "green tea.jpg"),
        ("filename*0*=UTF-8''Gr%C3%BCn; filename*1=.jpg", "Grün.jpg"),
        (" FILENAME = tea.jpg ", "tea.jpg"),
    ],
)
def test_file_names(filename: str, expected: str) -> None:
    _fields, files = same(body_of((f'Content-Disposition: form-data; name="a"; {filename}', b"x")))
    assert [file[1] for file in files] == [expected]


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Disposition: form-data",
        'Content-Disposition: form-data; filename="tea.jpg"',
        'Content-Disposition: form-data; name=""; filename="tea.jpg"',
        FILE.format("a", "..", "text/plain"),
        FILE.format("a", "folder/", "text/plain"),
        FILE.format("a", "\u202e", "text/plain"),
        "Content-Disposition: form-data; name=a; filename*=no-such-charset''a",
        "Content-Type: text/plain",
        "X-Tea: green",
    ],
)
def test_parts_that_are_passed_over(headers: str) -> None:
    body = body_of((headers, b"x"), (FORM.format("tea"), b"green"))
    assert same(body) == ([("tea", "green")], [])


def test_a_part_without_headers_is_passed_over() -> None:
    assert same(f"--{BOUNDARY}\r\n\r\nx\r\n".encode() + body_of((FORM.format("tea"), b"green"))) == (
        [("tea", "green")],
        [],
    )


def test_a_name_that_is_not_utf8_is_passed_over() -> None:
    body = body_of((FORM.format("tea"), b"green")).replace(b'"tea"', b'"t\xe9"')
    assert same(body) == ([], [])


def test_an_empty_file_input_is_an_empty_field() -> None:
    body = body_of((FILE.format("photo", "", "application/octet-stream"), b""))
    assert same(body) == ([("photo", "")], [])


@pytest.mark.parametrize(
    "headers",
    [
        "content-disposition: form-data; name=tea",
        'CONTENT-DISPOSITION:form-data;name="tea"',
        'Content-Disposition: attachment; name="tea"',
        'Content-Disposition: form-data; name=" tea "',
        'Content-Disposition: form-data; name="tea"; creation-date="now"',
        'Content-Disposition: form-data; name="no"\r\nContent-Disposition: form-data; name="tea"',
        'Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name="tea"',
    ],
)
def test_field_names(headers: str) -> None:
    assert same(body_of((headers, b"green"))) == ([("tea", "green")], [])


def test_the_type_of_a_file() -> None:
    headers = FILE.format("a", "tea.txt", 'Text/Plain; Charset=UTF-8; note="a;b"') + "\r\nContent-Length: 5"
    _fields, files = same(body_of((headers, b"green")))
    extra = {"charset": b"UTF-8", "note": b"a;b"}
    assert files == [("a", "tea.txt", "text/plain", 5, b"UTF-8", extra, b"green")]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "latin-1", "koi8-r", "ascii"])
def test_the_encoding_of_the_form(encoding: str) -> None:
    body = body_of(
        (FORM.format("Größe"), "süß".encode()),
        (FILE.format("Größe", "süß.txt", "text/plain"), "süß".encode()),
    )
    same(body, encoding=encoding)


def test_headers_are_at_hand() -> None:
    headers = FILE.format("a", "tea.txt", "Text/Plain") + "\r\nX-Tea: Green"
    part = events_of(body_of((headers, b"")))[0][0]
    assert isinstance(part, PartBegin)
    assert part.headers["x-tea"] == "Green"
    assert part.headers["content-type"] == "Text/Plain"


# -- Content-Transfer-Encoding -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"YQ==", b"Z3JlZW4=", b"Z3Jl ZW4=", b"Z3Jl\r\nZW4=", b"not base64!", b"abc", b""]
)
def test_fields_in_base64(content: bytes) -> None:
    same(body_of((FORM.format("tea") + ENCODED.format("base64"), content)))


@pytest.mark.parametrize("encoding", ["base64", "BASE64 ", "8bit", "quoted-printable"])
def test_files_in_base64(encoding: str) -> None:
    data = bytes(range(256)) * 20
    headers = FILE.format("a", "tea.bin", "application/octet-stream") + ENCODED.format(encoding)
    body = body_of((headers, base64.encodebytes(data)))
    _fields, files = same(body, range(0, len(body), 7))
    assert (files[0][-1] == data) is (encoding.strip().lower() == "base64")


@pytest.mark.parametrize("content", [b"YWJ", b"YWJjZ", b"YW=j", b"====", "grünt".encode()[:4]])
def test_files_in_broken_base64_are_refused(content: bytes) -> None:
    body = body_of((FILE.format("a", "tea.bin", "image/png") + ENCODED.format("base64"), content))
    with pytest.raises(MalformedBody, match="base64"):
        events_of(body)
    if len(content) % 4:  # Django 5.2 skips foreign characters
        with pytest.raises(MultiPartParserError, match="base64"):
            seen_by_django(body)


@pytest.mark.parametrize("content", [b"YQ==YQ==", b"YQ==\r\nYQ==", b"YQ==Y"])
@pytest.mark.parametrize("step", [1, 4, 1000])
def test_base64_ends_with_its_padding_wherever_the_body_is_cut(content: bytes, step: int) -> None:
    body = body_of((FILE.format("a", "tea.bin", "image/png") + ENCODED.format("base64"), content))
    with pytest.raises(MalformedBody, match="base64"):
        events_of(body, range(0, len(body), step))


# -- any form, cut anywhere --------------------------------------------------------------------------------

words = st.text(
    st.characters(codec="utf-8", exclude_characters='\r\n"\\', exclude_categories=["Cs"]), max_size=20
)
escaped = words.map(lambda text: text.replace(" ", '\\"').replace("a", "\\\\"))
contents = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from(
            [b"\r", b"\n", b"-", b"--", b"x", BOUNDARY.encode(), BOUNDARY[:9].encode(), b"\r\n-", b"\0"]
        ),
        max_size=30,
    ).map(b"".join),
).filter(lambda content: f"--{BOUNDARY}".encode() not in b"\r\n" + content)  # Django finds it in mid-line too
fields = st.builds(FORM.format, words | escaped)
files = st.builds(
    FILE.format, words | escaped, words | escaped, st.sampled_from(["text/plain", "a/b; c=d", "", "x"])
)
encoded = files.map(lambda headers: headers + ENCODED.format("base64"))
part_lists = st.lists(
    st.tuples(fields | files, contents) | st.tuples(encoded, st.binary(max_size=60).map(base64.encodebytes)),
    max_size=6,
)


@given(part_lists, st.lists(st.integers(0, 3000)), st.sampled_from([b"", b"\r\n", b"epilogue"]))
def test_any_form_is_what_django_makes_of_it(
    parts: list[tuple[str, bytes]], cuts: list[int], rest: bytes
) -> None:
    body = body_of(*parts) + rest
    assume(not any(len(headers.encode()) > 900 for headers, _content in parts))
    same(body, (cut for cut in cuts if cut <= len(body)))


@given(part_lists, st.integers(1, 80))
def test_pieces_of_any_size_give_the_same_events(parts: list[tuple[str, bytes]], step: int) -> None:
    body = b"preamble\r\n" + body_of(*parts)
    assert events_of(body, range(0, len(body), step)) == events_of(body)


# -- real clients ------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_what_curl_sends(tmp_path: Path) -> None:
    received: list[tuple[str, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.headers["Content-Type"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Not in the output of the tests."""

    (tmp_path / "tea.bin").write_bytes(bytes(range(256)) * 400)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        upload = f'photo=@{tmp_path / "tea.bin"};filename="Grün \\"1\\".bin";type=image/png'
        url = f"http://127.0.0.1:{server.server_port}/"
        subprocess.run(["curl", "-sS", "-F", "title=Grüner Tee", "-F", upload, url], check=True, timeout=30)
        thread.join()
    content_type, body = received[0]
    body = body.replace(boundary_of(content_type), BOUNDARY.encode())
    fields, files = same(body, range(0, len(body), 1000))
    assert fields == [("title", "Grüner Tee")]
    assert files[0][1:3] == ('Grün "1".bin' if rb"\"" in body else "Grün %221%22.bin", "image/png")
    assert files[0][-1] == bytes(range(256)) * 400


def test_what_chromium_sends() -> None:
    body = re.sub(
        rb"(?m)^ *",
        b"",
        b"""------WebKitFormBoundary7MA4YWxkTrZu0gW
        Content-Disposition: form-data; name="photo-policy"

        eyJ:1
        ------WebKitFormBoundary7MA4YWxkTrZu0gW
        Content-Disposition: form-data; name="photo"; filename="a%22b.jpg"
        Content-Type: image/jpeg

        \xff\xd8
        ------WebKitFormBoundary7MA4YWxkTrZu0gW--
        """,
    ).replace(b"\n", b"\r\n")
    fields, files = same(body)
    assert fields == [("photo-policy", "eyJ:1")]
    assert files == [("photo", "a%22b.jpg", "image/jpeg", None, None, {}, b"\xff\xd8")]


def test_what_requests_sends() -> None:
    headers = (
        'Content-Disposition: form-data; name="a"',
        'Content-Disposition: form-data; name="b"; filename="t.bin"',
    )
    assert same(body_of((headers[0], b"1"), (headers[1], b"2"))) == (
        [("a", "1")],
        [("b", "t.bin", "", None, None, {}, b"2")],
    )
