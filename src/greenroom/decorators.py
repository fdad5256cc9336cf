"""`@receives`: a view without a form that takes a file."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .cleaning import Cleaner
from .core import Limits
from .core.errors import AddressExceeded, DiskFull, NotChecked, StoreUnavailable, TotalExceeded
from .forms import StagedFileField
from .images import Inspector, wants_picture
from .owners import Visit
from .policies import IntakePolicy, fingerprint
from .posted import Posted, StagedFiles, read_post
from .rules import Rules
from .wire.problem import CONTENT_TYPE, STATUSES, Problem

_DECLARED = "greenroom_receives"


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a view has said that it takes."""

    name: str
    rules: Rules

    def policy(self, name: str, visit: Visit) -> IntakePolicy | None:
        """The policy that the view's own declaration stands for: no form has to carry one."""
        if name != self.name:
            return None
        owner = visit.owner(create=True)
        return IntakePolicy(
            name=name,
            owner=fingerprint(owner or ""),
            use=secrets.token_urlsafe(12),
            limits=self.rules.limits,
            max_files=self.rules.max_files,
            memory=self.rules.memory_bytes,
        )


def receives(
    name: str,
    *,
    limits: Limits | None = None,
    inspectors: Sequence[Inspector] = (),
    memory: int | str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The view takes one file in `request.FILES[name]`, as a `StagedFile` that keeps to `limits`.

    Where the limits take pictures only, or an inspector wants one, it is proved to be a picture first. What is
    refused is answered with 400 (507 when there is no room, 503 when an inspector gave no verdict or the store
    cannot be reached, 429 for `AddressExceeded`) and a message, as a page or, for whoever prefers JSON, as a problem
    document (RFC 9457); the view is not called.
    """
    rules = Rules(limits=limits or Limits(), memory=memory, inspectors=inspectors)
    types = rules.limits.types
    pictures = any(map(wants_picture, rules.inspectors)) or (
        bool(types) and all(each.startswith("image/") for each in types)
    )
    declared = Declared(name=name, rules=replace(rules, pictures=pictures))

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def async_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refused = await sync_to_async(check)(request, declared)
                return refused or await view(request, *args, **kwargs)

            setattr(async_wrapper, _DECLARED, declared)
            return async_wrapper

        @functools.wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return check(request, declared) or view(request, *args, **kwargs)

        setattr(wrapper, _DECLARED, declared)
        return wrapper

    return decorate


def declared_of(view: Callable[..., Any]) -> Declared | None:
    """What `@receives` has said about a view."""
    return getattr(view, _DECLARED, None)


def check(request: HttpRequest, declared: Declared) -> HttpResponse | None:
    """Judge the file; None if it is in `request.FILES`, else the answer."""
    if request.method != "POST":
        return None
    posted = read_post(request.POST, request.FILES, declared.name) or Posted(name=declared.name)
    messages = StagedFileField.default_error_messages
    try:
        files = Cleaner(declared.rules, posted, messages).files()
        if not files:
            raise ValidationError(messages["required"], code="required")
    except ValidationError as error:
        return refusal(request, error)
    kept = StagedFiles(request.FILES)
    kept[declared.name] = files[-1]
    request._files = kept  # type: ignore[attr-defined]
    return None


def refusal(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """400 and the messages; what passes without the person's doing has the status that says so."""
    code = error.error_list[0].code or "refused"
    passing = (DiskFull, StoreUnavailable, NotChecked, TotalExceeded, AddressExceeded)
    status = STATUSES[code] if code in {each.code for each in passing} else HTTPStatus.BAD_REQUEST
    return answer(request, error.messages, code=code, status=status)


def answer(request: HttpRequest, reasons: list[str], *, code: str, status: HTTPStatus) -> HttpResponse:
    """A page, or a problem document for whoever prefers JSON."""
    if not request.accepts("text/html") or prefers_json(request):
        problem = Problem(status=status.value, code=code, title=status.phrase, detail=" ".join(reasons))
        return HttpResponse(problem.to_json(), status=status, content_type=CONTENT_TYPE)
    return render(request, "greenroom/refused.html", {"reasons": reasons}, status=status)


def prefers_json(request: HttpRequest) -> bool:
    """Whether the client would rather have JSON than a page (`Accept`, RFC 9110 section 12.5.1)."""
    preferred = request.get_preferred_type(["text/html", "application/problem+json", "application/json"])
    return preferred in ("application/problem+json", "application/json")
