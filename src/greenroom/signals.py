"""Signals. All of them come after the fact, and never inside a transaction that can still roll back."""

from django.dispatch import Signal

promoted = Signal()
"""An upload was saved: `sender` is the model, with `instance`, `upload` (the record) and `name` in the storage."""

received = Signal()
"""An upload was received and is whole: `sender` is `StagedFile`, with `file`."""

expired = Signal()
"""The sweeper removed uploads: `sender` is `Stage`, with `upload_ids`."""
