"""What one form field asks of its files: declared once, used by the policy, the widget and `clean()`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from inspect import iscoroutinefunction

from . import conf
from .core import Limits, UsageError, parse_size
from .files import Bake
from .images import Inspector, Ratio, Recipe
from .posted import MOST_FILES

TRANSFERS = ("pick", "accept", "save")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The declaration of one staged field.

    `transfer` says when the bytes move where there is JavaScript: "pick" (at once), "accept" (when the crop is
    applied) or "save" (when the form is sent). `pictures` asks for pictures; `ratio` is the ratio that a crop must have and `croppable` whether there
    may be one; `bake` says whether the crop is cut into the saved file; `crop_to` names the model field
    that takes the crop. `max_num` None means as many as an owner may hold.
    """

    limits: Limits
    transfer: str = "pick"
    pictures: bool = False
    multiple: bool = False
    min_num: int = 0
    max_num: int | None = 1
    croppable: bool = False
    ratio: Ratio | None = None
    bake: Bake = field(default_factory=Bake)
    crop_to: str = ""
    memory: int | str | None = None
    inspectors: Sequence[Inspector] = ()
    saved_file: str = ""
    saved_crop: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.limits, Limits):
            raise UsageError('limits is a Limits, such as Limits(max_bytes="10 MB").', self.limits)
        if not isinstance(self.inspectors, list | tuple):
            raise UsageError("inspectors is a list of functions.", self.inspectors)
        object.__setattr__(self, "inspectors", tuple(self.inspectors))
        if self.transfer not in TRANSFERS:
            raise UsageError(f"transfer is one of {', '.join(TRANSFERS)}.", self.transfer)
        if self.memory is not None:
            parse_size(self.memory)
        least, most = self.min_num, self.max_num
        if (
            type(least) is not int
            or least < 0
            or (most is not None and (type(most) is not int or not max(least, 1) <= most <= MOST_FILES))
        ):
            raise UsageError(
                f"min_num is a whole number from 0, max_num one from 1, at least min_num, and at most {MOST_FILES}.",
                (least, most),
            )
        for inspector in self.inspectors:
            if not callable(inspector) or iscoroutinefunction(inspector):
                raise UsageError("inspectors are called with (file, picture), and not awaited.", inspector)

    @property
    def memory_bytes(self) -> int:
        """How much of one file may stay in memory."""
        return conf.current().memory_bytes if self.memory is None else parse_size(self.memory)

    @property
    def max_files(self) -> int:
        """How many files one post may carry."""
        return min(conf.current().owner_uploads, MOST_FILES) if self.max_num is None else self.max_num

    def most(self, *, saved: int) -> int:
        """How many files the field may have of which `saved` are saved already.

        Without a number of its own it has its owner's, which is for what is held: what is saved is not.
        """
        return self.max_files + (saved if self.max_num is None else 0)

    @property
    def accept(self) -> str:
        """For the input's `accept` attribute: a convenience, which decides nothing."""
        return ",".join(self.limits.types)

    def for_pictures(
        self, *, crop: str | None, keep_original: bool, size: tuple[int, int] | None, crop_to: str
    ) -> Rules:
        """The same for pictures: of every kind, unless the limits name types.

        `crop` is None (no crop), "free", or a ratio such as "4:3".
        """
        Recipe.bake(None, size)  # which refuses a size that is none, now and not when somebody uploads
        if keep_original and size is not None:
            raise UsageError("keep_original saves the file as it is, so it takes no size.", size)
        return replace(
            self,
            limits=self.limits if self.limits.types else replace(self.limits, types=("image/*",)),
            pictures=True,
            croppable=crop is not None,
            ratio=None if crop in (None, "free") else Ratio.parse(crop),
            bake=Bake(apply=not keep_original, size=size),
            crop_to=crop_to,
        )
