"""The journal of claims: what is being saved where, written down beside the bytes before it happens.

A database rolls its own entries back; a file system does not. So before anything is put under a final
name, a claim that names it is written beside the held bytes. Whoever finds a claim later can ask whether
the save became true, and undo the placing if it did not.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Self

from .errors import Refused
from .store import SideFiles
from .upload import Upload, new_id

PREFIX = "claim-"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One attempt to save one upload.

    `use` is the form's one chance that it takes, `target` says what kind of place it is (a model's field),
    `place` is the name in it, `source` the side file that is put there (empty: the upload's own bytes),
    `database` is where the row that names it is written (empty: nobody has written it down). `content` is what stands
    for the bytes in the use, whatever the record says later (empty: what the record says). `id` names the journal's
    entry.
    """

    id: str
    upload_id: str
    use: str
    target: str
    source: str = ""
    place: str = ""
    database: str = ""
    content: str = ""

    @classmethod
    def new(cls, upload_id: str, *, use: str, target: str, **others: str) -> Self:
        """A claim with a fresh id; without a use it gets one of its own, which nobody else can take."""
        claim_id = new_id()
        return cls(id=claim_id, upload_id=upload_id, use=use or claim_id, target=target, **others)

    def known(self, upload: Upload) -> Upload:
        """The record of its upload as the use was taken by it."""
        return replace(upload, digest=self.content) if self.content not in ("", upload.digest) else upload

    def write(self, store: SideFiles) -> None:
        """Durable before the bytes are placed."""
        store.put_beside(self.upload_id, PREFIX + self.id, json.dumps(asdict(self)).encode())

    def erase(self, store: SideFiles) -> None:
        """The claim is settled, one way or the other. One that cannot be erased now is settled once more by the sweeper."""
        with contextlib.suppress(Refused):
            store.remove_beside(self.upload_id, PREFIX + self.id)


class UnreadableClaim(Exception):
    """A claim that says nothing: nobody can tell what was to be saved where, so a person has to look."""


def is_claimed(store: SideFiles, upload_id: str) -> bool:
    """Whether there is a claim that is not settled."""
    return any(name.startswith(PREFIX) for name in store.list_beside(upload_id))


def claims_of(store: SideFiles, upload_id: str) -> Iterator[Claim]:
    """The claims that are not settled. Raises `UnreadableClaim` for a damaged one: we write none that is not whole."""
    for name in store.list_beside(upload_id):
        if name.startswith(PREFIX):
            try:
                values = json.loads(store.read_beside(upload_id, name))
                # An entry may be older than this program, and say more than is asked of it now.
                yield Claim(**{each.name: values[each.name] for each in fields(Claim) if each.name in values})
            except FileNotFoundError:
                continue  # settled by somebody else since the names were read
            except (ValueError, TypeError) as error:
                raise UnreadableClaim(f"{name} of upload {upload_id}") from error
