"""What an owner can see of held files: a rendered preview, and the original as a download.

Everybody else gets the answer for an unknown file. Nothing here is ever run by a browser: previews are made by
our own encoder, originals are attachments, and both come under a policy that allows nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import BinaryIO, cast

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from . import conf
from .core import SideFiles
from .core.errors import NotHeld, Refused
from .element import facts_of
from .files import OwnersStage, StagedFile
from .images import Crop, Recipe, render
from .measures import measuring
from .owners import visit_at
from .policies import IntakePolicy
from .repeating import mark_seen
from .wording import say

# RFC 6266 attachments are not opened in the page; `sandbox` takes from whatever is opened all the same its
# origin and its scripts; `nosniff` keeps a browser from finding another type in the bytes.
INERT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}

PREVIEW = "preview-"
PROXY = "proxy-"
KEPT_PREVIEWS = 8
"""Of one upload. Previews count for no quota, and there are as many as there are crops."""


@contextlib.contextmanager
def while_held() -> Iterator[None]:
    """Whoever gives a file up does not wait until it has been looked at: its bytes may go at any moment."""
    try:
        yield
    except FileNotFoundError:
        raise Http404(_("No such file is held for you.")) from None


@require_safe
@while_held()
def preview(request: HttpRequest, token: str) -> HttpResponse:
    """The picture with its crop, at most 640 pixels, in 8-bit sRGB and without metadata.

    The crop is the one in the token, or the one in `?crop=`, in the compact form: a crop that is only being tried
    out has no token.
    """
    file = held(request, token)
    try:
        crop = Crop.from_compact(request.GET["crop"]) if "crop" in request.GET else file.crop
        if crop is not None:
            crop.check(file.probe())
        return shown(*rendition(file, Recipe.preview(crop)))
    except Refused:
        raise Http404(_("There is no preview of this file.")) from None


@require_safe
@while_held()
def proxy(request: HttpRequest, token: str) -> HttpResponse:
    """The whole picture for a crop editor: upright, in 8-bit sRGB, at most 2048 pixels, without metadata."""
    file = held(request, token)
    try:
        return shown(*rendition(file, Recipe.proxy(), prefix=PROXY, kept=1))
    except Refused:
        raise Http404(_("There is no preview of this file.")) from None


@require_safe
@while_held()
def facts(request: HttpRequest, token: str) -> JsonResponse:
    """What is known of a held file, for the element: name, size, type, and of a picture its upright size.

    It is looked at here if nobody has done so yet, within the limits of the policy in `Greenroom-Policy`; what is
    wrong with it is the `error`, in the person's words.
    """
    file = held(request, token)
    visit = visit_at(request)
    mark_seen(file.stage.ledger, file.upload)
    policy = IntakePolicy.decode(
        request.headers.get("Greenroom-Policy", ""), name=None, owner=visit.owner(create=False)
    )
    limits = policy.limits if policy is not None else file.stage.limits
    error = ""
    if file.upload.media_type.startswith("image/"):
        try:
            file.write_down(file.look(conf.current().bounded(limits)))
        except Refused as refusal:
            error = say(refusal if refusal.name else refusal.named(file.upload.client_name))
    return JsonResponse({**facts_of(file), "error": error}, headers=INERT)


def shown(data: bytes, media_type: str) -> HttpResponse:
    """A rendition as an answer. The same address always shows the same picture, so a browser need not ask twice."""
    headers = {**INERT, "Cache-Control": "private, max-age=3600, immutable"}
    return HttpResponse(data, content_type=media_type, headers=headers)


@require_safe
@while_held()
def original(request: HttpRequest, token: str) -> HttpResponseBase:
    """The uploaded bytes, as an attachment under the client's name."""
    file = held(request, token).original
    # Never the type of the file: a page or a script must not come from this host under its own type.
    return FileResponse(
        file.open(),
        as_attachment=True,
        filename=file.upload.client_name,
        content_type="application/octet-stream",
        headers=INERT,
    )


def held(request: HttpRequest, token: str) -> StagedFile:
    """The file that the token names, for its owner; 404 in one and the same way for everybody else."""
    visit = visit_at(request)
    try:
        # Whoever has no owner yet holds nothing; opening the stage would make an owner, and with it a session.
        if not visit.owner(create=False):
            raise NotHeld
        return cast(OwnersStage, request.stage).open(token)  # type: ignore[attr-defined]
    except Refused:
        raise Http404(_("No such file is held for you.")) from None


def rendition(
    file: StagedFile, recipe: Recipe | None = None, *, prefix: str = PREVIEW, kept: int = KEPT_PREVIEWS
) -> tuple[bytes, str]:
    """A rendition, by default the preview, and its media type: made once, then kept beside the bytes with the
    newest `kept` of its kind."""
    picture = file.probe()
    recipe = recipe or Recipe.preview(file.crop)
    store = cast(SideFiles, file.stage.store)
    for name in renditions(file, prefix):
        # Another request may put a newer one in its place just now.
        with contextlib.suppress(FileNotFoundError):
            if name.endswith(recipe.digest()):
                media_type, _newline, data = store.read_beside(file.upload.id, name).partition(b"\n")
                return data, media_type.decode()
    with measuring("render", prefix.rstrip("-")) as measured, file.original.open() as source:
        measured.tell_of(file.upload)
        rendered = render(cast(BinaryIO, source), recipe, picture=picture)
        measured.bytes = rendered.size
    data = rendered.data or b""
    name = f"{prefix}{time.time_ns():020}-{recipe.digest()}"
    store.put_beside(file.upload.id, name, rendered.media_type.encode() + b"\n" + data)
    for old in renditions(file, prefix)[:-kept]:
        store.remove_beside(file.upload.id, old)
    return data, rendered.media_type


def renditions(file: StagedFile, prefix: str) -> list[str]:
    """The side files with renditions of an upload, oldest first: their names begin with the time."""
    store = cast(SideFiles, file.stage.store)
    return sorted(each for each in store.list_beside(file.upload.id) if each.startswith(prefix))
