"""The IETF draft "Resumable Uploads for HTTP" (draft-ietf-httpbis-resumable-upload), interop version 8, without IO.

The sections named here are those of the editors' copy of 2026-07-01. As in `tus`, `read` gives a command and the
other functions an `Answer`. Interim responses (104) are not sent: neither WSGI nor ASGI can send one, and the draft
makes them optional. A client that wants to resume its first request creates the upload empty ("careful upload
creation") and takes the URL from the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote

from greenroom.core.errors import (
    DigestMismatch,
    EmptyFile,
    GreenroomError,
    LengthChanged,
    MalformedRequest,
    MethodNotAllowed,
    OffsetMismatch,
    TypeContradicted,
    TypeNotAllowed,
    WrongContentType,
)

from .digest import http_digests, repr_digest, wanted_digest
from .fields import Headers, boolean, whole_number
from .messages import Answer, Append, Command, Create, Describe, Discard, Look, Progress
from .problem import CONTENT_TYPE, problem, what_is_taken

INTEROP_VERSION = "8"
BODY = "application/partial-upload"
_TYPES = "https://iana.org/assignments/http-problem-types#"
JUDGED = (EmptyFile, TypeNotAllowed, TypeContradicted, DigestMismatch)
"""What a file is refused for in the end, and not a request: nothing is left that could be gone on with."""

_PARAMETER = re.compile(r';\s*(filename\*?)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s"]+)', re.IGNORECASE | re.ASCII)


def read(method: str, fields: Mapping[str, str], *, creating: bool) -> Command:
    """The command of a request to the creation URL (`creating`) or to an upload's own URL.

    Raises `MalformedRequest`, `WrongContentType`, `WrongCoding`, `MethodNotAllowed` or `LengthChanged`.
    """
    headers = Headers(fields)
    if method == "OPTIONS":
        return Describe()
    if creating and method in ("POST", "PUT"):
        return _read_create(headers)
    if not creating and method == "PATCH":
        return _read_append(headers)
    if not creating and method in ("HEAD", "GET"):
        return Look()
    if not creating and method == "DELETE":
        return Discard()
    raise MethodNotAllowed(method=method[:20], allowed=", ".join(methods(creating=creating)))


def methods(*, creating: bool) -> tuple[str, ...]:
    """What is taken at the creation URL (`creating`) or at an upload's own."""
    return ("OPTIONS", "POST", "PUT") if creating else ("OPTIONS", "HEAD", "GET", "PATCH", "DELETE")


def _read_create(headers: Headers) -> Create:
    ends = boolean(headers.get("Upload-Complete"))
    if ends is None:  # "other values MUST cause the entire header field to be ignored"
        raise MalformedRequest(reason="Upload-Complete: ?1 or ?0, or Tus-Resumable, is needed")
    headers.check_coding()
    return Create(
        length=_length(headers, ends, offset=0),
        client_name=_file_name(headers.get("Content-Disposition")),
        client_type=headers.content_type,
        policy=headers.get("Greenroom-Policy") or "",
        has_content=True,
        ends=ends,
        checksums=http_digests(headers, "Content-Digest"),
        whole=http_digests(headers, "Repr-Digest"),
        wanted=wanted_digest(headers),
    )


def _read_append(headers: Headers) -> Append:
    if headers.content_type != BODY:
        raise WrongContentType(expected=BODY)
    headers.check_coding()
    ends = boolean(headers.get("Upload-Complete"))
    offset = whole_number(headers.get("Upload-Offset"))
    if ends is None or offset is None:
        raise MalformedRequest(reason="Upload-Offset, and Upload-Complete: ?1 or ?0, are needed")
    return Append(
        offset=offset,
        length=_length(headers, ends, offset=offset),
        ends=ends,
        checksums=http_digests(headers, "Content-Digest"),
        whole=http_digests(headers, "Repr-Digest"),
        wanted=wanted_digest(headers),
    )


def _length(headers: Headers, ends: bool, *, offset: int) -> int | None:
    """Section "Length": from Upload-Length, and from Content-Length where the body is the rest of the file."""
    declared = whole_number(headers.get("Upload-Length"))
    content = headers.content_length
    implied = offset + content if ends and content is not None else None
    if declared is not None and implied is not None and declared != implied:
        raise LengthChanged(declared=declared)
    if declared is not None and not ends and content is not None and offset + content > declared:
        raise LengthChanged(declared=declared)
    return implied if declared is None else declared


def _file_name(disposition: str | None) -> str:
    """The file name in a Content-Disposition (RFC 6266 section 4.3): `filename*` before `filename`."""
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall((disposition or "")[:4096]):
        found.setdefault(name.lower(), value)
    extended = found.get("filename*", "").split("'", 2)
    if len(extended) == 3 and extended[0].lower() in ("utf-8", "iso-8859-1"):
        return unquote(extended[2], encoding=extended[0], errors="replace")
    plain = found.get("filename", "")
    if plain.startswith('"'):
        plain = re.sub(r"\\(.)", r"\1", plain[1:-1])
    return plain


# -- answers ---------------------------------------------------------------------------------------


def described(max_size: int | None) -> Answer:
    """The answer to OPTIONS, which must have the limits."""
    limits = _limits(max_size)
    headers = {"Upload-Limit": limits, "Upload-Draft-Interop-Version": INTEROP_VERSION, "Accept-Patch": BODY}
    return Answer(status=204, headers=headers)


def created(progress: Progress) -> Answer:
    """The upload exists; if it is complete at once, this is the answer to the whole.

    Nobody has been told its URL before ("Upload Creation", example A), by which it can be looked at and given up.
    """
    location = {"Location": progress.url}
    if progress.complete:
        answer = _finished(progress)
        return replace(answer, headers={**location, **answer.headers})
    return Answer(status=201, headers={**location, **_state(progress)})


def appended(progress: Progress) -> Answer:
    """The bytes are kept; 200 and a description when they are all here."""
    if progress.complete:
        return _finished(progress)
    return Answer(status=204, headers=_state(progress))


def looked(progress: Progress) -> Answer:
    """The answer to HEAD ("Offset Retrieval")."""
    headers = {**_state(progress), "Cache-Control": "no-store"}
    if progress.length is not None or progress.complete:
        headers["Upload-Length"] = str(progress.offset if progress.length is None else progress.length)
    return Answer(status=204, headers=headers)


def discarded() -> Answer:
    """It is gone."""
    return Answer(status=204, headers={"Upload-Draft-Interop-Version": INTEROP_VERSION})


def refused(
    error: GreenroomError,
    progress: Progress | None = None,
    *,
    max_size: int | None = None,
    detail: str | None = None,
) -> Answer:
    """What is wrong, as a problem document of the draft's own types where it has one ("Problem Types").

    `max_size` is what an upload may have of which there is no `progress`, if there is a limit.
    """
    document = problem(error, detail=detail)
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Cache-Control": "no-store",
        "Upload-Draft-Interop-Version": INTEROP_VERSION,
        # Whether the file was judged, which ends the upload, or this request ("Completeness").
        "Upload-Complete": "?1" if isinstance(error, JUDGED) else "?0",
        **what_is_taken(error),
    }
    if isinstance(error, OffsetMismatch):
        headers["Upload-Offset"] = str(error.params["expected"])
        members = {"expected-offset": error.params["expected"], "provided-offset": error.params["offset"]}
        title = "Mismatching Upload Offset"
        document = document.of_type(_TYPES + "mismatching-upload-offset", title, members)
    elif isinstance(error, LengthChanged):
        document = document.of_type(
            _TYPES + "inconsistent-upload-length", "Inconsistent Upload Length Values"
        )
    if document.status == 413:
        headers["Upload-Limit"] = _limits(progress.max_size if progress else max_size, progress)
    return Answer(status=document.status, headers=headers, body=document.to_json())


def _finished(progress: Progress) -> Answer:
    """What a form can use: the token; and what was found out about the bytes."""
    values = {
        "token": progress.token,
        "name": progress.client_name,
        "size": progress.offset,
        "type": progress.media_type,
        "digest": progress.digest,
    }
    headers = {**_state(progress), "Content-Type": "application/json", "Cache-Control": "no-store"}
    return Answer(status=200, headers=headers, body=json.dumps(values).encode("ascii"))


def _state(progress: Progress) -> dict[str, str]:
    return {
        "Upload-Complete": "?1" if progress.complete else "?0",
        "Upload-Offset": str(progress.offset),
        "Upload-Limit": _limits(progress.max_size, progress),
        "Upload-Draft-Interop-Version": INTEROP_VERSION,
        "Greenroom-Token": progress.token,
        **repr_digest((progress.digest, progress.wanted)),
    }


def _limits(max_size: int | None, progress: Progress | None = None) -> str:
    """Of an upload, or of those that can be created: "if the server does not apply any limits, it MUST use min-size=0"."""
    limits = [] if max_size is None else [f"max-size={max_size}"]
    if progress is not None:
        limits.append(f"max-age={max(0, progress.seconds_left)}")
    return ", ".join(limits) or "min-size=0"
