"""What tus 1.0.0 reads in a request: tables of {method, url, headers} and the command, or the error's code."""

from __future__ import annotations

import base64
import hashlib

import pytest

from greenroom.core.errors import GreenroomError
from greenroom.wire import tus
from greenroom.wire.digest import Checksum
from greenroom.wire.messages import Append, Command, Create, Describe, Discard, Look
from greenroom.wire.problem import status_of

V = {"Tus-Resumable": "1.0.0"}
BODY = {"Content-Type": "application/offset+octet-stream"}
SHA1 = Checksum(algorithm="sha1", digest=hashlib.sha1(b"tea", usedforsecurity=False).digest())
SHA1_FIELD = {"Upload-Checksum": f"sha1 {base64.b64encode(SHA1.digest).decode()}"}
ZEROS = Checksum(algorithm="sha256", digest=bytes(32))
FIELD = f"sha-256=:{'A' * 43}=:"
POLICY = "policy cC5z"  # "p.s"

COMMANDS: list[tuple[str, str, dict[str, str], Command]] = [
    ("OPTIONS", "/", {}, Describe()),
    ("OPTIONS", "/x/", {"Tus-Resumable": "9"}, Describe()),
    ("HEAD", "/x/", V, Look()),
    ("DELETE", "/x/", V, Discard()),
    ("POST", "/", {**V, "Upload-Length": "100"}, Create(length=100)),
    ("POST", "/", {**V, "Upload-Length": "0", "Content-Length": "0"}, Create(length=0)),
    ("POST", "/", {**V, "Upload-Length": "9" * 18}, Create(length=10**18 - 1)),
    ("POST", "/", {"TUS-RESUMABLE": "1.0.0", "upload-LENGTH": " 5 "}, Create(length=5)),
    ("POST", "/", {**V, "Upload-Defer-Length": "1"}, Create(length=None)),
    ("POST", "/", {**V, **BODY, "Upload-Length": "5"}, Create(length=5, has_content=True)),
    (
        "POST",
        "/",
        {
            **V,
            "Upload-Length": "5",
            "Upload-Metadata": f"filename dGVhLnR4dA==,filetype dGV4dC9wbGFpbg==,{POLICY}",
        },
        Create(
            length=5,
            client_name="tea.txt",
            client_type="text/plain",
            policy="p.s",
            metadata=f"filename dGVhLnR4dA==,filetype dGV4dC9wbGFpbg==,{POLICY}",
        ),
    ),
    ("POST", "/", {**V, "Upload-Length": "5", "Greenroom-Policy": "p.s"}, Create(length=5, policy="p.s")),
    ("PATCH", "/x/", {**V, **BODY, "Upload-Offset": "70"}, Append(offset=70)),
    ("PATCH", "/x/", {**V, **BODY, "Upload-Offset": "7", "Upload-Length": "9"}, Append(offset=7, length=9)),
    ("PATCH", "/x/", {**V, **BODY, "Upload-Offset": "0", **SHA1_FIELD}, Append(offset=0, checksums=(SHA1,))),
    (  # RFC 9530 is for every request, whatever the protocol in it
        "PATCH",
        "/x/",
        {**V, **BODY, "Upload-Offset": "0", **SHA1_FIELD, "Content-Digest": FIELD, "Repr-Digest": FIELD},
        Append(offset=0, checksums=(SHA1, ZEROS), whole=(ZEROS,)),
    ),
    (
        "POST",
        "/",
        {**V, **BODY, "Upload-Length": "5", "Content-Digest": FIELD, "Repr-Digest": FIELD},
        Create(length=5, has_content=True, checksums=(ZEROS,), whole=(ZEROS,)),
    ),
    (
        "PATCH",
        "/x/",
        {**V, "Content-Type": "Application/Offset+Octet-Stream; x=y", "Upload-Offset": "0"},
        Append(offset=0),
    ),
]

REFUSED: list[tuple[str, str, dict[str, str], int, str]] = [
    ("POST", "/", {"Upload-Length": "5"}, 412, "unknown_version"),
    ("POST", "/", {"Tus-Resumable": "1.0", "Upload-Length": "x"}, 412, "unknown_version"),
    ("HEAD", "/x/", {"Tus-Resumable": "1.0.1"}, 412, "unknown_version"),
    ("PATCH", "/x/", {"Tus-Resumable": "0.2.2"}, 412, "unknown_version"),
    ("GET", "/x/", V, 405, "method_not_allowed"),
    ("PUT", "/", V, 405, "method_not_allowed"),
    ("POST", "/x/", V, 405, "method_not_allowed"),
    ("PATCH", "/", V, 405, "method_not_allowed"),
    ("POST", "/", V, 400, "malformed_request"),
    ("POST", "/", {**V, "Upload-Length": "5", "Upload-Concat": "partial"}, 400, "malformed_request"),
    ("POST", "/", {**V, "Upload-Concat": "final;/a /b"}, 400, "malformed_request"),
    ("POST", "/", {**V, **BODY, "Upload-Length": "5", "Content-Encoding": "gzip"}, 415, "wrong_coding"),
    ("PATCH", "/x/", {**V, **BODY, "Upload-Offset": "0", "Content-Encoding": "br"}, 415, "wrong_coding"),
    (
        "PATCH",
        "/x/",
        {**V, **BODY, "Upload-Offset": "0", "Transfer-Encoding": "gzip, chunked"},
        400,
        "malformed_request",
    ),
    ("POST", "/", {**V, "Upload-Length": "5", "Upload-Defer-Length": "1"}, 400, "malformed_request"),
    ("POST", "/", {**V, "Upload-Defer-Length": "0"}, 400, "malformed_request"),
    ("POST", "/", {**V, "Upload-Length": "-5"}, 400, "malformed_request"),
    ("POST", "/", {**V, "Upload-Length": "+5"}, 400, "malformed_request"),
    ("POST", "/", {**V, "Upload-Length": "5_0"}, 400, "malformed_request"),
    ("POST", "/", {**V, "Upload-Length": "٥"}, 400, "malformed_request"),
    ("POST", "/", {**V, "Upload-Length": "1" * 19}, 400, "malformed_request"),
    ("POST", "/", {**V, "Upload-Length": ""}, 400, "malformed_request"),
    ("POST", "/", {**V, "Upload-Length": "5", "Content-Length": "3"}, 415, "wrong_content_type"),
    (
        "POST",
        "/",
        {**V, "Upload-Length": "5", "Transfer-Encoding": "chunked"},
        415,
        "wrong_content_type",
    ),
    ("PATCH", "/x/", {**V, "Upload-Offset": "0"}, 415, "wrong_content_type"),
    (
        "PATCH",
        "/x/",
        {**V, "Upload-Offset": "0", "Content-Type": "application/partial-upload"},
        415,
        "wrong_content_type",
    ),
    ("PATCH", "/x/", {**V, **BODY}, 400, "malformed_request"),
    ("PATCH", "/x/", {**V, **BODY, "Upload-Offset": "1.0"}, 400, "malformed_request"),
    ("PATCH", "/x/", {**V, **BODY, "Upload-Offset": "0", "Upload-Length": "x"}, 400, "malformed_request"),
    (
        "PATCH",
        "/x/",
        {**V, **BODY, "Upload-Offset": "0", "Upload-Checksum": "md5 YQ=="},
        400,
        "malformed_request",
    ),
    (
        "PATCH",
        "/x/",
        {**V, **BODY, "Upload-Offset": "0", "Upload-Checksum": "sha1 YQ=="},
        400,
        "malformed_request",
    ),
    (
        "PATCH",
        "/x/",
        {**V, **BODY, "Upload-Offset": "0", "Upload-Checksum": "sha1"},
        400,
        "malformed_request",
    ),
]

METADATA = [
    "filename dGVh,filename dGVh",  # "All keys MUST be unique"
    "filename dGVhx",  # "the value MUST be Base64 encoded"
    "filename dGV h",
    "filename dG\nVh",
    "filename _-8=",
    "filename //79",  # not UTF-8
    "a dGVh,,b dGVh",  # "the key MUST NOT be empty"
    "na\tme dGVh",
    "näme dGVh",
    "k" * 101,
    "filename " + "dGVh" * 2_048,
]


@pytest.mark.parametrize(("method", "url", "headers", "command"), COMMANDS)
def test_a_request_becomes_a_command(
    method: str, url: str, headers: dict[str, str], command: Command
) -> None:
    assert tus.read(method, headers, creating=url == "/") == command


@pytest.mark.parametrize(("method", "url", "headers", "status", "code"), REFUSED)
def test_a_wrong_request_is_refused(
    method: str, url: str, headers: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(GreenroomError) as caught:
        tus.read(method, headers, creating=url == "/")
    assert (status_of(caught.value), caught.value.code) == (status, code)


@pytest.mark.parametrize("value", METADATA)
def test_metadata_that_breaks_the_rules_is_refused(value: str) -> None:
    with pytest.raises(GreenroomError) as caught:
        tus.read("POST", {**V, "Upload-Length": "5", "Upload-Metadata": value}, creating=True)
    assert caught.value.code == "malformed_request"


@pytest.mark.parametrize("value", ["is_confidential", "empty ", "a dGVh, b dGVh", "a,b,c", "k" * 100, ""])
def test_metadata_within_the_rules_is_taken_as_it_came(value: str) -> None:
    command = tus.read("POST", {**V, "Upload-Length": "5", "Upload-Metadata": value}, creating=True)
    assert isinstance(command, Create)
    assert command.metadata == value.strip()
