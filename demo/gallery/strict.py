"""A content security policy as strict as there is: it shows that Greenroom needs nothing that it forbids."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"


def strict_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware. What has a policy of its own, such as a preview or a saved file, keeps it."""

    def add_policy(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault(
            "Content-Security-Policy", f"{POLICY}; form-action 'self'; base-uri 'none'"
        )
        return response

    return add_policy
