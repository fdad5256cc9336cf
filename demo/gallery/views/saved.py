"""What was saved: a page for people, the same as JSON, and the files."""

import contextlib
import hashlib
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.static import serve

from greenroom.core import format_size
from greenroom.core.errors import Refused
from greenroom.core.sniff import HEAD_BYTES, sniff
from greenroom.images import Recipe, probe
from greenroom.images import render as make

from ..models import Saved


@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    thing = get_object_or_404(Saved, pk=pk).thing
    mine = request.session.get("two_step", {}).get("profile") == pk
    files = [{**each, **shown(each)} for each in described(thing)]
    context = {"thing": thing, "kind": thing.kind, "files": files, "mine": mine}
    return render(request, "gallery/saved.html", context)


@require_safe
def as_json(request: HttpRequest, pk: int) -> JsonResponse:
    return JsonResponse({"files": described(get_object_or_404(Saved, pk=pk).thing)})


@require_safe
def served(request: HttpRequest, name: str) -> HttpResponseBase:
    """The files themselves. Other people have made them, so a browser may look at them and run nothing."""
    response = serve(request, name, document_root=settings.MEDIA_ROOT)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    return response


@require_safe
def preview(request: HttpRequest, name: str) -> HttpResponse:
    """A saved picture as browsers can show it: upright, in sRGB, and small."""
    try:
        with default_storage.open(name) as saved:
            rendered = make(saved, Recipe.preview(), picture=probe(saved))
    except (OSError, Refused):
        raise Http404("There is no such picture.") from None
    return HttpResponse(rendered.data, content_type=rendered.media_type)


def shown(file: dict[str, Any]) -> dict[str, Any]:
    """What the page for people says of a file beyond the JSON."""
    name = file["url"].removeprefix(settings.MEDIA_URL)
    for_browsers = file["media_type"] != "image/tiff"
    return {
        "readable_size": format_size(file["size"]),
        "picture_url": file["url"] if for_browsers else reverse("media-preview", args=[unquote(name)]),
    }


def described(thing: Any) -> list[dict[str, Any]]:
    return [describe(field, file, crop) for field, file, crop in thing.files()]


def describe(field: str, file: Any, crop: Any) -> dict[str, Any]:
    """Read from the bytes that lie there now, not from what was once written down."""
    with default_storage.open(file.name) as saved:
        media_type = sniff(saved.read(HEAD_BYTES))
        saved.seek(0)
        sha256 = hashlib.file_digest(saved, "sha256").hexdigest()
    picture = None
    if media_type.startswith("image/"):
        with contextlib.suppress(Refused):  # what only calls itself a picture is a file all the same
            picture = probe(file.path)
    return {
        "field": field,
        "name": file.name.rpartition("/")[2],
        "url": file.url,
        "size": file.size,
        "sha256": sha256,
        "width": picture.width if picture else None,
        "height": picture.height if picture else None,
        "media_type": media_type,
        "crop": crop,
    }
