"""What Greenroom does not govern is as from Django's own parser: same fields, same files, same refusals."""

import base64
import hashlib
import json
from io import BytesIO
from typing import Any

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import (
    FileUploadHandler,
    MemoryFileUploadHandler,
    SkipFile,
    StopFutureHandlers,
    StopUpload,
    TemporaryFileUploadHandler,
)
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParser
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from greenroom.forms import StagedFileField
from tests.pages import BOUNDARY, CONTENT_TYPE, File, encode
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


class HalfForm(forms.Form):
    held = StagedFileField(required=False)


seen: dict[str, Any] = {}


def description(file: Any) -> tuple[Any, ...]:
    data = b"".join(file.chunks())
    extra = dict(file.content_type_extra or {})
    digest = hashlib.sha256(data).hexdigest()
    return type(file).__name__, file.name, file.size, file.content_type, file.charset, extra, digest


def half(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        seen["post"] = dict(request.POST.lists())
        seen["files"] = {name: [description(each) for each in files] for name, files in request.FILES.lists()}
        return HttpResponse("seen")
    return render(request, "shop/form.html", {"form": HalfForm()})


def webhook(request: HttpRequest) -> HttpResponse:
    """Reads the raw body, as payment services want it."""
    return JsonResponse(
        {"sha256": hashlib.sha256(request.body).hexdigest(), "post": dict(request.POST.lists())}
    )


def streamed(request: HttpRequest) -> HttpResponse:
    """Reads the raw body piece by piece."""
    digest = hashlib.sha256()
    while piece := request.read(10_000):
        digest.update(piece)
    return HttpResponse(digest.hexdigest())


def by_lines(request: HttpRequest) -> HttpResponse:
    digest = hashlib.sha256()
    for line in request:
        digest.update(line)
    return HttpResponse(digest.hexdigest())


urlpatterns = [
    *shop,
    path("half/", half),
    path("open/", csrf_exempt(half)),
    path("webhook/", csrf_exempt(webhook)),
    path("streamed/", csrf_exempt(streamed)),
    path("by-lines/", csrf_exempt(by_lines)),
]


def by_django(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """What Django's parser makes of a body, with Django's handlers."""
    handlers = [MemoryFileUploadHandler(), TemporaryFileUploadHandler()]
    meta = {"CONTENT_TYPE": CONTENT_TYPE, "CONTENT_LENGTH": len(body)}
    post, files = MultiPartParser(meta, BytesIO(body), handlers, "utf-8").parse()
    described = {name: [description(each) for each in several] for name, several in files.lists()}
    for _name, several in files.lists():
        for each in several:
            each.close()
    return dict(post.lists()), described


def part(headers: str, data: bytes) -> bytes:
    return f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode() + data + b"\r\n"


ORDINARY: dict[str, bytes] = {
    "a field": encode([("title", "tea")], closed=False),
    "no field": b"",
    "the same field several times": encode(
        [("kind", "green"), ("kind", ""), ("kind", "black")], closed=False
    ),
    "a field of many lines and languages": encode([("note", "Tee\r\n茶\r\n\U0001f375\r\n--")], closed=False),
    "a field that is no UTF-8": part('Content-Disposition: form-data; name="raw"', b"\xff\xfe"),
    "a file": encode([("plain", ("tea.txt", b"Darjeeling"))], closed=False),
    "an empty file input": encode([("plain", ("", b""))], closed=False),
    "an empty file": encode([("plain", ("tea.txt", b""))], closed=False),
    "two files": encode([("plain", ("a.txt", b"a")), ("plain", ("b.txt", b"b"))], closed=False),
    "a file with a path": encode([("plain", ("C:\\tea\\..\\leaf.txt", b"a"))], closed=False),
    "a file with a name in many languages": encode([("plain", ("茶 \U0001f375.txt", b"a"))], closed=False),
    "a file with entities in its name": encode([("plain", ("&lt;tea&gt; %22.txt", b"a"))], closed=False),
    "a file with a charset": part(
        'Content-Disposition: form-data; name="plain"; filename="a.txt"\r\n'
        "Content-Type: text/plain; charset=latin-1; v=1",
        b"\xe9",
    ),
    "a file in base64": part(
        'Content-Disposition: form-data; name="plain"; filename="a.txt"\r\nContent-Transfer-Encoding: base64',
        base64.b64encode(b"Darjeeling" * 1_000),
    ),
    "a field in base64": part(
        'Content-Disposition: form-data; name="raw"\r\nContent-Transfer-Encoding: base64',
        base64.b64encode("Grüntee".encode()),
    ),
    "a file with a name of RFC 2231": part(
        "Content-Disposition: form-data; name=\"plain\"; filename*=UTF-8''%e8%8c%b6.txt", b"a"
    ),
    "a file of 3 MB": encode([("plain", ("tea.bin", bytes(range(256)) * 12_000))], closed=False),
    "a part without a name": part("Content-Disposition: form-data", b"lost"),
    "bytes that look like boundaries": encode([("plain", ("a", b"\r\n--x\r\n--\r\n-"))], closed=False),
}


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("ordinary", ORDINARY)
def test_a_form_is_the_same_beside_a_governed_file(browser: Any, ordinary: str, before: bool) -> None:
    head = encode(
        [(name, value) for name, value in browser.get("/half/").parts() if name != "held"], closed=False
    )
    ours = encode([("held", ("held.bin", b"\x00held"))], closed=False)
    end = f"--{BOUNDARY}--\r\n".encode()
    others = ORDINARY[ordinary]
    body = head + others + ours + end if before else head + ours + others + end
    seen.clear()
    assert browser.post_body("/half/", body).content == b"seen"
    post, files = by_django(body)
    assert seen["post"] == post
    held = seen["files"].pop("held")
    assert [each[0] for each in held] == ["StagedFile"]
    assert [each[-1] for each in held] == [hashlib.sha256(b"\x00held").hexdigest()]
    files.pop("held")
    large = "3 MB" in ordinary
    assert seen["files"] == files
    assert [each[0] for each in files.get("plain", [])][:1] in (
        [],
        ["TemporaryUploadedFile" if large else "InMemoryUploadedFile"],
    )


# -- limits ----------------------------------------------------------------------------------------


@pytest.fixture
def governed(browser: Any) -> Any:
    """Post parts in a form that is governed, or in the same one that is not."""

    def send(parts: list[tuple[str, File | str]], *, policy: bool = True) -> int:
        page = browser.get("/half/")
        head = page.parts({} if policy else {"held-policy": "none"})
        return int(browser.post_body("/half/", encode(head + parts)).status_code)

    return send


@pytest.mark.parametrize("policy", [True, False], ids=["governed", "ordinary"])
@pytest.mark.parametrize(("count", "status"), [(7, 200), (8, 400)])
def test_too_many_fields(governed: Any, settings: Any, policy: bool, count: int, status: int) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 10  # of which three are the page's own
    if count == 8 and not policy:
        count += 2  # Django's parser allows for two that are not there
    assert governed([("kind", "green")] * count, policy=policy) == status


@pytest.mark.parametrize("policy", [True, False], ids=["governed", "ordinary"])
@pytest.mark.parametrize(("count", "status"), [(5, 200), (6, 400)])
@pytest.mark.parametrize("name", ["plain", "held"])
def test_too_many_files(
    governed: Any, settings: Any, policy: bool, count: int, status: int, name: str
) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 5
    if policy and name == "held":
        status = 200  # the form says it beside its field (`test_django_limits`)
    assert governed([(name, (f"{each}.txt", b"tea")) for each in range(count)], policy=policy) == status


@pytest.mark.parametrize("policy", [True, False], ids=["governed", "ordinary"])
def test_too_much_in_fields(governed: Any, settings: Any, policy: bool) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    assert governed([("note", "x" * 9_000)], policy=policy) == 200
    assert governed([("note", "x" * 10_000)], policy=policy) == 400
    assert governed([("held", ("tea.txt", b"x" * 20_000))], policy=policy) == 200


# -- a project's own handlers ----------------------------------------------------------------------


class Own(FileUploadHandler):
    """Takes what is called "own-...", skips "skip-...", stops at "stop-...", leaves the rest to others."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.data = b""
        seen.setdefault("handled", []).append(self.file_name)
        if self.file_name.startswith("own-"):
            raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        assert start == len(self.data)
        if self.file_name.startswith("skip-"):
            raise SkipFile
        if self.file_name.startswith("stop-"):
            raise StopUpload(connection_reset=False)
        self.data += raw_data
        return None if self.file_name.startswith("own-") else raw_data

    def file_complete(self, file_size: int) -> Any:
        if not self.file_name.startswith("own-"):
            return None
        assert file_size == len(self.data)
        return SimpleUploadedFile(self.file_name, self.data.upper())

    def upload_complete(self) -> None:
        seen["complete"] = seen.get("complete", 0) + 1


@pytest.fixture
def own_handler(settings: Any) -> None:
    seen.clear()
    settings.FILE_UPLOAD_HANDLERS = [f"{__name__}.Own", *settings.FILE_UPLOAD_HANDLERS]


def test_a_project_s_own_handlers_get_what_is_not_governed(browser: Any, own_handler: None) -> None:
    parts = browser.get("/half/").parts(files={"held": ("own-held.bin", b"held")})
    parts += [
        ("plain", ("own-a.txt", b"a" * 100_000)),
        ("plain", ("b.txt", b"b")),
        ("plain", ("skip-c.txt", b"c")),
    ]
    assert browser.post_body("/half/", encode(parts)).content == b"seen"
    assert seen["handled"] == ["own-a.txt", "b.txt", "skip-c.txt"]
    assert [each[:3] for each in seen["files"]["plain"]] == [
        ("SimpleUploadedFile", "own-a.txt", 100_000),
        ("InMemoryUploadedFile", "b.txt", 1),
    ]
    assert seen["files"]["plain"][0][-1] == hashlib.sha256(b"A" * 100_000).hexdigest()
    assert [each[0] for each in seen["files"]["held"]] == ["StagedFile"]
    assert seen["complete"] == 1


def test_a_handler_that_stops_one_upload_loses_no_held_file(browser: Any, own_handler: None) -> None:
    parts = browser.get("/half/").parts(files={"held": ("held.bin", b"held")})
    assert browser.post_body("/half/", encode([*parts, ("plain", ("stop-a.txt", b"a"))])).content == b"seen"
    assert "plain" not in seen["files"]
    assert [each[0] for each in seen["files"]["held"]] == ["StagedFile"]


# -- views that read for themselves ----------------------------------------------------------------

BODY = encode([("signed", "yes"), ("held-policy", "none"), ("plain", ("tea.bin", bytes(range(256)) * 1_000))])


@pytest.mark.parametrize("url", ["/streamed/", "/by-lines/"])
@pytest.mark.parametrize("size", [10, 65_535, 65_536, 65_537, len(BODY)])
def test_a_view_may_read_the_raw_body_in_pieces(browser: Any, url: str, size: int) -> None:
    answer = browser.post_body(url, BODY[:size])
    assert answer.content == hashlib.sha256(BODY[:size]).hexdigest().encode()


def test_a_view_may_read_the_raw_body_and_then_the_form(browser: Any) -> None:
    assert json.loads(browser.post_body("/webhook/", BODY).content) == {
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "post": {"signed": ["yes"], "held-policy": ["none"]},
    }


def test_a_form_without_csrf_check_is_governed_too(browser: Any) -> None:
    page = browser.get("/half/")
    body = page.body({"csrfmiddlewaretoken": None}, {"held": ("held.bin", b"held")})
    assert browser.post_body("/open/", body).content == b"seen"
    assert [each[0] for each in seen["files"]["held"]] == ["StagedFile"]


def test_other_content_types_are_left_alone(browser: Any) -> None:
    browser.client.handler.enforce_csrf_checks = False
    answer = browser.client.post("/half/", "title=tea", content_type="application/x-www-form-urlencoded")
    assert answer.content == b"seen"
    assert seen["post"] == {"title": ["tea"]}
    assert browser.client.post("/half/", {"a": 1}, content_type="application/json").content == b"seen"
