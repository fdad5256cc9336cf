"""What an upload protocol makes of a request (a command), and what it is told to answer with.

Both protocols speak in these: the driver that moves the bytes does not know which one it serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .digest import Checksum


@dataclass(frozen=True, kw_only=True)
class Create:
    """Begin an upload. `length` is the declared size in bytes, or None while it is unknown.

    `ends` says whether the body of this request is the end of the file; None leaves that to the length.
    `whole` are the checksums that the whole file must have, `wanted` the algorithm of a digest that is to be told of
    it, by hashlib's name; `metadata` is what is to be repeated as it came.
    """

    length: int | None
    client_name: str = ""
    client_type: str = ""
    policy: str = ""
    metadata: str = ""
    has_content: bool = False
    ends: bool | None = None
    checksums: tuple[Checksum, ...] = ()
    whole: tuple[Checksum, ...] = ()
    wanted: str = ""


@dataclass(frozen=True, kw_only=True)
class Append:
    """Go on at byte `offset`; the rest as in `Create`."""

    offset: int
    length: int | None = None
    ends: bool | None = None
    checksums: tuple[Checksum, ...] = ()
    whole: tuple[Checksum, ...] = ()
    wanted: str = ""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How far has it come?"""


@dataclass(frozen=True, kw_only=True)
class Discard:
    """Give it up."""


@dataclass(frozen=True, kw_only=True)
class Describe:
    """What can be done here?"""


Command = Create | Append | Look | Discard | Describe


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a protocol may tell about an upload. Sizes are bytes; `max_size` is what this upload may have.

    `expires_at` is in seconds since the epoch, `seconds_left` from now. `digest` is the algorithm's name, a
    colon and hex; it is there only when the upload is `complete`, like `media_type`, and not for every one. `wanted` is
    another, which the client has asked for.
    """

    url: str
    token: str
    offset: int
    length: int | None
    complete: bool
    expires_at: float
    seconds_left: int
    max_size: int | None = None
    metadata: str = ""
    client_name: str = ""
    media_type: str = ""
    digest: str = ""
    wanted: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response: status, header fields by their usual spelling, body. `reason` are the words of a status that nobody
    else has; empty are the usual ones."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reason: str = ""
