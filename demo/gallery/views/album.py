"""Many pictures in one form, new and saved ones in one list."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from greenroom.forms import save_files

from ..forms import AlbumForm
from ..models import Album


def album(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    album = get_object_or_404(Album, pk=pk) if pk else None
    initial = {"photos": album.photos.all()} if album else {}
    form = AlbumForm(request.POST or None, request.FILES or None, instance=album, initial=initial)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            save_files(form.cleaned_data["photos"], saved.photos, file="image", order="position", crop="crop")
        return redirect(saved)
    return render(request, "gallery/album.html", {"form": form, "pk": pk})
