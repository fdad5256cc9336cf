"""The upload handler of a governed post: file parts go into the stage while they arrive.

It takes the whole body (`handle_raw_input`), gives parts that are not Greenroom's to the other handlers, and
leaves fields as Django would have read them. What is refused is data in `StagedFiles`, not an exception.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast

import django
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadhandler import (
    FileUploadHandler,
    SkipFile,
    StopFutureHandlers,
    StopUpload,
)
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.utils.encoding import force_str

from . import signals
from .bodies import Body
from .core.errors import CutShort, MalformedBody, Refused, TooMany
from .core.intake import Intake
from .core.limits import parse_size
from .core.names import clean_name
from .files import StagedFile
from .measures import measuring
from .owners import Visit
from .policies import IntakePolicy
from .posted import MAX_ROW_FIELDS, StagedFiles, field_of_row
from .streams import most_thrown_away
from .wire.multipart import PART_END, MultipartParser, PartBegin, decode_field

FILES_IN_MEMORY = 16
"""So many files of the largest size that stays in memory; a post with more of them uses the disk."""

MOST_TOLD = 1_000
"""So many files of one post are refused by their names. Who sends more has nobody to read them, and wants our memory."""


class Sink(Protocol):
    """Where the bytes of one part go. Those of a file may be a view of memory that is used again after `write`."""

    def write(self, data: bytes | memoryview) -> None: ...

    def end(self) -> None: ...

    def interrupted(self) -> None: ...


class StopReading(Exception):
    """Enough was thrown away: the rest of the body is left unread."""


class StagingHandler(FileUploadHandler):
    """Reads one governed post. `policy_of` gives the policy of an input by its name and the fields so far."""

    def __init__(
        self,
        request: HttpRequest,
        visit: Visit,
        policy_of: Callable[[str, QueryDict], IntakePolicy | None],
    ) -> None:
        super().__init__(request)
        self.visit = visit
        self.policy_of = policy_of
        self.files = StagedFiles()

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> tuple[QueryDict, StagedFiles]:
        assert self.request is not None
        others = [each for each in self.request.upload_handlers if each is not self]
        for each in others:
            # Django's own get ready here; one that answers reads the body itself.
            taken = each.handle_raw_input(input_data, META, content_length, boundary, encoding)
            if taken is not None:
                return cast(tuple[QueryDict, StagedFiles], taken)
        reader = FormReader(self, others, encoding or settings.DEFAULT_CHARSET, content_length)
        return reader.read(Body(self.request, content_length), boundary), self.files

    # Django's parser never gets as far as a single file, but an upload handler has to have these.
    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


class FormReader:
    """Turns the events of one body into fields, staged files, and calls to the other handlers."""

    def __init__(
        self, handler: StagingHandler, others: Sequence[FileUploadHandler], encoding: str, length: int
    ) -> None:
        self.handler = handler
        self.others = others
        self.encoding = encoding
        self.length = length
        self.post = QueryDict(encoding=encoding, mutable=True)
        self.bytes_read = 0
        self.field_bytes = 0
        self.fields = 0
        self.row_fields = 0
        self.staged: dict[str, bool] = {}
        self.file_parts = 0
        self.told = 0
        self.sink: Sink | None = None

    def read(self, body: Body, boundary: bytes) -> QueryDict:
        self.parser = parser = MultipartParser(boundary, encoding=self.encoding, max_parts=None)
        try:
            with contextlib.suppress(CutShort):  # the form may be whole; what follows it says nothing
                while count := self.fill(body):
                    self.bytes_read += count
                    for event in parser.feed(body.buffer, count):
                        self.take(event)
            whole = parser.finish()
        except MalformedBody as error:
            if isinstance(self.sink, Staged):
                self.sink.measured.end(error.code)
            raise MultiPartParserError(str(error)) from error
        except StopReading:
            whole = False
        finally:
            # Also what breaks one of Django's limits, or the grammar, is answered first.
            self.handler.visit.unread = None if body.ended else body
        if not whole:
            self.handler.files.cut_short = True
            if self.sink is not None:
                self.sink.interrupted()
        for each in self.others:
            each.upload_complete()
        self.post._mutable = False
        return self.post

    def fill(self, body: Body) -> int:
        """Read on. Of what nobody wants only so much that there is time left to read on after the answer."""
        if not isinstance(self.sink, ThrownAway):
            return body.fill()
        count = body.fill_to_throw_away(most_thrown_away() / 2)
        if not count and not body.ended:
            raise StopReading
        return count

    def take(self, event: Any) -> None:
        if isinstance(event, PartBegin):
            self.sink = self.begin(event)
        elif event is PART_END:
            if self.sink is not None:
                self.sink.end()
            self.sink = None
        elif self.sink is not None:
            self.sink.write(event)

    def begin(self, part: PartBegin) -> Sink:
        if part.filename is None:
            return self.begin_field(part)
        self.file_parts += 1
        for each in self.handler.visit.intakes:
            with contextlib.suppress(Refused):  # which is told to whoever wants to keep that one
                each.reserve_no_more()  # what comes now needs the room
        policy = self.handler.policy_of(part.name, self.post)
        if policy is not None:
            return self.begin_staged(part, policy)
        limit = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        if limit is not None and self.file_parts > limit:
            raise TooManyFilesSent("The number of files exceeded settings.DATA_UPLOAD_MAX_NUMBER_FILES.")
        return OrdinaryFile(self, part)

    def begin_field(self, part: PartBegin) -> Sink:
        # The page has ten fields and more for each file that is held, of which nobody who picks files can know.
        if self.row_fields < MAX_ROW_FIELDS and self.is_staged(field_of_row(part.name)):
            self.row_fields += 1
            return Field(self, part)
        self.fields += 1
        limit = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        if limit is not None and self.fields > limit:
            raise TooManyFieldsSent(
                "The number of GET/POST parameters exceeded settings.DATA_UPLOAD_MAX_NUMBER_FIELDS."
            )
        return Field(self, part)

    def is_staged(self, name: str) -> bool:
        """Whether a field is one of ours: its policy, which stands ahead of its rows, says so. Names alone are believed nothing."""
        if name and name not in self.staged:
            self.staged[name] = self.handler.policy_of(name, self.post) is not None
        return bool(name) and self.staged[name]

    def begin_staged(self, part: PartBegin, policy: IntakePolicy) -> Sink:
        """Everything that can be said before a byte has come: how many, how much room."""
        files, visit = self.handler.files, self.handler.visit
        measured = measuring("receive", "form")
        name = clean_name(part.filename or "")
        index = len(files.getlist(part.name)) + len(files.refused.get(part.name, []))
        limit = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        try:
            if index >= policy.max_files:
                raise TooMany(limit=policy.max_files)
            if limit is not None and self.file_parts > limit:
                raise TooMany(limit=limit)  # said beside the field: what has come before it is held
            # What follows the file in the body cannot be told from it yet. It alone makes no file too large.
            coming = max(self.length - self.bytes_read, 0) + self.parser.left
            most = [coming, parse_size(visit.stage.ceilings.bytes)]
            if policy.limits.ceiling is not None:
                most.append(policy.limits.ceiling)
            intake = visit.stage.intake(
                client_name=name,
                client_type=part.content_type,
                reserve=min(most),
                memory=min(policy.memory, self.memory_left(policy.memory)),
                limits=policy.limits,
            )
        except Refused as refusal:
            measured.end(refusal.code)
            return self.refuse(part.name, refusal.named(name))
        visit.intakes.append(intake)
        measured.tell_of(intake.upload)
        return Staged(self, part.name, intake, policy.use_of(index), measured)

    def refuse(self, name: str, refusal: Refused) -> Sink:
        """Of a file that is not taken nothing is kept but the reason."""
        self.told += 1
        if self.told > MOST_TOLD:
            raise TooManyFilesSent(f"More than {MOST_TOLD} files of one form were refused.")
        self.handler.files.refuse(name, refusal)
        return ThrownAway()

    def memory_left(self, threshold: int) -> int:
        """What files of this post may still take of memory: the size of each decides, but not without end."""
        held = sum(each.upload.size for each in self.handler.visit.intakes if each.in_memory)
        return max(threshold * FILES_IN_MEMORY - held, 0)


class Field:
    """An ordinary form field, within Django's limits for all of them together."""

    def __init__(self, reader: FormReader, part: PartBegin) -> None:
        self.reader = reader
        self.part = part
        self.pieces: list[bytes] = []
        reader.field_bytes += len(part.name) + 2  # as Django counts: "&" and "=" of the other encoding

    def write(self, data: bytes | memoryview) -> None:
        self.reader.field_bytes += len(data)
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if limit is not None and self.reader.field_bytes > limit:
            raise RequestDataTooBig("Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE.")
        self.pieces.append(bytes(data))

    def end(self) -> None:
        strict = django.VERSION >= (6, 1)
        value = decode_field(b"".join(self.pieces), self.part.transfer_encoding, strict=strict)
        self.reader.post.appendlist(self.part.name, force_str(value, self.reader.encoding, errors="replace"))

    def interrupted(self) -> None:
        """Half a value is no value."""


class Staged:
    """A governed file: pushed into the stage as it comes, refused as soon as that is certain."""

    def __init__(self, reader: FormReader, name: str, intake: Intake, use: str, measured: measuring) -> None:
        self.reader = reader
        self.name = name
        self.intake = intake
        self.use = use
        self.measured = measured

    def write(self, data: bytes | memoryview) -> None:
        self.measured.bytes += len(data)
        for each in self.reader.handler.visit.intakes:
            with contextlib.suppress(Refused):  # which is told to whoever wants to keep that one
                each.renew()  # small files wait in memory until the large one beside them is here
        try:
            self.intake.write(data)
        except Refused as refusal:
            self.reader.sink = self.refuse(refusal)

    def end(self) -> None:
        try:
            upload = self.intake.finish()
        except Refused as refusal:
            self.refuse(refusal)
            return
        staged = StagedFile(self.reader.handler.visit.stage, upload, intake=self.intake, use=self.use)
        self.reader.handler.files.appendlist(self.name, staged)
        self.measured.end()
        signals.received.send(sender=StagedFile, file=staged)

    def interrupted(self) -> None:
        self.intake.abandon()
        self.refuse(CutShort())

    def refuse(self, refusal: Refused) -> Sink:
        named = refusal if refusal.name else refusal.named(self.intake.upload.client_name)
        self.measured.end(named.code)
        return self.reader.refuse(self.name, named)


class ThrownAway:
    """A refused file: its bytes go nowhere."""

    def write(self, data: bytes | memoryview) -> None:
        """Nowhere."""

    def end(self) -> None:
        """Whatever was wrong with it has been said."""

    def interrupted(self) -> None:
        """Whatever was wrong with it has been said."""


class OrdinaryFile:
    """A file that no policy governs: the other handlers get it as from Django's own parser."""

    def __init__(self, reader: FormReader, part: PartBegin) -> None:
        self.reader = reader
        self.name = part.name
        self.counters = [0] * len(reader.others)
        self.skipped = False
        with self.heeding(), contextlib.suppress(StopFutureHandlers):
            for each in reader.others:
                each.new_file(
                    part.name,
                    part.filename or "",
                    part.content_type,
                    part.content_length,
                    cast(Any, part.charset),  # bytes, as from Django's own parser
                    dict(part.type_params),
                )

    @contextlib.contextmanager
    def heeding(self) -> Iterator[None]:
        """Django's exceptions of upload handlers, with Django's meaning."""
        try:
            yield
        except SkipFile:
            self.skipped = True
        except StopUpload as stop:
            self.skipped = True
            if stop.connection_reset:
                raise StopReading from stop

    def write(self, data: bytes | memoryview) -> None:
        if self.skipped:
            return
        with self.heeding():
            chunk: bytes | None = bytes(data)
            for index, each in enumerate(self.reader.others):
                length = len(chunk or b"")
                chunk = each.receive_data_chunk(chunk or b"", self.counters[index])
                self.counters[index] += length
                if chunk is None:
                    break

    def end(self) -> None:
        if self.skipped:
            return
        for index, each in enumerate(self.reader.others):
            file = each.file_complete(self.counters[index])
            if file:
                self.reader.handler.files.appendlist(self.name, file)
                break

    def interrupted(self) -> None:
        for each in self.reader.others:
            each.upload_interrupted()
