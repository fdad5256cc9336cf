"""The WSGI application, and one whose server hides its socket."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()


def plain(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The same, with nothing in its environ but what PEP 3333 promises."""
    environ.pop("gunicorn.socket", None)
    return application(environ, start_response)
