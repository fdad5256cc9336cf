"""One file of any kind and size, saved by Django's own FileField."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from ..forms import BackupForm


def backup(request: HttpRequest) -> HttpResponse:
    form = BackupForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return redirect(form.save())
    return render(request, "gallery/backup.html", {"form": form})
