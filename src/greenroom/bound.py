"""The bound field of a staged field: reads the post once, so that `clean()` and the page see the same rows."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.db.models import Manager


class StagedBoundField(forms.BoundField):
    """A `BoundField` whose data is read once and then kept, with what `clean()` has found out about it."""

    @cached_property
    def data(self) -> Any:
        """What the widget has read from the post."""
        return super().data

    @cached_property
    def initial(self) -> Any:
        """What the form starts with. Django calls whatever can be called; a related manager can, and takes that amiss."""
        given = self.form.initial.get(self.name, self.field.initial)
        if isinstance(given, Manager):
            self.form.initial = {**self.form.initial, self.name: given.all()}
        return super().initial
