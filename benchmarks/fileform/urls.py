"""Its own URLs, and a page that gives a visitor the CSRF token."""

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">')


urlpatterns = [path("page/", page), path("upload/", include("django_file_form.urls"))]
