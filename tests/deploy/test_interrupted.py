"""What is refused, what breaks off, what is stopped: what the client sees through nginx, and what is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.deployed import TUS, Front, Person, answer_on, curl, wait_until
from tests.django.uploading import metadata
from tests.pages import CONTENT_TYPE, files_under, page_of

MB = 10**6
UPLOADS = "/greenroom/uploads/"
THROUGH = MB // 2
"""Of 2 MB, while the third is awaited: a server may ask for a piece of 1 MiB, and waits for the rest of that."""

pytestmark = pytest.mark.slow


# -- refused ---------------------------------------------------------------------------------------


@pytest.fixture
def nothing_stored(front: Front) -> Iterator[None]:
    before = files_under(front.application.held)
    yield
    assert files_under(front.application.held) == before


@pytest.mark.usefixtures("nothing_stored")
def test_a_form_with_a_file_that_is_too_large_comes_back_and_says_so(front: Front) -> None:
    person = Person(front, "/papers/")
    # http.client sends all of it before it looks for an answer: a connection reset would be its error.
    response = person.http.post(
        front.url + "/papers/",
        data=person.page.body({"title": "large"}, {"papers": ("large.bin", bytes(40 * MB))}),
        headers={"Content-Type": CONTENT_TYPE},
        timeout=60,
    )
    assert response.status_code == 200
    assert "“large.bin” is too large: at most 1 MB" in page_of(response.text).text


@pytest.mark.usefixtures("nothing_stored")
def test_an_upload_that_is_too_large_is_answered_with_its_problem(front: Front) -> None:
    person = Person(front, "/papers/")
    policy = metadata(filename="large.bin", policy=person.page["papers-policy"])
    headers = {**TUS, "Upload-Length": str(40 * MB), "Upload-Metadata": policy}
    response = person.http.post(front.url + UPLOADS, data=bytes(40 * MB), headers=headers, timeout=60)
    assert (response.status_code, response.headers["Content-Type"]) == (413, "application/problem+json")
    assert response.json()["code"] == "too_large"


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl_shows_the_problem(front: Front, tmp_path: Path, version: str) -> None:
    person, large = Person(front, "/papers/"), tmp_path / "large.bin"
    large.write_bytes(bytes(40 * MB))
    headers = {"Upload-Complete": "?1", "Greenroom-Policy": person.page["papers-policy"]}
    headers |= {"Upload-Draft-Interop-Version": "8", "Content-Type": "application/octet-stream"}
    answer = curl(person, version, "--data-binary", f"@{large}", path=UPLOADS, headers=headers)[-1]
    assert (answer.status, json.loads(answer.body)["code"]) == (413, "too_large")


def test_a_refusal_comes_as_soon_as_the_application_hears_of_it(front: Front, person: Person) -> None:
    connection = person.begin(person.create(5), 10 * MB)
    connection.send(bytes(MB))
    if not front.streams:
        if front.buffering == "on":
            wait_until(lambda: front.waiting_bytes() > 900_000, "nginx keeps no body")
        connection.send(bytes(9 * MB))
    status, _headers, body = answer_on(connection)  # streamed: with nine tenths of the body never sent
    assert (status, json.loads(body)["code"]) == (400, "length_exceeded")


def test_what_nginx_itself_refuses_gets_a_page_of_nginx(front: Front, tmp_path: Path) -> None:
    small = Front(front.application, tmp_path / "small", front.buffering, {"client_max_body_size 6g;": ""})
    small.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REQUESTS_CA_BUNDLE", str(small.certificate))
            person = Person(small)
            response = person.patch(person.create(2 * MB), bytes(2 * MB), 0)
    finally:
        small.stop()
    assert response.status_code == 413
    assert "Tus-Resumable" not in response.headers
    assert "<center>nginx" in response.text


# -- broken off ------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_a_patch_that_breaks_off_leaves_what_had_got_through(
    front: Front, person: Person, chunked: bool
) -> None:
    data = os.urandom(3 * MB)
    path = person.create(len(data))
    connection = person.begin(path, len(data), chunked=chunked)
    connection.send(data[: 2 * MB])
    if front.streams:
        wait_until(lambda: front.application.bytes_of(path) > THROUGH, "the bytes do not get through")
    elif front.buffering == "on":
        wait_until(lambda: front.waiting_bytes() > 1_900_000, "nginx keeps no body")
        assert front.application.bytes_of(path) == 0, "nginx passes on what it was to keep until it is whole"
    connection.close()
    offset = person.offset(path)
    assert THROUGH < offset <= 2 * MB if front.streams else offset == 0
    response = person.patch(path, data[offset:], offset)
    assert response.status_code == 204
    assert front.application.held_file(path).read_bytes() == data
    wait_until(lambda: not front.waiting_bytes(), "nginx keeps a body that nobody waits for")


def test_a_server_that_is_stopped_in_the_middle_leaves_what_had_arrived(front: Front, person: Person) -> None:
    data = os.urandom(3 * MB)
    path = person.create(len(data))
    connection = person.begin(path, len(data))
    connection.send(data[: 2 * MB])
    if front.streams:
        wait_until(lambda: front.application.bytes_of(path) > THROUGH, "the bytes do not get through")
    elif front.buffering == "on":
        wait_until(lambda: front.waiting_bytes() > 1_900_000, "nginx keeps no body")
    front.application.end()
    front.application.start()
    offset = person.offset(path)
    assert THROUGH < offset <= 2 * MB if front.streams else offset == 0
    if front.buffering == "on":
        # nginx has waited with it: the server that takes it is the new one.
        connection.send(data[2 * MB :])
        assert answer_on(connection)[0] == 204
    else:
        status, headers, _body = answer_on(connection)
        assert status == 502 or (status, headers["Upload-Offset"]) == (204, str(offset))
        assert person.patch(path, data[offset:], offset).status_code == 204
    assert front.application.held_file(path).read_bytes() == data
