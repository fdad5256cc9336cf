"""`GreenroomMiddleware`: who is here, what may come in, and what is settled when the answer is out."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    QueryDict,
    UnreadablePostError,
)
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.functional import SimpleLazyObject

from . import answers
from .bodies import Body, answer_first, declared_length, settle_body
from .core.errors import Forbidden, Refused
from .decorators import answer, declared_of
from .files import OwnersStage
from .guard import site_checks_csrf
from .handlers import StagingHandler
from .measures import measuring
from .owners import Visit, visit_at, visit_of, visiting
from .peek import Head, peek
from .policies import SUFFIX, IntakePolicy
from .posted import StagedFiles
from .promotion import TakenUse
from .settling import settle_promotions
from .streams import watch_for_stop
from .wire.problem import status_of
from .wording import say

logger = logging.getLogger("greenroom")

CSRF_FIELD = "csrfmiddlewaretoken"

_untidy: deque[Visit] = deque(maxlen=1_000)
"""Visits of this process that could not be ended, because the database or the disk failed. Nobody else gives their uses
back while this process lives, and who sends the form again would be told to for an hour."""


class GreenroomMiddleware:
    """Stands after the session's middleware and before the CSRF one.

    It gives every request its `stage`, takes governed posts in (before `ATOMIC_REQUESTS` opens its
    transaction), answers the second of two equal submits, and settles what was not saved.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        watch_for_stop()
        # Who runs without Django's CSRF check gets none from us: a policy is signed for its owner's page anyway.
        self.checks_csrf = site_checks_csrf()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        end_what_is_left()
        visit = visit_of(request)
        request.greenroom = visit  # type: ignore[attr-defined]
        request.stage = SimpleLazyObject(lambda: OwnersStage(visit.stage))  # type: ignore[attr-defined]
        with visiting(visit):
            try:
                response = self.get_response(request)
                tidy(answers.remember, visit, response)
                if visit.unread is not None:
                    say_that_it_is_too_large(response)
                    answer_first(response, visit.unread)
                return response
            finally:
                end(visit)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Take a governed post in, or say why not, before the view and its transaction begin."""
        answer = self.take_in(request, view)
        if (
            answer is None
            and iscoroutinefunction(view)
            and not was_read(request)
            and not settle_body(request)
        ):
            return HttpResponseBadRequest()  # to nobody
        return answer

    def take_in(self, request: HttpRequest, view: Callable[..., Any]) -> HttpResponseBase | None:
        """Read a governed post, and no other."""
        if getattr(view, "takes_raw_body", False):
            return None  # an upload by itself: whatever it calls its type, it is no form
        declared = declared_of(view)
        if request.method != "POST" or request.content_type != "multipart/form-data" or was_read(request):
            return None
        visit = visit_at(request)
        length = declared_length(request)
        head = peek(request, length)
        checks_csrf = self.checks_csrf and not is_exempt(request, view)
        if declared is None and not is_governed(head, visit, will_be_parsed=checks_csrf):
            return None
        if checks_csrf:
            if CSRF_FIELD not in head.fields and not has_csrf_header(request):
                if declared is None and not head.cut_short:
                    return None  # the token comes after the file: Django's ordinary way, and Django's check
                head.fields[CSRF_FIELD] = ""
            # Before a file byte is stored: Django's middleware would receive every file and then refuse.
            rejected = csrf_rejection(request, head, view)
            if rejected is not None:
                measuring("receive", "form").end(Forbidden.code)
                answer_first(rejected, Body(request, length))
                return rejected

        def policy_of(name: str, post: QueryDict) -> IntakePolicy | None:
            if declared is not None:
                return declared.policy(name, visit)
            return IntakePolicy.decode(
                post.get(name + SUFFIX, ""), name=name, owner=visit.owner(create=False)
            )

        request.upload_handlers.insert(0, StagingHandler(request, visit, policy_of))
        request.POST  # noqa: B018 - reading it is what takes the body in
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A refusal that a view did not catch (a token from a session whose upload is gone) is an answer, and no
        error of the server. Nor is a body that breaks off in a view that reads it. The second of two equal
        submits gets the one that the first got."""
        if isinstance(exception, TakenUse):
            return answers.again(request, exception)
        if isinstance(exception, Refused):
            return answer(request, [say(exception)], code=exception.code, status=status_of(exception))
        if isinstance(exception, UnreadablePostError):
            return HttpResponseBadRequest()  # to nobody
        return None


def end(visit: Visit) -> None:
    """Settle and forget. What fails here is no reason to withhold an answer: it is done later."""
    steps = (Visit.confirm_kept, settle_promotions, Visit.abandon_unkept)
    done = [tidy(step, visit) for step in steps]  # each of them, also after one that has failed
    if not all(done):
        _untidy.append(visit)


def end_what_is_left() -> None:
    """Before a request begins: end the visits that could not be ended, until one still cannot."""
    while _untidy:
        with contextlib.suppress(IndexError):  # another thread was faster
            visit = _untidy.popleft()
            with visiting(visit):
                end(visit)
            if visit in _untidy:
                return


def tidy(step: Callable[..., None], *arguments: Any) -> bool:
    """Take a step behind the view, whose answer it cannot change any more; False if it failed."""
    try:
        step(*arguments)
    except Exception:
        logger.exception("A request could not be tidied up; the next one tries again, or clearstaged.")
        return False
    return True


def say_that_it_is_too_large(response: HttpResponseBase) -> None:
    """Say by the status that the rest was left unread (RFC 9110 section 15.5.14), as the page says in words.

    Chromium shows what is answered to somebody who is still sending only if its status is one of an error.
    """
    if response.status_code == HTTPStatus.OK:
        response.status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def was_read(request: HttpRequest) -> bool:
    """Whether somebody has parsed or read the body before us, so that it has gone Django's ordinary way."""
    return any(hasattr(request, name) for name in ("_post", "_body")) or getattr(
        request, "_read_started", False
    )


def is_governed(head: Head, visit: Visit, *, will_be_parsed: bool) -> bool:
    """Whether the post is ours to read. A view that may want the raw body is left it unless a policy is valid.

    Where Django's CSRF check would parse the form anyway, any policy will do: a garbled one governs nothing,
    but the form is still one of ours. So will a body that was cut short, which may have lost its policies:
    Django's own parser takes what there is for the whole form, and then a file that is missing would look
    like a file that nobody sent.
    """
    sent = {name: value for name, value in head.fields.items() if name.endswith(SUFFIX)}
    if will_be_parsed:
        return bool(sent) or head.cut_short
    owner = visit.owner(create=False) if sent else None
    return any(
        IntakePolicy.decode(value, name=name.removesuffix(SUFFIX), owner=owner)
        for name, value in sent.items()
    )


def is_exempt(request: HttpRequest, view: Callable[..., Any]) -> bool:
    """Whether Django would not ask for a CSRF token."""
    return getattr(view, "csrf_exempt", False) or getattr(request, "_dont_enforce_csrf_checks", False)


def has_csrf_header(request: HttpRequest) -> bool:
    """Whether the CSRF token comes as a header, as from scripts."""
    return settings.CSRF_HEADER_NAME in request.META


def csrf_rejection(request: HttpRequest, head: Head, view: Callable[..., Any]) -> HttpResponseBase | None:
    """Ask Django's own check, with a request that has only the head of the form; None if it accepts."""
    stand_in: Any = copy.copy(request)
    stand_in.META = dict(request.META)
    stand_in._post = QueryDict(mutable=True)
    stand_in._post[CSRF_FIELD] = head.fields.get(CSRF_FIELD, "")
    stand_in._files = StagedFiles()
    check = CsrfViewMiddleware(lambda request: HttpResponse())
    check.process_request(stand_in)
    return check.process_view(stand_in, view, (), {})
