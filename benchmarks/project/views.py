"""Pages with forms, and what takes them."""

from django.core.files.storage import FileSystemStorage
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token

from .forms import PlainForm, StagedForm


def page(request: HttpRequest) -> HttpResponse:
    """As many forms as `?forms=` asks for, each with a policy of its own, as if on so many pages."""
    token = f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
    count = int(request.GET.get("forms", "1"))
    # Without Greenroom's middleware nobody has a stage, and nobody wants a policy.
    forms = "".join(str(StagedForm()) for _ in range(count)) if hasattr(request, "stage") else ""
    return HttpResponse(token + forms)


def staged(request: HttpRequest) -> HttpResponse:
    return saved(StagedForm(request.POST, request.FILES))


def plain(request: HttpRequest) -> HttpResponse:
    return saved(PlainForm(request.POST, request.FILES))


def bare(request: HttpRequest) -> HttpResponse:
    """Django's default handlers and `FileSystemStorage`, without a form and without a row."""
    file = request.FILES["body"]
    return HttpResponse(FileSystemStorage().save(f"papers/{file.name}", file), status=201)


def empty(request: HttpRequest) -> HttpResponse:
    """The floor: what a request costs in which nothing is done."""
    return HttpResponse(status=201)


def saved(form: StagedForm | PlainForm) -> HttpResponse:
    if not form.is_valid():
        return HttpResponse(str(form.errors), status=400)
    return HttpResponse(form.save().body.name, status=201)
