"""A picture is analysed before it is saved, or without being saved at all."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt

from greenroom.decorators import receives
from greenroom.files import StagedFile
from greenroom.images import not_blank

from ..forms import CHECKED, CheckForm


def check(request: HttpRequest) -> HttpResponse:
    """With a form: what passes is held, and can be saved with the next click."""
    form = CheckForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        if "save" in request.POST:
            return redirect(form.save())
        context["analysis"] = analysis_of(form.cleaned_data["picture"])
    return render(request, "gallery/check.html", context)


@csrf_exempt  # it changes nothing and shows the sender what the sender has sent, so scripts may post here
@receives("picture", limits=CHECKED, inspectors=[not_blank()])
def direct(request: HttpRequest) -> HttpResponse:
    """Without a form: what is refused is answered with 400 before this view is called. Nothing is saved."""
    if request.method != "POST":
        return render(request, "gallery/direct.html")
    analysis = analysis_of(request.FILES["picture"])
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        return JsonResponse(analysis)
    return render(request, "gallery/direct.html", {"analysis": analysis})


def analysis_of(file: StagedFile) -> dict[str, Any]:
    picture = file.probe()
    return {
        "name": file.upload.client_name,
        "media_type": picture.media_type,
        "size": file.size,
        "width": picture.width,
        "height": picture.height,
        "orientation": picture.orientation,
        "frames": picture.frames,
        "sha256": file.upload.digest.removeprefix("sha256:"),
    }
