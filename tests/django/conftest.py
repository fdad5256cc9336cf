"""What the tests of the Django app share: a browser, a person's files, and places of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from greenroom.files import OwnersStage, StagedFile
from greenroom.middleware import end
from greenroom.owners import Visit, visiting
from tests.disks import other_device
from tests.images import pictures
from tests.pages import CONTENT_TYPE, File, Page, files_under, page_of

__all__ = ["other_device"]


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    """Every test has a MEDIA_ROOT, and beside it a store, of its own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    return settings.MEDIA_ROOT


@pytest.fixture
def held_root(media: Path) -> Path:
    """Where the default store keeps held bytes."""
    return media.parent / "greenroom-held"


class Browser:
    """A person with a browser: cookies, CSRF checks as in life, and no JavaScript."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)

    def get(self, url: str) -> Page:
        response = self.client.get(url)
        assert response.status_code == 200, response
        return page_of(response)

    def post_body(self, url: str, body: bytes, **headers: Any) -> Any:
        return self.client.generic("POST", url, body, content_type=CONTENT_TYPE, **headers)

    def send(
        self,
        url: str,
        page: Page,
        changes: Mapping[str, str | None] | None = None,
        files: Mapping[str, File | Sequence[File]] | None = None,
    ) -> Any:
        """Submit the form of a page."""
        return self.post_body(url, page.body(changes, files))

    def fill(
        self,
        url: str,
        changes: Mapping[str, str | None] | None = None,
        files: Mapping[str, File | Sequence[File]] | None = None,
    ) -> Any:
        """Open a page and submit its form."""
        return self.send(url, self.get(url), changes, files)


@pytest.fixture
def browser() -> Browser:
    return Browser()


class Guest:
    """An owner without a browser: holds files, and ends requests."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.stage = OwnersStage(visit.stage)

    def hold(self, data: bytes, name: str = "tea.bin", use: str = "") -> StagedFile:
        file = self.stage.receive([data], client_name=name)
        file.use = use
        return file

    def end_request(self) -> None:
        """What the middleware does when the answer is out."""
        end(self.visit)

    def claims(self, file: StagedFile) -> list[str]:
        """The journal beside an upload."""
        return [each for each in self.visit.stage.store.list_beside(file.upload.id) if "claim" in each]  # type: ignore[attr-defined]


@pytest.fixture
def guest(db: None) -> Iterator[Guest]:
    with visiting(Visit(find_owner=lambda create: "session:guest")) as visit:
        yield Guest(visit)


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    return pictures.encoded(pictures.coded(120, 90), "jpeg")


@pytest.fixture(scope="session")
def png() -> bytes:
    return pictures.encoded(pictures.coded(120, 90), "png")


@pytest.fixture(scope="session")
def gif() -> bytes:
    return pictures.encoded(pictures.coded(60, 60), "gif")


@pytest.fixture
def saved_files(media: Path) -> Callable[[], list[Path]]:
    """What is in MEDIA_ROOT, as a function."""
    return lambda: files_under(media)
