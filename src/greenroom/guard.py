"""Who may send or give up an upload: decided from the header of the request, before its body is touched."""

from __future__ import annotations

import copy
import functools
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.module_loading import import_string

from .core.errors import Forbidden, gettext_noop
from .posted import StagedFiles

_ = gettext_noop

# RFC 9110 section 9.2.1. Of these nothing changes by another site's doing: an upload's URL is not guessed.
SAFE = ("GET", "HEAD", "OPTIONS")


def check_sender(request: HttpRequest, method: str) -> None:
    """Raise `Forbidden` for a request that changes something and does not come from a page of this site.

    `method` is what the request stands for. With X-HTTP-Method-Override a GET can stand for a DELETE, and is then
    checked as the DELETE that it is.
    """
    if method in SAFE:
        return
    stand_in = _without_body(request, method)
    check: Any = CsrfViewMiddleware(lambda request: HttpResponse())
    origin_verified = check._origin_verified  # Django has no public name for it
    # Fetch Metadata (W3C): the browser itself says whose page is asking, and no page can change it. A page of
    # another origin is let in only if CSRF_TRUSTED_ORIGINS names it.
    site = request.headers.get("Sec-Fetch-Site", "none")
    trusted = "HTTP_ORIGIN" in request.META and origin_verified(stand_in)
    if site not in ("same-origin", "none") and not trusted:
        raise Forbidden(reason=_("the request comes from another site"))
    if "HTTP_ORIGIN" in request.META and not trusted:
        raise Forbidden(reason=_("the request comes from another site"))
    if not _is_checked(request):
        return
    check.process_request(stand_in)
    # Django's own check, with the token as a header: a body is never searched for it.
    if check.process_view(stand_in, _sent_by_a_page, (), {}) is not None:
        raise Forbidden(reason=_("the security token of the page is missing or too old"))


def _is_checked(request: HttpRequest) -> bool:
    """Whoever runs without Django's CSRF check gets none from us; nor does a test client that says so."""
    return not getattr(request, "_dont_enforce_csrf_checks", False) and site_checks_csrf()


def site_checks_csrf() -> bool:
    """Whether Django's CSRF check is among the site's middleware."""
    return _has_csrf_check(tuple(settings.MIDDLEWARE))


@functools.cache
def _has_csrf_check(middleware: tuple[str, ...]) -> bool:
    kinds = map(import_string, middleware)
    return any(isinstance(kind, type) and issubclass(kind, CsrfViewMiddleware) for kind in kinds)


def _without_body(request: HttpRequest, method: str) -> Any:
    stand_in: Any = copy.copy(request)
    stand_in.META = dict(request.META)
    stand_in.method = method
    # Otherwise Django reads a body of the type of a form into memory, in search of a token.
    stand_in._post, stand_in._files = QueryDict(), StagedFiles()
    return stand_in


def _sent_by_a_page(request: HttpRequest) -> HttpResponse:
    """Stands for the view in Django's check, which asks it whether it is exempt."""
    return HttpResponse()
