"""One picture that is cropped before it is sent."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from ..forms import CardForm


def card(request: HttpRequest) -> HttpResponse:
    form = CardForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return redirect(form.save())
    return render(request, "gallery/card.html", {"form": form})
