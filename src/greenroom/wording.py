"""Refusals and sizes in the person's language."""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as _

from .core import format_size
from .core.errors import Refused

UNITS = (_("B"), _("kB"), _("MB"), _("GB"), _("TB"))
"""What `format_size` writes behind its number."""


def say(refusal: Refused) -> str:
    """The sentence of a refusal, translated together with the phrases and sizes that stand in it."""
    params = {
        key: translated(value) if isinstance(value, str) else value for key, value in refusal.params.items()
    }
    return type(refusal)(name=refusal.name, **params).sentence(
        gettext(refusal.template), gettext(refusal.unnamed), gettext(refusal.quoted)
    )


def say_size(count: int) -> str:
    """A size in bytes as `format_size` says it, in the person's language."""
    return translated(format_size(count))


def translated(text: str) -> str:
    """A phrase of ours, a number of files, or a size: its number as the language writes numbers, and its unit."""
    number, _space, unit = text.rpartition(" ")
    if unit == "files" and number.isdecimal():
        return ngettext("%d file", "%d files", int(number)) % int(number)
    if unit in UNITS and number.replace(".", "", 1).isdecimal():
        return f"{number_format(number)} {gettext(unit)}"
    return gettext(text) if text else ""
