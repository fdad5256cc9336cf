"""A view cannot tell under which server, over which path, or by which parser its form has come in."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.django.servers import Server, Visitor
from tests.django.test_handler_same import ORDINARY, by_django
from tests.pages import BOUNDARY, CONTENT_TYPE, Page, encode, files_under, page_of

pytestmark = pytest.mark.slow

GREENROOM = ["gunicorn", "gunicorn-plain", "uvicorn", "uvicorn-h11", "uvicorn-plain"]
ASGI = ["uvicorn", "uvicorn-h11", "uvicorn-plain"]
ALL = [*GREENROOM, "django"]
END = f"--{BOUNDARY}--\r\n".encode()
MB = 10**6

Started = Callable[[str], Server]


class Client:
    """A browser with one connection, which it keeps for as long as the server does."""

    def __init__(self, server: Server, page: str = "/plain/") -> None:
        self.visitor = Visitor(server, page)
        self.http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.cookies = {"Cookie": self.visitor.headers["Cookie"]}

    def send(
        self, path: str, body: bytes, method: str = "POST", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        fields = {"Content-Type": CONTENT_TYPE, **self.cookies}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        kept = self.http.sock is not None
        try:
            return self.exchange(method, path, body, fields)
        except (ConnectionError, http.client.RemoteDisconnected):
            if not kept:
                raise
            self.http.close()  # the server had no more use for it, as it may
            return self.exchange(method, path, body, fields)

    def exchange(
        self, method: str, path: str, body: bytes, fields: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        self.http.request(method, path, body, fields)
        with self.http.getresponse() as response:
            return response.status, response.headers, response.read()

    def page(self, path: str) -> Page:
        status, _, text = self.send(path, b"", "GET")
        assert status == 200
        return page_of(text.decode())

    def close(self) -> None:
        self.http.close()
        self.visitor.http.close()


@pytest.fixture
def client(request: pytest.FixtureRequest, started: Started) -> Any:
    client = Client(started(request.param))
    yield client
    client.close()


def every(*kinds: str) -> Any:
    return pytest.mark.parametrize("client", kinds, indirect=True)


def as_json(files: dict[str, Any]) -> list[Any]:
    """Files as `by_django` describes them, in the words of `tests.asgi.views.description`."""
    names = ("name", "size", "type", "charset", "extra", "sha256")

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(each) for name, each in value.items()}
        return value.decode() if isinstance(value, bytes) else value

    return [
        [name, [dict(zip(names, map(plain, each[1:]), strict=True)) for each in several]]
        for name, several in files.items()
    ]


VIEWS = ["/seen/", "/seen/async/", "/seen/class/", "/seen/class/async/"]


@every(*ALL)
def test_every_form_is_as_from_djangos_own_parser(client: Client) -> None:
    for number, (case, middle) in enumerate(ORDINARY.items()):
        body = encode([("first", "1"), ("note", "a")], closed=False) + middle + encode([("note", "b")])
        post, files = by_django(body)
        status, _, answer = client.send(VIEWS[number % len(VIEWS)], body)
        assert status == 200, case
        assert json.loads(answer) == {
            "post": [list(each) for each in post.items()],
            "files": as_json(files),
        }, case


@every(*ALL)
@pytest.mark.parametrize("size", [0, 6 * MB])
def test_files_of_all_sizes_beside_each_other(client: Client, size: int) -> None:
    data = os.urandom(size)
    body = encode(
        [("one", ("a.bin", data)), ("title", "茶"), ("two", ("b.bin", b"b")), ("one", ("c.bin", data))]
    )
    post, files = by_django(body)
    expected = {"post": [list(each) for each in post.items()], "files": as_json(files)}
    for view in VIEWS:
        status, _, answer = client.send(view, body)
        assert (status, json.loads(answer)) == (200, expected), view


@every(*GREENROOM)
@pytest.mark.parametrize("view", ["/held/", "/held/async/"])
@pytest.mark.parametrize("size", [10, 6 * MB])
def test_a_governed_form_beside_ordinary_files(client: Client, view: str, size: int) -> None:
    data = os.urandom(size)
    ordinary = encode([("note", "a"), ("plain", ("茶.bin", data)), ("note", "b")], closed=False)
    page = client.page("/held/")
    head = encode(page.parts({"title": "tea"}, {"held": ("held.bin", data)}), closed=False)
    status, _, answer = client.send(view, head + ordinary + END)
    assert status == 200, answer
    post, files = by_django(head + ordinary + END)
    values = json.loads(answer)
    assert values["post"] == [list(each) for each in post.items()]
    assert dict(values["files"])["plain"] == dict(as_json(files))["plain"]
    (held,) = dict(values["files"])["held"]
    assert (held["name"], held["sha256"]) == ("held.bin", hashlib.sha256(data).hexdigest())


@every(*ALL)
@pytest.mark.parametrize("view", ["/raw/read/", "/raw/lines/"])
def test_who_reads_the_body_raw_gets_every_byte_of_it(client: Client, view: str) -> None:
    for size in (0, 5, 100_000, 5 * MB):
        body = encode([("file", ("a", os.urandom(size)))]) + b"after the end"
        status, _, answer = client.send(view, body)
        assert (status, answer.decode()) == (200, f"{len(body)} {hashlib.sha256(body).hexdigest()}")


@every(*ALL)
def test_who_asks_for_the_body_gets_all_of_it_within_djangos_limit(client: Client) -> None:
    body = encode([("file", ("a", os.urandom(1_000_000)))])
    for view in ("/raw/body/", "/raw/async/", "/raw/form/"):
        for kind in (CONTENT_TYPE, "application/json"):
            status, _, answer = client.send(view, body, Content_Type=kind)
            assert (status, answer.decode()) == (200, f"{len(body)} {hashlib.sha256(body).hexdigest()}")
            large = bytes(2_700_000)  # over DATA_UPLOAD_MAX_MEMORY_SIZE
            assert client.send(view, large, Content_Type=kind)[0] == 400


def over(*counts: int) -> list[tuple[Any, int]]:
    return list(
        zip(([("kind", "green")], [("file", ("a", b"a"))], [("note", "x" * 26_000)]), counts, strict=True)
    )


WITHIN, BEYOND = over(990, 99, 90), over(1_010, 101, 110)
"""Fields, files and bytes of fields: DATA_UPLOAD_MAX_NUMBER_FIELDS, _NUMBER_FILES and _MEMORY_SIZE."""


@every(*ALL)
@pytest.mark.parametrize(("parts", "status"), [(WITHIN, 200), (BEYOND, 400)], ids=["within", "beyond"])
def test_djangos_limits(client: Client, parts: Any, status: int) -> None:
    for part, count in parts:
        assert client.send("/seen/", encode(part * count))[0] == status
        assert client.send("/seen/async/", encode(part * count))[0] == status


@every(*GREENROOM)
@pytest.mark.parametrize(("parts", "status"), [(WITHIN, 200), (BEYOND, 400)], ids=["within", "beyond"])
def test_djangos_limits_in_a_governed_form(client: Client, parts: Any, status: int) -> None:
    head = encode(client.page("/held/").parts(), closed=False)
    for part, count in parts:
        assert client.send("/held/", head + encode(part * count))[0] == status


@every(*ALL)
@pytest.mark.parametrize("size", [1_000, 6 * MB])
def test_a_form_without_its_security_token_is_refused(client: Client, size: int) -> None:
    fields = [("csrfmiddlewaretoken", "x" * 64), ("file", ("a", bytes(size)))]
    assert client.send("/checked/", encode(fields))[0] == 403
    fields[0] = ("csrfmiddlewaretoken", client.visitor.csrf)
    assert client.send("/checked/", encode(fields))[0] == 200
    assert client.send("/checked/", encode(fields[1:]), X_CSRFToken=client.visitor.csrf)[0] == 200
    assert client.send("/checked/", encode(reversed(fields)))[0] == 200  # the token after the file


@every(*GREENROOM)
@pytest.mark.parametrize("size", [1_000, 6 * MB])
def test_a_governed_form_without_its_security_token_is_refused(client: Client, size: int) -> None:
    page = client.page("/held/")
    before = files_under(client.visitor.server.held)
    refused = page.body({"csrfmiddlewaretoken": "x" * 64}, {"held": ("a", bytes(size))})
    assert client.send("/held/", refused)[0] == 403
    assert files_under(client.visitor.server.held) == before


@every(*ALL)
def test_a_form_in_chunks_has_no_fields(client: Client) -> None:
    """Django asks for a Content-Length (`MultiPartParser`), and reads nothing without one."""
    for view in VIEWS:
        client.http.request(
            "POST",
            view,
            iter([encode([("title", "tea")])]),
            {"Content-Type": CONTENT_TYPE},
            encode_chunked=True,
        )
        with client.http.getresponse() as response:
            assert json.loads(response.read()) == {"post": [], "files": []}


@every(*ALL)
def test_a_connection_goes_on_whatever_was_done_with_the_body_before(client: Client) -> None:
    """Each answer is the one to its own request, however much of the last body was read, and by whom."""
    small, large = encode([("n", "1")]), encode([("file", ("large.bin", os.urandom(6 * MB)))])
    some = encode([("file", ("some.bin", bytes(50_000)))])
    steps = [
        ("/seen/", small, 200),
        ("/elsewhere/", small, 302),
        ("/seen/", large, 200),
        ("/elsewhere/", some, 302),
        ("/raw/a-little/", some, 200),
        ("/nowhere/", small, 404),
        ("/nowhere/", some, 404),
        ("/raw/read/", large, 200),
        ("/seen/async/", large, 200),
        ("/raw/a-little/", small, 200),
    ]
    for number, (path, body, status) in enumerate(steps):
        assert client.send(path, body)[0] == status, path
        mark = encode([("number", str(number))])
        assert json.loads(client.send("/seen/", mark)[2])["post"] == [["number", [str(number)]]]


@every(*GREENROOM)
def test_which_connections_are_kept(client: Client) -> None:
    """The door to gunicorn's socket leaves it as it was; the one to uvicorn's is only for large bodies."""
    client.send("/seen/", encode([("file", ("a", bytes(100_000)))]))
    first = client.http.sock
    assert first is not None
    client.send("/seen/", encode([("file", ("a", bytes(2 * MB)))]))
    assert client.http.sock is first
    _, headers, _ = client.send("/seen/", encode([("file", ("a", bytes(20 * MB)))]))
    taken_over = client.visitor.server.kind in ("uvicorn", "uvicorn-h11")
    assert (headers.get("Connection") == "close") is taken_over
    assert (client.http.sock is first) is not taken_over


@pytest.mark.parametrize("kind", ALL)
def test_requests_that_are_sent_ahead_are_answered_in_their_order(started: Started, kind: str) -> None:
    server = started(kind)
    requests = b""
    for number in range(5):
        body = encode([("number", str(number)), ("file", ("a", bytes(1_000)))])
        head = f"POST /seen/ HTTP/1.1\r\nHost: {server.address}\r\nContent-Type: {CONTENT_TYPE}\r\n"
        head += "Connection: close\r\n" if number == 4 else ""
        requests += f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(requests)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert re.findall(rb'\["number", \["(\d)"\]\]', answer) == [b"0", b"1", b"2", b"3", b"4"]


@every(*ASGI)
@pytest.mark.parametrize("size", [10, 6 * MB])
def test_an_asynchronous_middleware_that_wants_the_form_is_told_how(client: Client, size: int) -> None:
    body = encode([("title", "tea"), ("file", ("a", bytes(size)))])
    status, _, answer = client.send("/touched/", body)
    assert status == 409
    assert b"sync_to_async" in answer
    status, _, answer = client.send("/touched/in-a-thread/", body)
    assert status == 200
    assert json.loads(answer)["post"] == [["title", ["tea"]]]


@every(*GREENROOM)
@pytest.mark.parametrize("view", ["/held/", "/held/async/", "/seen/async/", "/seen/"])
def test_a_form_that_is_cut_short_saves_nothing_and_is_no_error(client: Client, view: str) -> None:
    visitor = client.visitor
    body = client.page("/held/").body({"title": "tea"}, {"held": ("tea.bin", bytes(8 * MB))})
    for cut in (0, 100, 70_000, 5 * MB):
        with visitor.begin(
            "POST", view, Content_Type=CONTENT_TYPE, Content_Length=str(len(body))
        ) as connection:
            connection.sendall(body[:cut])
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert not answer.startswith(b"HTTP/1.1 5"), cut
        if view.startswith("/held/"):
            assert not answer.startswith(b"HTTP/1.1 200"), cut
