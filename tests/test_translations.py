"""The catalogues: every sentence of the source is in every language, with its places, and compiled as it is written."""

from __future__ import annotations

import gettext
import io
import re

import pytest
from django.utils.translation import override

from greenroom.core.errors import QuotaExceeded
from greenroom.forms import StagedFilesField
from greenroom.phrases import SAMPLES, phrases
from greenroom.wording import say
from scripts.translations import LOCALE, PLURALS, Entry, compiled, extract, forms_of, read_po, write_po

PLACE = re.compile(r"%\(\w+\)[sd]|%[sd]")
LANGUAGES = sorted(PLURALS)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def catalogue(language: str) -> dict[str, Entry]:
    found = read_po((LOCALE / language / "LC_MESSAGES/django.po").read_text())
    del found[""]
    return found


def test_what_the_element_says_is_found_in_the_source() -> None:
    said = {
        form for phrase in phrases().values() for form in ([phrase] if isinstance(phrase, str) else phrase)
    }
    source = extract()
    assert said <= set(source) | {each.plural for each in source.values()}


def test_every_sentence_has_a_translation_and_no_other(language: str, catalogue: dict[str, Entry]) -> None:
    source = extract()
    assert catalogue.keys() ^ source.keys() == set(), "run scripts/translations.py, and translate what is new"
    for msgid, entry in catalogue.items():
        assert entry.plural == source[msgid].plural
        assert len(entry.forms) == (forms_of(language) if entry.plural else 1), msgid
        assert all(entry.forms), f"{msgid!r} has no translation"


def test_the_places_for_values_agree(catalogue: dict[str, Entry]) -> None:
    for msgid, entry in catalogue.items():
        places = sorted(PLACE.findall(msgid))
        for form in entry.forms:
            assert sorted(PLACE.findall(form)) == places, (msgid, form)
            assert "%" not in PLACE.sub("", form), form


@pytest.mark.parametrize("tag", ["en", *LANGUAGES])
def test_a_button_is_called_by_the_words_that_are_seen_on_it(tag: str) -> None:
    """WCAG 2.5.3: whoever speaks to the browser says what they see."""
    with override(tag):
        words = phrases()
    for key in ("choose", "crop", "pause", "replace", "resume", "retry", "send_whole", "undo"):
        seen, name = str(words[key]), str(words[f"{key}_name"])
        assert seen.casefold() in name.casefold(), (seen, name)


def test_values_in_arabic_have_a_direction_of_their_own() -> None:
    """Between U+2068 and U+2069: a name or "20 MB" would else change places with what stands beside it."""
    for entry in read_po((LOCALE / "ar/LC_MESSAGES/django.po").read_text()).values():
        for form in entry.forms:
            bare = re.sub(r"\u2068(%\(\w+\)s|%s)\u2069", "", form)
            assert not re.search(r"%\(\w+\)s|%s", bare), form


def test_what_is_compiled_is_what_is_written(language: str) -> None:
    path = LOCALE / language / "LC_MESSAGES/django.po"
    written = read_po(path.read_text())
    assert path.with_suffix(".mo").read_bytes() == compiled(written), "run scripts/translations.py"
    assert read_po(write_po(language, extract(), written)) == written


@pytest.mark.parametrize(
    ("language", "forms"),
    [("ar", [0, 1, 2, 3, 3, 4, 5]), ("de", [1, 0, 1, 1, 1, 1, 1]), ("fr", [0, 0, 1, 1, 1, 1, 1])],
)
def test_what_is_counted_has_the_form_of_its_number(
    language: str, forms: list[int], catalogue: dict[str, Entry]
) -> None:
    data = (LOCALE / language / "LC_MESSAGES/django.mo").read_bytes()
    translations = gettext.GNUTranslations(io.BytesIO(data))
    entry = catalogue["%(n)s file added"]
    found = [translations.ngettext(entry.msgid, entry.plural, number) for number in SAMPLES]
    assert found == [entry.forms[form] for form in forms]


@pytest.mark.parametrize(
    ("language", "limit", "words"),
    [
        ("de", "1 files", "1 Datei"),
        ("de", "100 files", "100 Dateien"),
        ("fr", "1 files", "1 fichier"),
        ("es", "100 files", "100 archivos"),
        ("ar", "3 files", "3 ملفات"),
        ("en", "1 files", "1 file"),
        ("fr", "1.5 GB", "1,5 Go"),
    ],
)
def test_a_ceiling_is_counted_in_the_language(language: str, limit: str, words: str) -> None:
    with override(language):
        assert (
            words in re.sub("[\u2068\u2069]", "", say(QuotaExceeded(name="a.txt", limit=limit))).split(":")[1]
        )


def test_how_many_may_be_chosen_is_counted_in_the_language() -> None:
    messages = StagedFilesField.default_error_messages
    with override("de"):
        assert messages["max_num"] % {"max": 1, "count": 2} == (
            "Wählen Sie höchstens 1 Datei; es sind 2. Markieren Sie einige zum Entfernen."
        )
        assert messages["min_num"] % {"min": 2, "count": 1} == "Wählen Sie mindestens 2 Dateien; es ist 1."


def test_a_catalogue_is_read_as_gettext_writes_it() -> None:
    """By hand, or by an editor for catalogues: over several lines, with remarks."""
    text = '#. for buttons\n#: a.py:1\n#, python-format\nmsgid ""\n"One "\n"file"\nmsgstr "Eine \\"Datei\\"\\n"\n'
    assert read_po(text) == {"One file": Entry("One file", "", [], ['Eine "Datei"\n'])}
