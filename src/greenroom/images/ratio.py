"""The shape that a result must have, and how exactly whole pixels can have it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from ..core.errors import UsageError

MAX_TERM = 10_000
"""The largest term of a ratio. 16384:9999 says nothing that a person means; small terms keep the
arithmetic of every implementation exact."""

_TEXT = re.compile(r"\s*([0-9]{1,5})\s*[:/x×]\s*([0-9]{1,5})\s*")


def nearest(numerator: int, denominator: int) -> int:
    """`floor(numerator / denominator + 1/2)` in exact whole numbers: halves go up."""
    return (2 * numerator + denominator) // (2 * denominator)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Width to height of a displayed result, p:q (so 4:3 is wider than it is high)."""

    p: int
    q: int

    def __post_init__(self) -> None:
        for term in (self.p, self.q):
            if isinstance(term, bool) or not isinstance(term, int) or not 1 <= term <= MAX_TERM:
                raise UsageError(f"A ratio is two whole numbers from 1 to {MAX_TERM}.", (self.p, self.q))

    @classmethod
    def parse(cls, text: str) -> Self:
        """From "4:3". Raises `UsageError` for anything else: ratios are written by programmers."""
        match = _TEXT.fullmatch(text) if isinstance(text, str) else None
        if match is None or (not match[0].isascii() and "×" not in match[0]):
            raise UsageError('A ratio is a text such as "4:3", width first.', text)
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.p}:{self.q}"

    def accepts(self, width: int, height: int) -> bool:
        """Whether a result of `width` x `height` pixels has this ratio, as nearly as pixels can.

        The rule of the stored crop, version 1: `2 * abs(w * q - h * p) <= max(p, q)`. One side is
        then off by at most half a pixel from what the other side asks for.
        """
        return 2 * abs(width * self.q - height * self.p) <= max(self.p, self.q)

    def turned(self, rot: int) -> Ratio:
        """The ratio that a rectangle needs before it is rotated by `rot` degrees."""
        return Ratio(self.q, self.p) if rot % 180 else self

    def height_for(self, width: int) -> int:
        """The height (at least 1) that comes nearest to this ratio for `width` pixels."""
        return max(1, nearest(width * self.q, self.p))

    def width_for(self, height: int) -> int:
        """The width (at least 1) that comes nearest to this ratio for `height` pixels."""
        return max(1, nearest(height * self.p, self.q))
