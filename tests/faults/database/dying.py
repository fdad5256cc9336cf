"""Middleware that kills its server when a request asks for it: the view has returned, and its transaction has ended."""

import os
import signal
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Next = Callable[[HttpRequest], HttpResponse]


def before_the_request_ends(get_response: Next) -> Next:
    """Before Greenroom's own middleware has tidied up."""
    return dies("request", get_response)


def before_the_answer(get_response: Next) -> Next:
    """After it has."""
    return dies("answer", get_response)


def dies(when: str, get_response: Next) -> Next:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.headers.get("X-Die-Before") == when:
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    return middleware
