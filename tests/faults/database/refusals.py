"""Every reason for which a body is refused, as a request to a real server."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from typing import Any

from tests.django.servers import Server, Visitor
from tests.django.uploading import TUS_BODY, URL, metadata
from tests.pages import BOUNDARY, CONTENT_TYPE, encode

LENGTH = 40_000_000
"""What is announced: more than anybody reads in the time that is given to what is refused."""

PIECE = 8_192
PAUSE = 0.05  # seconds between two pieces
TOO_LONG = 20.0  # seconds after which a sender gives up waiting for an end

TUS = {"Tus-Resumable": "1.0.0", "Content-Type": TUS_BODY}
DRAFT = {"Upload-Draft-Interop-Version": "8", "Upload-Complete": "?1"}


@dataclass
class Refusal:
    """One request: what is sent ahead of the file, and how it is answered. `by_header` says that no byte of the
    body is needed to know."""

    reason: str
    status: int
    path: str
    headers: dict[str, str]
    method: str = "POST"
    ahead: bytes = b""
    by_header: bool = True
    code: str = ""


@dataclass
class Outcome:
    """What the sender saw. Times are seconds since the header was sent; `ended` is None if nothing ended."""

    refusal: Refusal
    answered: float | None = None
    ended: float | None = None
    sent: int = 0
    raw: bytes = b""
    said_first: bytes = b""
    complaints: list[str] = field(default_factory=list)

    def answer(self) -> HTTPResponse:
        response = HTTPResponse(Read(self.raw))  # type: ignore[arg-type]
        response.begin()
        return response


class Read:
    """A socket that has said all that it says."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self.data)


def form(visitor: Visitor, name: str, before: list[tuple[str, Any]] | None = None, **changes: str) -> bytes:
    """The page's form up to the content of its file: what follows is up to the sender."""
    values = [(each, value) for each, value in visitor.page.fields if each != name and value]
    fields = [(each, changes.pop(each, value)) for each, value in values]
    head = encode([*fields, *changes.items(), *(before or [])], closed=False)
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="tea.bin"'
    return head + f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode()


def reasons(visitor_to: Callable[[str], Visitor]) -> Iterator[Refusal]:
    """`visitor_to` opens a page for somebody new."""
    yield from of_the_sender(visitor_to)
    yield from of_the_file(visitor_to)
    yield from of_the_protocol(visitor_to)
    yield from of_forms(visitor_to)


def of_the_sender(visitor_to: Callable[[str], Visitor]) -> Iterator[Refusal]:
    backup = visitor_to("/backup/")
    known = backup.headers
    size = {"Upload-Length": str(LENGTH)}
    for protocol, fields in (("tus", {**TUS, **size}), ("draft", DRAFT)):
        token = {"X-CSRFToken": "x" * 64}
        evil = {"Origin": "http://evil.example"}
        stranger = {name: value for name, value in known.items() if name != "Cookie"}
        only_csrf = {**known, "Cookie": f"csrftoken={backup.http.cookies['csrftoken']}"}
        yield Refusal(f"{protocol}: no owner", 403, URL, {**fields, **only_csrf})
        yield Refusal(f"{protocol}: no cookies", 403, URL, {**fields, **stranger})
        yield Refusal(f"{protocol}: security token", 403, URL, {**fields, **known, **token})
        yield Refusal(f"{protocol}: Origin", 403, URL, {**fields, **known, **evil})
        yield Refusal(
            f"{protocol}: Sec-Fetch-Site", 403, URL, {**fields, **known, "Sec-Fetch-Site": "cross-site"}
        )
        for what, policy in (
            ("forged", backup.page["body-policy"][:-1] + "x"),
            ("another's", visitor_to("/backup/").page["body-policy"]),
            ("no policy at all", "x"),
        ):
            yield Refusal(
                f"{protocol}: policy, {what}", 403, URL, {**fields, **known, "Greenroom-Policy": policy}
            )
    late = visitor_to("/backup/")
    policy = late.page["body-policy"]
    late.http.cookies.clear()
    fresh = Visitor(late.server)  # the same browser, when its session was over
    yield Refusal(
        "policy of an earlier session", 403, URL, {**TUS, **size, **fresh.headers, "Greenroom-Policy": policy}
    )


def of_the_file(visitor_to: Callable[[str], Visitor]) -> Iterator[Refusal]:
    size = {"Upload-Length": str(LENGTH)}
    full = visitor_to("/backup/")
    full.create(59_000_000)
    yield Refusal("quota", 413, URL, {**TUS, **size, **full.headers}, code="quota_exceeded")
    yield Refusal("quota, by the draft", 413, URL, {**DRAFT, **full.headers}, code="quota_exceeded")

    papers = visitor_to("/papers/")
    allowed = {**papers.headers, "Greenroom-Policy": papers.page["papers-policy"]}
    yield Refusal("declared length", 413, URL, {**TUS, **size, **allowed}, code="too_large")
    yield Refusal("length of the body", 413, URL, {**DRAFT, **allowed}, code="too_large")
    later = {**TUS, "Upload-Defer-Length": "1", **allowed}
    yield Refusal("length that comes later", 413, URL, later, code="too_large")
    crowd = visitor_to("/papers/")
    policy = {"Greenroom-Policy": crowd.page["papers-policy"]}
    for name in "abc":
        crowd.create(5, **policy, **{"Upload-Metadata": metadata(filename=f"{name}.txt")})
    one_more = {**TUS, "Upload-Length": "900000", "Content-Length": "900000", **crowd.headers, **policy}
    yield Refusal("count", 422, URL, one_more, code="too_many")

    product = visitor_to("/product/")
    pictures = {**product.headers, "Greenroom-Policy": product.page["photo-policy"]}
    fits = {"Upload-Length": "9000000", "Content-Length": "9000000"}
    claims = {"Upload-Metadata": metadata(filename="tea.pdf")}
    wrong = "type_not_allowed"
    yield Refusal("type by its name", 415, URL, {**TUS, **fits, **claims, **pictures}, code=wrong)
    claims = {"Upload-Metadata": metadata(filetype="application/pdf")}
    yield Refusal("type by its claim", 415, URL, {**TUS, **fits, **claims, **pictures}, code=wrong)
    yield Refusal("type by its bytes", 415, URL, {**TUS, **fits, **pictures}, by_header=False, code=wrong)
    # Its own field: while its bytes are looked at, either of them takes the only place that there is.
    another = visitor_to("/product/")
    pictures = {**another.headers, "Greenroom-Policy": another.page["photo-policy"]}
    draft = {**DRAFT, "Content-Length": "9000000", **pictures}
    yield Refusal("type by its bytes, draft", 415, URL, draft, by_header=False, code=wrong)
    begun = visitor_to("/product/")
    empty = begun.create(9_000_000, **{"Greenroom-Policy": begun.page["photo-policy"]})
    goes_on = {**TUS, "Upload-Offset": "0", "Content-Length": "9000000", **begun.headers}
    yield Refusal("type by its bytes, later", 415, empty, goes_on, "PATCH", by_header=False, code=wrong)


def of_the_protocol(visitor_to: Callable[[str], Visitor]) -> Iterator[Refusal]:
    size = {"Upload-Length": str(LENGTH)}
    backup = visitor_to("/backup/")
    known = backup.headers
    other = visitor_to("/backup/").create(5)
    mine, whole = backup.create(1_000), backup.create(5)
    backup.patch(whole, b"Assam", 0)
    at = {**TUS, "Upload-Offset": "0", **known}
    yield Refusal("no such upload", 404, f"{URL}{'A' * 22}/", at, "PATCH", code="not_held")
    yield Refusal("another's upload", 404, other, at, "PATCH", code="not_held")
    yield Refusal("already whole", 409, whole, {**at, "Upload-Offset": "5"}, "PATCH", code="already_whole")
    yield Refusal("offset", 409, mine, {**at, "Upload-Offset": "7"}, "PATCH", code="offset_mismatch")
    yield Refusal("more than announced", 400, mine, at, "PATCH", code="length_exceeded")
    yield Refusal(
        "media type", 415, mine, {**at, "Content-Type": "text/plain"}, "PATCH", code="wrong_content_type"
    )
    yield Refusal("method", 405, mine, {**at, **known}, "POST", code="method_not_allowed")
    version = {**TUS, **size, **known, "Tus-Resumable": "0.2.2"}
    yield Refusal("version", 412, URL, version, code="unknown_version")
    for what, fields in (
        ("length", {"Upload-Length": "-1"}),
        ("metadata", {**size, "Upload-Metadata": "filename *"}),
        ("checksum", {**size, "Upload-Checksum": "crc32 AAAA"}),
        ("override", {**size, "X-HTTP-Method-Override": "PA TCH"}),
    ):
        yield Refusal(f"malformed {what}", 400, URL, {**TUS, **fields, **known}, code="malformed_request")
    digest = {**DRAFT, "Content-Digest": "sha-256=x", **known}
    yield Refusal("malformed digest", 400, URL, digest, code="malformed_request")


def of_forms(visitor_to: Callable[[str], Visitor]) -> Iterator[Refusal]:
    """A page is shown again as 413, since the rest of the body stays unread."""
    product, papers = visitor_to("/product/"), visitor_to("/papers/")

    def sent(visitor: Visitor, **fields: str) -> dict[str, str]:
        return {"Content-Type": CONTENT_TYPE, "Cookie": visitor.headers["Cookie"], **fields}

    photo = form(product, "photo")
    wrong = form(product, "photo", csrfmiddlewaretoken="x" * 64)
    evil = {"Origin": "http://evil.example"}
    options: dict[str, Any] = {"by_header": False}
    yield Refusal("form: security token", 403, "/product/", sent(product), ahead=wrong, **options)
    yield Refusal("form: Origin", 403, "/product/", sent(product, **evil), ahead=photo, **options)
    stranger = {**sent(product), "Cookie": "x=y"}
    yield Refusal("form: no cookies", 403, "/product/", stranger, ahead=photo, **options)
    yield Refusal("form: type", 413, "/product/", sent(product), ahead=photo, **options)
    many = form(papers, "papers", [("papers", (f"{each}.txt", b"small")) for each in range(3)])
    yield Refusal("form: count", 413, "/papers/", sent(papers), ahead=many, **options)
    full = visitor_to("/paper/")
    full.create(59_000_000)
    yield Refusal("form: quota", 413, "/paper/", sent(full), ahead=form(full, "body"), **options)
    picture = visitor_to("/product/")
    token = [("csrfmiddlewaretoken", picture.csrf)]
    head = encode(token, closed=False) + form_of_one("picture")
    yield Refusal("view: type", 400, "/check/", sent(picture), ahead=head, **options)
    # What Django limits, and what is no multipart at all.
    fields = [(f"field-{each}", "") for each in range(1_001)]
    yield Refusal(
        "form: fields", 400, "/product/", sent(product), ahead=form(product, "photo", fields), **options
    )
    files = [("other", (f"{each}.txt", b"")) for each in range(101)]
    yield Refusal(
        "form: files", 400, "/product/", sent(product), ahead=form(product, "photo", files), **options
    )
    long = form(product, "photo")[:-4] + b"\r\nX-Long: " + b"x" * 9_000
    yield Refusal("form: headers of a part", 400, "/product/", sent(product), ahead=long, **options)
    field = form_of_one("extra").replace(b'; filename="tea.bin"', b"")
    text = form(product, "photo").rpartition(b"--" + BOUNDARY.encode())[0] + field
    text += b"x" * 2_700_000  # more than DATA_UPLOAD_MAX_MEMORY_SIZE
    yield Refusal("form: a field without end", 400, "/product/", sent(product), ahead=text, **options)


def form_of_one(name: str) -> bytes:
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="tea.bin"\r\n\r\n'.encode()
    )


# -- the sender --------------------------------------------------------------------------------------


def attempt(server: Server, refusal: Refusal, canary: bytes, *, waits: bool = False) -> Outcome:
    """Send without end, and listen meanwhile. Who `waits` sends nothing until it is told to go on."""
    outcome = Outcome(refusal)
    headers = {"Host": server.address, "Content-Length": str(LENGTH), **refusal.headers}
    headers |= {"Expect": "100-continue"} if waits else {}
    lines = [
        f"{refusal.method} {refusal.path} HTTP/1.1",
        *(f"{name}: {each}" for name, each in headers.items()),
    ]
    piece = canary * (PIECE // len(canary))
    left = int(headers["Content-Length"]) - len(refusal.ahead)
    with socket.create_connection(("127.0.0.1", server.port), timeout=TOO_LONG) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + refusal.ahead)
        connection.setblocking(False)
        began = following = time.monotonic()
        sending = not waits
        while outcome.ended is None and time.monotonic() - began < TOO_LONG:
            readable, _, _ = select.select(
                [connection], [], [], max(0.0, min(following - time.monotonic(), PAUSE))
            )
            now = time.monotonic()
            if readable:
                data = b""
                with contextlib.suppress(ConnectionError):
                    data = connection.recv(65_536)
                outcome.answered = outcome.answered or now - began
                outcome.raw += data
                if not data:
                    outcome.ended = now - began
                elif waits:
                    break  # whatever was said first is what matters
            if sending and now >= following and left > 0:
                following = now + PAUSE
                try:
                    count = connection.send(piece[:left])
                except BlockingIOError:
                    continue
                except ConnectionError:
                    sending = False  # what was answered can still be read
                    continue
                left, outcome.sent = left - count, outcome.sent + count
    return outcome


# -- the watcher -------------------------------------------------------------------------------------

WRITES = "write,pwrite64,writev,pwritev,pwritev2,sendfile,splice,vmsplice,copy_file_range,memfd_create"


def tracer(strace: str, log: Path) -> list[str]:
    """Writes down the first bytes of whatever the server's processes write to files and pipes.

    The tracer is not the server's parent (-D), so that signals go where they are sent.
    """
    options = ["-DDD", "-f", "--seccomp-bpf", "-qq", "-s", "4096", "-o", str(log), "-e", f"trace={WRITES}"]
    return [strace, *options]


def new_canary() -> bytes:
    """Text that stands nowhere else, of which any 64 bytes of a body have at least one."""
    return f"canary-{secrets.token_hex(8)}-".encode()[:32]


def written(log: Path, canary: bytes) -> list[str]:
    """The writes in which the canary is."""
    with log.open("rb") as lines:
        return [line.decode(errors="replace")[:200] for line in lines if canary in line]


def on_disk(root: Path, canary: bytes) -> list[Path]:
    """Files below `root` in which the canary is."""
    places = (Path(place) / name for place, _, names in os.walk(root) for name in names)
    found = []
    for each in places:
        with contextlib.suppress(OSError):  # removed meanwhile, or no file
            if each.is_file() and canary in each.read_bytes():
                found.append(each)
    return found
