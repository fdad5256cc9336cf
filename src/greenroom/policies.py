"""The intake policy: what one file input may send, signed into the form ahead of the input itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import Self

from django.conf import settings

from .core import Limits, Signer, UsageError

SUFFIX = "-policy"
# In the template row of a formset the name has this in the place of a number (django.forms.formsets).
_PLACEHOLDER = re.escape("__prefix__")


@dataclass(frozen=True, kw_only=True)
class IntakePolicy:
    """What the server promised to take, for one rendering of one file input and for one owner.

    `name` is the input's name, `use` the nonce from which each file's use is made, `max_files` how many
    files one post may carry in it, `memory` how many bytes of each may stay in memory.
    """

    name: str
    owner: str
    use: str
    limits: Limits
    max_files: int
    memory: int

    @classmethod
    def new(cls, *, name: str, owner: str, limits: Limits, max_files: int, memory: int) -> Self:
        """A policy with a fresh nonce, for one rendering."""
        return cls(
            name=name,
            owner=fingerprint(owner),
            use=secrets.token_urlsafe(12),
            limits=limits,
            max_files=max_files,
            memory=memory,
        )

    def encode(self) -> str:
        """JSON in base64url, and a signature."""
        values = {
            "n": self.name,
            "o": self.owner,
            "u": self.use,
            "l": self.limits.to_dict(),
            "f": self.max_files,
            "m": self.memory,
        }
        text = json.dumps(values, separators=(",", ":")).encode()
        return policy_signer().sign(base64.urlsafe_b64encode(text).decode())

    @classmethod
    def decode(cls, text: str, *, name: str | None, owner: str | None) -> Self | None:
        """The policy, if we signed it for this input of this owner's form; None for anything else.

        `name` None asks for no particular input: an upload of its own belongs to the one that the policy names.

        Whoever has no valid policy is not refused: their file goes Django's ordinary way, and the field
        judges it there.
        """
        unsigned = policy_signer().unsign(text)
        if unsigned is None or owner is None:
            return None
        values = json.loads(base64.urlsafe_b64decode(unsigned))
        # Signed is not enough: a policy of another input, or of another visitor, allows nothing here.
        pattern = re.escape(values["n"]).replace(_PLACEHOLDER, "[0-9]+")
        if values["o"] != fingerprint(owner) or not (name is None or re.fullmatch(pattern, name)):
            return None
        try:
            limits = Limits.from_dict(values["l"])
        except (TypeError, UsageError):  # written by another version of Greenroom
            return None
        return cls(
            name=name or values["n"],
            owner=values["o"],
            use=values["u"],
            limits=limits,
            max_files=values["f"],
            memory=values["m"],
        )

    def use_of(self, index: int) -> str:
        """The use of the file that comes `index`-th in this input."""
        return f"{self.use}.{self.name}.{index}"


def policy_signer() -> Signer:
    """Signs policies; a token's signature is worth nothing here, and the other way round."""
    return Signer([settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS], purpose="policy")


def fingerprint(owner: str) -> str:
    """Tells owners apart without putting their key into a page."""
    return hashlib.sha256(owner.encode()).hexdigest()[:16]
