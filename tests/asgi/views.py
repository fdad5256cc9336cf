"""Views of every kind, that say what they were given."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import markcoroutinefunction, sync_to_async
from django import forms
from django.core.exceptions import SynchronousOnlyOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from greenroom import Limits
from greenroom.forms import StagedFileField
from tests.urls import urlpatterns as shop


class HeldForm(forms.Form):
    title = forms.CharField(required=False)
    held = StagedFileField(required=False, limits=Limits(max_bytes="60 MB"))


class Touching:
    """An asynchronous middleware that wants the form before anybody else."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            if request.path == "/touched/":
                request.POST  # noqa: B018 - parses it
            elif request.path == "/touched/in-a-thread/":
                await sync_to_async(lambda: request.POST)()
        except SynchronousOnlyOperation as error:
            return HttpResponse(str(error), status=409)
        return await self.get_response(request)


def description(file: Any) -> dict[str, Any]:
    """As `tests.django.test_handler_same.description`, as JSON has it, without the kind of the file."""
    data = b"".join(file.chunks())
    charset = file.charset.decode() if isinstance(file.charset, bytes) else file.charset
    extra = {name: bytes(value).decode() for name, value in (file.content_type_extra or {}).items()}
    return {
        "name": file.name,
        "size": file.size,
        "type": file.content_type,
        "charset": charset,
        "extra": extra,
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def seen(request: HttpRequest) -> JsonResponse:
    """Fields and files in their order."""
    files = [(name, [description(each) for each in several]) for name, several in request.FILES.lists()]
    return JsonResponse({"post": list(request.POST.lists()), "files": files})


async def seen_async(request: HttpRequest) -> JsonResponse:
    return seen(request)


class Seen(View):
    def post(self, request: HttpRequest) -> JsonResponse:
        return seen(request)


class SeenAsync(View):
    async def post(self, request: HttpRequest) -> JsonResponse:
        return seen(request)


def held(request: HttpRequest) -> HttpResponse:
    form = HeldForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return seen(request)
    return render(request, "shop/form.html", {"form": form}, status=200 if request.method == "GET" else 422)


async def held_async(request: HttpRequest) -> HttpResponse:
    files = dict(request.FILES.lists())  # before anything else, on the event loop
    response = await sync_to_async(held)(request)
    assert files == dict(request.FILES.lists())
    return response


def digest(*pieces: bytes) -> HttpResponse:
    whole = b"".join(pieces)
    return HttpResponse(f"{len(whole)} {hashlib.sha256(whole).hexdigest()}")


def body(request: HttpRequest) -> HttpResponse:
    return digest(request.body)


async def body_async(request: HttpRequest) -> HttpResponse:
    return digest(request.body)


def read(request: HttpRequest) -> HttpResponse:
    return digest(*iter(lambda: request.read(10_000), b""))


def lines(request: HttpRequest) -> HttpResponse:
    return digest(*request)


def body_and_form(request: HttpRequest) -> HttpResponse:
    whole = request.body
    assert request.POST is not None
    return digest(whole)


def a_little(request: HttpRequest) -> HttpResponse:
    return digest(request.read(10))


def elsewhere(request: HttpRequest) -> HttpResponse:
    """Answers before it has looked at the body."""
    return HttpResponseRedirect("/")


urlpatterns = [
    *shop,
    path("checked/", seen),
    path("seen/", csrf_exempt(seen)),
    path("seen/async/", csrf_exempt(seen_async)),
    path("seen/class/", csrf_exempt(Seen.as_view())),
    path("seen/class/async/", csrf_exempt(SeenAsync.as_view())),
    path("touched/", csrf_exempt(seen)),
    path("touched/in-a-thread/", csrf_exempt(seen)),
    path("held/", held),
    path("held/async/", held_async),
    path("raw/body/", csrf_exempt(body)),
    path("raw/async/", csrf_exempt(body_async)),
    path("raw/read/", csrf_exempt(read)),
    path("raw/lines/", csrf_exempt(lines)),
    path("raw/form/", csrf_exempt(body_and_form)),
    path("raw/a-little/", csrf_exempt(a_little)),
    path("elsewhere/", csrf_exempt(elsewhere)),
]
