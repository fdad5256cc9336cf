"""The record of one upload, and the only ways in which it may change."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from .errors import IllegalTransition, NotHeld

_ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


def new_id() -> str:
    """128 random bits as 22 URL-safe characters. Names are made by the server, never by the client."""
    return secrets.token_urlsafe(16)


def is_id(text: object) -> bool:
    """Whether `text` has the form of an id (stores use ids as names of files, so this is checked there)."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


class State(StrEnum):
    """`receiving -> staged -> promoted`. Discarded and expired are absence."""

    RECEIVING = "receiving"
    STAGED = "staged"
    PROMOTED = "promoted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What a probe found in the header of a picture and proved by decoding it.

    `width` and `height` are in pixels, after the stored EXIF `orientation` (1 to 8) is applied.
    """

    media_type: str
    width: int
    height: int
    orientation: int = 1
    frames: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """An upload that is held. Times are seconds since the epoch, by the ledger's clock; sizes are bytes.

    `offset` is how many bytes are durable; of a staged upload it is the size. `length` is what the
    client declared, `reserved` what is counted against the ceilings while the bytes come. `digest` says by
    which algorithm it was made (`sha256:9f86d0...`), and is empty when none was taken.
    `stamp` is the store's fingerprint of the finished bytes; `epoch` rises with every change of
    writer, so that an overtaken one is told apart. `policy` is the nonce of the intake policy that it came by, if
    there was one: it counts together with the others of that policy. `terms` is what an adapter agreed on with the
    client when the upload was created, in the adapter's own JSON. A record that has a `buried_at` is a tombstone: for
    everybody it is absence, and it stands until the bytes that it explains are gone.
    """

    id: str
    owner: str
    client_name: str
    client_type: str
    created_at: float
    expires_at: float
    state: State = State.RECEIVING
    length: int | None = None
    reserved: int = 0
    offset: int = 0
    epoch: int = 0
    digest: str = ""
    media_type: str = ""
    stamp: str = ""
    picture: Picture | None = None
    policy: str = ""
    terms: str = ""
    staged_at: float | None = None
    promoted_at: float | None = None
    buried_at: float | None = None

    @property
    def size(self) -> int:
        """How many bytes are here."""
        return self.offset

    def received(self, offset: int) -> Self:
        """More bytes are durable: `receiving` stays `receiving`."""
        self._require(State.RECEIVING)
        if offset < self.offset:
            raise IllegalTransition(f"The offset of {self.id} only grows. Got: {self.offset} -> {offset}")
        return replace(self, offset=offset)

    def staged(self, *, size: int, digest: str, media_type: str, stamp: str, at: float) -> Self:
        """All bytes are here: `receiving -> staged`. From now on they do not change."""
        self._require(State.RECEIVING)
        return replace(
            self,
            state=State.STAGED,
            offset=size,
            reserved=0,
            digest=digest,
            media_type=media_type,
            stamp=stamp,
            staged_at=at,
        )

    def probed(self, picture: Picture) -> Self:
        """What was found inside is written down once, so that nobody has to look again."""
        return replace(self, picture=picture, media_type=picture.media_type)

    def promoted(self, *, at: float, expires_at: float) -> Self:
        """It has been saved (again): `staged -> promoted`, `promoted -> promoted`."""
        self._require(State.STAGED, State.PROMOTED)
        return replace(self, state=State.PROMOTED, promoted_at=at, expires_at=expires_at)

    def leased(self, expires_at: float) -> Self:
        """Somebody used it, so it is kept until `expires_at` at least."""
        return replace(self, expires_at=max(self.expires_at, expires_at))

    def renewed(self, expires_at: float, *, now: float) -> Self:
        """The same because bytes arrive. What has expired is absence: it counts no more, and others may have come."""
        if self.expires_at <= now:
            raise NotHeld(name=self.client_name)
        return self.leased(expires_at)

    def _require(self, *states: State) -> None:
        if self.state not in states:
            raise IllegalTransition(
                f"Upload {self.id} must be {' or '.join(states)} for this. Got: {self.state}"
            )
