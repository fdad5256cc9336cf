"""Keeps tokens, policies and control characters out of logs.

A token stands in the address of a preview, and Django and its servers log addresses. A log is read by more people than
a session is, and is kept for longer than an upload.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping
from typing import Any

WITH_ADDRESSES = (
    "django.request",
    "django.security.csrf",
    "django.server",
    "gunicorn.access",
    "gunicorn.error",
    "uvicorn.access",
    "uvicorn.error",
)
"""Loggers of others that write addresses. A filter of a logger is not one of the loggers below it."""

OURS = ("greenroom", "greenroom.images", "greenroom.inspection", "greenroom.measures")

KEPT = 8
"""So many characters of a token stay, by which its lines are found again."""

# A text, up to two more behind dots, and a signature (`core.tokens`). It begins where a word does, so that a long
# path is looked at once and not from each of its characters.
_SIGNED = re.compile(
    r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{16,}={0,2}(?:\.[A-Za-z0-9-]*){0,2}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])",
    re.ASCII,
)
# C0, DEL, C1, the separators that end a line for some readers, and what turns the direction of text.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")


class Shortening(logging.Filter):
    """Lets every record pass, with its tokens cut to their beginnings."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(
            record.args, Mapping
        ):  # gunicorn's own kind, which knows what to say for a field that is missing
            record.msg, record.args = record.getMessage(), ()
        record.msg = shortened(record.msg)
        record.args = tuple(shortened(each) for each in record.args or ())
        return True


class Escaping(Shortening):
    """The same for records of ours, which may tell of an exception that has a client's words in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        super().filter(record)
        record.args = tuple(escaped(each) if isinstance(each, str) else each for each in record.args or ())
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = shortened(trace_of(record.exc_info[1]))  # which formatters take, if it is there
        return True


def shortened(text: Any) -> Any:
    """`text` without tokens and policies; what is no text, as it is."""
    return _SIGNED.sub(lambda signed: signed[0][:KEPT] + "...", text) if isinstance(text, str) else text


def escaped(text: str) -> str:
    r"""`text` with its control characters as Python writes them: `\x1b`."""
    return _CONTROLS.sub(lambda control: control[0].encode("unicode_escape").decode("ascii"), text)


def trace_of(error: BaseException) -> str:
    """The trace as Python prints it, with the message of each exception on one line."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{trace_of(cause)}\n\nAnd then:\n\n" if cause is not None else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    said = escaped(f"{type(error).__qualname__}: {error}")
    return f"{before}Traceback (most recent call last):\n{frames}{said}"


def keep_quiet() -> None:
    """Add the filters; doing it again changes nothing."""
    for kind, names in ((Shortening, WITH_ADDRESSES), (Escaping, OURS)):
        for name in names:
            logger = logging.getLogger(name)
            if not any(isinstance(each, Shortening) for each in logger.filters):
                logger.addFilter(kind())
