"""What every error has that `core.errors` lists: a code, a sentence, and the values that go into it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar, Self


def gettext_noop(message: str) -> str:
    """Mark `message` for translation (`makemessages` looks for this name) and return it unchanged."""
    return message


_ = gettext_noop


class GreenroomError(Exception):
    """The root of everything Greenroom raises on purpose.

    `code` is stable and machine-readable, `template` is the sentence with `%(name)s` places and
    `params` are the values for them.
    """

    code: ClassVar[str] = "error"
    template: ClassVar[str] = _("Something went wrong with this file. Choose it again.")

    def __init__(self, **params: object) -> None:
        self.params: Mapping[str, object] = params
        super().__init__(code_and_params(self.code, params))

    def __str__(self) -> str:
        return self.template % self.params

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes (task queues, test runners), keyword arguments and all."""
        return functools.partial(type(self), **self.params), ()


class Refused(GreenroomError):
    """A file, or what was asked of it, is not accepted. The base of all refusals.

    `name` is the client's name of the file; without one the sentence says "This file".
    """

    code = "refused"
    template = _("%(name)s was refused. Choose another file.")
    unnamed: ClassVar[str] = _("This file")
    quoted: ClassVar[str] = _("“%(name)s”")

    def __init__(self, *, name: str = "", **params: object) -> None:
        self.name = name
        super().__init__(**params)

    def __str__(self) -> str:
        return self.sentence(self.template, self.unnamed, self.quoted)

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(type(self), name=self.name, **self.params), ()

    def sentence(self, template: str, unnamed: str, quoted: str) -> str:
        """The message in the words of `template`, `unnamed` and `quoted` (an adapter passes translations)."""
        name = quoted % {"name": self.name} if self.name else unnamed
        return template % {**self.params, "name": name}

    def named(self, name: str) -> Self:
        """The same refusal, about the file that the client calls `name`."""
        return type(self)(name=name, **self.params)


def code_and_params(code: str, params: Mapping[str, object]) -> str:
    """What ends up in a traceback: the code and the values, without the sentence."""
    return f"{code} {dict(params)!r}" if params else code
