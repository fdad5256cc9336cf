"""Fields outside of a page: without an owner, with a prefix, in formsets and in the admin."""

from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import formset_factory, inlineformset_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import include, path

from greenroom.core import UsageError
from greenroom.forms import StagedFileField, StagedImageField, StagedImagesField
from greenroom.models import StagedUpload
from tests.pages import Page, encode, page_of
from tests.shop.forms import PaperForm, PapersForm, ProductForm
from tests.shop.models import Album, Photo, Product

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


class PhotoForm(forms.ModelForm):
    image = StagedImageField(crop="free")

    class Meta:
        model = Photo
        fields = ["image", "position"]


PhotoFormSet = inlineformset_factory(Album, Photo, form=PhotoForm, extra=2)


class Attachment(forms.Form):
    note = forms.CharField(required=False)
    file = StagedFileField()


Attachments = formset_factory(Attachment, extra=2)


def attachments(request: HttpRequest) -> HttpResponse:
    formset = Attachments(request.POST or None, request.FILES or None, prefix="a")
    if request.method == "POST" and formset.is_valid():
        files = [form.cleaned_data.get("file") for form in formset]
        # What no policy has governed has no use yet.
        return HttpResponse(" ".join((each.name if each.use else "?") if each else "-" for each in files))
    return render(request, "shop/formset.html", {"formset": formset})


def photos(request: HttpRequest, pk: int) -> HttpResponse:
    album = get_object_or_404(Album, pk=pk)
    formset = PhotoFormSet(request.POST or None, request.FILES or None, instance=album)
    if request.method == "POST" and formset.is_valid():
        formset.save()
        changed = [str(each.image.name) for each, _ in formset.changed_objects] + [
            str(each.image.name) for each in formset.new_objects
        ]
        return HttpResponse(f"{len(changed)} changed")
    return render(request, "shop/formset.html", {"formset": formset})


class PhotoInline(admin.TabularInline):
    model = Photo
    form = PhotoForm
    extra = 1


class AlbumAdmin(admin.ModelAdmin):
    inlines = [PhotoInline]


site = admin.AdminSite(name="greenroom-test")
site.register(Album, AlbumAdmin)
urlpatterns = [
    path("greenroom/", include("greenroom.urls")),
    path("attachments/", attachments),
    path("photos/<int:pk>/", photos),
    path("admin/", admin.site.urls),
    path("other-admin/", site.urls),
]


# -- without an owner ------------------------------------------------------------------------------


def plain(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def test_without_an_owner_a_plain_file_is_validated_and_not_held(jpeg: bytes) -> None:
    form = ProductForm({"name": "tea"}, {"photo": plain("tea.jpg", jpeg)})
    assert form.is_valid(), form.errors
    form.save()
    assert Path(Product.objects.get().photo.path).read_bytes() == jpeg
    assert not StagedUpload.objects.exists()


@pytest.mark.parametrize("data", [b"", b"Darjeeling", b"\xff\xd8\xff\xe0 no picture"])
def test_without_an_owner_the_rules_are_the_same(data: bytes) -> None:
    form = ProductForm({"name": "tea"}, {"photo": plain("tea.jpg", data)})
    assert not form.is_valid()
    assert "“tea.jpg”" in form.errors["photo"][0]


def test_without_an_owner_many_plain_files_are_validated() -> None:
    form = PapersForm({"title": "x"}, {"papers": [plain("a.txt", b"a"), plain("b.txt", b"b")]})
    assert form.is_valid(), form.errors
    assert [each.name for each in form.cleaned_data["papers"]] == ["a.txt", "b.txt"]
    large = plain("c.txt", bytes(1_000_001))
    form = PapersForm({"title": "x"}, {"papers": [plain("a.txt", b"a"), large]})
    assert ["“c.txt”" in each for each in form.errors["papers"]] == [True]


def test_without_an_owner_a_token_is_a_mistake_of_the_program() -> None:
    form = PaperForm({"title": "x", "body-0-token": "some"}, {})
    with pytest.raises(UsageError, match="as_owner"):
        form.is_valid()


def test_without_an_owner_the_widgets_are_plain_inputs() -> None:
    page = page_of(str(ProductForm()) + str(PapersForm()))
    assert [name for name, _ in page.fields if name.endswith("policy")] == []
    assert set(page.files) == {"photo", "papers"}
    assert "multiple" in page.files["papers"]
    assert "multiple" not in page.files["photo"]


# -- has_changed -----------------------------------------------------------------------------------


def test_a_policy_alone_is_no_change_and_a_held_file_is(guest: Any) -> None:
    field = PaperForm.base_fields["body"]

    def changed(data: dict[str, str], files: dict[str, Any] | None = None) -> bool:
        return field.has_changed(None, field.widget.value_from_datadict(data, files or {}, "body"))

    page = page_of(str(PaperForm()))
    assert page["body-policy"]
    assert not changed({"body-policy": page["body-policy"], "body": ""})
    assert not changed({})
    assert changed({"body-0-token": guest.hold(b"tea").token})
    assert changed({}, {"body": plain("tea.txt", b"tea")})


# -- prefixes and formsets -------------------------------------------------------------------------


def test_a_prefix_keeps_two_forms_apart(guest: Any) -> None:
    left, right = guest.hold(b"left", "left.txt"), guest.hold(b"right", "right.txt")
    data = {
        "l-title": "x",
        "r-title": "x",
        "l-body-0-token": left.token,
        "r-body-0-token": right.token,
    }
    names = []
    for prefix in "lr":
        form = PaperForm(data, {}, prefix=prefix)
        assert form.is_valid(), form.errors
        names.append(form.cleaned_data["body"].read())
    assert names == [b"left", b"right"]


def test_an_untouched_extra_form_is_no_form(browser: Any) -> None:
    answer = browser.fill("/attachments/", files={"a-1-file": ("tea.txt", b"tea")})
    assert answer.content == b"- tea.txt"


def test_a_formset_with_an_error_keeps_the_file_of_each_form(browser: Any) -> None:
    files = {"a-0-file": ("one.txt", b"one"), "a-1-file": ("two.txt", b"")}
    page = page_of(browser.fill("/attachments/", files=files))
    assert (page.names("a-0-file"), page.names("a-1-file")) == (["one.txt"], [])
    answer = browser.send("/attachments/", page, files={"a-1-file": ("two.txt", b"two")})
    assert answer.content == b"one.txt two.txt"


def test_the_policy_of_the_template_form_is_for_every_number(browser: Any) -> None:
    """What a script adds to a page is the empty form with a number in the place of `__prefix__`."""
    page = browser.get("/attachments/")
    empty = page_of(str(Attachments(prefix="a").empty_form))
    with_owner = page_of(browser.client.get("/attachments/?empty=1"))
    assert "a-__prefix__-file" in empty.files
    template = with_owner["a-__prefix__-file-policy"]
    changes = {"a-TOTAL_FORMS": "3", "a-2-note": "", "a-2-file-policy": template}
    fields = page.parts(changes) + [("a-2-file", ("late.txt", b"late"))]
    sent = Page(fields=[(name, value) for name, value in fields if isinstance(value, str)])
    assert sent["a-2-file-policy"] == template
    answer = browser.post_body("/attachments/", encode(fields))
    assert answer.content == b"- - late.txt"


def test_an_inline_formset_saves_new_rows_and_leaves_untouched_ones(browser: Any, png: bytes) -> None:
    album = Album.objects.create(title="tea")
    url = f"/photos/{album.pk}/"
    answer = browser.fill(url, files={"photos-0-image": ("a.png", png), "photos-1-image": ("b.png", png)})
    assert answer.content == b"2 changed", page_of(answer).text
    page = browser.get(url)
    assert browser.send(url, page).content == b"0 changed"
    assert browser.send(url, page, files={"photos-0-image": ("c.png", png)}).content == b"1 changed"
    assert {Path(each.image.name).name for each in album.photos.all()} == {"b.png", "c.png"}
    assert {Path(each.image.path).read_bytes() for each in album.photos.all()} == {png}


# -- the admin -------------------------------------------------------------------------------------


@pytest.fixture
def administrator(browser: Any) -> Any:
    browser.client.force_login(User.objects.create_superuser("root"))
    return browser


def test_admin_inlines_hold_and_save(administrator: Any, png: bytes) -> None:
    url = "/other-admin/shop/album/add/"
    page = administrator.get(url)
    assert "photos-__prefix__-image" in page.files
    wrong = administrator.send(url, page, {"title": ""}, {"photos-0-image": ("tea.png", png)})
    assert wrong.status_code == 200
    held = page_of(wrong)
    assert held.names("photos-0-image") == ["tea.png"]
    answer = administrator.send(url, held, {"title": "tea", "_save": "Save"})
    assert answer.status_code == 302, page_of(answer).text
    photo = Photo.objects.get()
    assert Path(photo.image.path).read_bytes() == png
    change = f"/other-admin/shop/album/{photo.album_id}/change/"
    page = administrator.get(change)
    assert page.names("photos-0-image") == ["tea.png"]
    assert administrator.send(change, page, {"_save": "Save"}).status_code == 302
    assert Photo.objects.get().image.name == photo.image.name


# -- declarations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "options", "words"),
    [
        (StagedImageField, {"keep_original": True, "size": (10, 10)}, "keep_original"),
        (StagedImageField, {"crop": "wide"}, "ratio"),
        (StagedImagesField, {"min_num": 3, "max_num": 2}, "max_num"),
        (StagedImagesField, {"max_num": 0}, "max_num"),
        (StagedImagesField, {"max_num": 301}, "at most 300"),
        (StagedFileField, {"memory": "much"}, "size"),
        (StagedFileField, {"inspectors": ["not_blank"]}, "inspectors"),
        (StagedFileField, {"widget": forms.TextInput}, "StagedFileInput"),
    ],
)
def test_a_wrong_declaration_is_told_at_once(field: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        field(**options)
