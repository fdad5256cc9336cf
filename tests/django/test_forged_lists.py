"""Lists of files that no page of ours has sent: nothing is lost, nothing breaks, and no work is done for them."""

import json
from typing import Any

import pytest

from greenroom.images import workers
from greenroom.posted import MAX_ROWS
from tests.django.conftest import Browser
from tests.pages import Page, errors_of, page_of
from tests.shop.models import Album

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(browser: Browser, png: bytes, jpeg: bytes) -> Page:
    """An album form that holds two pictures."""
    return page_of(browser.fill("/album/", {"title": ""}, {"photos": [("a.png", png), ("b.jpg", jpeg)]}))


def state(page: Page, **changes: Any) -> str:
    rows = [
        {"token": page[f"photos-{number}-token"], "use": page[f"photos-{number}-use"]} for number in (0, 1)
    ]
    rows[1] |= changes
    return json.dumps(rows)


@pytest.mark.parametrize(
    "rows",
    [
        '[{"saved": "\\ud800"}]',
        '[{"token": "\\ud800", "name": "\\ud800"}]',
        '[{"token": 1e999, "use": {}}]',
        "[[]]",
    ],
)
def test_text_that_no_page_can_show_is_a_message(browser: Browser, page: Page, rows: str) -> None:
    answer = browser.send("/album/", page, {"title": "tea", "photos-state": rows})
    assert answer.status_code == 200
    assert not Album.objects.exists()


def test_a_use_that_we_have_not_made_is_none(browser: Browser, page: Page) -> None:
    answer = browser.send("/album/", page, {"title": "tea", "photos-state": state(page, use="\u0000\ud800")})
    assert answer.status_code == 302
    assert Album.objects.get().photos.count() == 2


def test_an_absurd_number_is_an_error_of_its_row_only(browser: Browser, page: Page) -> None:
    crop = {"v": 1, "src": [60, 40], "x": 0, "y": 0, "w": 4, "h": 3, "rot": 0, "flip": False}
    text = state(page, crop=crop).replace('"x": 0', '"x": ' + "1" * 6_000)
    answer = browser.send("/album/", page, {"title": "tea", "photos-state": text})
    assert answer.status_code == 200
    again = page_of(answer)
    assert again.names("photos") == ["a.png", "b.jpg"]
    assert "The crop of “b.jpg” cannot be used" in again.text


def test_a_list_that_cannot_be_read_leaves_the_rows(browser: Browser, page: Page) -> None:
    answer = browser.send("/album/", page, {"title": "tea", "photos-state": "{"})
    assert answer.status_code == 200
    assert page_of(answer).names("photos") == ["a.png", "b.jpg"]


def test_too_many_rows_are_counted_before_any_picture_is_rendered(
    browser: Browser, page: Page, monkeypatch: Any
) -> None:
    crop = {"v": 1, "src": [60, 40], "x": 0, "y": 0, "w": 4, "h": 3, "rot": 0, "flip": False}
    rows = [{"token": page["photos-0-token"], "crop": crop | {"x": number}} for number in range(20)]
    jobs: list[Any] = []
    original = workers().run
    monkeypatch.setattr(
        workers(), "run", lambda job, *args, **kw: jobs.append(job) or original(job, *args, **kw)
    )
    answer = browser.send("/album/", page, {"title": "tea", "photos-state": json.dumps(rows)})
    assert "Choose at most 6 files; there are 20" in page_of(answer).text
    assert jobs == []


@pytest.mark.parametrize("with_script", [True, False])
def test_more_rows_than_are_read_are_said_and_never_passed_over(
    browser: Browser, page: Page, with_script: bool
) -> None:
    """What stands behind them would be left out of what is saved, without a word."""
    if with_script:
        rows = [{"removed": True, "token": "x"}] * MAX_ROWS + json.loads(state(page))
        changes = {"photos-state": json.dumps(rows)}
    else:
        changes = {f"photos-{number}-token": "x" for number in range(2, MAX_ROWS + 1)}
        changes |= {f"photos-{number}-remove": "on" for number in range(2, MAX_ROWS + 1)}
    answer = browser.send("/album/", page, {"title": "tea", **changes})
    assert answer.status_code == 200
    assert any("did not arrive in a readable form" in each for each in errors_of(answer, "photos"))
    assert not Album.objects.exists()
