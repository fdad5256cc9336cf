"""Creations that are sent again because the answer to the first was lost: word for word, and byte for byte.

Where the field has no room for another file they are answered with what the first has made: nothing is kept twice, and
nothing is given up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .core import Upload
from .core.ledger import Ledger
from .core.names import clean_name
from .terms import Terms
from .wire.messages import Create


def made_by(command: Create, terms: Terms, uploads: Iterable[Upload], size: int | None) -> Upload | None:
    """The last of `uploads` that the same words, with a body of `size` bytes, may have made.

    What its client has gone on with or asked for is another file to it, of which it may give up the one and keep the
    other. Without a length nobody knows what is asked for.
    """
    words = (clean_name(command.client_name), command.client_type, terms.encode(), 0)
    if command.length is None or not command.has_content:
        return None
    alike = (
        each for each in uploads if (each.client_name, each.client_type, each.terms, each.epoch) == words
    )
    # The draft's length is among the terms; that of tus is the record's own.
    same = (each for each in alike if command.ends is not None or each.length == command.length)
    fitting = (each for each in same if size in (None, each.offset))
    return max(fitting, key=lambda each: each.created_at, default=None)


def mark_seen(ledger: Ledger, upload: Upload) -> None:
    """Its client knows it: a creation like its own makes another upload from now on."""
    terms = Terms.decode(upload.terms)
    if upload.policy and not terms.seen:
        ledger.swap(upload, replace(upload, terms=replace(terms, seen=True).encode()))
