"""Creations that are sent again because the answer to the first was lost: word for word, and byte for byte.

Where there is no room for another file they are answered with what the first has made, if that is whole; if nothing of it
has come, it makes way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, BinaryIO

from .core import State, Upload
from .core.digests import piece_of
from .core.errors import ChecksumMismatch
from .core.ledger import Ledger
from .core.names import clean_name
from .terms import Terms
from .wire.digest import Checksum
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


def brings_again(pieces: Iterable[Any], held: BinaryIO, checksums: Iterable[Checksum], name: str) -> bool:
    """Whether `pieces` are the bytes in `held`, from the first to the last. No more of them are taken than are the same.

    Raises `ChecksumMismatch` where they are, and not what was announced.
    """
    digests = [(each, each.new()) for each in checksums]
    for piece in pieces:
        if piece != piece_of(held, len(piece)):
            return False
        for _checksum, digest in digests:
            digest.update(piece)
    if held.read(1):
        return False
    if not all(checksum.matches(digest.digest()) for checksum, digest in digests):
        raise ChecksumMismatch(name=name)
    return True


def is_waiting_for(upload: Upload, name: str, length: int | None) -> bool:
    """Whether it was made for a file of that name and length in bytes, of which the ledger knows no byte."""
    declared = upload.length if upload.length is not None else Terms.decode(upload.terms).length
    nothing_came = upload.state is State.RECEIVING and upload.offset == 0
    return nothing_came and (upload.client_name, declared) == (name, length)


def mark_seen(ledger: Ledger, upload: Upload) -> None:
    """Its client knows it: a creation like its own makes another upload from now on."""
    terms = Terms.decode(upload.terms)
    if upload.policy and not terms.seen:
        ledger.swap(upload, replace(upload, terms=replace(terms, seen=True).encode()))
