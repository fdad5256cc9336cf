"""From a command of an upload protocol to the stage: create, go on, finish, give up.

What can be refused by the header is refused before the body is touched; what was agreed on at creation (`Terms`)
holds for every request after it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from . import conf
from .bodies import Body
from .core import Limits, Stage, State, Token, Upload, format_size
from .core.digests import algorithm_of, digest_of
from .core.errors import (
    AlreadyWhole,
    Busy,
    ChecksumMismatch,
    CutShort,
    Forbidden,
    LengthChanged,
    LengthExceeded,
    OffsetMismatch,
    QuotaExceeded,
    Refused,
    TooLarge,
    TooMany,
    gettext_noop,
)
from .core.intake import Intake
from .core.ledger import with_room
from .core.names import clean_name
from .core.place import disk_or_refusal
from .core.spool import chunks_of, judge_claims
from .core.store import Bounded
from .files import token_signer
from .ledger import OrmLedger
from .owners import visit_at
from .policies import IntakePolicy
from .repeating import brings_again, is_waiting_for, made_by
from .streams import Stopping
from .terms import Terms
from .wire.messages import Append, Create, Progress
from .wire.resumable import JUDGED

_ = gettext_noop


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """What one owner does with uploads in one request."""

    stage: Stage
    ledger: OrmLedger

    @classmethod
    def of(cls, request: HttpRequest) -> Receiver:
        """Raises `Forbidden` for a visitor whom no page of this site has made an owner yet."""
        visit = visit_at(request)
        # Never made here: whoever was shown a form has one, and nobody else has any business to fill a disk.
        if visit.owner(create=False) is None:
            raise Forbidden(reason=_("no page of this site was opened before"))
        return cls(stage=visit.stage, ledger=cast(OrmLedger, visit.stage.ledger))

    # -- create ------------------------------------------------------------------------------------

    def create(self, command: Create, body: Body) -> Upload:
        """A new upload, with as much of it as the body has."""
        name = clean_name(command.client_name)
        policy = self.policy(command.policy)
        # Without a policy the field's own limits hold when its form takes the upload; here, the site's.
        limits = policy.limits if policy is not None else replace(self.stage.limits, allow_empty=True)
        judge_claims(name, command.client_type, limits)
        limits.check_length(command.length, name=name)
        if body.declared is not None and command.has_content:
            check_room(limits, name, body.declared)
        largest = largest_size()
        if command.length is not None and command.length > largest:
            raise TooLarge(name=name, limit=format_size(largest))
        terms = Terms(
            limits=limits,
            metadata=command.metadata,
            # Where the client says what ends the upload, a length that is reached must not.
            length=command.length if command.ends is not None else None,
            digests=tuple(map(str, command.whole)),
            wanted=command.wanted,
        )
        stage = self.limited(limits)
        if policy is not None:
            stage.ceilings = replace(stage.ceilings, policy_uploads=policy.max_files)
        upload: dict[str, Any] = {
            "client_name": name,
            "client_type": command.client_type,
            "length": None if command.ends is not None else command.length,
            "reserve": command.length or 0,
            "policy": policy.use if policy is not None else "",
            "terms": terms.encode(),
        }
        begin: Callable[[], Upload | Intake] = functools.partial(stage.create, **upload)
        if command.has_content or command.length == 0:
            begin = functools.partial(stage.intake, **upload, memory=0, expect=terms.digests)
        try:
            begun = begin()
        except (TooMany, QuotaExceeded):
            # Perhaps it is full of what the same creation has made, whose answer was lost.
            if policy is None:
                raise
            if not self.make_way(policy, name, command.length):
                earlier = self.repeats(command, body, policy, terms)
                if earlier is None:
                    raise
                return earlier
            begun = begin()
        return self.first(begun, command, body, terms) if isinstance(begun, Intake) else begun

    def first(self, intake: Intake, command: Create, body: Body, terms: Terms) -> Upload:
        """The bytes that come with the creation. Nobody knows the upload yet, so nobody has to be kept from it."""
        upload = intake.upload
        append = Append(offset=0, ends=command.ends, checksums=command.checksums)
        try:
            self.check_declared(upload, terms, append, body, command.length)
            with self.pieces(upload, append, body, command.length) as pieces:
                for piece in pieces:
                    intake.write(piece)
            if not command.ends:
                return intake.keep_part()
            intake.finish()
            return intake.keep()
        except Stopping:
            return intake.keep_part()
        except CutShort:
            # Nobody was told its URL, so nobody goes on with it: whoever sends the file again finds room for it.
            part = intake.keep_part()
            after = replace(part, reserved=0, policy="")
            expires_at = self.ledger.now() + self.stage.leases.receiving
            self.ledger.swap(part, replace(after, expires_at=expires_at))
            raise
        except BaseException:
            intake.abandon()
            raise

    def policy(self, text: str) -> IntakePolicy | None:
        """The intake policy of the form's field, if one was presented. Raises `Forbidden` for what is not ours."""
        if not text:
            return None
        policy = IntakePolicy.decode(text, name=None, owner=self.stage.owner)
        if policy is None:
            raise Forbidden(reason=_("the page was made for somebody else, or too long ago"))
        return policy

    def largest(self, command: Create) -> int:
        """How many bytes the upload that is to be created may have. Raises `Forbidden` for a policy that is not ours."""
        policy = self.policy(command.policy)
        return largest_under(policy.limits if policy is not None else self.stage.limits)

    def make_way(self, policy: IntakePolicy, name: str, length: int | None) -> bool:
        """Give up the same file, of which nothing has come, if the field has it: the answer to its creation was lost."""
        for each in self.ledger.under(self.stage.owner, policy.use):
            if is_waiting_for(each, name, length) and not self.has_bytes(each):
                self.stage.remove(each.id)
                return True
        return False

    def has_bytes(self, upload: Upload) -> bool:
        """Whether some have come, of which the ledger hears only when all have that come with a creation."""
        return isinstance(self.stage.store, Bounded) and self.stage.store.size(upload.id) > 0

    def repeats(self, command: Create, body: Body, policy: IntakePolicy, terms: Terms) -> Upload | None:
        """What the same creation has made, if its answer was lost and this one brings the same, byte for byte."""
        made = made_by(command, terms, self.ledger.under(self.stage.owner, policy.use), body.declared)
        if made is None:
            return None
        # Its checksums are judged on the way: nothing of this is kept, so nothing of it has to wait to be known as right.
        append = Append(offset=0, ends=command.ends)
        again = replace(made, offset=0)
        with (
            contextlib.suppress(FileNotFoundError, Stopping),
            self.stage.store.open(made.id) as held,
            self.pieces(again, append, body, command.length) as pieces,
        ):
            return made if brings_again(pieces, held, command.checksums, made.client_name) else None
        return None

    # -- append ------------------------------------------------------------------------------------

    def append(self, upload: Upload, command: Append, body: Body) -> Upload:
        """More bytes, or the end. Raises `OffsetMismatch` with nothing touched, or a refusal."""
        terms = Terms.decode(upload.terms)
        if upload.state is not State.RECEIVING:
            return self.repeated(upload, command, body)
        upload, terms = self.with_length(upload, terms, command)
        if command.whole:
            self.check_offset(upload, command)
            terms = replace(terms, digests=tuple(map(str, command.whole)))
            self.ledger.swap(upload, replace(upload, terms=terms.encode()))
        length = upload.length if upload.length is not None else terms.length
        self.check_declared(upload, terms, command, body, length)
        stage = self.limited(terms.limits)
        try:
            with self.pieces(upload, command, body, length) as source:
                return stage.append(
                    upload.id,
                    source,
                    offset=command.offset,
                    last=command.ends is True,
                    length=command.length if command.ends is None else None,
                    size=body.declared,
                    expect=terms.digests,
                )
        except Stopping:
            # Nothing is wrong with the request: it is answered with as much of it as is kept.
            return self.stage.get(upload.id)
        except (LengthExceeded, *JUDGED):
            # The draft, "Upload Append": "marking the upload resource invalid"; and "Completeness": a file that was
            # judged is complete, and cannot be gone on with. tus has no word on either.
            if command.ends is not None:
                self.stage.remove(upload.id)
            raise

    @contextlib.contextmanager
    def pieces(
        self, upload: Upload, command: Append, body: Body, length: int | None
    ) -> Iterator[Iterable[Any]]:
        """The body, piece by piece; with checksums only when all of it is known to be right."""
        pieces = self.counted(upload, command, body, length)
        try:
            if not command.checksums:
                yield pieces
                return
            self.check_offset(upload, command)
            with checked(pieces, command, upload.client_name) as waiting:
                yield chunks_of(waiting)
        except CutShort as error:
            raise error.named(upload.client_name) from error

    def repeated(self, upload: Upload, command: Append, body: Body) -> Upload:
        """A whole upload does not change; who missed the answer and asks again gets it again."""
        self.check_offset(upload, command)
        with contextlib.suppress(Stopping):  # nothing of it would be kept anyway
            # A client that repeats its last request sends an empty one, at the end.
            if body.declared or body.fill(1) or command.length not in (None, upload.offset):
                raise AlreadyWhole(name=upload.client_name)
        return upload

    def with_length(self, upload: Upload, terms: Terms, command: Append) -> tuple[Upload, Terms]:
        """The record and the terms with a length that was not known before. Raises `LengthChanged`."""
        known = upload.length if upload.length is not None else terms.length
        if command.length is None or command.length == known:
            return upload, terms
        self.check_offset(upload, command)
        if known is not None or command.length < upload.offset:
            raise LengthChanged(
                name=upload.client_name, declared=known if known is not None else upload.offset
            )
        terms.limits.check_length(command.length, name=upload.client_name)
        self.ledger.reserve(upload, command.length, self.stage.ceilings)
        if command.ends is None:
            return replace(upload, length=command.length), terms  # `append` writes it down
        terms = replace(terms, length=command.length)
        after = replace(upload, terms=terms.encode())
        if not self.ledger.swap(upload, after):
            raise Busy(name=upload.client_name)
        return after, terms

    def check_declared(
        self, upload: Upload, terms: Terms, command: Append, body: Body, length: int | None
    ) -> None:
        """Refuse by Content-Length what could not be kept, and count what has no other length."""
        if body.declared is None:
            return
        end = command.offset + body.declared
        try:
            if length is not None and end > length:
                raise LengthExceeded(name=upload.client_name, declared=length)
            check_room(terms.limits, upload.client_name, end)
            if length is None:
                self.ledger.reserve(upload, end, self.stage.ceilings)
        except Refused:
            self.check_offset(upload, command)  # says first what would have to be mended first
            raise

    def counted(self, upload: Upload, command: Append, body: Body, length: int | None) -> Iterable[Any]:
        """The body, held to the length that the client has declared."""
        end = command.offset
        for data in body:
            end += len(data)
            if length is not None and end > length:
                raise LengthExceeded(name=upload.client_name, declared=length)
            if length is None and command.checksums:
                # What waits to be known as right takes room as well; whatever else comes counts where it is kept.
                upload = with_room(self.ledger, upload, end, self.stage.ceilings)
            yield data
        if command.ends is True and length is not None and end < length:
            raise LengthChanged(name=upload.client_name, declared=length)

    # -- the rest ----------------------------------------------------------------------------------

    def fence(self, upload_id: str) -> Upload:
        """End whoever is writing, and tell how far it came."""
        return self.stage.fence(upload_id)

    def discard(self, upload_id: str) -> Upload:
        """Give it up. What was saved from it stays saved."""
        upload = self.fence(upload_id)
        self.stage.discard(upload.id)
        return upload

    def wanted(self, upload: Upload, command: Create | Append) -> str:
        """The digest that the client has asked for, of what is complete now: its bytes are read once more for it."""
        algorithm = command.wanted
        if isinstance(command, Append):
            algorithm = algorithm or Terms.decode(upload.terms).wanted
        if not algorithm or upload.state is State.RECEIVING or algorithm == algorithm_of(upload.digest):
            return ""
        # It is a wish: whoever has given the file up meanwhile does not make an error of what was received.
        with contextlib.suppress(Refused), self.stage.open_upload(upload) as held:
            return digest_of(held, algorithm)
        return ""

    def progress(self, upload: Upload, *, wanted: str = "") -> Progress:
        """What may be told about it."""
        terms = Terms.decode(upload.terms)
        return Progress(
            url=reverse("greenroom:upload", args=[upload.id]),
            token=Token(upload_id=upload.id).encode(token_signer()),
            offset=upload.offset,
            length=upload.length if upload.length is not None else terms.length,
            complete=upload.state is not State.RECEIVING,
            expires_at=upload.expires_at,
            seconds_left=int(upload.expires_at - self.ledger.now()),
            max_size=largest_under(terms.limits),
            metadata=terms.metadata,
            client_name=upload.client_name,
            media_type=upload.media_type,
            digest=upload.digest,
            wanted=wanted,
        )

    def limited(self, limits: Limits) -> Stage:
        """The stage, with the limits of one upload."""
        stage = copy.copy(self.stage)
        stage.limits = limits
        return stage

    def check_offset(self, upload: Upload, command: Append) -> None:
        """Raise `OffsetMismatch` unless the client goes on from where the record stands."""
        if command.offset != upload.offset:
            raise OffsetMismatch(name=upload.client_name, offset=command.offset, expected=upload.offset)


def check_room(limits: Limits, name: str, size: int) -> None:
    """Raise `TooLarge` for more bytes than the limits allow."""
    if limits.ceiling is not None and size > limits.ceiling:
        raise TooLarge(name=name, limit=format_size(limits.ceiling))


def checked(source: Iterable[bytes], command: Append, name: str) -> BinaryIO:
    """All of `source`, if it has the checksums that were announced. Raises `ChecksumMismatch`.

    It is kept whole or not at all, so nothing of it reaches the store before it is known to be right: it waits in
    a file without a name, which ends with the request or the process.
    """
    waiting = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed below, or by the caller
        max_size=conf.current().memory_bytes, dir=settings.FILE_UPLOAD_TEMP_DIR
    )
    try:
        digests = [(checksum, checksum.new()) for checksum in command.checksums]
        for data in source:
            for _checksum, digest in digests:
                digest.update(data)
            with disk_or_refusal():
                waiting.write(data)
        if not all(checksum.matches(digest.digest()) for checksum, digest in digests):
            raise ChecksumMismatch(name=name)
    except BaseException:
        waiting.close()
        raise
    waiting.seek(0)
    return cast(BinaryIO, waiting)


def largest_under(limits: Limits) -> int:
    """The largest upload in bytes that `limits`, and the site, allow."""
    return min(limits.ceiling or largest_size(), largest_size())


def largest_size() -> int:
    """The largest upload in bytes that anybody may send."""
    return conf.current().ceilings.largest
