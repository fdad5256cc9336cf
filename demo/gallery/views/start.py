"""The start page, and the sample pictures."""

import functools
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from greenroom.core import format_size
from greenroom.images import Recipe, probe
from greenroom.images import render as make

from ..models import Saved

SAMPLES = {
    "lake-on-its-side.jpg": "A photo that is stored lying on its side (EXIF orientation 6)",
    "teapot.gif": "An animated GIF of 20 frames",
    "leaf.png": "A PNG that is partly transparent",
    "all-white.png": "A PNG that is all white: /check/ refuses it",
    "evening.webp": "A WebP picture",
    "dunes.avif": "An AVIF picture",
    "winter.tif": "A TIFF, which most browsers cannot show",
    "winter-for-print.jpg": "A JPEG in CMYK, which browsers show in wrong colours or not at all",
}


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    samples = [
        {"name": name, "about": about, "size": format_size((settings.SAMPLES / name).stat().st_size)}
        for name, about in SAMPLES.items()
    ]
    latest = Saved.objects.select_related(*Saved.KINDS).order_by("-pk")[:6]
    return render(request, "gallery/start.html", {"samples": samples, "latest": latest})


@require_safe
def sample(request: HttpRequest, name: str) -> FileResponse:
    """A sample picture to download and upload again."""
    return FileResponse(path_of(name).open("rb"), as_attachment=True, filename=name)


@require_safe
@cache_control(public=True, max_age=3600)
def sample_preview(request: HttpRequest, name: str) -> HttpResponse:
    """What the sample looks like, in any browser: made on the server."""
    data, media_type = preview_of(path_of(name))
    return HttpResponse(data, content_type=media_type)


def path_of(name: str) -> Path:
    if name not in SAMPLES:
        raise Http404("There is no such sample.")
    return settings.SAMPLES / name


@functools.cache
def preview_of(path: Path) -> tuple[bytes, str]:
    rendered = make(path, Recipe.preview(size=(360, 270)), picture=probe(path))
    return rendered.data or b"", rendered.media_type
