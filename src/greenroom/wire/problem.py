"""Problem documents (RFC 9457): how HTTP says what `core.errors` says. The one table of statuses is here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Self

from greenroom.core.errors import (
    AddressExceeded,
    GreenroomError,
    MethodNotAllowed,
    WrongCoding,
    WrongContentType,
)

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 600
"""When to try again what others of the same address stand in the way of: nobody knows when they will be done."""

# The sections are those of RFC 9110. 4xx also means "do not try the same again": upload clients
# repeat a 5xx by themselves, so only what may pass without anybody's doing is one.
STATUSES: dict[str, HTTPStatus] = {
    "error": HTTPStatus.INTERNAL_SERVER_ERROR,
    # What is understood, is no HTTP mistake and cannot be taken (15.5.21): the file itself is wrong.
    "refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "empty": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_adoptable": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_a_picture": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many_pixels": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many_frames": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_much_work": HTTPStatus.UNPROCESSABLE_ENTITY,
    "blank": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_few_pixels": HTTPStatus.UNPROCESSABLE_ENTITY,
    "wrong_aspect": HTTPStatus.UNPROCESSABLE_ENTITY,
    "crop_invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "crop_stale": HTTPStatus.UNPROCESSABLE_ENTITY,
    "crop_outside": HTTPStatus.UNPROCESSABLE_ENTITY,
    "crop_ratio": HTTPStatus.UNPROCESSABLE_ENTITY,
    "crop_moving": HTTPStatus.UNPROCESSABLE_ENTITY,
    # Two statuses are made for one property of the content (15.5.14, 15.5.16); clients know them.
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "type_not_allowed": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "type_contradicted": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    # More than this owner may keep. Not 429 (RFC 6585): waiting does not help, saving does. Not 507,
    # as for a quota in WebDAV (RFC 4331): clients would send the whole file again and again.
    "quota_exceeded": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    # RFC 4918 section 11.5: temporary, and nobody's fault but the server's. Not 503, for which a proxy takes the
    # whole server out of use, with everything that it could still answer.
    "disk_full": HTTPStatus.INSUFFICIENT_STORAGE,
    "total_exceeded": HTTPStatus.INSUFFICIENT_STORAGE,
    # RFC 6585 section 4, which leaves open who is counted, and how: here waiting does help.
    "address_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    # 15.6.4: a check that is made here could not be made now.
    "not_checked": HTTPStatus.SERVICE_UNAVAILABLE,
    # 15.6.4, too: it may pass, and is nobody's fault but the server's.
    "store_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    # The request is not what it says it is (15.5.1).
    "malformed_body": HTTPStatus.BAD_REQUEST,
    "cut_short": HTTPStatus.BAD_REQUEST,
    "length_exceeded": HTTPStatus.BAD_REQUEST,
    # One answer for unknown, foreign, expired and garbled, or the status would tell them apart. An
    # altered one was here, is this owner's, and will not come back (15.5.11).
    "not_held": HTTPStatus.NOT_FOUND,
    "altered": HTTPStatus.GONE,
    # Right in itself, but not in the state that the upload is in (15.5.10).
    "not_finished": HTTPStatus.CONFLICT,
    "offset_mismatch": HTTPStatus.CONFLICT,
    "already_saved": HTTPStatus.CONFLICT,
    "busy": HTTPStatus.LOCKED,  # RFC 4918 section 11.3; upload clients try it again
    "already_whole": HTTPStatus.CONFLICT,
    # What the upload protocols say themselves, or RFC 9110 for everybody.
    "malformed_request": HTTPStatus.BAD_REQUEST,
    "forbidden": HTTPStatus.FORBIDDEN,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "unknown_version": HTTPStatus.PRECONDITION_FAILED,
    "wrong_content_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "wrong_coding": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "length_required": HTTPStatus.LENGTH_REQUIRED,
    "length_changed": HTTPStatus.BAD_REQUEST,
    "checksum_mismatch": HTTPStatus.BAD_REQUEST,  # tus has a status of its own for it, 460
    "digest_mismatch": HTTPStatus.BAD_REQUEST,
}

_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""As RFC 9110 words them; `http.HTTPStatus` does so from Python 3.13 on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One problem document, RFC 9457 section 3.1, with our stable `code` as an extension member.

    `type` is "about:blank" (section 4.2.1), so `title` is the words of the status; what happened is told by
    `code` to programs and by `detail` to people. A protocol that has registered types of its own
    replaces it.
    """

    status: int
    code: str
    detail: str
    title: str
    type: str = "about:blank"
    members: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The body of the response, in ASCII: also with a client's name in it that is not valid Unicode."""
        members = {name: getattr(self, name) for name in ("type", "title", "status", "detail", "code")}
        return json.dumps({**members, **self.members}).encode("ascii")

    def with_status(self, status: int, title: str) -> Self:
        """The same under a status that only one protocol has."""
        return replace(self, status=status, title=title)

    def of_type(self, type: str, title: str, members: Mapping[str, object] | None = None) -> Self:
        """The same as one of a protocol's registered types, with that type's title and extension members."""
        return replace(self, type=type, title=title, members=members or {})


def status_of(error: GreenroomError | type[GreenroomError]) -> HTTPStatus:
    """The status for an error. One that is defined elsewhere has the status of what it derives from."""
    kind = error if isinstance(error, type) else type(error)
    codes = (getattr(base, "code", "") for base in kind.__mro__)
    return next(STATUSES[code] for code in codes if code in STATUSES)


def problem(error: GreenroomError, *, detail: str | None = None) -> Problem:
    """The document for `error`. `detail` is its sentence in the language of the person, if not in English."""
    status = status_of(error)
    return Problem(
        status=status.value,
        code=error.code,
        title=_TITLES.get(status.value, status.phrase),
        detail=str(error) if detail is None else detail,
    )


def what_is_taken(error: GreenroomError) -> dict[str, str]:
    """The header field that says what would have been right, or when, for the errors that have one."""
    if isinstance(error, AddressExceeded):
        return {"Retry-After": str(RETRY_SECONDS)}  # RFC 9110 section 10.2.3
    if isinstance(error, MethodNotAllowed):
        return {"Allow": str(error.params["allowed"])}  # RFC 9110 section 15.5.6: "MUST generate"
    if isinstance(error, WrongContentType):
        return {"Accept-Patch": str(error.params["expected"])}  # RFC 5789 section 2.2
    if isinstance(error, WrongCoding):
        return {"Accept-Encoding": "identity"}  # RFC 9110 section 12.5.3
    return {}
