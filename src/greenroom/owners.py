"""Whose uploads these are, and what one visit (a request, a test) has under way."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from django.contrib.sessions.backends.db import SessionStore
from django.db import router
from django.http import HttpRequest
from django.utils import timezone

from . import conf, statements
from .addresses import address_key
from .core import Stage
from .core.intake import Intake
from .ledger import OrmLedger

if TYPE_CHECKING:
    from .bodies import Body
    from .files import StagedFile
    from .promotion import Promotion

SESSION_KEY = "greenroom_owner"


def session_owner(request: HttpRequest, create: bool) -> str | None:
    """A random nonce in the session's data: login's `cycle_key()` keeps it, logout's `flush()` ends it."""
    session = getattr(request, "session", None)
    if session is None:
        return None
    load(session)
    nonce = session.get(SESSION_KEY)
    if nonce is None and create:
        nonce = session[SESSION_KEY] = secrets.token_urlsafe(24)
    return f"session:{nonce}" if nonce else None


def load(session: Any) -> None:
    """Load a session that Django keeps in its database, by a statement that is built once.

    Django builds the same query anew for each request, which is a tenth of what an upload of 1 MB costs. What is not
    found here, or is over, and a session of any other kind, even of one derived from this, is left to Django.
    """
    if type(session) is not SessionStore or session.session_key is None or hasattr(session, "_session_cache"):
        return
    wanted = ("session_data", "expire_date")
    row = statements.get(router.db_for_read(session.model), session.model, session.session_key, *wanted)
    if row is not None and row["expire_date"] > timezone.now():
        # Django has no public name for it. If it has another one some day, it loads the session once more.
        session._session_cache = session.decode(row["session_data"])  # type: ignore[attr-defined]


def user_owner(request: HttpRequest, create: bool) -> str | None:
    """For API clients without a session: the user, however they were authenticated."""
    user = getattr(request, "user", None)
    return f"user:{user.pk}" if user is not None and user.is_authenticated else None


@dataclass
class Visit:
    """One request's (or one test's) dealings with its owner's uploads.

    `find_owner(create)` gives the owner's key; it is asked late, so that a request that has nothing to do
    with uploads never touches its session. `unread` is a body of which we had enough before its end.
    """

    find_owner: Callable[[bool], str | None]
    find_user_id: Callable[[], Any] = lambda: None
    find_post: Callable[[], str] = lambda: ""
    find_files: Callable[[], Sequence[StagedFile]] = tuple
    find_address: Callable[[], str] = lambda: ""
    intakes: list[Intake] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)
    baked: list[Path] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)
    unread: Body | None = None

    def owner(self, *, create: bool) -> str | None:
        """The key of the owner; `create` makes one for a visitor who is new."""
        return self.find_owner(create)

    @cached_property
    def post(self) -> str:
        """The digest of what the form has sent, which tells an equal submit from a changed one."""
        return self.find_post()

    @cached_property
    def stage(self) -> Stage:
        """The stage, opened for this owner.

        Whoever has no owner gets one that nobody else will ever be, so that visitors without a session do not
        see each other's files.
        """
        owner = self.owner(create=True) or f"nobody:{secrets.token_urlsafe(24)}"
        return make_stage(self.find_user_id(), self.find_address()).for_owner(owner)

    def confirm_kept(self) -> None:
        """What was promised to be kept is, although a transaction was rolled back meanwhile."""
        safe = {each.upload.id for each in self.promotions if each.record_is_safe}
        for intake in self.intakes:
            if intake.upload.id not in safe:
                intake.confirm()

    def abandon_unkept(self) -> None:
        """What was received and neither shown nor saved, rendered to be saved, or taken and not used: forget it."""
        if self.uses:
            cast(OrmLedger, self.stage.ledger).open_uses().filter(pk__in=self.uses).delete()
            self.uses.clear()
        intakes, self.intakes = self.intakes, []
        for intake in intakes:
            if not intake.wanted:
                intake.abandon()
        # What could not be settled is found again by what it was to put in place.
        wanted = {each.claim.source for each in self.promotions}
        baked, self.baked = self.baked, []
        for path in baked:
            if path.name not in wanted:
                path.unlink(missing_ok=True)


_current: ContextVar[Visit | None] = ContextVar("greenroom_visit", default=None)


def current_visit() -> Visit | None:
    """The visit that is being served, or None in a command or a bare unit test."""
    return _current.get()


@contextlib.contextmanager
def visiting(visit: Visit) -> Iterator[Visit]:
    """Make `visit` the current one."""
    reset = _current.set(visit)
    try:
        yield visit
    finally:
        _current.reset(reset)


def visit_of(request: HttpRequest) -> Visit:
    """The visit of a request, with the owner that the setting OWNER finds."""
    owner_of = conf.current().owner_of()

    def user_id() -> Any:
        user = getattr(request, "user", None)
        return user.pk if user is not None and user.is_authenticated else None

    return Visit(
        find_owner=lambda create: owner_of(request, create),
        find_user_id=user_id,
        find_post=lambda: digest_of(request),
        find_files=lambda: files_of(request),
        find_address=lambda: address_key(request),
    )


def visit_at(request: HttpRequest) -> Visit:
    """The visit that the middleware has given a request."""
    return cast(Visit, cast(Any, request).greenroom)


def files_of(request: HttpRequest) -> list[StagedFile]:
    """The files that came in this very request and went into the stage."""
    files: list[Any] = [each for _name, files in request.FILES.lists() for each in files]
    return [each for each in files if hasattr(each, "known")]


def digest_of(request: HttpRequest) -> str:
    """What a person has filled in and chosen: all but the CSRF token and the policies, which change by themselves."""
    digest = hashlib.sha256()
    for name, values in sorted(request.POST.lists()):
        if name != "csrfmiddlewaretoken" and not name.endswith("-policy"):
            digest.update(repr((name, values)).encode())
    for name, files in sorted(request.FILES.lists()):
        for each in files:
            # The client's name: what a held file is saved as depends on whether it was looked at already.
            upload = getattr(each, "known", None)
            content = (upload.client_name, upload.digest) if upload is not None else (each.name, each.size)
            digest.update(repr((name, content)).encode())
    return digest.hexdigest()


def make_stage(user_id: Any = None, address: str = "") -> Stage:
    """A stage by the settings, for nobody in particular."""
    stage = copy.copy(conf.current_stage())
    stage.ledger = OrmLedger(user_id, address, conf.seconds(conf.current().new_owner))
    return stage
