"""The client's names of files, made fit to be used."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greenroom.core.errors import UsageError
from greenroom.core.names import MAX_BYTES, clean_name, clean_type, saved_name, split_name


@pytest.mark.parametrize(
    ("client_name", "clean"),
    [
        ("tea.jpg", "tea.jpg"),
        ("My holiday (1).JPEG", "My holiday (1).JPEG"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\tea\\tea.jpg", "tea.jpg"),
        ("a/b\\c.txt", "c.txt"),
        ("b\\a/c.txt", "c.txt"),
        ("C:tea.jpg", "C_tea.jpg"),
        ("folder/", "file"),
        ("tea\0.jpg", "tea.jpg"),
        ("te\x01a\x7f\x9f.jpg", "tea.jpg"),
        ("tea\r\nSet-Cookie: a=b.jpg", "tea Set-Cookie_ a=b.jpg"),
        ("tea\u202egpj.exe", "teagpj.exe"),
        ("\u2066tea\u2069\u200b.\ufeffjpg", "tea.jpg"),
        ("te\ud800a.jpg", "tea.jpg"),
        ("  green \t\u00a0\u3000 tea .jpg  ", "green tea .jpg"),
        ("green \u200b tea", "green tea"),
        ("Gru\u0308ner Tee.jpg", "Gr\u00fcner Tee.jpg"),
        ("u\u200b\u0308.jpg", "\u00fc.jpg"),
        ('<a>:"b"|?*.txt', "_a___b____.txt"),
        ("", "file"),
        (" ", "file"),
        (".", "file"),
        ("..", "file"),
        ("...", "file"),
        (". . .", "file"),
        ("\u202e", "file"),
        (".htaccess", "htaccess"),
        ("..hidden.txt", "hidden.txt"),
        ("tea.jpg. . ", "tea.jpg"),
        ("a.tar.gz", "a.tar.gz"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("NUL .tar.gz", "_NUL .tar.gz"),
        ("com\u00b9.jpg", "_com\u00b9.jpg"),
        ("Lpt9", "_Lpt9"),
        (".aux", "_aux"),
        ("-rf", "_-rf"),
        ("../--help.txt", "_--help.txt"),
        (". -x", "_-x"),
        ("conin$", "_conin$"),
        ("console.log", "console.log"),
        ("com10", "com10"),
        ("緑茶.png", "緑茶.png"),
    ],
)
def test_clean_name(client_name: str, clean: str) -> None:
    assert clean_name(client_name) == clean


@pytest.mark.parametrize(
    ("client_name", "clean"),
    [
        ("a" * 300 + ".jpg", "a" * 196 + ".jpg"),
        ("a" * 300, "a" * 200),
        ("茶" * 100 + ".jpeg", "茶" * 65 + ".jpeg"),
        ("🍵" * 100 + ".png", "🍵" * 49 + ".png"),
        # the accent (two bytes, not composable with q) would end at byte 197 of 196
        ("a" * 194 + "q\u0308\u0301.jpg", "a" * 194 + ".jpg"),
        ("a" * 192 + "👍🏽.jpg", "a" * 192 + ".jpg"),
        ("a" * 190 + " . . . tea.jpg", "a" * 190 + ".jpg"),
        ("a" * 198 + "." + "b" * 30, "a" * 198 + ".b"),
    ],
)
def test_a_long_name_keeps_its_extension_and_whole_characters(client_name: str, clean: str) -> None:
    assert clean_name(client_name) == clean


def test_a_name_of_nothing_but_accents_is_cut_too() -> None:
    assert clean_name("\u0308" * 300) == "\u0308" * 100


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("tea.jpg", ("tea", ".jpg")),
        ("a.tar.gz", ("a.tar", ".gz")),
        ("TEA.JPG", ("TEA", ".JPG")),
        ("tea", ("tea", "")),
        ("tea.", ("tea.", "")),
        (".htaccess", (".htaccess", "")),
        ("..htaccess", ("..htaccess", "")),
        ("", ("", "")),
        ("v1.2", ("v1.2", "")),
        ("Mr. Smith", ("Mr. Smith", "")),
        ("a.7z", ("a", ".7z")),
        ("a.b/c", ("a.b/c", "")),
        ("a." + "b" * 15, ("a", "." + "b" * 15)),
        ("a." + "b" * 16, ("a." + "b" * 16, "")),
        ("a.茶茶茶茶茶茶", ("a.茶茶茶茶茶茶", "")),
        ("a.b\ud800", ("a", ".b\ud800")),
    ],
)
def test_split_name(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts


@pytest.mark.parametrize(
    ("client_name", "extension", "saved"),
    [
        ("tea.jpeg", ".jpg", "tea.jpg"),
        ("tea.exe", ".png", "tea.png"),
        ("tea", ".png", "tea.png"),
        ("tea.pdf", None, "tea.pdf"),
        ("tea.pdf", "", "tea.pdf"),
        ("v1.2", ".png", "v1.2.png"),
        (".jpg", ".jpg", "jpg.jpg"),
        ("../nul.txt", ".png", "_nul.png"),
        ("", ".png", "file.png"),
        ("a" * 300, ".png", "a" * 196 + ".png"),
        ("茶" * 100 + ".j", ".webp", "茶" * 65 + ".webp"),
    ],
)
def test_saved_name(client_name: str, extension: str | None, saved: str) -> None:
    assert saved_name(client_name, extension) == saved


def test_a_shorter_limit() -> None:
    assert clean_name("CON" + "x" * 99 + ".jpg", max_bytes=32) == "CON" + "x" * 25 + ".jpg"
    assert saved_name("x" * 99, ".jpg", max_bytes=32) == "x" * 28 + ".jpg"
    with pytest.raises(UsageError, match="Got: 31"):
        clean_name("tea.jpg", max_bytes=31)


names = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Lo", "So", "Mn", "Cf", "Cc", "Cs", "Zs", "Po", "Sm"]), max_size=300),
    st.lists(
        st.sampled_from(
            [".", " ", "a", "NUL", "con", "/", "\\", "茶", "🍵", "\u0308", "\u202e", "jpg", "\n", "<"]
        ),
        max_size=120,
    ).map("".join),
)


@given(names, st.sampled_from([32, 33, 64, MAX_BYTES]))
@example("NUL" + "." * 300 + "x", 32)
def test_properties_of_a_clean_name(client_name: str, max_bytes: int) -> None:
    name = clean_name(client_name, max_bytes=max_bytes)
    assert 1 <= len(name.encode("utf-8")) <= max_bytes
    assert clean_name(name, max_bytes=max_bytes) == name
    assert not set(name) & set('/\\<>:"|?*')
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in name)
    assert unicodedata.is_normalized("NFC", name)
    assert name[0] not in ".- "
    assert name[-1] not in ". "
    assert "  " not in name
    assert name.partition(".")[0].strip().lower() not in {"con", "nul", "prn", "aux", "com1"}


@given(names, st.sampled_from([".jpg", ".webp", ".tiff"]))
def test_a_saved_name_is_clean_and_ends_in_its_extension(client_name: str, extension: str) -> None:
    name = saved_name(client_name, extension)
    assert clean_name(name) == name
    assert split_name(name)[1] == extension


@given(names)
def test_the_two_parts_of_a_name_are_the_name(name: str) -> None:
    assert "".join(split_name(name)) == name


@pytest.mark.parametrize(
    ("client_type", "kept"),
    [
        ("image/png", "image/png"),
        ("text/\0html", "text/html"),
        ("text/html\r\nX: y", "text/htmlX: y"),
        ("te\u202ext/\ud800\u00e9", "text/"),
        ("x" * 5_000, "x" * 100),
    ],
)
def test_a_declared_type_is_kept_without_what_no_type_has(client_type: str, kept: str) -> None:
    assert clean_type(client_type) == kept
