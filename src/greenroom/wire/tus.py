"""tus 1.0.0 (https://tus.io/protocols/resumable-upload, protocol.md of 2025-06-26), without IO.

`read` turns a request's method and header fields into a command, or raises what is wrong with it; the other
functions turn what became of it into an `Answer`. Extensions: creation, creation-with-upload,
creation-defer-length, expiration, checksum (sha1 and sha256), termination.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate

from greenroom.core.errors import (
    ChecksumMismatch,
    DigestMismatch,
    GreenroomError,
    MalformedRequest,
    MethodNotAllowed,
    UnknownVersion,
    WrongContentType,
)

from .digest import TUS_ALGORITHMS, Checksum, http_digests, repr_digest, tus_checksum, wanted_digest
from .fields import Headers
from .messages import Answer, Append, Command, Create, Describe, Discard, Look, Progress
from .metadata import read_metadata
from .problem import CONTENT_TYPE, problem, what_is_taken

VERSION = "1.0.0"
BODY = "application/offset+octet-stream"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "checksum",
    "termination",
)
MISMATCH = (460, "Checksum Mismatch")  # "Checksum" in protocol.md; no RFC has this status


def is_meant(method: str, fields: Mapping[str, str]) -> bool:
    """Whether the client speaks tus: it says so in every request but OPTIONS ("Tus-Resumable")."""
    headers = Headers(fields)
    return "Tus-Resumable" in headers or headers.content_type == BODY


def read(method: str, fields: Mapping[str, str], *, creating: bool) -> Command:
    """The command of a request to the creation URL (`creating`) or to an upload's own URL.

    `method` is the effective one. Raises `UnknownVersion`, `WrongContentType`, `WrongCoding`,
    `MalformedRequest` or `MethodNotAllowed`.
    """
    headers = Headers(fields)
    if method == "OPTIONS":
        return Describe()  # "the Server MUST ignore the header" (Tus-Resumable)
    # First of all: "the Server MUST NOT process the request".
    if headers.get("Tus-Resumable") != VERSION:
        raise UnknownVersion(version=(headers.get("Tus-Resumable") or "")[:20] or "?")
    if creating and method == "POST":
        return _read_create(headers)
    if not creating and method == "PATCH":
        return _read_append(headers)
    if not creating and method == "HEAD":
        return Look()
    if not creating and method == "DELETE":
        return Discard()
    raise MethodNotAllowed(method=method[:20], allowed=", ".join(methods(creating=creating)))


def methods(*, creating: bool) -> tuple[str, ...]:
    """What is taken at the creation URL (`creating`) or at an upload's own."""
    return ("OPTIONS", "POST") if creating else ("OPTIONS", "HEAD", "PATCH", "DELETE")


def _read_create(headers: Headers) -> Create:
    if "Upload-Concat" in headers:
        # What is a part of something else, or made of parts, would be kept as a file of its own.
        raise MalformedRequest(reason="uploads are not put together here (Upload-Concat)")
    headers.check_coding()
    length = headers.number("Upload-Length")
    deferred = headers.get("Upload-Defer-Length")
    if deferred is not None and deferred != "1":
        raise MalformedRequest(reason="Upload-Defer-Length can only be 1")
    if (length is None) == (deferred is None):
        raise MalformedRequest(reason="Upload-Length or Upload-Defer-Length: 1 is needed, and not both")
    metadata = headers.get("Upload-Metadata") or ""
    pairs = read_metadata(metadata)
    has_content = headers.content_type == BODY
    if not has_content and (headers.content_length or headers.get("Transfer-Encoding")):
        raise WrongContentType(expected=BODY)
    return Create(
        length=length,
        client_name=pairs.get("filename") or pairs.get("name") or "",
        client_type=pairs.get("filetype") or pairs.get("type") or "",
        policy=pairs.get("policy") or headers.get("Greenroom-Policy") or "",
        metadata=metadata,
        has_content=has_content,
        checksums=_checksums(headers),
        whole=http_digests(headers, "Repr-Digest"),
        wanted=wanted_digest(headers),
    )


def _read_append(headers: Headers) -> Append:
    if headers.content_type != BODY:
        raise WrongContentType(expected=BODY)
    headers.check_coding()
    offset = headers.number("Upload-Offset")
    if offset is None:
        raise MalformedRequest(reason="Upload-Offset is needed")
    return Append(
        offset=offset,
        length=headers.number("Upload-Length"),
        checksums=_checksums(headers),
        whole=http_digests(headers, "Repr-Digest"),
        wanted=wanted_digest(headers),
    )


def _checksums(headers: Headers) -> tuple[Checksum, ...]:
    """What the body must hash to, said in the words of tus or in those of RFC 9530, or in both."""
    checksum = tus_checksum(headers.get("Upload-Checksum"))
    return ((checksum,) if checksum is not None else ()) + http_digests(headers, "Content-Digest")


# -- answers ---------------------------------------------------------------------------------------


def described(max_size: int | None) -> Answer:
    """The answer to OPTIONS. `max_size` is the largest upload in bytes, if there is one."""
    headers = {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Checksum-Algorithm": ",".join(TUS_ALGORITHMS),
    }
    if max_size is not None:
        headers["Tus-Max-Size"] = str(max_size)
    return Answer(status=204, headers=headers)


def created(progress: Progress) -> Answer:
    """The upload exists; its offset is told in any case, as creation-with-upload demands."""
    headers = {"Location": progress.url, "Upload-Offset": str(progress.offset)}
    return _answer(201, progress, headers)


def appended(progress: Progress) -> Answer:
    """The bytes are kept."""
    return _answer(204, progress, {"Upload-Offset": str(progress.offset)})


def looked(progress: Progress) -> Answer:
    """The answer to HEAD."""
    headers = {"Upload-Offset": str(progress.offset), "Cache-Control": "no-store"}
    if progress.length is not None:
        headers["Upload-Length"] = str(progress.length)
    elif progress.complete:
        headers["Upload-Length"] = str(progress.offset)
    else:
        headers["Upload-Defer-Length"] = "1"
    if progress.metadata:
        headers["Upload-Metadata"] = progress.metadata
    return _answer(200, progress, headers)


def discarded() -> Answer:
    """It is gone."""
    return Answer(status=204, headers={"Tus-Resumable": VERSION})


def refused(
    error: GreenroomError,
    progress: Progress | None = None,
    *,
    max_size: int | None = None,
    detail: str | None = None,
) -> Answer:
    """What is wrong, as a problem document. There is no offset in it: a client asks for that with HEAD.

    `max_size` is what an upload may have of which there is no `progress`, if there is a limit.
    """
    document = problem(error, detail=detail)
    headers = {"Tus-Resumable": VERSION, "Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
    headers |= what_is_taken(error)
    if isinstance(error, ChecksumMismatch) and not isinstance(error, DigestMismatch):  # which ends the upload
        document = document.with_status(*MISMATCH)
    if isinstance(error, UnknownVersion):
        headers["Tus-Version"] = VERSION
    max_size = progress.max_size if progress is not None else max_size
    if document.status == 413 and max_size is not None:
        headers["Tus-Max-Size"] = str(max_size)
    if progress is not None and not progress.complete:
        headers["Upload-Expires"] = formatdate(progress.expires_at, usegmt=True)
    reason = document.title if document.status == MISMATCH[0] else ""
    return Answer(status=document.status, headers=headers, body=document.to_json(), reason=reason)


def _answer(status: int, progress: Progress, headers: dict[str, str]) -> Answer:
    headers = {"Tus-Resumable": VERSION, **headers, "Greenroom-Token": progress.token}
    # For as long as it is unfinished ("Upload-Expires", of the form of RFC 9110 section 5.6.7).
    if not progress.complete:
        headers["Upload-Expires"] = formatdate(progress.expires_at, usegmt=True)
    return Answer(status=status, headers={**headers, **repr_digest((progress.digest, progress.wanted))})
