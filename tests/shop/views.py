"""Views as a Django developer writes them: nothing in them but the session knows of Greenroom."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render

from greenroom import Limits
from greenroom.decorators import receives
from greenroom.forms import save_files
from greenroom.images import not_blank

from .forms import AlbumForm, BackupForm, OriginalForm, PaperForm, PapersForm, PlainForm, ProductForm
from .models import Album, Product


def model_form(request: HttpRequest, kind: type) -> HttpResponse:
    form = kind(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return redirect(f"/saved/{form.save().pk}/")
    return render(request, "shop/form.html", {"form": form})


def product(request: HttpRequest) -> HttpResponse:
    return model_form(request, ProductForm)


def edit(request: HttpRequest, pk: int) -> HttpResponse:
    form = ProductForm(
        request.POST or None, request.FILES or None, instance=get_object_or_404(Product, pk=pk)
    )
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("/saved/")
    return render(request, "shop/form.html", {"form": form})


def original(request: HttpRequest) -> HttpResponse:
    return model_form(request, OriginalForm)


def paper(request: HttpRequest) -> HttpResponse:
    return model_form(request, PaperForm)


def backup(request: HttpRequest) -> HttpResponse:
    return model_form(request, BackupForm)


def plain(request: HttpRequest) -> HttpResponse:
    return model_form(request, PlainForm)


def papers(request: HttpRequest) -> HttpResponse:
    form = PapersForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        request.session["papers"] = [each.token for each in form.cleaned_data["papers"]]
        return redirect("/saved/")
    return render(request, "shop/form.html", {"form": form})


def album(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    album = get_object_or_404(Album, pk=pk) if pk else None
    initial = {"photos": album.photos.all()} if album else {}
    form = AlbumForm(request.POST or None, request.FILES or None, instance=album, initial=initial)
    if request.method == "POST" and form.is_valid():
        album = form.save()
        save_files(form.cleaned_data["photos"], album.photos, file="image", order="position", crop="crop")
        return redirect(f"/album/{album.pk}/")
    return render(request, "shop/form.html", {"form": form})


def step_one(request: HttpRequest) -> HttpResponse:
    form = PaperForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        request.session["body"] = form.cleaned_data["body"].token
        return redirect("/step-two/")
    return render(request, "shop/form.html", {"form": form})


def step_two(request: HttpRequest) -> HttpResponse:
    from .models import Paper

    paper = Paper(title="from the session", body=request.stage.open(request.session["body"]))
    paper.save()
    return redirect(f"/saved/{paper.pk}/")


@receives("picture", limits=Limits(max_bytes=2_000_000, types=["image/*"]), inspectors=[not_blank()])
def check(request: HttpRequest) -> HttpResponse:
    picture = request.FILES["picture"]
    return JsonResponse({"name": picture.name, "size": picture.size, "type": picture.content_type})


def direct(request: HttpRequest) -> HttpResponse:
    picture = request.FILES["picture"]
    return JsonResponse({"kind": type(picture).__name__, "size": picture.size})
