"""A field for one file, through pages: sent, shown again, replaced, removed, cleared."""

from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates, Jinja2
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from greenroom.core import UsageError
from greenroom.forms import StagedFileField, StagedImageField, StagedImagesField
from tests.pages import encode, errors_of, page_of
from tests.shop.forms import ProductForm
from tests.shop.models import Paper, Product
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


def edit(request: HttpRequest, pk: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=pk)
    form = ProductForm(request.POST or None, request.FILES or None, instance=product)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("/saved/?" + ",".join(form.changed_data))
    return render(request, "shop/form.html", {"form": form})


def frozen(request: HttpRequest, pk: int) -> HttpResponse:
    form = ProductForm(
        request.POST or None, request.FILES or None, instance=get_object_or_404(Product, pk=pk)
    )
    form.fields["photo"].disabled = True
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("/saved/")
    return render(request, "shop/form.html", {"form": form})


def saved_bytes(file: Any) -> bytes:
    return Path(file.path).read_bytes()


@pytest.fixture
def product(browser: Any, jpeg: bytes) -> Product:
    assert browser.fill("/product/", {"name": "tea"}, {"photo": ("tea.jpg", jpeg)}).status_code == 302
    return Product.objects.get()


# -- sent ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 511, 65_536, 200_000])
def test_what_is_sent_is_saved_byte_for_byte(browser: Any, size: int) -> None:
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    answer = browser.fill("/paper/", {"title": "tea"}, {"body": ("tea.bin", data)})
    assert answer.status_code == 302, errors_of(answer, "body")
    assert saved_bytes(Paper.objects.get().body) == data
    assert Path(Paper.objects.get().body.name).name == "tea.bin"


def test_a_required_field_asks_for_a_file(browser: Any) -> None:
    answer = browser.fill("/original/", {"name": "tea"})
    assert errors_of(answer, "photo") == ["Choose a picture."]
    assert not Product.objects.exists()


def test_an_optional_field_may_stay_empty(browser: Any) -> None:
    assert browser.fill("/product/", {"name": "tea"}).status_code == 302
    assert not Product.objects.get().photo


def test_a_file_without_bytes_is_refused_by_name_unless_it_is_allowed(browser: Any) -> None:
    answer = browser.fill("/product/", {"name": "tea"}, {"photo": ("tea.jpg", b"")})
    (message,) = errors_of(answer, "photo")
    assert "“tea.jpg” is empty" in message
    assert page_of(answer).rows("photo") == []


def test_a_file_of_another_kind_is_refused_in_words(browser: Any) -> None:
    answer = browser.fill("/product/", {"name": "tea"}, {"photo": ("tea.txt", b"Darjeeling")})
    (message,) = errors_of(answer, "photo")
    assert "“tea.txt” is a text" in message or "“tea.txt” is text" in message, message
    assert message in page_of(answer).text


# -- shown again -----------------------------------------------------------------------------------


def test_after_an_error_elsewhere_the_file_is_still_there_and_is_saved(browser: Any, jpeg: bytes) -> None:
    answer = browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)})
    page = page_of(answer)
    assert page.names("photo") == ["tea.jpg"]
    assert browser.client.get(page.images[0]).status_code == 200
    again = browser.send("/product/", page, {"name": ""})  # and it may go wrong more than once
    assert page_of(again).names("photo") == ["tea.jpg"]
    assert browser.send("/product/", page_of(again), {"name": "tea"}).status_code == 302
    assert saved_bytes(Product.objects.get().photo) == jpeg
    assert Product.objects.get().photo.name == "products/tea.jpg"


def test_the_use_of_a_file_stays_the_same_when_it_is_shown_again(browser: Any, jpeg: bytes) -> None:
    first = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    second = page_of(browser.send("/product/", first, {"name": ""}))
    assert first["photo-0-use"] == second["photo-0-use"] != ""


def test_the_input_is_required_only_while_nothing_is_held(browser: Any, jpeg: bytes) -> None:
    page = browser.get("/original/")
    assert "required" in page.files["photo"]
    held = page_of(browser.send("/original/", page, {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    assert "required" not in held.files["photo"]
    removed = page_of(browser.send("/original/", held, {"name": "", "photo-0-remove": "1"}))
    assert "required" in removed.files["photo"]


def test_a_removal_is_remembered_while_the_form_is_wrong(browser: Any, jpeg: bytes) -> None:
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    again = page_of(browser.send("/product/", page, {"name": "", "photo-0-remove": "1"}))
    assert again.names("photo") == ["tea.jpg"]
    assert again["photo-0-remove"] == "1"
    assert browser.send("/product/", again, {"name": "tea", "photo-0-remove": None}).status_code == 302
    assert saved_bytes(Product.objects.get().photo) == jpeg


# -- replaced, removed -----------------------------------------------------------------------------


def test_a_new_file_takes_the_place_of_the_held_one(browser: Any, jpeg: bytes, png: bytes) -> None:
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    answer = browser.send("/product/", page, {"name": ""}, {"photo": ("cup.png", png)})
    assert page_of(answer).names("photo") == ["cup.png"]
    assert browser.send("/product/", page_of(answer), {"name": "tea"}).status_code == 302
    assert saved_bytes(Product.objects.get().photo) == png


@pytest.mark.parametrize("bad", [b"", b"Darjeeling", b"\xff\xd8\xff\xe0 not a picture"])
def test_a_replacement_that_is_refused_leaves_the_held_file(browser: Any, jpeg: bytes, bad: bytes) -> None:
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    answer = browser.send("/product/", page, {"name": "tea"}, {"photo": ("cup.jpg", bad)})
    (message,) = errors_of(answer, "photo")
    assert "“cup.jpg”" in message
    assert page_of(answer).names("photo") == ["tea.jpg"]
    assert browser.send("/product/", page_of(answer)).status_code == 302
    assert saved_bytes(Product.objects.get().photo) == jpeg


def test_a_held_file_that_is_removed_is_not_saved(browser: Any, jpeg: bytes) -> None:
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    assert browser.send("/product/", page, {"name": "tea", "photo-0-remove": "1"}).status_code == 302
    assert not Product.objects.get().photo


def test_removing_the_held_file_of_a_required_field_asks_for_another(browser: Any, jpeg: bytes) -> None:
    page = page_of(browser.fill("/original/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    answer = browser.send("/original/", page, {"name": "tea", "photo-0-remove": "1"})
    assert errors_of(answer, "photo") == ["Choose a picture."]


def test_removing_a_file_that_has_expired_is_no_error(browser: Any, jpeg: bytes) -> None:
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    changes = {"name": "tea", "photo-0-remove": "1", "photo-0-token": "gone"}
    assert browser.send("/product/", page, changes).status_code == 302


# -- saved before ----------------------------------------------------------------------------------


def test_a_saved_file_is_shown_and_stays_when_nothing_is_touched(browser: Any, product: Product) -> None:
    page = browser.get(f"/edit/{product.pk}/")
    assert page.names("photo") == ["tea.jpg"]
    assert page["photo-0-saved"]
    assert "required" not in page.files["photo"]
    answer = browser.send(f"/edit/{product.pk}/", page, {"name": "coffee"})
    assert answer.headers["Location"] == "/saved/?name", "only the name has changed"
    assert Product.objects.get().photo.name == product.photo.name


def test_a_saved_file_is_replaced(browser: Any, product: Product, png: bytes) -> None:
    answer = browser.fill(f"/edit/{product.pk}/", files={"photo": ("cup.png", png)})
    assert answer.headers["Location"] == "/saved/?photo"
    assert saved_bytes(Product.objects.get().photo) == png


def test_a_saved_file_is_cleared_by_the_explicit_flag(browser: Any, product: Product) -> None:
    answer = browser.fill(f"/edit/{product.pk}/", {"photo-0-remove": "1"})
    assert answer.headers["Location"] == "/saved/?photo"
    assert not Product.objects.get().photo


@pytest.mark.parametrize(
    "missing",
    [
        ["photo"],
        ["photo", "photo-policy"],
        ["photo-0-saved", "photo-0-name"],
        ["photo", "photo-policy", "photo-0-saved", "photo-0-name"],
    ],
    ids=" ".join,
)
def test_a_missing_part_never_clears(browser: Any, product: Product, missing: list[str]) -> None:
    url = f"/edit/{product.pk}/"
    parts = [(name, value) for name, value in browser.get(url).parts() if name not in missing]
    assert browser.post_body(url, encode(parts)).status_code == 302
    assert Product.objects.get().photo.name == product.photo.name


def test_an_edit_page_that_is_shown_again_still_has_the_saved_file(browser: Any, product: Product) -> None:
    url = f"/edit/{product.pk}/"
    page = page_of(browser.fill(url, {"name": ""}))
    assert page.names("photo") == ["tea.jpg"]
    assert page.get("photo-0-saved")
    assert product.photo.url in page.links + page.images
    cleared = page_of(browser.send(url, page, {"name": "", "photo-0-remove": "1"}))
    assert cleared["photo-0-remove"] == "1"
    assert Product.objects.get().photo, "nothing is cleared by a form that was not accepted"
    assert browser.send(url, cleared, {"name": "tea"}).status_code == 302
    assert not Product.objects.get().photo


def test_a_refused_replacement_leaves_the_saved_file_in_sight(browser: Any, product: Product) -> None:
    url = f"/edit/{product.pk}/"
    answer = browser.fill(url, files={"photo": ("tea.txt", b"Darjeeling")})
    assert page_of(answer).names("photo") == ["tea.jpg"]
    assert browser.send(url, page_of(answer)).status_code == 302
    assert Product.objects.get().photo.name == product.photo.name


def test_a_removed_replacement_leaves_the_saved_file(browser: Any, product: Product, png: bytes) -> None:
    url = f"/edit/{product.pk}/"
    page = page_of(browser.fill(url, {"name": ""}, {"photo": ("cup.png", png)}))
    assert page.names("photo") == ["cup.png"]
    assert browser.send(url, page, {"name": "tea", "photo-0-remove": "1"}).status_code == 302
    assert Product.objects.get().photo.name == product.photo.name


def test_a_disabled_field_keeps_what_is_saved(browser: Any, product: Product, png: bytes) -> None:
    url = f"/frozen/{product.pk}/"
    page = browser.get(url)
    assert "data-field" not in browser.client.get(url).content.decode(), "nor is it taken over in the browser"
    page.files.setdefault("photo", {})
    parts = [*page.parts({"photo-0-remove": "1"}), ("photo", ("cup.png", png))]
    assert browser.post_body(url, encode(parts)).status_code == 302
    assert Product.objects.get().photo.name == product.photo.name


# -- the model's side ------------------------------------------------------------------------------


def test_a_model_default_is_kept_when_the_field_was_not_on_the_page(monkeypatch: Any) -> None:
    field = Product._meta.get_field("photo")
    monkeypatch.setattr(field, "default", "products/default.png")
    monkeypatch.setitem(field.__dict__, "_get_default", lambda: "products/default.png")
    form = ProductForm({"name": "tea"}, {})
    assert form.is_valid()
    assert form.save(commit=False).photo.name == "products/default.png"


class ShortName(forms.Form):
    title = forms.CharField()
    body = StagedFileField(max_length=12)


def short_name(request: HttpRequest) -> HttpResponse:
    form = ShortName(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return HttpResponse(form.cleaned_data["body"].name)
    return render(request, "shop/form.html", {"form": form})


def test_a_name_longer_than_the_field_takes_is_refused_in_django_s_words(browser: Any) -> None:
    answer = browser.fill("/short/", {"title": "tea"}, {"body": ("darjeeling.txt", b"tea")})
    assert errors_of(answer, "body") == ["Ensure this filename has at most 12 characters (it has 14)."]
    answer = browser.fill("/short/", {"title": "tea"}, {"body": ("darjeeli.txt", b"tea")})
    assert answer.content == b"darjeeli.txt"


urlpatterns = [
    *shop,
    path("edit/<int:pk>/", edit),
    path("frozen/<int:pk>/", frozen),
    path("short/", short_name),
]


@pytest.mark.parametrize(
    ("kind", "wrong", "allowed"),
    [
        (StagedImageField, {"size": 300}, "(width, height)"),
        (StagedImageField, {"size": "300x300"}, "(width, height)"),
        (StagedImagesField, {"size": (0, 300)}, "(width, height)"),
        (StagedFileField, {"limits": {"max_bytes": 3}}, "Limits("),
        (StagedFileField, {"limits": "10 MB", "allow_empty_file": True}, "Limits("),
        (StagedImagesField, {"max_num": "3"}, "max_num"),
        (StagedImagesField, {"min_num": 2.0}, "min_num"),
        (StagedImageField, {"inspectors": print}, "list of functions"),
    ],
)
def test_what_a_programmer_gets_wrong_is_said_when_the_class_is_made(
    kind: type, wrong: dict[str, Any], allowed: str
) -> None:
    with pytest.raises(UsageError) as error:
        kind(**wrong)
    assert allowed in str(error.value)
    assert "Got: " in str(error.value)


def test_a_form_of_jinja_has_the_same_widget() -> None:
    jinja, own = (str(ProductForm(renderer=each)["photo"]) for each in (Jinja2(), DjangoTemplates()))
    assert jinja == own
