"""What is sent: requests prepared in full, so that the sender only sends."""

from __future__ import annotations

import base64
import http.client
import re
import secrets
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

BOUNDARY = "greenroom-benchmark-boundary"
NAME = "measured.bin"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request, or two: with `second` the head is sent by itself, and its Location goes into the second."""

    head: bytes
    size: int
    tail: bytes = b""
    status: int = 201
    second: bytes = b""
    second_status: int = 204

    def encode(self, client: int) -> bytes:
        """A record of the plan that sender.c reads."""
        lengths = (len(self.head), len(self.second), self.size, len(self.tail))
        numbers = struct.pack("=7Q", client, *lengths, self.status, self.second_status)
        return numbers + self.head + self.second + self.tail


class Visitor:
    """Somebody with a page open that has `forms` forms; without a `page`, somebody with nothing."""

    cookies = csrf = ""
    policies: Iterator[str] = iter(())

    def __init__(self, port: int, page: str, forms: int) -> None:
        if not page:
            return
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("GET", f"{page}?forms={forms}")
        answer = connection.getresponse()
        html = answer.read().decode()
        if answer.status != 200:
            raise SystemExit(f"{page} answered {answer.status}: {html[:2000]}")
        connection.close()
        values = [value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie") or []]
        self.cookies = "; ".join(values)
        hidden = _HIDDEN.findall(html)
        self.csrf = next((value for name, value in hidden if name == "csrfmiddlewaretoken"), "")
        self.policies = iter([value for name, value in hidden if name == "body-policy"])


Maker = Callable[[Visitor, int], Request]
"""Makes one request of so many bytes for a visitor."""


def head(method: str, path: str, length: int | None, fields: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value]
    lines += [f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join([*lines, "", ""]).encode()


def metadata(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def plain(path: str) -> Maker:
    """Nothing but bytes, by whoever has been here before."""

    def make(visitor: Visitor, size: int) -> Request:
        return Request(head=head("POST", path, size, {"Cookie": visitor.cookies}), size=size)

    return make


def tus(path: str) -> Maker:
    """Creation with upload: the whole file in the request that creates it."""

    def make(visitor: Visitor, size: int) -> Request:
        policy = next(visitor.policies, "")
        fields = {
            "Cookie": visitor.cookies,
            "X-CSRFToken": visitor.csrf,
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(size),
            "Upload-Metadata": metadata(filename=NAME, **({"policy": policy} if policy else {})),
            "Content-Type": "application/offset+octet-stream",
        }
        return Request(head=head("POST", path, size, fields), size=size)

    return make


def ietf(path: str) -> Maker:
    """The draft's way to send a whole file in one request, which can be resumed if it breaks."""

    def make(visitor: Visitor, size: int) -> Request:
        fields = {
            "Cookie": visitor.cookies,
            "X-CSRFToken": visitor.csrf,
            "Upload-Draft-Interop-Version": "8",
            "Upload-Complete": "?1",
            "Greenroom-Policy": next(visitor.policies, ""),
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{NAME}"',
        }
        return Request(head=head("POST", path, size, fields), size=size, status=200)

    return make


def tus_in_two(path: str) -> Maker:
    """Creation, and then one PATCH with the whole file: for servers without creation-with-upload."""

    def make(visitor: Visitor, size: int) -> Request:
        fields = {"Tus-Resumable": "1.0.0", "Cookie": visitor.cookies, "X-CSRFToken": visitor.csrf}
        about = metadata(filename=NAME, fieldName="body", formId="measured")
        create = {**fields, "Upload-Length": str(size), "Upload-Metadata": about}
        append = {**fields, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        return Request(
            head=head("POST", path, 0, create), size=size, second=head("PATCH", "{location}", size, append)
        )

    return make


def form(path: str) -> Maker:
    """A form post as browsers write it: the token and the policy first, and then the file."""

    def make(visitor: Visitor, size: int) -> Request:
        values = {"csrfmiddlewaretoken": visitor.csrf, "body-policy": next(visitor.policies, "")}
        begin = "".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in values.items()
            if value
        )
        # Each file under a name of its own: of two with one name that come at once, Django's own way may keep one.
        name = f"{secrets.token_hex(8)}-{NAME}"
        begin += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="body"; filename="{name}"\r\n'
        begin += "Content-Type: application/octet-stream\r\n\r\n"
        tail = f"\r\n--{BOUNDARY}--\r\n".encode()
        fields = {"Cookie": visitor.cookies, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        first = head("POST", path, len(begin) + size + len(tail), fields) + begin.encode()
        return Request(head=first, size=size, tail=tail)

    return make


def write_plan(path: Path, clients: Iterable[Iterable[Request]]) -> None:
    def records() -> Iterator[bytes]:
        for number, requests in enumerate(clients):
            for request in requests:
                yield request.encode(number)

    path.write_bytes(b"".join(records()))
