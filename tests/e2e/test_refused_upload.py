"""A script in a real browser sends what is refused, and the person is told why instead of "network error"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.person import Person

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


def test_a_browser_that_sends_1_gb_in_vain_shows_the_reason(
    new_person: Callable[..., Person], big: Path
) -> None:
    person = new_person(javascript=True).go("/backup/")
    person.page.locator("[type=file]").first.set_input_files(big)
    headers = {"Upload-Length": "9000000000000", "Upload-Metadata": "filename dGVhLmJpbg=="}
    status, detail = person.page.evaluate(SEND, headers)
    assert (status, detail) == (
        413,
        "“tea.bin” is too large: at most 12 GB is taken here. Choose a smaller file.",
    )


def test_a_browser_without_a_token_is_told_so(new_person: Callable[..., Person], big: Path) -> None:
    person = new_person(javascript=True).go("/backup/")
    person.page.locator("[type=file]").first.set_input_files(big)
    status, detail = person.page.evaluate(SEND, {"Upload-Length": "5", "X-CSRFToken": "none"})
    assert status == 403
    assert "security token" in detail
