"""Every setting, in the one dict `GREENROOM`: read once, checked as a whole, with its default and its meaning."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from .core import Ceilings, Leases, Limits, Stage, Store, UsageError, parse_size
from .core.digests import CHOICES
from .images import WorkerLimits, configure
from .stores import LocalStore
from .stores.local import DURABILITIES

LEAST_RENDER_MEMORY = parse_size("128 MiB")
"""With less a worker fails over every picture, as if all of them were too much work."""

LONGEST_TIME = 10 * 365 * 24 * 3_600.0
"""Longer times are mistakes in the unit, and some way on they are no dates any more."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The values of `GREENROOM`; the keys are the names in capitals.

    Sizes are bytes or texts such as "2.5 MB"; times are seconds or `timedelta`.
    """

    store: Mapping[str, Any] = field(default_factory=dict)
    """`{"BACKEND": dotted path of a store, "OPTIONS": {...}}`; by default a `LocalStore` in
    `greenroom-held` beside `MEDIA_ROOT`."""
    owner: str = "greenroom.owners.session_owner"
    """Dotted path of `(request, create: bool) -> str | None`: whose uploads are these?"""
    memory: int | str | None = None
    """How much of one file may stay in memory; `None` is Django's FILE_UPLOAD_MAX_MEMORY_SIZE."""
    lease: float | timedelta = timedelta(hours=24)
    """How long an upload is held after it was last used or shown."""
    longest_lease: float | timedelta = timedelta(days=7)
    """How long an upload is held at most, whatever happens."""
    promoted_lease: float | timedelta = timedelta(hours=1)
    """How long an upload is held after it was saved."""
    owner_uploads: int = 100
    """How many uploads one owner may hold."""
    owner_bytes: int | str = "5 GB"
    """How many bytes one owner may hold."""
    total_uploads: int | None = None
    """How many uploads all owners together may hold; `None` is no ceiling."""
    total_bytes: int | str | None = None
    """How many bytes all owners together may hold; `None` is no ceiling."""
    address: str = "greenroom.addresses.remote_address"
    """Dotted path of `(request) -> str | None`: from which address does it come? `None` is not counted."""
    address_uploads: int | None = 1_000
    """How many uploads the owners may hold who have newly come from one address, together."""
    address_bytes: int | str | None = "20 GB"
    """How many bytes they may hold, together."""
    new_owner: float | timedelta = timedelta(hours=24)
    """How long an owner is new, and their address is kept (as a keyed hash)."""
    keep_free: int | str = "1 GB"
    """Room on the disk that uploads never take (the default store's `keep_free`)."""
    max_pixels: int = 100_000_000
    """Width x height of one frame of a picture."""
    max_frames: int = 1_000
    """Frames or pages of a picture."""
    max_total_pixels: int = 400_000_000
    """Pixels over all frames of a picture."""
    render_seconds: float = 20.0
    """How long a worker may take over one picture."""
    render_memory: int | str = "1 GiB"
    """How much memory a worker may take."""
    workers: int = 2
    """How many workers decode pictures for one server process."""
    inspect_seconds: float | timedelta = 20.0
    """How long the inspectors of one file may take, all together; who is late has given no verdict."""
    digest: str | None = "sha256"
    """By what uploads are hashed as they come in: "sha256", "blake3" (an extra) or None (not at all)."""
    place: str = "link"
    """How bytes reach a final place on the same file system: "link" (no byte is copied) or "copy"."""
    durability: str = "process"
    """What is acknowledged survives "process", a server that is killed, or "power", a power cut as well (the default
    store's `durability`)."""

    def __post_init__(self) -> None:
        for name in ("owner_bytes", "keep_free", "render_memory"):
            size_of(name, getattr(self, name))
        for name in ("memory", "total_bytes", "address_bytes"):
            if getattr(self, name) is not None:
                size_of(name, getattr(self, name))
        if parse_size(self.render_memory) < LEAST_RENDER_MEMORY:
            raise UsageError('GREENROOM["RENDER_MEMORY"] is a size from "128 MiB".', self.render_memory)
        for name in (
            "lease",
            "longest_lease",
            "promoted_lease",
            "render_seconds",
            "inspect_seconds",
            "new_owner",
        ):
            value = seconds(getattr(self, name))
            if not _is_number(value) or not 0 < value <= LONGEST_TIME:
                rule = f'GREENROOM["{name.upper()}"] is seconds or a timedelta, of ten years at most.'
                raise UsageError(rule, getattr(self, name))
        if seconds(self.longest_lease) < seconds(self.lease):
            rule = f'GREENROOM["LONGEST_LEASE"] is at least as long as LEASE, which is {seconds(self.lease):g} s.'
            raise UsageError(rule, self.longest_lease)
        for name in ("owner_uploads", "max_pixels", "max_frames", "max_total_pixels", "workers"):
            if not _is_count(getattr(self, name)):
                rule = f'GREENROOM["{name.upper()}"] is a whole number from 1.'
                raise UsageError(rule, getattr(self, name))
        for name in ("total_uploads", "address_uploads"):
            if getattr(self, name) is not None and not _is_count(getattr(self, name)):
                rule = f'GREENROOM["{name.upper()}"] is a whole number from 1, or None.'
                raise UsageError(rule, getattr(self, name))
        if self.digest not in CHOICES:
            raise UsageError('GREENROOM["DIGEST"] is "sha256", "blake3" or None.', self.digest)
        if self.place not in ("link", "copy"):
            raise UsageError('GREENROOM["PLACE"] is "link" or "copy".', self.place)
        if self.durability not in DURABILITIES:
            raise UsageError('GREENROOM["DURABILITY"] is "process" or "power".', self.durability)
        if (
            not isinstance(self.store, Mapping)
            or set(self.store) - {"BACKEND", "OPTIONS"}
            or not isinstance(self.store.get("BACKEND", ""), str)
            or not isinstance(self.store.get("OPTIONS", {}), Mapping)
        ):
            raise UsageError('GREENROOM["STORE"] is {"BACKEND": "dotted.path", "OPTIONS": {}}.', self.store)
        for name in ("owner", "address"):
            if not isinstance(getattr(self, name), str):
                raise UsageError(f'GREENROOM["{name.upper()}"] is a dotted path.', getattr(self, name))

    @functools.cached_property
    def leases(self) -> Leases:
        return Leases(
            held=seconds(self.lease),
            longest=seconds(self.longest_lease),
            promoted=seconds(self.promoted_lease),
        )

    @property
    def inspection(self) -> float:
        """`inspect_seconds` as a number."""
        return seconds(self.inspect_seconds)

    @functools.cached_property
    def ceilings(self) -> Ceilings:
        return Ceilings(
            uploads=self.owner_uploads,
            bytes=self.owner_bytes,
            total_uploads=self.total_uploads,
            total_bytes=self.total_bytes,
            address_uploads=self.address_uploads,
            address_bytes=self.address_bytes,
        )

    @functools.cached_property
    def limits(self) -> Limits:
        """What holds for a field that declares nothing."""
        return Limits(
            max_pixels=self.max_pixels, max_frames=self.max_frames, max_total_pixels=self.max_total_pixels
        )

    def bounded(self, limits: Limits) -> Limits:
        """A field's limits, with the site's pixel limits where the field has left the defaults."""
        default, site = Limits(), self.limits
        names = ("max_pixels", "max_frames", "max_total_pixels")
        left = [name for name in names if getattr(limits, name) == getattr(default, name)]
        return replace(limits, **{name: getattr(site, name) for name in left})

    @property
    def memory_bytes(self) -> int:
        if self.memory is not None:
            return parse_size(self.memory)
        return parse_size(django_settings.FILE_UPLOAD_MAX_MEMORY_SIZE)

    def make_store(self) -> Store:
        """The store that `STORE` describes."""
        backend = import_string(self.store.get("BACKEND", "greenroom.stores.LocalStore"))
        options = dict(self.store.get("OPTIONS", {}))
        if self.store.get("BACKEND", "greenroom.stores.LocalStore") == "greenroom.stores.LocalStore":
            options.setdefault("root", default_root())
            options.setdefault("keep_free", self.keep_free)
            options.setdefault("durability", self.durability)
        store = backend(**options)
        if isinstance(store, LocalStore) and not store.root.is_absolute():
            # Every process would hold files below the directory that it happened to be started in.
            raise UsageError(
                'GREENROOM["STORE"]["OPTIONS"]["root"] is an absolute path, such as BASE_DIR / "greenroom-held".',
                str(store.root),
            )
        if not isinstance(store, Store):
            raise UsageError(
                'GREENROOM["STORE"]["BACKEND"] names a class with the methods of Store.', backend
            )
        return store

    def owner_of(self) -> Callable[[Any, bool], str | None]:
        """The function that `OWNER` names."""
        function = import_string(self.owner)
        if not callable(function):
            raise UsageError('GREENROOM["OWNER"] names a function (request, create).', function)
        return cast(Callable[[Any, bool], str | None], function)

    def address_of(self) -> Callable[[Any], str | None]:
        """The function that `ADDRESS` names."""
        function = import_string(self.address)
        if not callable(function):
            raise UsageError('GREENROOM["ADDRESS"] names a function (request).', function)
        return cast(Callable[[Any], str | None], function)


def read(values: Mapping[str, Any]) -> Settings:
    """Settings from the dict, or `UsageError` for a key that does not exist or a value that is wrong."""
    if not isinstance(values, Mapping):
        raise UsageError("GREENROOM must be a dict.", values)
    known = {each.name.upper(): each.name for each in fields(Settings)}
    unknown = sorted(set(values) - set(known), key=repr)
    if unknown:
        raise UsageError(f"GREENROOM takes the keys {', '.join(sorted(known))}.", unknown)
    return Settings(**{known[key]: value for key, value in values.items()})


@functools.cache
def current() -> Settings:
    """The settings in force."""
    return read(getattr(django_settings, "GREENROOM", {}))


@functools.cache
def current_store() -> Store:
    """The one store of this process."""
    return current().make_store()


@functools.cache
def current_stage() -> Stage:
    """A stage by the settings, for nobody in particular and with no ledger of its own."""
    settings = current()
    return Stage(
        current_store(),
        limits=settings.limits,
        leases=settings.leases,
        ceilings=settings.ceilings,
        digest=settings.digest,
    )


def configure_workers() -> None:
    """Tell the workers what one picture may take. A wrong setting is a check's business, not an ImportError."""
    with contextlib.suppress(UsageError):
        settings = current()
        limits = WorkerLimits(
            seconds=seconds(settings.render_seconds), memory=parse_size(settings.render_memory)
        )
        configure(settings.workers, limits=limits)


def default_root() -> Path:
    """Beside `MEDIA_ROOT`, so that it is on the same file system, and not in it, so that it is not public."""
    media_root = Path(django_settings.MEDIA_ROOT or "")
    if not media_root.is_absolute():
        # Below a working directory each process has its own, and a sweeper elsewhere removes records without their bytes.
        raise UsageError(
            'Held files are beside MEDIA_ROOT, which is an absolute path, such as BASE_DIR / "media"; without one set'
            ' GREENROOM = {"STORE": {"OPTIONS": {"root": BASE_DIR / "greenroom-held"}}}.',
            django_settings.MEDIA_ROOT,
        )
    return media_root.parent / "greenroom-held"


def size_of(name: str, value: Any) -> int:
    """A size as bytes, or `UsageError` with the key that it stands under."""
    try:
        return parse_size(value)
    except ValueError:  # a UsageError, or more digits than Python makes a number of
        raise UsageError(
            f'GREENROOM["{name.upper()}"] is a number of bytes or a text like "10 MB" or "1.5 GiB".', value
        ) from None


def seconds(value: float | timedelta) -> float:
    """A time as seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in ("GREENROOM", "MEDIA_ROOT"):
        current.cache_clear()
        current_store.cache_clear()
        current_stage.cache_clear()
        configure_workers()


setting_changed.connect(_forget)
