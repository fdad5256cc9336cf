"""Governed posts while they arrive: what is checked first, what is stored when, what is never stored."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path

from greenroom import Limits
from greenroom.forms import StagedFileField, StagedFilesField
from greenroom.models import StagedUpload
from tests.django.wsgi import ENDLESS, Body, post
from tests.pages import BOUNDARY, Page, encode, files_under, page_of
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]
MB = 1_000_000


class MixedForm(forms.Form):
    title = forms.CharField(required=False)
    plain = forms.FileField(required=False)
    large = StagedFileField(required=False)
    small = StagedFileField(required=False, memory="100 KB", limits=Limits(max_bytes="3 MB"))
    many = StagedFilesField(required=False, max_num=3, limits=Limits(types=["image/*"]))


def mixed(request: HttpRequest) -> HttpResponse:
    """Reads request.FILES directly, without a form."""
    if request.method == "POST":
        store = Path(request.stage.stage.store.root)  # type: ignore[attr-defined]
        return JsonResponse(
            {
                "post": {name: request.POST.getlist(name) for name in request.POST if "csrf" not in name},
                "files": {
                    name: [(type(each).__name__, each.name, each.size) for each in files]
                    for name, files in request.FILES.lists()
                },
                "held": len(files_under(store)),
                "refused": {
                    name: [each.code for each in refusals]
                    for name, refusals in getattr(request.FILES, "refused", {}).items()
                },
                "cut_short": getattr(request.FILES, "cut_short", None),
                "left_unread": request.greenroom.unread is not None,
            }
        )
    return render(request, "shop/form.html", {"form": MixedForm()})


urlpatterns = [*shop, path("mixed/", mixed)]


def answer_of(response: Any) -> dict[str, Any]:
    status = getattr(response, "status_code", None) or response.status
    values = json.loads(response.content)
    # Chromium shows what is answered to somebody who is still sending only if its status is one of an error.
    assert status in ((413,) if values["left_unread"] else (200,)), response
    return dict(values)


@pytest.fixture
def temporary(settings: Any, tmp_path: Path) -> Path:
    """Where Django's own handlers put large files."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(directory)
    return directory


@pytest.fixture
def clock(monkeypatch: Any) -> Iterator[SimpleNamespace]:
    """The clock that counts what is thrown away; it goes on when a body says so."""
    clock = SimpleNamespace(seconds=0.0)
    fake = SimpleNamespace(monotonic=lambda: clock.seconds)
    monkeypatch.setattr("greenroom.bodies.time", fake)
    monkeypatch.setattr("greenroom.streams.time", fake)
    return clock


def open_ended(page: Page, name: str, filename: str, changes: dict[str, str] | None = None) -> bytes:
    """The beginning of a body, up to the first byte of the file that is sent in `name`."""
    parts = page.parts(changes, {name: (filename, b"")})
    place = next(at for at, (each, value) in enumerate(parts) if each == name and not isinstance(value, str))
    return encode(parts[: place + 1], closed=False).removesuffix(b"\r\n")


# -- before a byte is stored -----------------------------------------------------------------------


def test_a_wrong_csrf_token_is_refused_before_anything_is_stored(
    browser: Any, held_root: Path, temporary: Path, clock: SimpleNamespace
) -> None:
    seen: list[Any] = []

    def look() -> None:
        clock.seconds += 0.5
        seen.append(files_under(temporary) + files_under(held_root))

    head = open_ended(browser.get("/mixed/"), "large", "tea.bin", {"csrfmiddlewaretoken": "x" * 64})
    body = Body(itertools.chain([head], itertools.repeat(bytes(65_536))), on_read=look)
    answer = post(browser.client, "/mixed/", body, length=ENDLESS)
    assert answer.status == 403
    assert body.taken < 65_536 + 11 * 8_192, "five seconds of it are thrown away, and no more"
    assert seen
    assert not any(seen)
    assert not StagedUpload.objects.exists()


def test_with_a_wrong_csrf_token_a_body_that_ends_is_read_to_its_end(browser: Any) -> None:
    data = browser.get("/mixed/").body({"csrfmiddlewaretoken": "x" * 64}, {"large": ("tea", bytes(MB))})
    body = Body.of(data)
    assert post(browser.client, "/mixed/", body, length=len(data)).status == 403
    assert body.taken == len(data)


def test_nothing_is_stored_while_the_policy_is_looked_for(
    browser: Any, held_root: Path, temporary: Path
) -> None:
    counts: list[int] = []
    data = browser.get("/mixed/").body(files={"small": ("tea.bin", bytes(2 * MB))})
    body = Body.of(
        data, on_read=lambda: counts.append(len(files_under(held_root)) + len(files_under(temporary)))
    )
    answer = answer_of(post(browser.client, "/mixed/", body, length=len(data)))
    assert answer["files"]["small"] == [["StagedFile", "tea.bin", 2 * MB]]
    assert counts[0] == 0
    assert max(counts) == 1, "and then it goes where it is to stay, and nowhere else"


@pytest.mark.parametrize(
    ("name", "code", "first"),
    [("many", "type_not_allowed", b"Darjeeling, first flush. "), ("small", "too_large", bytes(25))],
)
def test_what_is_refused_is_thrown_away_for_five_seconds_at_most(
    browser: Any, held_root: Path, temporary: Path, clock: SimpleNamespace, name: str, code: str, first: bytes
) -> None:
    def tick() -> None:
        clock.seconds += 0.25

    head = open_ended(browser.get("/mixed/"), name, "tea.bin")
    body = Body(itertools.chain([head], itertools.repeat(first * 4_000)), on_read=tick)
    answer = answer_of(post(browser.client, "/mixed/", body, length=4_000 * MB))
    assert answer["refused"] == {name: [code]}
    assert answer["cut_short"] is True
    assert body.taken < 3 * MB + 262_144 + 22 * 8_192
    assert files_under(held_root) + files_under(temporary) == []
    assert not StagedUpload.objects.exists()


@pytest.mark.parametrize(
    ("name", "csrf", "status"), [("many", None, 413), ("large", "x" * 64, 403)], ids=["type", "csrf"]
)
def test_a_slow_sender_of_what_is_refused_has_the_thread_for_little_more_than_five_seconds(
    browser: Any, clock: SimpleNamespace, name: str, csrf: str | None, status: int
) -> None:
    """10 kB a second, after the 64 KiB that are looked at: a read waits until all that it asks for has come."""

    class Slow(Body):
        def read(self, size: int = -1) -> bytes:
            before = max(self.taken, 65_536)
            data = super().read(size)
            clock.seconds += max(self.taken - before, 0) / 10_000
            return data

    head = open_ended(
        browser.get("/mixed/"), name, "tea.txt", {"csrfmiddlewaretoken": csrf} if csrf else None
    )
    body = Slow(itertools.chain([head], itertools.repeat(b"Darjeeling, first flush. " * 100)))
    answer = post(browser.client, "/mixed/", body, length=4_000 * MB)
    assert answer.status == status
    if status == 413:
        assert answer_of(answer)["refused"] == {name: ["type_not_allowed"]}
    assert 5 <= clock.seconds < 6


def test_a_file_of_the_wrong_type_never_reaches_the_disk(browser: Any, held_root: Path) -> None:
    counts: list[int] = []
    data = browser.get("/mixed/").body(files={"many": ("tea.txt", b"Darjeeling" * 500_000)})
    body = Body.of(data, on_read=lambda: counts.append(len(files_under(held_root))))
    answer = answer_of(post(browser.client, "/mixed/", body, length=len(data)))
    assert answer["refused"] == {"many": ["type_not_allowed"]}
    assert answer["cut_short"] is False
    assert max(counts) == 0
    assert body.taken == len(data)


def test_a_file_too_many_is_refused_by_name_and_the_others_are_taken(browser: Any, png: bytes) -> None:
    files = [(f"{number}.png", png) for number in range(5)]
    answer = answer_of(browser.fill("/mixed/", files={"many": files}))
    assert [each[1] for each in answer["files"]["many"]] == ["0.png", "1.png", "2.png"]
    assert answer["refused"] == {"many": ["too_many", "too_many"]}


def test_the_files_of_a_post_reserve_no_more_than_they_bring(browser: Any, settings: Any, png: bytes) -> None:
    settings.GREENROOM = {"OWNER_BYTES": 5 * MB}
    files = [(f"{number}.png", png + bytes(1_500_000)) for number in range(3)]
    answer = answer_of(browser.fill("/mixed/", files={"many": files}))
    assert answer["refused"] == {}
    settings.GREENROOM = {"OWNER_BYTES": 4 * MB}
    answer = answer_of(browser.fill("/mixed/", files={"many": files}))
    assert (
        answer["refused"] == {"many": ["quota_exceeded"] * (3 - len(answer["files"].get("many", [])))} != {}
    )


@pytest.mark.parametrize(("size", "refused"), [(100_000, {}), (100_401, {"large": ["too_large"]})])
def test_what_follows_a_file_makes_it_not_too_large(
    browser: Any, settings: Any, size: int, refused: dict[str, list[str]]
) -> None:
    settings.GREENROOM = {"OWNER_BYTES": 100_400}
    page = browser.get("/mixed/")
    parts = page.parts(files={"large": ("tea.bin", bytes(size))})
    body = encode([*parts, ("title", "x" * 1_000)])
    assert answer_of(browser.post_body("/mixed/", body))["refused"] == refused


def test_what_is_larger_than_all_that_may_wait_is_told_so(browser: Any, settings: Any) -> None:
    settings.GREENROOM = {"OWNER_BYTES": 100_400}
    answer = browser.fill("/paper/", {"title": "tea"}, {"body": ("tea.bin", bytes(100_401))})
    assert "“tea.bin” is too large: at most 100.4 kB is taken here." in page_of(answer).text


def test_a_small_file_is_held_while_a_large_one_beside_it_comes_slowly(
    browser: Any, clock: SimpleNamespace, monkeypatch: Any
) -> None:
    monkeypatch.setattr("greenroom.core.intake.time", SimpleNamespace(monotonic=lambda: clock.seconds))
    ends: list[Any] = []

    def tick() -> None:
        clock.seconds += 300
        ends.extend(StagedUpload.objects.filter(client_name="small").values_list("expires_at", flat=True))

    parts = browser.get("/mixed/").parts(files={"large": ("small", b"tea"), "small": ("large", bytes(MB))})
    data = encode(parts)
    body = Body.of(data, on_read=tick)
    answer = answer_of(post(browser.client, "/mixed/", body, length=len(data)))
    assert set(answer["files"]) == {"small", "large"}
    assert len(ends) > 3
    assert ends[-1] > ends[0]


# -- memory or disk --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size", "held"),
    [
        ("large", 2_621_440, 0),
        ("large", 2_621_441, 1),
        ("small", 100_000, 0),
        ("small", 100_001, 1),
    ],
)
def test_the_size_of_each_file_decides_between_memory_and_disk(
    browser: Any, name: str, size: int, held: int
) -> None:
    answer = answer_of(browser.fill("/mixed/", files={name: ("tea.bin", bytes(size))}))
    assert answer["files"][name] == [["StagedFile", "tea.bin", size]]
    assert answer["held"] == held


def test_a_small_file_beside_a_large_one_stays_in_memory(browser: Any) -> None:
    files = {"large": ("large.bin", bytes(3 * MB)), "small": ("small.bin", b"tea")}
    assert answer_of(browser.fill("/mixed/", files=files))["held"] == 1


def test_django_s_setting_is_the_default_threshold(browser: Any, settings: Any) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10_000
    assert answer_of(browser.fill("/mixed/", files={"large": ("tea.bin", bytes(10_001))}))["held"] == 1
    settings.GREENROOM = {"MEMORY": "20 KB"}
    assert answer_of(browser.fill("/mixed/", files={"large": ("tea.bin", bytes(10_001))}))["held"] == 0


@pytest.mark.parametrize("size", [10, 3 * MB])
def test_what_nobody_asks_to_keep_ends_with_the_request(browser: Any, held_root: Path, size: int) -> None:
    answer_of(browser.fill("/mixed/", files={"large": ("tea.bin", bytes(size))}))
    assert files_under(held_root) == []
    assert not StagedUpload.objects.exists()


# -- whose policy it is ----------------------------------------------------------------------------


def kinds(answer: dict[str, Any]) -> list[str]:
    return [each[0] for files in answer["files"].values() for each in files]


@pytest.mark.parametrize("policy", ["", "garbled", "a.b", "é.é", "x" * 5_000])
def test_a_garbled_policy_means_django_s_ordinary_way(browser: Any, policy: str) -> None:
    page = browser.get("/mixed/")
    answer = answer_of(browser.send("/mixed/", page, {"large-policy": policy}, {"large": ("tea", b"tea")}))
    assert kinds(answer) == ["InMemoryUploadedFile"]


def test_another_input_s_policy_means_django_s_ordinary_way(browser: Any) -> None:
    page = browser.get("/mixed/")
    changes = {"large-policy": page["small-policy"]}
    answer = answer_of(browser.send("/mixed/", page, changes, {"large": ("tea", b"tea")}))
    assert kinds(answer) == ["InMemoryUploadedFile"]


def test_another_visitor_s_policy_means_django_s_ordinary_way(browser: Any) -> None:
    from tests.django.conftest import Browser

    changes = {
        f"{name}-policy": Browser().get("/mixed/")[f"{name}-policy"] for name in ("large", "small", "many")
    }
    answer = answer_of(browser.fill("/mixed/", changes, {"large": ("tea", b"tea")}))
    assert kinds(answer) == ["InMemoryUploadedFile"]


def test_the_field_judges_what_came_the_ordinary_way(browser: Any, jpeg: bytes) -> None:
    page = browser.get("/product/")
    changes = {"name": "tea", "photo-policy": "garbled"}
    refused = browser.send("/product/", page, changes, {"photo": ("tea.txt", b"Darjeeling")})
    assert "“tea.txt”" in page_of(refused).text
    wrong = browser.send("/product/", page, {**changes, "name": ""}, {"photo": ("tea.jpg", jpeg)})
    assert page_of(wrong).names("photo") == ["tea.jpg"], "and holds it like any other"
    assert browser.send("/product/", page_of(wrong), {"name": "tea"}).status_code == 302


def test_a_csrf_token_after_the_file_means_django_s_ordinary_way(browser: Any) -> None:
    parts = browser.get("/mixed/").parts(files={"large": ("tea", b"tea")})
    last = [each for each in parts if each[0] == "csrfmiddlewaretoken"]
    parts = [each for each in parts if each not in last] + last
    answer = answer_of(browser.post_body("/mixed/", encode(parts)))
    assert kinds(answer) == ["InMemoryUploadedFile"]
    last = [("csrfmiddlewaretoken", "x" * 64)]
    assert browser.post_body("/mixed/", encode(parts[:-1] + last)).status_code == 403


def test_a_csrf_token_in_a_header_will_do(browser: Any) -> None:
    page = browser.get("/mixed/")
    data = page.body({"csrfmiddlewaretoken": None}, {"large": ("tea", b"tea")})
    token = page["csrfmiddlewaretoken"]
    answer = answer_of(browser.post_body("/mixed/", data, HTTP_X_CSRFTOKEN=token))
    assert kinds(answer) == ["StagedFile"]
    assert browser.post_body("/mixed/", data, HTTP_X_CSRFTOKEN="x" * 64).status_code == 403
    assert browser.post_body("/mixed/", data).status_code == 403


def test_a_file_that_comes_before_its_policy_goes_django_s_ordinary_way(browser: Any) -> None:
    parts = browser.get("/mixed/").parts(files={"large": ("tea", b"tea"), "small": ("cup", b"cup")})
    late = [each for each in parts if each[0] == "small-policy"]
    parts = [each for each in parts if each not in late] + late
    answer = answer_of(browser.post_body("/mixed/", encode(parts)))
    assert answer["files"]["large"][0][0] == "StagedFile"
    assert answer["files"]["small"][0][0] == "InMemoryUploadedFile"


def test_a_boundary_is_all_that_a_body_may_be(browser: Any) -> None:
    for data in (b"", b"--", f"--{BOUNDARY}--\r\n".encode(), b"no multipart at all", b"\0" * 100_000):
        assert browser.post_body("/mixed/", data).status_code in (400, 403)
