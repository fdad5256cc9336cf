"""`save_files`: the objects of a manager become those of a list, in one transaction, files included."""

from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from greenroom.core import UsageError
from greenroom.files import Bake, SavedFile
from greenroom.forms import FileList, save_files
from greenroom.images import Crop
from tests.django.refusing import refusing
from tests.images import pictures
from tests.pages import files_under
from tests.shop.models import Album, Photo

pytestmark = pytest.mark.django_db(transaction=True)
CROP = Crop.parse({"v": 1, "src": [40, 30], "x": 0, "y": 0, "w": 8, "h": 6, "rot": 0, "flip": False})
HOW = {"file": "image", "order": "position", "crop": "crop"}


def png(number: int) -> bytes:
    return pictures.encoded(pictures.coded(40, 30 + number), "png")


@pytest.fixture
def album(guest: Any) -> Album:
    album = Album.objects.create(title="tea")
    files = [guest.hold(png(number), f"{number}.png", use=f"use-{number}") for number in range(3)]
    save_files(files, album.photos, **HOW)
    guest.end_request()
    return album


def saved(photo: Photo) -> SavedFile:
    return SavedFile(pk=photo.pk, file=photo.image)


def heights(album: Album) -> list[int]:
    return [(photo.height or 0) - 30 for photo in album.photos.all()]


def test_new_files_become_objects_in_their_order(album: Album) -> None:
    assert heights(album) == [0, 1, 2]
    assert [photo.position for photo in album.photos.all()] == [0, 1, 2]
    assert [Path(photo.image.path).read_bytes() for photo in album.photos.all()] == [png(0), png(1), png(2)]


def test_the_objects_are_returned_in_order(album: Album, guest: Any) -> None:
    first, second, third = album.photos.all()
    objects = save_files(
        [saved(third), guest.hold(png(3), "3.png"), saved(first), saved(second)], album.photos, **HOW
    )
    assert [each.position for each in objects] == [0, 1, 2, 3]  # type: ignore[attr-defined]
    assert heights(album) == [2, 3, 0, 1]
    assert {each.pk for each in objects} == set(album.photos.values_list("pk", flat=True))


def test_only_what_has_moved_is_written(album: Album, guest: Any, django_assert_num_queries: Any) -> None:
    photos = [saved(photo) for photo in album.photos.all()]
    with django_assert_num_queries(3):  # BEGIN, one SELECT, COMMIT
        save_files(photos, album.photos, **HOW)


def test_what_is_not_in_a_list_is_deleted_with_its_file(album: Album, media: Path) -> None:
    first, second, third = album.photos.all()
    save_files([saved(third), saved(first)], album.photos, **HOW)
    assert heights(album) == [2, 0]
    assert not Path(second.image.path).exists()
    assert len(files_under(media)) == 2


def test_of_a_field_s_own_list_only_what_was_removed_is_deleted(album: Album) -> None:
    """Somebody has added a picture in another window meanwhile: it was not on this page."""
    first, _second, third = album.photos.all()
    save_files(FileList([saved(third)], removed=[first.pk]), album.photos, **HOW)
    assert sorted(heights(album)) == [1, 2]


def test_what_was_deleted_meanwhile_is_passed_over(album: Album, guest: Any) -> None:
    first, second, _third = album.photos.all()
    files = [saved(first), saved(second), guest.hold(png(3), "3.png")]
    second.delete()
    save_files(FileList(files, removed=[second.pk, 12_345]), album.photos, **HOW)
    assert sorted(heights(album)) == [0, 2, 3]


def test_objects_of_others_are_out_of_reach(album: Album, guest: Any) -> None:
    other = Album.objects.create(title="other")
    first = album.photos.all()[0]
    save_files(
        FileList([saved(first)], removed=[each.pk for each in album.photos.all()]), other.photos, **HOW
    )
    assert heights(album) == [0, 1, 2]
    assert heights(other) == []


def test_a_file_that_another_object_has_too_is_not_deleted(album: Album) -> None:
    first = album.photos.all()[0]
    other = Album.objects.create(title="other")
    Photo.objects.bulk_create([Photo(album=other, image=first.image.name)])
    save_files([], album.photos, **HOW)
    assert heights(album) == []
    assert Path(first.image.path).exists()


def test_a_rollback_takes_all_of_it_back(album: Album, guest: Any, media: Path) -> None:
    first = album.photos.all()[0]
    before = files_under(media)
    new = guest.hold(png(3), "3.png", use="new")
    with transaction.atomic():
        save_files([new, saved(first)], album.photos, **HOW)
        transaction.set_rollback(True)
    guest.end_request()
    assert heights(album) == [0, 1, 2]
    assert files_under(media) == before
    assert guest.stage.open(new.token).read() == png(3)


def test_a_failure_on_the_way_takes_all_of_it_back(album: Album, guest: Any, media: Path) -> None:
    before = files_under(media)
    with refusing("shop_photo", "NEW.position = 1"), pytest.raises(DatabaseError):
        save_files([guest.hold(png(each), f"{each}.png") for each in (3, 4)], album.photos, **HOW)
    guest.end_request()
    assert heights(album) == [0, 1, 2]
    assert files_under(media) == before


def test_crops_are_written_for_new_and_changed_for_saved(album: Album, guest: Any) -> None:
    first = album.photos.all()[0]
    new = guest.hold(pictures.encoded(pictures.coded(40, 30), "png"), "new.png").cropped(
        CROP, Bake(apply=False)
    )
    save_files([SavedFile(pk=first.pk, file=first.image, crop=CROP), new], album.photos, **HOW)
    assert [photo.crop for photo in album.photos.all()] == [CROP.to_dict(), CROP.to_dict()]


def test_without_an_order_or_a_crop_those_fields_are_left(album: Album, guest: Any) -> None:
    first, second, third = album.photos.all()
    save_files([saved(third), saved(second), saved(first)], album.photos, file="image")
    assert heights(album) == [0, 1, 2]


@pytest.mark.parametrize("of_everybody", [Photo, Photo.objects, Photo.objects.filter(album=1)])
def test_it_takes_the_manager_of_one_object(album: Album, of_everybody: Any) -> None:
    with pytest.raises(UsageError, match=r"such as album\.photos.*Got: "):
        save_files([], of_everybody, file="image")
    assert heights(album) == [0, 1, 2]
