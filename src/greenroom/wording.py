"""Refusals in the person's language."""

from __future__ import annotations

from django.utils.translation import gettext

from .core.errors import Refused


def say(refusal: Refused) -> str:
    """The sentence of a refusal, translated together with the phrases that stand in it."""
    params = {
        key: gettext(value) if isinstance(value, str) and value else value
        for key, value in refusal.params.items()
    }
    translated = type(refusal)(name=refusal.name, **params)
    return translated.sentence(gettext(refusal.template), gettext(refusal.unnamed))
