"""How much may be held at once, and by whom: the rules that every ledger applies to what it has counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .errors import AddressExceeded, DiskFull, QuotaExceeded, TooLarge, TooMany, TotalExceeded
from .limits import format_size, parse_size
from .store import Bounded
from .upload import State, Upload

AHEAD = 64 * 2**20
"""What comes without a length is counted in pieces of so many bytes, so that not every read asks the ledger."""


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """How much may be held at once: uploads, and bytes over all of them. None is no ceiling.

    `uploads` and `bytes` are those of one owner, `policy_uploads` of the owner's those that came by one intake policy,
    `total_...` of all owners together, `address_...` of the owners who have newly come from one address, where the
    ledger knows of addresses. `store` is asked for the room on its disk.
    """

    uploads: int = 100
    bytes: int | str = "5 GB"
    policy_uploads: int | None = None
    total_uploads: int | None = None
    total_bytes: int | str | None = None
    address_uploads: int | None = None
    address_bytes: int | str | None = None
    store: Bounded | None = None

    def __post_init__(self) -> None:
        for name in ("bytes", "total_bytes", "address_bytes"):
            size = getattr(self, name)
            object.__setattr__(self, name, None if size is None else parse_size(size))

    @property
    def largest(self) -> int:
        """The largest upload that anybody may hold: `bytes` as an int, whatever it was declared as."""
        return parse_size(self.bytes)

    @property
    def counts_all(self) -> bool:
        """Whether there is a ceiling over all owners."""
        return self.total_uploads is not None or self.total_bytes is not None

    @property
    def counts_addresses(self) -> bool:
        """Whether there is a ceiling for those who have newly come from one address."""
        return self.address_uploads is not None or self.address_bytes is not None

    def check(self, upload: Upload, count: int, held: int) -> None:
        """Raise `QuotaExceeded` if `upload` cannot be added to `count` uploads of `held` bytes, the owner's own.

        `TooLarge` if it could not be even if nothing waited: then saving some of what does would not help.
        """
        if counted_bytes(upload) > self.largest:
            raise TooLarge(name=upload.client_name, limit=format_size(self.largest))
        over = reached(upload, count, held, self.uploads, self.bytes)
        if over:
            raise QuotaExceeded(name=upload.client_name, limit=over)

    def counts_policy_of(self, upload: Upload) -> bool:
        """Whether there is a ceiling for those that came by the same intake policy."""
        return self.policy_uploads is not None and bool(upload.policy)

    def check_policy(self, upload: Upload, count: int) -> None:
        """Raise `TooMany` if it cannot be added to the `count` of its owner's that came by its intake policy."""
        if self.policy_uploads is not None and count >= self.policy_uploads:
            raise TooMany(name=upload.client_name, limit=self.policy_uploads)

    def check_all(self, upload: Upload, count: int, held: int) -> None:
        """Raise `TotalExceeded` if it cannot be added to what all owners hold."""
        if reached(upload, count, held, self.total_uploads, self.total_bytes):
            raise TotalExceeded(name=upload.client_name)

    def check_address(self, upload: Upload, count: int, held: int) -> None:
        """Raise `AddressExceeded` if it cannot be added to what the new owners of its address hold."""
        if reached(upload, count, held, self.address_uploads, self.address_bytes):
            raise AddressExceeded(name=upload.client_name)

    def needs_room(self, upload: Upload) -> bool:
        """Whether the room on the disk has to be shared out among `upload` and the others."""
        return self.store is not None and upload.reserved > 0

    def check_room(self, upload: Upload, at_most: int, coming: Callable[[], Mapping[str, int]]) -> None:
        """Raise `DiskFull` if there will be no room for `upload` once everything else has come.

        Of the others `at_most` bytes are still to come, as far as the ledger knows: it hears of them last. Only if
        that does not fit, `coming` is asked what is reserved for each, and the store how much of it is here.
        """
        if self.store is None or at_most + still_to_come(upload) <= self.store.room():
            return
        # In this order: what arrives in between is counted twice, and never not at all.
        to_come = sum(max(reserved - self.store.size(each), 0) for each, reserved in coming().items())
        to_come += max(upload.reserved - self.store.size(upload.id), 0)
        if to_come > self.store.room():
            raise DiskFull(name=upload.client_name)


def reached(upload: Upload, count: int, held: int, uploads: int | None, size: int | str | None) -> str:
    """The ceiling that stands in the way of one more upload, as a person reads it; empty if none does."""
    if uploads is not None and count >= uploads:
        return f"{uploads} files"
    if size is not None and held + counted_bytes(upload) > parse_size(size):
        return format_size(parse_size(size))
    return ""


def waits(upload: Upload, now: float) -> bool:
    """Whether it stands against the ceilings: what is saved already waits for nothing any more."""
    return upload.state is not State.PROMOTED and upload.buried_at is None and upload.expires_at > now


def counted_bytes(upload: Upload) -> int:
    """What an upload counts against the ceilings: what it has reserved, or what is here if that is more."""
    return max(upload.offset, upload.reserved)


def still_to_come(upload: Upload) -> int:
    """How many bytes of what is reserved are not here yet; some that are may not be written down."""
    return max(upload.reserved - upload.offset, 0)
