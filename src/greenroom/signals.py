"""Signals. All come after the fact; all but `measured` never inside a transaction that can still roll back."""

from django.dispatch import Signal

promoted = Signal()
"""An upload was saved: `sender` is the model, with `instance`, `upload` (the record) and `name` in the storage.

It is sent once, as a hook of `on_commit`, or at the end of the request if a hook before that one has raised. Nobody is
told of a save that only the sweeper finds (its process was killed behind the commit): its instance is gone. The file is
saved whatever a receiver makes of it: what it raises is logged by Django (`django.dispatch`), and breaks nothing."""

received = Signal()
"""An upload was received and is whole: `sender` is `StagedFile`, with `file`."""

expired = Signal()
"""The sweeper removed uploads: `sender` is `Stage`, with `upload_ids`."""

measured = Signal()
"""Something was done or refused: `sender` is `greenroom.measures.Measure`, with `measure`. It is sent at once, perhaps in
the middle of a transaction, so a receiver counts and does not ask the database."""
