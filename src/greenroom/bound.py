"""The bound field of a staged field: reads the post once, so that `clean()` and the page see the same rows."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms


class StagedBoundField(forms.BoundField):
    """A `BoundField` whose data is read once and then kept, with what `clean()` has found out about it."""

    @cached_property
    def data(self) -> Any:
        """What the widget has read from the post."""
        return super().data
