"""Every way of saying no has a code of its own and a whole sentence for a person."""

import pickle
import re

import pytest

from greenroom.core import errors
from greenroom.core.errors import GreenroomError, Refused, UsageError

KINDS = sorted(
    {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GreenroomError)},
    key=lambda kind: kind.__name__,
)
REFUSALS = [kind for kind in KINDS if issubclass(kind, Refused)]
NAMES = [kind.__name__ for kind in REFUSALS]


def documented(kind: type[GreenroomError]) -> set[str]:
    """The params that the docstring lists after "Params:"."""
    _, _, params = (kind.__doc__ or "").partition("Params:")
    return set(re.findall(r"`(\w+)`", params))


def example(kind: type[Refused], **name: str) -> Refused:
    return kind(**name, **{param: f"<{param}>" for param in documented(kind)})


def test_there_are_refusals() -> None:
    assert len(REFUSALS) > 20


def test_codes_are_unique_and_stable_in_form() -> None:
    codes = [kind.__dict__.get("code") for kind in KINDS]
    assert None not in codes, "each has a code of its own"
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", REFUSALS, ids=NAMES)
def test_the_sentence_is_filled_from_what_is_documented(kind: type[Refused]) -> None:
    places = set(re.findall(r"%\((\w+)\)s", kind.template))
    assert places - {"name"} == documented(kind)
    sentence = str(example(kind, name="tea.jpg"))
    assert "“tea.jpg”" in sentence
    assert all(f"<{param}>" in sentence for param in documented(kind))
    assert "%" not in sentence
    assert sentence.endswith(".")
    assert "  " not in sentence
    assert sentence[0].isupper() or sentence.startswith("“tea.jpg”")


@pytest.mark.parametrize("kind", REFUSALS, ids=NAMES)
def test_without_a_name_it_is_about_this_file(kind: type[Refused]) -> None:
    sentence = str(example(kind))
    assert "this file" in sentence.lower()
    assert "“" not in sentence


@pytest.mark.parametrize("kind", REFUSALS, ids=NAMES)
def test_it_can_be_given_a_name_later(kind: type[Refused]) -> None:
    named = example(kind).named("tea.jpg")
    assert type(named) is kind
    assert str(named) == str(example(kind, name="tea.jpg"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_has_a_docstring_of_its_own(kind: type[GreenroomError]) -> None:
    assert kind.__dict__.get("__doc__")


def test_a_name_is_put_in_as_it_is() -> None:
    assert str(errors.Altered(name="100 %(limit)s.jpg")).startswith("“100 %(limit)s.jpg” was")


def test_an_adapter_can_put_its_own_words() -> None:
    refusal = errors.TooLarge(name="thé.jpg", limit="10 Mo")
    assert (
        refusal.sentence("%(name)s dépasse %(limit)s.", "Ce fichier", "« %(name)s »")
        == "« thé.jpg » dépasse 10 Mo."
    )
    assert (
        errors.EmptyFile().sentence("%(name)s est vide.", "Ce fichier", "« %(name)s »")
        == "Ce fichier est vide."
    )


def test_a_traceback_shows_code_and_values() -> None:
    assert (
        repr(errors.TooLarge(name="tea.jpg", limit="10 MB")) == """TooLarge("too_large {'limit': '10 MB'}")"""
    )
    assert repr(errors.NotHeld()) == "NotHeld('not_held')"


def test_a_mistake_of_the_caller_says_what_came() -> None:
    assert str(UsageError("A size is a number.", "tea")) == "A size is a number. Got: 'tea'"


def test_a_refusal_survives_being_pickled() -> None:
    refusal = errors.TooLarge(name="tea.jpg", limit="10 MB")
    again = pickle.loads(pickle.dumps(refusal))  # noqa: S301 - our own bytes
    assert (type(again), str(again)) == (errors.TooLarge, str(refusal))
