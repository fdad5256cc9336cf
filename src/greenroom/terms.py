"""What was agreed on when an upload was created: kept in its record, so that it holds for every request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Self

from .core import Limits


@dataclass(frozen=True, kw_only=True)
class Terms:
    """`limits` of the field; the client's `metadata`, to be repeated as it came.

    `length` is the size in bytes where a protocol declares one without letting it end the upload, `digests`
    what the client has announced for the whole, such as `sha256:9f86d0...`, `wanted` the algorithm of one that it wants
    to be told. It is `seen` when the client has asked for what it sent, and so has had the answer to its creation.
    """

    limits: Limits = field(default_factory=Limits)
    metadata: str = ""
    length: int | None = None
    digests: tuple[str, ...] = ()
    wanted: str = ""
    seen: bool = False

    def encode(self) -> str:
        """As JSON, without what is not set."""
        values: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["limits"] = self.limits.to_dict()
        unset = [name for name, value in values.items() if value in ("", None, {}, ()) or value is False]
        return json.dumps({name: value for name, value in values.items() if name not in unset})

    @classmethod
    def decode(cls, text: str) -> Self:
        """The inverse; no text is no terms."""
        values = json.loads(text or "{}")
        limits, digests = Limits.from_dict(values.get("limits", {})), tuple(values.get("digests", ()))
        return cls(**{**values, "limits": limits, "digests": digests})
