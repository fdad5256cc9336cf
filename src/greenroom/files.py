"""`StagedFile`: a held upload as a Django file. It reads as what will be saved."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from . import conf
from .core import Limits, LocalFiles, Picture, SideFiles, Signer, Stage, Token, Upload
from .core import place as placing
from .core.digests import same_bytes, sample_of
from .core.errors import NotAPicture, NotHeld, gettext_noop
from .core.intake import Intake
from .core.names import clean_name, saved_name, split_name
from .core.sniff import extension_for, right_extension
from .core.spool import ReadOnlyBytes
from .core.upload import new_id
from .images import Crop, Recipe, Rendered, probe, render
from .measures import measuring
from .owners import current_visit
from .stores.local import HeldFile


def left_by_storages(name: str) -> str:
    """`name` as it may be given to Django's `get_valid_filename`, which drops emoji and signs: it then refuses what is
    empty, and makes a hidden ".user.ini" of "€.user.ini". What stands in front of the first letter goes here, if
    there is a dot or a dash in it; a stem without letters becomes "file"."""
    stem, extension = split_name(name)
    front = re.match(r"\W*", stem)
    if front is not None and re.search(r"[.-]", front[0]):
        stem = stem[front.end() :]
    return (stem if re.search(r"[-\w]", stem) else "file") + extension


def token_signer() -> Signer:
    """Signs tokens with SECRET_KEY, and still accepts the keys in SECRET_KEY_FALLBACKS."""
    return Signer([settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS], purpose="token")


@dataclass(frozen=True, kw_only=True)
class Bake:
    """Whether the crop is applied to the saved file, and the box in pixels that the result must fit."""

    apply: bool = True
    size: tuple[int, int] | None = None

    def compact(self) -> str:
        """As it stands in a token."""
        size = f"{self.size[0]}x{self.size[1]}" if self.size else ""
        return f"b{size}" if self.apply else ""

    @classmethod
    def from_compact(cls, text: str) -> Bake:
        """The inverse of `compact`; only ever called with what we have signed."""
        width, _, height = text[1:].partition("x")
        return cls(apply=text.startswith("b"), size=(int(width), int(height)) if height else None)


class StagedFile(UploadedFile):  # type: ignore[type-arg]
    """A held upload, usable wherever Django takes an `UploadedFile`; Django's own save is its promotion.

    `upload` is the record, `crop` the crop or None, `original` the same upload without its crop, `use` the
    form's one chance to save it (empty when it was opened without a form). `crop_to` names the model field
    that takes the crop when it is saved.
    """

    def __init__(
        self,
        stage: Stage,
        upload: Upload,
        *,
        intake: Intake | None = None,
        crop: Crop | None = None,
        bake: Bake | None = None,
        use: str = "",
        crop_to: str = "",
    ) -> None:
        # Not UploadedFile.__init__: it wants an open file, and this one is opened when it is first read.
        self.stage = stage
        self.crop = crop
        self.bake = bake or Bake()
        self.use = use
        self.crop_to = crop_to
        self.mode = "rb"
        self.charset = None
        self.content_type_extra: dict[str, Any] = {}
        self._intake = intake
        self._record = upload
        self._open: BinaryIO | None = None
        self._given_name = ""

    def __repr__(self) -> str:
        return f"<StagedFile: {self.name}>"

    def __bool__(self) -> bool:
        # Django asks the name, which takes a while to find; it is never empty.
        return True

    @property
    def upload(self) -> Upload:
        """The record, as far as it is known here."""
        return self._intake.upload if self._intake is not None else self._record

    @property
    def is_baked(self) -> bool:
        """Whether it reads as something else than the uploaded bytes: its crop, or a smaller size."""
        return self.bake.apply and (self.crop is not None or self.bake.size is not None)

    @property
    def recipe(self) -> Recipe:
        """What is made of the uploaded bytes, if it is baked."""
        return Recipe.bake(self.crop, size=self.bake.size)

    # -- as a Django file --------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """What it is saved as: the client's stem, and for a picture the extension of its type (in a field for
        any file only where the client's is that of another picture); or what a view has called it."""
        if self._given_name:
            return self._given_name
        media_type, client_name = self.content_type, self.upload.client_name
        if self.upload.picture is not None:
            extension = extension_for(media_type)
        else:
            extension = right_extension(media_type, split_name(client_name)[1])
        return left_by_storages(saved_name(client_name, extension))

    @name.setter
    def name(self, name: str | None) -> None:
        self._given_name = clean_name(name) if name else ""

    @property
    def content_type(self) -> str:
        """The media type of what is read, from its bytes. A crop does not change it."""
        return self.upload.media_type

    @content_type.setter
    def content_type(self, content_type: str | None) -> None:
        """Django's own ImageField writes down what Pillow found. We have looked ourselves."""

    @property
    def size(self) -> int:
        """How many bytes `read()` gives."""
        if not self.is_baked:
            return self.upload.size
        return self.rendered.size

    @property
    def file(self) -> BinaryIO:  # type: ignore[override]
        if self._open is None:
            self._open = self._opened()
        return self._open

    def open(self, mode: str | None = None) -> StagedFile:  # type: ignore[override]
        """Back to the start; opened again if it was closed. Held bytes are only ever read."""
        if mode not in (None, "r", "rb"):
            raise ValueError(f'A held file is opened for reading: "rb". Got: {mode!r}')
        if self._open is None or self._open.closed:
            self._open = self._opened()
        self._open.seek(0)
        return self

    def close(self) -> None:
        if self._open is not None:
            self._open.close()

    @property
    def closed(self) -> bool:
        return self._open is not None and self._open.closed

    @property
    def local_path(self) -> Path | None:
        """Where the bytes can be read in place (`greenroom.images` hands that to its workers), or None."""
        return getattr(self.file, "local_path", None)

    # -- as a held upload --------------------------------------------------------------------------

    @property
    def token(self) -> str:
        """A short signed text for a session or a form. From now on other requests can open the upload."""
        upload = self.keep()
        crop = self.crop.compact() if self.crop is not None else ""
        bake = self.bake.compact() if self.is_baked else ""
        return Token(upload_id=upload.id, crop=crop, bake=bake).encode(token_signer())

    @property
    def original(self) -> StagedFile:
        """The same upload as it was sent, byte for byte."""
        return self.cropped(None, Bake(apply=False))

    def cropped(self, crop: Crop | None, bake: Bake, *, crop_to: str = "") -> StagedFile:
        """The same upload with another crop."""
        other = copy.copy(self)
        for made in ("rendered", "source"):
            other.__dict__.pop(made, None)
        other.crop, other.bake, other.crop_to, other._open = crop, bake, crop_to, None
        return other

    def keep(self) -> Upload:
        """Put the bytes where other processes see them, if they are not there yet."""
        return self._intake.keep() if self._intake is not None else self._record

    @cached_property
    def sample(self) -> str:
        """What stands for the content while a form is cleaned, where no digest was taken; empty where there is no need.

        A form that is sent twice carries the same bytes twice. What came by itself (it has terms) is sent once and
        named by its token from then on: there the id will do.
        """
        if self.upload.digest or self.upload.terms:
            return ""
        with self._opened_original() as held:
            return sample_of(held, self.upload.size)

    @property
    def known(self) -> Upload:
        """The record as a form that is cleaned takes a use by it."""
        return replace(self.upload, digest=self.sample) if self.sample else self.upload

    def has_bytes_of(self, other: Upload) -> bool:
        """Whether it was sent as the same bytes. Raises the refusals of `Stage.open` where the others cannot be read."""
        if other.id == self.upload.id:
            return True
        with self.stage.open_upload(other) as theirs, self._opened_original() as ours:
            return same_bytes(theirs, ours)

    def identify(self) -> None:
        """See that the record has a digest, where nobody will compare what has the same sample."""
        if self.upload.terms:
            return
        if self._intake is not None:
            self._intake.identify()
        else:
            self._record = self.stage.identify(self._record)

    def touch(self) -> None:
        """It is used or shown: its lease starts anew."""
        if self._intake is None:
            self._record = self.stage.touch(self._record)

    def probe(self) -> Picture:
        """What picture it is; looked at once and written down. Raises the refusals of `greenroom.images`."""
        picture = self.upload.picture
        if picture is None:
            picture = self.look(conf.current().bounded(self.stage.limits))
            self.write_down(picture)
        return picture

    def look(self, limits: Limits) -> Picture:
        """The same for a field with `limits`, without writing it down (and so without the database)."""
        known = self.upload.picture
        if known is not None:
            # It may have been looked at for a field that takes more.
            limits.check_pixels(known.width, known.height, known.frames)
            return known
        if not self.upload.media_type.startswith("image/"):
            raise NotAPicture(
                name=self.upload.client_name, reason=gettext_noop("its content is of another kind")
            )
        with self._opened_original() as source:
            return probe(source, limits)

    def write_down(self, picture: Picture) -> None:
        """What was found goes into the record."""
        if self.upload.picture is not None:
            return
        probed = self.upload.probed(picture)
        if self._intake is None or self._intake.kept:
            self.stage.ledger.swap(self.upload, probed)
        if self._intake is not None:
            self._intake.upload = probed
        self._record = probed

    @cached_property
    def rendered(self) -> Rendered:
        """The picture with its crop applied, rendered once. Raises `TooMuchWork` and its like."""
        picture = self.probe()
        upload = self.keep()
        to: Path | None = None
        if isinstance(self.stage.store, LocalFiles):
            # Named anew each time: two forms that save the same crop must not share one file.
            to = self.stage.store.path(upload.id, f"baked-{new_id()}")
            visit = current_visit()
            if visit is not None:
                visit.baked.append(to)
        with measuring("render", "bake") as measured, self.stage.open_upload(upload) as source:
            measured.tell_of(upload)
            rendered = render(source, self.recipe, picture=picture, to=to)
            measured.bytes = rendered.size
            return rendered

    def render(self) -> Rendered | None:
        """Apply the crop now, if there is one to apply, so that nothing can go wrong with it later."""
        return self.rendered if self.is_baked else None

    @cached_property
    def source(self) -> str:
        """The side file that has what is read; empty where that is the upload's own bytes."""
        if not self.is_baked:
            return ""
        if self.rendered.path is not None:
            return self.rendered.path.name
        # Whoever has to undo the save after a crash finds here what was saved.
        name = f"baked-{new_id()}"
        cast(SideFiles, self.stage.store).put_beside(self.upload.id, name, cast(bytes, self.rendered.data))
        return name

    def put_in_place(self, path: Path, *, mode: int | None, link: bool) -> None:
        """Make `path` a file with what is read: by a link where that is possible, else by a verified copy."""
        if not self.is_baked:
            self.stage.put_in_place(self.upload, path, mode=mode, link=link)
        elif self.rendered.path is not None:
            placing.place(self.rendered.path, path, mode=mode, link=link)
        else:
            with self._opened() as file:
                placing.copy(file, path, mode=mode)

    def _opened_original(self) -> BinaryIO:
        if self._intake is not None:
            return self._intake.open()
        return self.stage.open_upload(self._record)

    def _opened(self) -> BinaryIO:
        if not self.is_baked:
            return self._opened_original()
        if self.rendered.path is not None:
            return HeldFile(self.rendered.path)
        return ReadOnlyBytes(cast(bytes, self.rendered.data))


@dataclass(frozen=True, kw_only=True)
class SavedFile:
    """A file that was saved before and stays: its object's primary key, its `FieldFile`, its crop."""

    pk: Any
    file: Any
    crop: Crop | None = None


class OwnersStage:
    """`request.stage`: what one owner can do with uploads, in terms of tokens and Django files."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def open(self, token: object) -> StagedFile:
        """The held file that a token names, with the crop that is in the token.

        Raises `NotHeld` for anything that is not a token of something this owner holds.
        """
        with measuring("open") as measured:
            decoded = Token.decode(token, token_signer())
            upload = self.stage.get(decoded.upload_id)
            measured.tell_of(upload)
            self.stage.verify(upload)
        crop = Crop.from_compact(decoded.crop) if decoded.crop else None
        staged = StagedFile(self.stage, upload, crop=crop, bake=Bake.from_compact(decoded.bake))
        staged.touch()
        return staged

    def receive(self, source: Any, *, client_name: str = "", client_type: str = "") -> StagedFile:
        """Hold a file: an `UploadedFile`, any binary file, or an iterable of bytes."""
        name = client_name or getattr(source, "name", "") or "file"
        pieces = source.chunks() if isinstance(source, UploadedFile) else source
        with measuring("receive", "code") as measured:
            upload = self.stage.receive(pieces, client_name=str(name), client_type=client_type)
            measured.tell_of(upload)
            measured.bytes = upload.size
        return StagedFile(self.stage, upload)

    def discard(self, token: object) -> None:
        """Give a held file up now. One that is gone already is no error."""
        try:
            with measuring("discard", "code") as measured:
                upload = self.stage.get(Token.decode(token, token_signer()).upload_id)
                measured.tell_of(upload)
                self.stage.discard(upload.id)
        except NotHeld:
            return
