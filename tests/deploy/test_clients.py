"""What people and programs do all day, through nginx: forms, tuspy, curl."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import requests
from tusclient.client import TusClient

from tests.deploy.conftest import Fronts
from tests.deploy.deployed import Front, Person, curl, wait_until
from tests.django.uploading import digest
from tests.images import pictures
from tests.pages import CONTENT_TYPE, File, files_under, page_of

MB = 10**6
UPLOADS = "/greenroom/uploads/"
DRAFT = {"Upload-Complete": "?1", "Upload-Draft-Interop-Version": "8"}

pytestmark = pytest.mark.slow


def send(
    person: Person, path: str, changes: dict[str, str | None], files: dict[str, File]
) -> requests.Response:
    """Submit the form of the person's page."""
    return person.http.post(
        person.front.url + path,
        data=person.page.body(changes, files),
        headers={"Content-Type": CONTENT_TYPE},
        allow_redirects=False,
        timeout=60,
    )


def saved_by(front: Front, before: set[Path]) -> Path:
    (path,) = set(files_under(front.application.media)) - before
    return path


def test_a_form_with_a_picture_comes_back_with_it_and_saves_it(front: Front) -> None:
    person = Person(front, "/product/")
    jpeg = pictures.encoded(pictures.coded(120, 90), "jpeg")
    before = set(files_under(front.application.media))
    person.page = page_of(send(person, "/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}).text)
    assert person.page.names("photo") == ["tea.jpg"]
    preview = person.http.get(front.url + person.page.images[0], timeout=30)
    assert preview.headers["Content-Type"].startswith("image/")
    done = send(person, "/product/", {"name": front.address}, {})
    assert done.status_code == 302, page_of(done.text).text
    assert saved_by(front, before).read_bytes() == jpeg


def test_a_form_with_20_mb_saves_them(front: Front) -> None:
    person, data = Person(front, "/paper/"), os.urandom(20 * MB)
    before = set(files_under(front.application.media))
    response = send(person, "/paper/", {"title": "large"}, {"body": ("large.bin", data)})
    assert response.status_code == 302, response.text
    path = saved_by(front, before)
    assert path.read_bytes() == data
    assert path.stat().st_nlink == 2, "one file system: the bytes are linked, not copied"


def test_tuspy_goes_on_where_it_was(front: Front, person: Person, tmp_path: Path) -> None:
    tea = tmp_path / "tea.bin"
    tea.write_bytes(os.urandom(5 * MB))
    client = TusClient(front.url + UPLOADS, headers=person.headers)
    options = {"metadata": {"filename": tea.name, "policy": person.page["body-policy"]}}
    with tea.open("rb") as file:
        first = client.uploader(file_stream=file, chunk_size=MB, **options)
        first.upload_chunk()
        second = client.uploader(file_stream=file, chunk_size=2 * MB, url=first.url)
        assert second.get_offset() == MB
        second.upload()
    before = set(files_under(front.application.media))
    token = person.head(first.url.removeprefix(front.url)).headers["Greenroom-Token"]
    assert person.save(token).status_code == 302
    assert saved_by(front, before).read_bytes() == tea.read_bytes()


@pytest.mark.parametrize(
    "way",
    [
        ["--http1.1"],
        ["--http1.1", "-H", "Transfer-Encoding: chunked"],
        ["--http1.1", "-H", "Expect: 100-continue"],
        ["--http2"],
        ["--http2", "-H", "Content-Length:"],
    ],
    ids=["length", "chunks", "expects", "http2", "http2-without-a-length"],
)
def test_curl_sends_a_whole_file_by_the_draft(
    front: Front, person: Person, tmp_path: Path, way: list[str]
) -> None:
    tea = tmp_path / "tea.bin"
    tea.write_bytes(os.urandom(3 * MB))
    headers = {
        **DRAFT,
        "Content-Type": "application/octet-stream",
        "Content-Disposition": 'inline; filename="tea.bin"',
        "Repr-Digest": digest(tea.read_bytes()),
    }
    answers = curl(person, *way, "--data-binary", f"@{tea}", path=UPLOADS, headers=headers)
    if "Expect: 100-continue" in way:
        assert answers[0].status == 100
    assert answers[-1].status == 200, answers
    assert json.loads(answers[-1].body)["size"] == tea.stat().st_size


def test_the_headers_of_an_upload_come_through(front: Front, person: Person) -> None:
    fields = {"Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Metadata": "filename dGVh"}
    created = person.http.post(front.url + UPLOADS, headers=fields, timeout=30)
    # A path, for nginx to leave alone: scheme and host are those under which the client has come.
    assert re.fullmatch(UPLOADS + r"[\w-]+/", created.headers["Location"])
    path = created.headers["Location"]
    assert person.patch(path, b"Darj", 0).headers["Upload-Offset"] == "4"
    headers = person.head(path).headers
    expected = {"Upload-Offset": "4", "Upload-Length": "9", "Cache-Control": "no-store", **fields}
    assert {name: headers[name] for name in expected} == expected
    assert "Upload-Expires" in headers
    assert person.patch(path, b"eel", 3).status_code == 409
    options = requests.options(front.url + UPLOADS, timeout=30)
    assert "creation" in options.headers["Tus-Extension"]


def test_a_page_of_another_site_is_refused_and_one_of_ours_is_not(front: Front, person: Person) -> None:
    """Both are decided by scheme and host, which Django knows from nginx alone."""
    fields = {"Tus-Resumable": "1.0.0", "Upload-Length": "9"}
    for origin, status in {front.url: 201, f"http://{front.address}": 403, "https://127.0.0.1": 403}.items():
        headers = {**fields, "Origin": origin}
        assert person.http.post(front.url + UPLOADS, headers=headers, timeout=30).status_code == status, (
            origin
        )
    assert all(cookie.secure for cookie in person.http.cookies)


@pytest.mark.parametrize(
    ("name", "disposition"), [("tea.png", "inline"), ("tea.html", "attachment"), ("tea.svg", "attachment")]
)
def test_nginx_serves_what_was_saved_without_danger(front: Front, name: str, disposition: str) -> None:
    media = front.application.media
    media.mkdir(exist_ok=True)
    (media / name).write_bytes(b"<script>alert(1)</script>")
    response = requests.get(f"{front.url}/media/{name}", timeout=30)
    assert response.status_code == 200
    (media / name).unlink()
    assert response.headers["Content-Disposition"] == disposition
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


def test_what_is_held_is_not_served(front: Front, person: Person) -> None:
    path = person.create(9)
    assert person.patch(path, b"Darjeelin", 0).status_code == 204
    held = front.application.held
    name = front.application.held_file(path).relative_to(held)
    assert (held / name).read_bytes() == b"Darjeelin"
    for before in ("/media/..", "/media..", ""):
        url = f"{before}/greenroom-held/{name}"
        (answer,) = curl(person, "--path-as-is", path=url, headers={})
        assert answer.status in (400, 404)


def test_who_comes_by_plain_http_is_sent_to_https(front: Front) -> None:
    response = requests.get(f"http://127.0.0.1:{front.plain_port}/backup/", allow_redirects=False, timeout=30)
    assert (response.status_code, response.headers["Location"]) == (301, "https://127.0.0.1/backup/")


def test_uvicorn_learns_from_nginx_who_is_asking(fronts: Fronts) -> None:
    front = fronts("uvicorn", "off")
    requests.get(front.url + "/backup/?who", timeout=30, verify=front.certificate)
    line = re.compile(r'127\.0\.0\.1:\d+ - "GET /backup/\?who ')
    wait_until(lambda: line.search(front.application.log.read_text()), "uvicorn's log has no address")
