"""Pages with forms, and what takes them."""

import secrets

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.views.decorators.csrf import csrf_exempt

from greenroom.bodies import Body, declared_length

from .forms import PlainForm, StagedForm


def page(request: HttpRequest) -> HttpResponse:
    """As many forms as `?forms=` asks for, each with a policy of its own, as if on so many pages."""
    token = f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
    count = int(request.GET.get("forms", "1"))
    request.session["was"] = "here"
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


@csrf_exempt
def floor(request: HttpRequest) -> HttpResponse:
    """The least that a Django view can do which knows its visitor by a session and keeps a record: it writes one row
    before the first byte and once more after the last, each time in a statement of its own, checks nothing and counts
    nothing. The bytes come by Greenroom's fast path."""
    name = f"{request.session['was']}-{secrets.token_hex(8)}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO project_paper (body) VALUES (%s)", [name])
        row = cursor.lastrowid
    with open(settings.MEDIA_ROOT / "papers" / name, "xb", buffering=0) as file:
        for piece in Body(request, declared_length(request)):
            file.write(piece)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE project_paper SET body = %s WHERE id = %s", [f"papers/{name}", row])
    return HttpResponse(status=201)


def saved(form: StagedForm | PlainForm) -> HttpResponse:
    if not form.is_valid():
        return HttpResponse(str(form.errors), status=400)
    return HttpResponse(form.save().body.name, status=201)
