"""A script in a real browser sends what is refused, and the person is told why instead of "network error"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.django.servers import Server, serving
from tests.e2e.person import Person
from tests.pages import files_under

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SEND = """async (headers) => {
  const body = document.querySelector("[type=file]").files[0];
  const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const response = await fetch("/greenroom/uploads/", {
    method: "POST",
    body,
    headers: {
      "Tus-Resumable": "1.0.0",
      "Content-Type": "application/offset+octet-stream",
      "X-CSRFToken": csrf,
      ...headers,
    },
  });
  return [response.status, (await response.json()).detail];
}"""


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """1 GB that takes no room."""
    path = tmp_path / "tea.bin"
    with path.open("wb") as file:
        file.truncate(10**9)
    return path


FORM = """async () => {
  const form = new FormData(document.querySelector("form:has([type=file])"));
  const response = await fetch("", { method: "POST", body: form });
  return [response.status, (await response.text()).includes("is too large: at most 50 MB is taken here")];
}"""


@pytest.fixture(scope="module", params=["gunicorn", "uvicorn"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The tests' project, under each server."""
    yield from serving(Server(request.param, tmp_path_factory.mktemp(request.param)))


@pytest.fixture
def person(new_person: Callable[..., Person]) -> Person:
    return new_person(javascript=True)


def choose(person: Person, url: str, file: Path) -> None:
    person.go(url).page.locator("[type=file]").first.set_input_files(file)


def test_a_browser_that_sends_1_gb_in_vain_shows_the_reason(person: Person, shop: Server, big: Path) -> None:
    choose(person, f"{shop.url}/backup/", big)
    headers = {"Upload-Length": "9000000000000", "Upload-Metadata": "filename dGVhLmJpbg=="}
    status, detail = person.page.evaluate(SEND, headers)
    assert (status, detail) == (
        413,
        "“tea.bin” is too large: at most 5 GB is taken here. Choose a smaller file.",
    )


def test_a_browser_without_a_token_is_told_so(person: Person, shop: Server, big: Path) -> None:
    choose(person, f"{shop.url}/backup/", big)
    status, detail = person.page.evaluate(SEND, {"Upload-Length": "5", "X-CSRFToken": "none"})
    assert status == 403
    assert "security token" in detail


def test_a_browser_that_sends_1_gb_in_a_form_shows_the_reason(
    person: Person, shop: Server, big: Path
) -> None:
    choose(person, f"{shop.url}/paper/", big)
    assert person.page.evaluate(FORM) == [413, True]
    assert files_under(shop.held) == []
