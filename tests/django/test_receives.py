"""`@receives`: a view without a form that takes one file, or says why not."""

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from greenroom import Limits
from greenroom.core import UsageError
from greenroom.decorators import receives
from greenroom.images import not_blank
from greenroom.models import StagedUpload
from tests.django.conftest import Browser
from tests.images import pictures
from tests.pages import CONTENT_TYPE, File, encode, files_under, page_of
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]
LIMITS = Limits(max_bytes=100_000, types=["image/*"])


def described(request: HttpRequest) -> JsonResponse:
    file = request.FILES["picture"]
    return JsonResponse(
        {"name": file.name, "size": file.size, "type": type(file).__name__, "note": request.POST.get("note")}
    )


@csrf_exempt
@receives("picture", limits=LIMITS, inspectors=[not_blank()])
def api(request: HttpRequest) -> HttpResponse:
    return described(request) if request.method == "POST" else HttpResponse("send a picture")


@csrf_exempt
@receives("picture", limits=LIMITS)
async def asynchronous(request: HttpRequest) -> HttpResponse:
    return described(request)


@csrf_exempt
@receives("picture")
def anything(request: HttpRequest) -> HttpResponse:
    return described(request)


@csrf_exempt
@receives("picture")
def keeping(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.FILES["picture"].token)


urlpatterns = [
    *shop,
    path("api/", api),
    path("async/", asynchronous),
    path("anything/", anything),
    path("keeping/", keeping),
]


def send(url: str, *files: File, name: str = "picture", **headers: Any) -> Any:
    parts: list[Any] = [("note", "tea"), *[(name, file) for file in files]]
    return Client(enforce_csrf_checks=True).generic("POST", url, encode(parts), CONTENT_TYPE, **headers)


@pytest.mark.parametrize("url", ["/api/", "/async/", "/anything/"])
def test_what_keeps_to_the_limits_is_a_staged_file(url: str, png: bytes) -> None:
    answer = send(url, ("tea.png", png))
    assert answer.status_code == 200, answer.content
    assert json.loads(answer.content) == {
        "name": "tea.png",
        "size": len(png),
        "type": "StagedFile",
        "note": "tea",
    }


def test_only_posts_are_judged() -> None:
    assert Client().get("/api/").content == b"send a picture"


WHITE = pictures.encoded(pictures.plain(60, 40), "png")
REFUSED: dict[str, tuple[File | None, str, str]] = {
    "nothing": (None, "required", "Choose a file"),
    "an empty input": (("", b""), "required", "Choose a file"),
    "empty": (("tea.png", b""), "empty", "“tea.png” is empty"),
    "too large": (
        ("tea.png", pictures.encoded(pictures.coded(9, 9), "png") + bytes(100_000)),
        "too_large",
        "at most 100 kB",
    ),
    "text": (("tea.png", b"Darjeeling"), "type", "“tea.png”"),
    "truncated": (
        ("tea.jpg", pictures.encoded(pictures.coded(300, 200), "jpeg")[:1_500]),
        "not_a_picture",
        "“tea.jpg”",
    ),
    "blank": (("tea.png", WHITE), "blank", "one colour"),
    "a bomb": (("tea.png", pictures.png_of_zeros(20_000, 20_000)[:90_000]), "too_many_pixels", "pixels"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_never_reaches_the_view(kind: str, held_root: Any) -> None:
    file, code, words = REFUSED[kind]
    files = [file] if file is not None else []
    page = send("/api/", *files, HTTP_ACCEPT="text/html,*/*;q=0.8")
    assert page.status_code == 400
    assert page.headers["Content-Type"].startswith("text/html")
    assert words in page_of(page).text
    problem = send("/api/", *files, HTTP_ACCEPT="application/json")
    assert problem.status_code == 400
    assert problem.headers["Content-Type"] == "application/problem+json"
    document = json.loads(problem.content)
    assert (document["status"], document["title"]) == (400, "Bad Request")
    assert document["code"].startswith(code)
    assert words in document["detail"]
    assert files_under(held_root) == []
    assert not StagedUpload.objects.exists()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/html"),
        ("text/html", "text/html"),
        ("application/json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("text/html;q=0.5, application/json", "application/problem+json"),
        ("text/plain", "application/problem+json"),
    ],
)
def test_the_answer_is_of_the_kind_that_is_preferred(accept: str, kind: str) -> None:
    assert send("/api/", HTTP_ACCEPT=accept).headers["Content-Type"].split(";")[0] == kind


def test_two_files_where_one_is_taken(png: bytes) -> None:
    answer = send("/api/", ("one.png", png), ("two.png", png))
    assert answer.status_code == 400
    assert "“two.png” is one file too many" in page_of(answer).text


def test_a_name_with_html_in_it_is_shown_as_text() -> None:
    answer = send("/api/", ("<script>alert(1)</script>.png", b"Darjeeling"))
    assert b"<script>" not in answer.content


def test_a_full_disk_is_the_server_s_trouble(settings: Any, png: bytes) -> None:
    settings.GREENROOM = {"KEEP_FREE": "900 TB", "MEMORY": "10 KB"}
    answer = send("/anything/", ("tea.png", png + bytes(50_000)), HTTP_ACCEPT="application/json")
    assert answer.status_code == 507
    assert json.loads(answer.content)["code"] == "disk_full"


def test_a_body_cut_short_is_refused(png: bytes) -> None:
    body = encode([("note", "tea"), ("picture", ("tea.png", png))])
    for cut in (len(body) - 20, len(body) // 2, 60, 10, 0):
        answer = Client().generic("POST", "/api/", body[:cut], CONTENT_TYPE)
        assert answer.status_code == 400, cut


def test_what_is_no_form_at_all_is_refused() -> None:
    assert Client().post("/api/", b"{}", content_type="application/json").status_code == 400


def test_what_the_view_keeps_is_kept(browser: Browser, png: bytes) -> None:
    token = browser.post_body("/keeping/", encode([("picture", ("tea.png", png))])).content.decode()
    answer = browser.client.get(f"/greenroom/original/{token}/")
    assert b"".join(answer.streaming_content) == png


def test_the_csrf_check_of_a_view_that_has_one(browser: Browser, png: bytes) -> None:
    parts: list[Any] = [("picture", ("tea.png", png))]
    assert browser.post_body("/check/", encode(parts)).status_code == 403
    token = browser.get("/paper/")["csrfmiddlewaretoken"]
    answer = browser.post_body("/check/", encode([("csrfmiddlewaretoken", token), *parts]))
    assert answer.status_code == 200


@pytest.mark.parametrize("url", ["/api/", "/async/"])
def test_an_asynchronous_server(url: str, png: bytes) -> None:
    async def both() -> list[Any]:
        client = AsyncClient()
        bodies = [encode([("picture", ("tea.png", data))]) for data in (png, b"Darjeeling")]
        return [await client.generic("POST", url, body, CONTENT_TYPE) for body in bodies]

    taken, refused = async_to_sync(both)()
    assert taken.status_code == 200
    assert json.loads(taken.content)["type"] == "StagedFile"
    assert refused.status_code == 400


@pytest.mark.parametrize("wrong", [{"inspectors": not_blank()}, {"limits": {"max_bytes": 5}}])
def test_what_a_programmer_gets_wrong_is_said_when_the_view_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="Got: "):
        receives("picture", **wrong)
