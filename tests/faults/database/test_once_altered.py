"""Promise 3: a model that rewrites its file in place after it was saved, as code for thumbnails does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db.models.signals import post_save
from PIL import Image

from tests.django.conftest import Browser
from tests.faults.database.explained import unexplained_files
from tests.faults.tally import Injected
from tests.pages import errors_of, page_of
from tests.shop.models import Product

pytestmark = pytest.mark.django_db(transaction=True)


def overwrite(path: str) -> None:
    """The same length, other bytes."""
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(b"a watermark")


def shrink(path: str) -> None:
    """As a model's `save()` often does it."""
    with Image.open(path) as picture:
        picture.thumbnail((40, 40))
        picture.save(path)


def truncate(path: str) -> None:
    with open(path, "wb"):
        pass


@pytest.fixture(params=[overwrite, shrink, truncate])
def rewriting(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """Every saved product rewrites its photo, until this is called."""

    def rewrite(instance: Product, **kwargs: Any) -> None:
        request.param(instance.photo.path)

    def stop() -> None:
        post_save.disconnect(rewrite, sender=Product)

    post_save.connect(rewrite, sender=Product)
    yield stop
    stop()


def pages_of_one_upload(browser: Browser, jpeg: bytes) -> tuple[bytes, bytes]:
    """Two forms that hold the same picture."""
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", jpeg)}))
    second = {"name": "second", "photo-0-use": "of-another-form"}
    return page.body({"name": "first"}), page.body(second)


def test_altered_bytes_are_refused_by_name(
    browser: Browser, jpeg: bytes, rewriting: Callable[[], None], injected: Injected
) -> None:
    first, second = pages_of_one_upload(browser, jpeg)
    with injected(3):
        saved = browser.post_body("/product/", first)
        assert saved.status_code == 302
        answer = browser.post_body("/product/", second)
        assert answer.status_code == 200
        (error,) = errors_of(answer, "photo")
        assert error.startswith("“tea.jpg” was changed on the server")
        assert Product.objects.count() == 1
        assert unexplained_files() == []
        # Who sends the first form again is told of their object, and nothing of this.
        again = browser.post_body("/product/", first)
        assert (again.status_code, again.headers["Location"]) == (302, saved.headers["Location"])


def test_copies_stay_usable(
    browser: Browser, jpeg: bytes, rewriting: Callable[[], None], settings: Any, injected: Injected
) -> None:
    settings.GREENROOM = {"PLACE": "copy"}
    first, second = pages_of_one_upload(browser, jpeg)
    with injected(3):
        assert browser.post_body("/product/", first).status_code == 302
        rewriting()
        assert browser.post_body("/product/", second).status_code == 302
        assert Path(Product.objects.get(name="second").photo.path).read_bytes() == jpeg
        assert Path(Product.objects.get(name="first").photo.path).read_bytes() != jpeg
        assert unexplained_files() == []
