"""A held file is used like any uploaded file, with the same results wherever its bytes are."""

import io
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import urlencode
from PIL import Image

from greenroom.core import Limits
from greenroom.files import Bake, StagedFile
from greenroom.images import Crop
from tests.images import pictures
from tests.pages import page_of
from tests.shop.forms import PaperForm, ProductForm
from tests.shop.models import Paper, Product
from tests.urls import urlpatterns as shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

BINARY = {
    "every byte": bytes(range(256)) * 600,
    "lines": b"one\ntwo\r\nthree\rfour\n\nlast",
    "one byte": b"\xff",
    "no byte": b"",
}
CROP = Crop.parse({"v": 1, "src": [120, 90], "x": 10, "y": 20, "w": 40, "h": 30, "rot": 0, "flip": False})


def in_memory(guest: Any, data: bytes, name: str) -> StagedFile:
    return received(guest, data, name, memory=10_000_000)


def on_disk(guest: Any, data: bytes, name: str) -> StagedFile:
    return received(guest, data, name, memory=0)


def opened(guest: Any, data: bytes, name: str) -> StagedFile:
    return guest.stage.open(received(guest, data, name, memory=0).token)


def kept_since(guest: Any, data: bytes, name: str) -> StagedFile:
    """Opened while it was in memory, and moved to the store meanwhile."""
    file = received(guest, data, name, memory=10_000_000)
    file.open()
    assert file.token
    return file


def received(guest: Any, data: bytes, name: str, *, memory: int) -> StagedFile:
    limits = Limits(allow_empty=True)
    intake = guest.visit.stage.intake(client_name=name, memory=memory, limits=limits)
    guest.visit.intakes.append(intake)
    for at in range(0, len(data), 1_000):
        intake.write(data[at : at + 1_000])
    return StagedFile(guest.visit.stage, intake.finish(), intake=intake)


PLACES = [in_memory, on_disk, opened, kept_since]


@pytest.fixture(params=PLACES, ids=lambda place: place.__name__)
def place(request: Any, guest: Any) -> Callable[[bytes, str], StagedFile]:
    return lambda data, name: request.param(guest, data, name)


@pytest.mark.parametrize("kind", BINARY)
def test_the_same_calls_give_the_same_results(place: Any, kind: str) -> None:
    data = BINARY[kind]
    ours, django_s = place(data, "tea.bin"), SimpleUploadedFile("tea.bin", data)
    assert isinstance(ours, UploadedFile)
    for name in ("name", "size", "closed"):
        assert getattr(ours, name) == getattr(django_s, name), name
    assert (bool(ours), len(ours), str(ours)) == (True, len(data), "tea.bin")
    for method, arguments in (
        ("read", ()),
        ("read", ()),
        ("seek", (0,)),
        ("read", (3,)),
        ("tell", ()),
        ("seek", (-1, io.SEEK_END) if data else (0,)),
        ("read", (10,)),
        ("seek", (0,)),
        ("readline", ()),
        ("readlines", ()),
        ("seek", (0,)),
        ("readable", ()),
        ("seekable", ()),
    ):
        assert getattr(ours, method)(*arguments) == getattr(django_s, method)(*arguments), method
    assert list(ours) == list(django_s)
    assert list(ours) == list(django_s), "iterating begins anew each time"
    assert b"".join(ours.chunks()) == b"".join(ours.chunks(7)) == data
    assert ours.multiple_chunks(len(data) + 1) is False
    assert ours.multiple_chunks(max(len(data) - 1, 1)) is (len(data) > 1)
    with ours.open() as file:
        assert file.read() == data
    assert ours.closed
    with pytest.raises(ValueError, match="closed"):
        ours.read()
    assert ours.open("rb").read() == data
    with pytest.raises(ValueError, match="reading"):
        ours.open("wb")
    buffer = bytearray(len(data))
    ours.seek(0)
    assert ours.readinto(buffer) == len(data)
    assert bytes(buffer) == data
    ours.close()
    ours.close()


def test_nothing_can_be_written_into_it(place: Any) -> None:
    """Where it could, in memory only, the change would not be what is saved."""
    file = place(b"Darjeeling", "tea.txt")
    assert file.writable() is False
    for attempt in (
        lambda: file.write(b"x"),
        lambda: file.writelines([b"x"]),
        lambda: file.truncate(),
        lambda: file.truncate(3),
    ):
        with pytest.raises(io.UnsupportedOperation):
            attempt()
    assert file.tell() == 0
    assert file.read() == b"Darjeeling"


def test_two_readers_of_one_upload_do_not_move_each_other(place: Any) -> None:
    file = place(BINARY["every byte"], "tea.bin")
    other = file.original
    assert file.read(10) == other.read(10)
    assert file.tell() == 10
    assert len(other.read()) == len(BINARY["every byte"]) - 10
    assert file.tell() == 10


def test_pillow_opens_it(place: Any, png: bytes) -> None:
    file = place(png, "tea.png")
    with Image.open(file) as image:
        assert (image.format, image.size) == ("PNG", (120, 90))
        image.load()
    file.seek(0)
    assert file.read() == png


@pytest.mark.parametrize(
    ("name", "kind", "saved", "media_type"),
    [
        ("tea.png", "png", "tea.png", "image/png"),
        ("tea.jpeg", "jpeg", "tea.jpg", "image/jpeg"),
        ("../../tea.gif", "gif", "tea.gif", "image/gif"),
        ("tea", "webp", "tea.webp", "image/webp"),
    ],
)
def test_a_picture_is_called_after_its_type(
    place: Any, name: str, kind: str, saved: str, media_type: str
) -> None:
    file = place(pictures.encoded(pictures.coded(30, 20), kind), name)
    file.probe()
    assert (file.name, file.content_type) == (saved, media_type)


def test_a_crop_that_is_baked_reads_as_the_cropped_picture(place: Any, png: bytes) -> None:
    file = place(png, "tea.png").cropped(CROP, Bake())
    with Image.open(file) as image:
        assert image.size == (40, 30)
        assert image.convert("RGB").getpixel((0, 0))[:2] == (10, 20)
    assert file.size == len(b"".join(file.chunks())) != len(png)
    assert file.crop == CROP
    assert file.upload.size == len(png)
    assert file.original.read() == png
    assert file.original.crop is None
    assert b"".join(file.chunks()) == b"".join(file.chunks(100))


def test_a_crop_that_is_not_baked_reads_as_the_original(place: Any, png: bytes) -> None:
    file = place(png, "tea.png").cropped(CROP, Bake(apply=False))
    assert file.read() == png
    assert file.crop == CROP


# -- tokens ----------------------------------------------------------------------------------------

CROPS: list[tuple[Crop | None, Bake]] = [
    (None, Bake()),
    (CROP, Bake()),
    (CROP, Bake(apply=False)),
    (CROP, Bake(size=(20, 20))),
    (None, Bake(size=(99_999, 99_999))),
    (
        Crop.parse(
            {"v": 1, "src": [9_999_999, 9_999_999], "x": 9_999_998, "y": 9_999_998, "w": 1, "h": 1}
            | {"rot": 270, "flip": True}
        ),
        Bake(apply=False),
    ),
]


@pytest.mark.parametrize(("crop", "bake"), CROPS)
def test_a_token_is_short_and_fits_everywhere(guest: Any, png: bytes, crop: Any, bake: Bake) -> None:
    token = guest.hold(png, "tea.png").cropped(crop, bake).token
    assert len(token) <= 200
    assert json.loads(json.dumps(token)) == token
    assert urlencode({"t": token}) == f"t={token}"
    assert pickle.loads(pickle.dumps(token)) == token  # noqa: S301 - our own, for a pickling session


@pytest.mark.parametrize(("crop", "bake"), CROPS[:4])
def test_a_token_opens_the_same_file(guest: Any, png: bytes, crop: Any, bake: Bake) -> None:
    file = guest.hold(png, "tea.png").cropped(crop, bake)
    again = guest.stage.open(file.token)
    assert (again.crop, again.name, again.size) == (crop, file.name, file.size)
    assert again.read() == file.read()
    assert again.token == file.token
    assert again.original.read() == png


# -- two views -------------------------------------------------------------------------------------


def first(request: HttpRequest) -> HttpResponse:
    form = PaperForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        request.session["body"] = form.cleaned_data["body"].token
        return redirect("/second/")
    return render(request, "shop/form.html", {"form": form})


def second(request: HttpRequest) -> HttpResponse:
    initial = {"body": request.stage.open(request.session["body"])}  # type: ignore[attr-defined]
    form = PaperForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("/saved/")
    return render(request, "shop/form.html", {"form": form})


def pick(request: HttpRequest) -> HttpResponse:
    form = ProductForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        request.session["photo"] = form.cleaned_data["photo"].token
        return redirect("/pair/")
    return render(request, "shop/form.html", {"form": form})


def pair(request: HttpRequest) -> HttpResponse:
    """Two forms of one upload on one page; what is filled in is saved."""
    photo = request.stage.open(request.session["photo"])  # type: ignore[attr-defined]
    forms = [
        ProductForm(
            request.POST or None,
            request.FILES or None,
            initial={"photo": photo},
            prefix=prefix,
            empty_permitted=False,
        )
        for prefix in ("left", "right")
    ]
    if request.method == "POST":
        wanted = [form for form in forms if request.POST.get(f"{form.prefix}-name")]
        if wanted and all(form.is_valid() for form in wanted):
            for form in wanted:
                form.save()
            return redirect("/saved/")
    return render(request, "shop/forms.html", {"forms": forms})


urlpatterns = [
    *shop,
    path("first/", first),
    path("second/", second),
    path("pick/", pick),
    path("pair/", pair),
]


@pytest.mark.parametrize("kind", BINARY)
@pytest.mark.parametrize("url", ["/step-two/", "/second/"])
def test_what_was_uploaded_in_one_view_is_saved_in_another(browser: Any, kind: str, url: str) -> None:
    data = BINARY[kind]
    answer = browser.fill("/first/", {"title": "tea"}, {"body": ("tea.bin", data)})
    assert answer.status_code == 302
    token = browser.client.session["body"]
    assert isinstance(token, str)
    assert len(token) <= 200
    if url == "/step-two/":
        assert browser.client.get(url).status_code == 302
    else:
        page = browser.get(url)
        assert page.names("body") == ["tea.bin"]
        assert "required" not in page.files["body"]
        assert browser.send(url, page, {"title": "tea"}).status_code == 302
    assert Path(Paper.objects.get().body.path).read_bytes() == data


@pytest.fixture
def pair_page(browser: Any, png: bytes) -> Iterator[Any]:
    assert browser.fill("/pick/", {"name": "x"}, {"photo": ("tea.png", png)}).status_code == 302
    return browser.get("/pair/")


def crop_of(prefix: str, x: int) -> dict[str, str]:
    numbers = {"x": x, "y": 0, "w": 40, "h": 30}
    return {f"{prefix}-photo-0-crop-{part}": str(value) for part, value in numbers.items()}


def corner(product: Product) -> int:
    with Image.open(product.photo.path) as image:
        assert image.size == (40, 30)
        return int(image.convert("RGB").getpixel((0, 0))[0])


def test_two_forms_of_one_upload_are_saved_together(browser: Any, pair_page: Any) -> None:
    changes = {"left-name": "left", "right-name": "right", **crop_of("left", 5), **crop_of("right", 50)}
    assert browser.send("/pair/", pair_page, changes).status_code == 302
    assert {each.name: corner(each) for each in Product.objects.all()} == {"left": 5, "right": 50}


def test_two_forms_of_one_upload_are_saved_one_after_the_other(browser: Any, pair_page: Any) -> None:
    changes = {"left-name": "left", **crop_of("left", 5)}
    assert browser.send("/pair/", pair_page, changes).status_code == 302
    changes = {"right-name": "right", **crop_of("right", 50)}
    assert browser.send("/pair/", pair_page, changes).status_code == 302
    assert {each.name: corner(each) for each in Product.objects.all()} == {"left": 5, "right": 50}
    again = browser.send("/pair/", pair_page, changes)
    assert again.headers["Location"] == "/saved/"
    assert Product.objects.count() == 2


def test_an_ordinary_model_form_saves_what_was_assigned(guest: Any, jpeg: bytes) -> None:
    form = modelform_factory(Product, fields=["name", "photo"])(
        {"name": "tea"}, {"photo": guest.stage.open(guest.hold(jpeg, "tea.jpg").token)}
    )
    assert form.is_valid(), form.errors
    form.save()
    assert Path(Product.objects.get().photo.path).read_bytes() == jpeg


def test_a_view_may_give_it_another_name(guest: Any, png: bytes) -> None:
    file = guest.hold(png, "IMG_0001.png")
    file.name = "../tea for two.png"
    Product(name="tea", photo=file).save()
    assert Product.objects.get().photo.name == "products/tea_for_two.png"


def test_the_page_of_a_second_view_has_a_use_of_its_own(browser: Any) -> None:
    assert browser.fill("/first/", {"title": "x"}, {"body": ("a.txt", b"a")}).status_code == 302
    uses = {browser.get("/second/")["body-0-use"] for _ in range(2)}
    assert len(uses) == 2
    wrong = page_of(browser.fill("/second/", {"title": ""}))
    again = page_of(browser.send("/second/", wrong, {"title": ""}))
    assert wrong["body-0-use"] == again["body-0-use"]
