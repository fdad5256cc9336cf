"""A picture is checked; a file of any kind is saved; the same fields in the Django admin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.person import Person, digests, sha256

pytestmark = pytest.mark.e2e

LIMIT = 2_000_000


def padded(picture: Path, size: int) -> Path:
    """The picture with bytes behind its end, which no decoder minds, so that it has exactly `size`."""
    path = picture.with_name(f"of-{size}-bytes{picture.suffix}")
    path.write_bytes(picture.read_bytes().ljust(size, b"\0"))
    return path


def test_a_picture_is_analysed_and_then_saved(person: Person, samples: Path) -> None:
    lake = samples / "lake-on-its-side.jpg"
    person.go("/check/").choose("picture", lake)
    person.send("Analyse")
    facts = person.page.locator(".facts").inner_text()
    for fact in ("image/jpeg", "1200 × 1600", "6 (turned", sha256(lake)):
        assert fact in facts
    person.send("Save it")
    assert digests(person.saved()) == [sha256(lake)]


def test_white_and_large_pictures_are_refused_in_words(person: Person, samples: Path) -> None:
    person.go("/check/").choose("picture", samples / "all-white.png")
    person.send("Analyse")
    assert person.errors() == [
        "“all-white.png” shows nothing: the whole picture is the one colour #ffffff. Choose another one."
    ]
    person.choose("picture", padded(samples / "lake-on-its-side.jpg", LIMIT + 1))
    person.send("Analyse")
    (message,) = person.errors()
    assert "of-2000001-bytes.jpg" in message
    assert "2 MB" in message
    person.choose("picture", padded(samples / "lake-on-its-side.jpg", LIMIT))
    person.send("Analyse")
    assert person.errors() == []
    assert "2,000,000 bytes" in person.page.locator(".facts").inner_text()


def test_without_a_form_what_is_refused_is_400(person: Person, samples: Path) -> None:
    person.go("/check/direct/").choose("picture", samples / "teapot.gif")
    person.send("Analyse")
    assert "20" in person.page.locator(".facts").inner_text()
    person.choose("picture", samples / "all-white.png")
    with person.page.expect_response("**/check/direct/") as answer:
        person.send("Analyse")
    assert answer.value.status == 400
    assert "“all-white.png” shows nothing" in person.page.locator("main").inner_text()


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("teapot.gif", 200, "b168bce3"),
        ("all-white.png", 400, "shows nothing"),
        ("of-2000001-bytes.gif", 400, "2 MB"),
    ],
)
def test_scripts_get_json(visitor: Person, samples: Path, name: str, status: int, words: str) -> None:
    padded(samples / "teapot.gif", LIMIT + 1)
    answer = visitor.page.request.post(
        "/check/direct/",
        multipart={"picture": {"name": name, "mimeType": "image/x", "buffer": (samples / name).read_bytes()}},
        headers={"Accept": "application/json"},
    )
    assert answer.status == status
    assert "json" in answer.headers["content-type"]
    if status == 200:
        assert answer.json()["sha256"] == sha256(samples / name)
    else:
        assert words in answer.json()["detail"]


@pytest.mark.parametrize("data", [bytes(range(256)) * 12_000, b"", b"\0"], ids=["3 MB", "empty", "one byte"])
def test_any_file_is_saved_as_it_is(visitor: Person, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "archive.bin"
    path.write_bytes(data)
    visitor.go("/backup/").choose("file", path)
    visitor.send("Upload and save")
    (file,) = visitor.saved()
    assert (file["sha256"], file["size"]) == (sha256(path), len(data))
    assert (file["width"], file["height"], file["crop"]) == (None, None, None)


def test_a_backup_by_hand(person: Person, samples: Path) -> None:
    person.go("/backup/")
    person.send("Upload and save")
    assert person.errors() == ["Choose a file."]
    person.choose("file", samples / "winter.tif")
    person.send("Upload and save")
    assert digests(person.saved()) == [sha256(samples / "winter.tif")]


def test_saved_files_are_inert(visitor: Person, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><script>document.title = 'run'</script>")
    visitor.go("/backup/").choose("file", path)
    visitor.send("Upload and save")
    answer = visitor.page.request.get(visitor.saved()[0]["url"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def log_in(person: Person) -> None:
    person.go("/admin/")
    person.write("username", "admin")
    person.write("password", "greenroom")
    person.send("Log in")


def admin_errors(person: Person) -> list[str]:
    return person.page.locator(".errorlist li").all_inner_texts()


def test_the_admin_keeps_what_was_chosen_and_saves_it(person: Person, samples: Path) -> None:
    log_in(person)
    person.go("/admin/gallery/product/add/").choose("photo", samples / "dunes.avif")
    person.choose("details-0-image", samples / "leaf.png")
    person.write("details-0-caption", "A leaf")
    person.page.locator("#id_name").evaluate("each => each.required = false")
    person.send("Save and continue editing")
    assert admin_errors(person) == ["This field is required."]
    assert person.rows() == ["dunes.avif", "leaf.png"]
    person.pictures_load()
    person.crop("photo-0", w=1200)
    person.crop("details-0-image-0", x=10, y=20, w=300)
    person.write("name", "Tea")
    person.send("Save and continue editing")
    assert admin_errors(person) == []

    page = person.page.get_by_role("link", name="View on site").get_attribute("href")
    held = person.page.request.get("/admin/greenroom/stagedupload/").text()
    assert "dunes.avif" in held
    person.page.goto(page)
    photo, detail = person.saved()
    assert (photo["field"], photo["width"], photo["height"]) == ("photo", 1200, 900)
    assert (detail["field"], detail["crop"]["x"], detail["crop"]["y"]) == ("details", 10, 20)
    assert (detail["width"], detail["height"]) == (300, 300)


def test_a_row_that_the_admins_script_has_added(new_person: Callable[..., Person], samples: Path) -> None:
    person = new_person(javascript=True)
    log_in(person)
    person.go("/admin/gallery/product/add/")
    person.write("name", "Rows")
    person.page.locator(".add-row a").click()
    person.choose("details-0-image", samples / "leaf.png")
    person.choose("details-1-image", samples / "teapot.gif")
    person.send("Save and continue editing")
    assert admin_errors(person) == []
    person.page.goto(person.page.get_by_role("link", name="View on site").get_attribute("href"))
    assert digests(person.saved()) == [sha256(samples / "leaf.png"), sha256(samples / "teapot.gif")]


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("😀", "file"),
        ("!!!.gif", "file"),
        ("Tee für zwei.gif", "Tee_für_zwei"),
        ("茶" * 80 + ".gif", "茶" * 60),
    ],
)
def test_whatever_a_file_is_called_it_is_saved(visitor: Person, samples: Path, name: str, saved: str) -> None:
    (samples / name).write_bytes((samples / "teapot.gif").read_bytes())
    visitor.go("/backup/").choose("file", samples / name)
    visitor.send("Upload and save")
    (file,) = visitor.saved()
    assert file["name"].startswith(saved)
    assert visitor.page.request.get(file["url"]).body() == (samples / "teapot.gif").read_bytes()
