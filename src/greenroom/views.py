"""What an owner can see of held files: a rendered preview, and the original as a download.

Everybody else gets the answer for an unknown file. Nothing here is ever run by a browser: previews are made by
our own encoder, originals are attachments, and both come under a policy that allows nothing.
"""

from __future__ import annotations

import contextlib
import time
from typing import BinaryIO, cast

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from .core import SideFiles
from .core.errors import NotHeld, Refused
from .files import OwnersStage, StagedFile
from .images import Recipe, render
from .owners import Visit

# RFC 6266 attachments are not opened in the page; `sandbox` takes from whatever is opened all the same its
# origin and its scripts; `nosniff` keeps a browser from finding another type in the bytes.
INERT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}

PREVIEW = "preview-"
KEPT_PREVIEWS = 8
"""Of one upload. Previews count for no quota, and there are as many as there are crops."""


@require_safe
def preview(request: HttpRequest, token: str) -> HttpResponse:
    """The picture with its crop, at most 640 pixels, in 8-bit sRGB and without metadata."""
    file = held(request, token)
    try:
        data, media_type = rendition(file)
    except Refused:
        raise Http404(_("There is no preview of this file.")) from None
    # The same token always shows the same picture, so a browser need not ask twice.
    headers = {**INERT, "Cache-Control": "private, max-age=3600, immutable"}
    return HttpResponse(data, content_type=media_type, headers=headers)


@require_safe
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
    visit: Visit = request.greenroom  # type: ignore[attr-defined]
    try:
        # Whoever has no owner yet holds nothing; opening the stage would make an owner, and with it a session.
        if not visit.owner(create=False):
            raise NotHeld
        return cast(OwnersStage, request.stage).open(token)  # type: ignore[attr-defined]
    except Refused:
        raise Http404(_("No such file is held for you.")) from None


def rendition(file: StagedFile) -> tuple[bytes, str]:
    """The preview and its media type: made once, then kept beside the bytes with the newest of the others."""
    picture = file.probe()
    recipe = Recipe.preview(file.crop)
    store = cast(SideFiles, file.stage.store)
    for name in previews(file):
        # Another request may put a newer one in its place just now.
        with contextlib.suppress(FileNotFoundError):
            if name.endswith(recipe.digest()):
                media_type, _newline, data = store.read_beside(file.upload.id, name).partition(b"\n")
                return data, media_type.decode()
    with file.original.open() as source:
        rendered = render(cast(BinaryIO, source), recipe, picture=picture)
    data = rendered.data or b""
    name = f"{PREVIEW}{time.time_ns():020}-{recipe.digest()}"
    store.put_beside(file.upload.id, name, rendered.media_type.encode() + b"\n" + data)
    for old in previews(file)[:-KEPT_PREVIEWS]:
        store.remove_beside(file.upload.id, old)
    return data, rendered.media_type


def previews(file: StagedFile) -> list[str]:
    """The side files with previews of an upload, oldest first: their names begin with the time."""
    store = cast(SideFiles, file.stage.store)
    return sorted(each for each in store.list_beside(file.upload.id) if each.startswith(PREVIEW))
