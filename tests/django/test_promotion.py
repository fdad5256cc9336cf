"""Saving a held file: how its bytes get under a final name, and what stands there then."""

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from greenroom.core.errors import Altered, UsageError
from greenroom.core.place import partial_path, try_lock
from greenroom.files import Bake
from greenroom.images import Crop
from tests.pages import files_under
from tests.shop.models import Album, Paper, Photo, Product, Scan

pytestmark = pytest.mark.django_db(transaction=True)
DATA = bytes(range(256)) * 40


@pytest.fixture
def body() -> Any:
    return Paper._meta.get_field("body")


@pytest.fixture
def other_device(tmp_path: Path, settings: Any, require: Any) -> Any:
    """MEDIA_ROOT on another file system than the store."""
    shared = Path("/dev/shm")
    found = shared.is_dir() and shared.stat().st_dev != tmp_path.stat().st_dev
    require("a second file system at /dev/shm", found)
    directory = shared / f"greenroom-{os.getpid()}-{tmp_path.name}"
    settings.GREENROOM = {"STORE": {"OPTIONS": {"root": tmp_path / "held"}}}
    settings.MEDIA_ROOT = directory
    directory.mkdir()
    yield directory
    for each in sorted(directory.rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
    directory.rmdir()


def held_path(file: Any) -> Path:
    return file.stage.store.path(file.upload.id)


def save(guest: Any, file: Any, title: str = "tea") -> Paper:
    paper = Paper(title=title, body=file)
    paper.save()
    return Paper.objects.get(pk=paper.pk)


# -- linked or copied ------------------------------------------------------------------------------


def test_on_one_file_system_no_byte_is_copied(guest: Any) -> None:
    file = guest.hold(DATA)
    paper = save(guest, file)
    assert os.path.samefile(paper.body.path, held_path(file))
    assert Path(paper.body.path).read_bytes() == DATA


def test_the_second_save_of_an_upload_has_bytes_of_its_own(guest: Any) -> None:
    file = guest.hold(DATA)
    first, second = save(guest, file), save(guest, guest.stage.open(file.token))
    assert first.body.name != second.body.name
    assert not os.path.samefile(first.body.path, second.body.path)
    assert Path(second.body.path).read_bytes() == DATA


def test_a_setting_chooses_copying(guest: Any, settings: Any) -> None:
    settings.GREENROOM = {"PLACE": "copy"}
    file = guest.hold(DATA)
    paper = save(guest, file)
    assert not os.path.samefile(paper.body.path, held_path(file))
    assert Path(paper.body.path).read_bytes() == DATA


def test_across_file_systems_a_verified_copy_is_made(other_device: Path, guest: Any) -> None:
    file = guest.hold(DATA * 300)
    paper = save(guest, file)
    assert Path(paper.body.path).stat().st_dev != held_path(file).stat().st_dev
    assert Path(paper.body.path).read_bytes() == DATA * 300
    assert files_under(other_device) == [Path(paper.body.path)], "no partial copy is left"


def test_a_copy_that_is_not_what_was_received_is_refused(other_device: Path, guest: Any) -> None:
    file = guest.hold(DATA)
    path = held_path(file)
    times = path.stat()
    path.write_bytes(DATA[:-1] + b"!")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # size and time say nothing
    with pytest.raises(Altered, match=r"tea\.bin"):
        save(guest, file)
    assert not Paper.objects.exists()
    assert files_under(other_device) == []


def test_a_name_that_somebody_is_just_copying_to_is_not_waited_for(
    guest: Any, settings: Any, media: Path
) -> None:
    settings.GREENROOM = {"PLACE": "copy"}
    target = media / "papers" / "tea.bin"
    target.parent.mkdir()
    with partial_path(target).open("wb") as somebody:
        assert try_lock(somebody.fileno())
        paper = save(guest, guest.hold(DATA))
    assert Path(paper.body.path).read_bytes() == DATA
    assert paper.body.name != "papers/tea.bin"


def test_bytes_altered_through_the_saved_file_are_refused_by_name(guest: Any) -> None:
    file = guest.hold(DATA)
    paper = save(guest, file)
    with open(paper.body.path, "r+b") as saved:
        saved.write(b"watermark")
    with pytest.raises(Altered, match=r"tea\.bin"):
        guest.stage.open(file.token)
    with pytest.raises(Altered, match=r"tea\.bin"):
        save(guest, file)
    assert Paper.objects.count() == 1


# -- names, permissions, directories ---------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o644, 0o600, None])
@pytest.mark.parametrize("place", ["link", "copy"])
def test_permissions_are_those_of_the_settings(
    guest: Any, settings: Any, mode: int | None, place: str
) -> None:
    settings.FILE_UPLOAD_PERMISSIONS = mode
    settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750
    settings.GREENROOM = {"PLACE": place}
    paper = save(guest, guest.hold(DATA))
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE(os.stat(paper.body.path).st_mode) == (mode or 0o666 & ~umask)
    assert stat.S_IMODE(os.stat(Path(paper.body.path).parent).st_mode) == 0o750


def test_a_name_that_is_taken_is_not_overwritten(guest: Any, media: Path) -> None:
    taken = media / "papers" / "tea.bin"
    taken.parent.mkdir()
    taken.write_bytes(b"mine")
    paper = save(guest, guest.hold(DATA))
    assert taken.read_bytes() == b"mine"
    assert paper.body.name.startswith("papers/tea_")
    assert paper.body.name.endswith(".bin")


def test_a_name_that_is_taken_at_the_last_moment_is_not_overwritten(
    guest: Any, media: Path, body: Any, monkeypatch: Any
) -> None:
    class Rival(FileSystemStorage):
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            free = super().get_available_name(name, max_length)
            if not files_under(media):  # somebody is faster, once
                (media / free).parent.mkdir()
                (media / free).write_bytes(b"mine")
            return free

    monkeypatch.setattr(body, "storage", Rival())
    file = guest.hold(DATA)
    paper = save(guest, file)
    assert (media / "papers" / "tea.bin").read_bytes() == b"mine"
    assert Path(paper.body.path).read_bytes() == DATA
    assert guest.claims(file) == []


@pytest.mark.parametrize(
    ("upload_to", "expected"),
    [
        ("by-year/%Y", r"by-year/20\d\d/tea\.bin"),
        (lambda instance, name: f"{instance.title}/{name}", r"tea/tea\.bin"),
        ("", r"tea\.bin"),
    ],
    ids=["date", "callable", "none"],
)
def test_upload_to(guest: Any, body: Any, monkeypatch: Any, upload_to: Any, expected: str) -> None:
    monkeypatch.setattr(body, "upload_to", upload_to)
    if callable(upload_to):
        monkeypatch.setitem(
            body.__dict__,
            "generate_filename",
            lambda instance, name: body.storage.generate_filename(upload_to(instance, name)),
        )
    paper = save(guest, guest.hold(DATA))
    assert re.fullmatch(expected, paper.body.name), paper.body.name
    assert Path(paper.body.path).read_bytes() == DATA


def test_a_name_is_cut_to_the_length_that_the_field_takes(guest: Any, body: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(body, "max_length", 40)
    paper = save(guest, guest.hold(DATA, name="t" * 150 + ".bin"))
    assert len(paper.body.name) <= 40
    assert paper.body.name.endswith(".bin")
    assert Path(paper.body.path).read_bytes() == DATA


# -- Django's ways of saving -----------------------------------------------------------------------


def test_saving_twice_saves_once(guest: Any, media: Path) -> None:
    paper = Paper(title="tea", body=guest.hold(DATA, use="once"))
    paper.save()
    paper.title = "coffee"
    paper.save()
    assert len(files_under(media)) == 1
    assert Paper.objects.get().title == "coffee"


def test_update_fields_decides_what_is_saved(guest: Any, media: Path) -> None:
    paper = save(guest, guest.hold(b"first"))
    paper.title, paper.body = "coffee", guest.hold(DATA)
    paper.save(update_fields=["title"])
    assert len(files_under(media)) == 1
    paper.save(update_fields=["body"])
    assert Path(Paper.objects.get().body.path).read_bytes() == DATA


def test_an_instance_is_usable_after_its_save(guest: Any) -> None:
    paper = Paper(title="tea", body=guest.hold(DATA))
    paper.save()
    assert paper.body.name == "papers/tea.bin"
    with paper.body.open() as file:
        assert file.read() == DATA
    assert paper.body.size == len(DATA)
    assert paper.body.url == "/media/papers/tea.bin"


def test_one_upload_into_two_objects_of_one_request(guest: Any) -> None:
    file = guest.hold(DATA, use="one form")
    first, second = save(guest, file), save(guest, file)
    guest.end_request()
    assert first.body.name != second.body.name
    assert [Path(each.body.path).read_bytes() for each in (first, second)] == [DATA, DATA]


def test_fixtures_are_loaded_as_they_are(guest: Any, media: Path) -> None:
    paper = Paper(pk=7, title="tea", body="papers/elsewhere.bin")
    paper.save_base(raw=True)
    assert Paper.objects.get().body.name == "papers/elsewhere.bin"
    assert files_under(media) == []


def test_a_file_field_s_own_save_gets_an_ordinary_stream(guest: Any) -> None:
    paper = Paper(title="tea")
    paper.body.save("other.bin", guest.hold(DATA))
    assert paper.body.name == "papers/other.bin"
    assert Path(paper.body.path).read_bytes() == DATA


def test_bulk_create_gets_an_ordinary_stream(guest: Any) -> None:
    Paper.objects.bulk_create([Paper(title="tea", body=guest.hold(DATA))])
    assert Path(Paper.objects.get().body.path).read_bytes() == DATA


def test_a_child_model_saves_its_own_and_its_parent_s_file(guest: Any, png: bytes) -> None:
    Scan(title="tea", body=guest.hold(DATA), page=guest.hold(png, "page.png")).save()
    guest.end_request()
    scan = Scan.objects.get()
    assert Path(scan.body.path).read_bytes() == DATA
    assert Path(scan.page.path).read_bytes() == png


def test_other_files_are_none_of_our_business(guest: Any) -> None:
    paper = Paper(title="tea", body=ContentFile(DATA, name="plain.bin"))
    paper.save()
    assert Path(paper.body.path).read_bytes() == DATA


# -- pictures --------------------------------------------------------------------------------------

CROP = Crop.parse({"v": 1, "src": [120, 90], "x": 10, "y": 20, "w": 40, "h": 30, "rot": 90, "flip": False})


def test_dimension_fields_are_of_what_is_saved(guest: Any, png: bytes) -> None:
    file = guest.hold(png, "tea.png")
    album = Album.objects.create(title="tea")
    Photo.objects.create(album=album, image=file.cropped(CROP, file.bake))
    photo = Photo.objects.get()
    assert (photo.width, photo.height) == (30, 40)
    assert (photo.image.width, photo.image.height) == (30, 40)


@pytest.mark.parametrize("crop", [CROP, None], ids=["crop", "whole"])
def test_the_crop_goes_to_the_field_that_was_named(guest: Any, png: bytes, crop: Crop | None) -> None:
    file = guest.hold(png, "tea.png")
    Product(name="tea", photo=file.cropped(crop, Bake(apply=False), crop_to="photo_crop")).save()
    Scan(
        title="tea", body=guest.hold(DATA), page=file.cropped(crop, Bake(apply=False), crop_to="page_crop")
    ).save()
    product, scan = Product.objects.get(), Scan.objects.get()
    assert Path(product.photo.path).read_bytes() == png == Path(scan.page.path).read_bytes()
    assert product.photo_crop == (crop.to_dict() if crop else None)
    assert scan.page_crop == "" if crop is None else Crop.parse(scan.page_crop) == crop


def test_a_picture_is_not_saved_without_its_crop(guest: Any, png: bytes, media: Path) -> None:
    product = Product.objects.create(name="tea", photo_crop={"of": "another picture"})
    file = guest.hold(png, "tea.png").cropped(CROP, Bake(apply=False), crop_to="photo_crop")
    deferring = Product.objects.defer("photo_crop").get()
    product.photo = deferring.photo = file
    with pytest.raises(UsageError, match=r"'photo_crop' as well.* Got: \['photo'\]"):
        product.save(update_fields=["photo"])
    with pytest.raises(UsageError, match="deferred"):
        deferring.save()
    assert files_under(media) == []
    assert guest.claims(file) == []
    product.save(update_fields=["photo", "photo_crop"])
    product = Product.objects.get()
    assert (Path(product.photo.path).read_bytes(), product.photo_crop) == (png, CROP.to_dict())


def test_a_saved_crop_shares_no_bytes_with_the_next_save_of_it(guest: Any, png: bytes) -> None:
    file = guest.hold(png, "tea.png")
    cropped = file.cropped(CROP, file.bake)
    first, second = Product(name="tea", photo=cropped), Product(name="cup", photo=cropped)
    first.save()
    second.save()
    assert not os.path.samefile(first.photo.path, second.photo.path)
    assert Path(first.photo.path).read_bytes() == Path(second.photo.path).read_bytes() != png
