"""Uploads by themselves, at URLs of their own: tus 1.0.0 and the IETF draft, from the request to the stage.

`greenroom.wire` reads the header and words the answer; here is what happens in between. Everything that can be
refused by the header is refused before the body is touched.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from http import HTTPStatus
from types import ModuleType
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from .bodies import Body, answer_first
from .core import State
from .core.errors import GreenroomError, QuotaExceeded, Refused, TooLarge
from .guard import check_sender
from .measures import measuring
from .receiving import Receiver, largest_size
from .wire import resumable, tus
from .wire.fields import Headers, effective_method
from .wire.messages import Answer, Append, Command, Create, Describe, Discard, Look, Progress
from .wording import say

PROTOCOLS = {tus: "tus", resumable: "draft"}
"""What measures call them."""

NAMES: dict[type[Command], str] = {
    Create: "receive",
    Append: "receive",
    Discard: "discard",
    Look: "look",
    Describe: "look",
}
"""What measures call what a request is for."""


def collection(request: HttpRequest) -> HttpResponse:
    """`greenroom/uploads/`: create an upload, or ask what is spoken here."""
    return serve(request, None)


def resource(request: HttpRequest, upload_id: str) -> HttpResponse:
    """`greenroom/uploads/<id>/`: ask how far it has come, go on, give it up."""
    return serve(request, upload_id)


def serve(request: HttpRequest, upload_id: str | None) -> HttpResponse:
    """One request of either protocol."""
    fields = dict(request.headers.items())
    method, protocol = request.method or "", resumable
    body: Body | None = None
    progress: Progress | None = None
    command: Command | None = None
    receiver: Receiver | None = None
    with measuring("look", PROTOCOLS[protocol]) as measured:
        try:
            protocol = protocol_of(method, fields)
            measured.kind = PROTOCOLS[protocol]
            body = Body(request, Headers(fields).content_length, heeds_stop=True)
            method = effective_method(method, fields)
            command = protocol.read(method, fields, creating=upload_id is None)
            measured.name = NAMES[type(command)]
            if isinstance(command, Describe):
                return to_response(described(creating=upload_id is None), method)
            check_sender(request, method)
            receiver = Receiver.of(request)
            if isinstance(command, Create):
                after = receiver.create(command, body)
                measured.tell_of(after, is_new=after.state is not State.RECEIVING)
                wanted = receiver.wanted(after, command)
                answer = protocol.created(receiver.progress(after, wanted=wanted))
            elif isinstance(command, Append):
                before = receiver.stage.get(cast(str, upload_id))
                measured.tell_of(before, is_new=False)
                progress = receiver.progress(before)
                after = receiver.append(before, command, body)
                measured.tell_of(after, is_new=after.state is not before.state)
                wanted = receiver.wanted(after, command) if after.state is not before.state else ""
                answer = protocol.appended(receiver.progress(after, wanted=wanted))
            elif isinstance(command, Discard):
                measured.tell_of(receiver.discard(cast(str, upload_id)))
                answer = protocol.discarded()
            else:
                after = receiver.fence(cast(str, upload_id))
                measured.tell_of(after)
                answer = protocol.looked(receiver.progress(after))
        except GreenroomError as error:
            measured.outcome = error.code
            max_size: int | None = None
            if isinstance(error, TooLarge | QuotaExceeded) and isinstance(command, Create) and receiver:
                with contextlib.suppress(GreenroomError):  # of a policy that has just ended nothing is told
                    max_size = receiver.largest(command)
            answer = protocol.refused(error, progress, max_size=max_size, detail=sentence(error))
        finally:
            measured.bytes = body.taken if body is not None else 0
    return to_response(answer, method, unread=None if body is None or body.ended else body)


def protocol_of(method: str, fields: dict[str, str]) -> ModuleType:
    """`wire.tus` or `wire.resumable`. Who says nothing and only asks or gives up is answered in the newer one."""
    headers = Headers(fields)
    if tus.is_meant(method, fields):
        return tus
    if "Upload-Complete" in headers or "Upload-Draft-Interop-Version" in headers:
        return resumable
    # Upload-Length without Upload-Complete is tus, by somebody who forgot to say which version.
    return tus if any(each in headers for each in ("Upload-Length", "Upload-Defer-Length")) else resumable


def described(*, creating: bool) -> Answer:
    """Both protocols at once: OPTIONS does not say which one is meant."""
    largest = largest_size()
    one, other = tus.described(largest), resumable.described(largest)
    allowed = dict.fromkeys((*tus.methods(creating=creating), *resumable.methods(creating=creating)))
    both = {"Allow": ", ".join(allowed), "Accept-Patch": f"{tus.BODY}, {resumable.BODY}"}
    return replace(one, headers={**other.headers, **one.headers, **both})


def sentence(error: GreenroomError) -> str:
    """What is wrong, in the person's language."""
    if isinstance(error, Refused):
        return say(error)
    params = {
        name: gettext(value) if isinstance(value, str) and value else value
        for name, value in error.params.items()
    }
    return gettext(error.template) % params


def to_response(answer: Answer, method: str, *, unread: Body | None = None) -> HttpResponse:
    """The answer as Django sends it; `unread` is what the client still has to say."""
    # What stands for a HEAD has no body, by whatever method it came.
    body = b"" if method == "HEAD" else answer.body
    response = HttpResponse(body, status=answer.status, reason=answer.reason or None)
    if not answer.body:
        del response["Content-Type"]
    if method != "HEAD" and answer.status != HTTPStatus.NO_CONTENT:
        # Else the answer to somebody who is still sending would end, for some, when they have been listened to.
        response["Content-Length"] = str(len(body))
    for name, value in answer.headers.items():
        response[name] = value
    if unread is not None:
        answer_first(response, unread)
    return response


_views: tuple[Any, ...] = (collection, resource)
for _view in _views:
    # Checked by `guard`, with the header alone: Django's own would look for the token in the body.
    _view.csrf_exempt = True
    _view.takes_raw_body = True
    for _alias in settings.DATABASES:
        # ATOMIC_REQUESTS would hold a transaction open for as long as a body takes to come.
        transaction.non_atomic_requests(using=_alias)(_view)
