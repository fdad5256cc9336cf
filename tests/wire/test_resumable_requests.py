"""What the IETF draft reads in a request: tables of {method, url, headers} and the command, or the error's code."""

from __future__ import annotations

import pytest

from greenroom.core.errors import GreenroomError
from greenroom.wire import resumable
from greenroom.wire.digest import Checksum
from greenroom.wire.fields import boolean, whole_number
from greenroom.wire.messages import Append, Command, Create, Describe, Discard, Look
from greenroom.wire.problem import status_of

BODY = {"Content-Type": "application/partial-upload"}
ZEROS = Checksum(algorithm="sha256", digest=bytes(32))
ZEROS_512 = Checksum(algorithm="sha512", digest=bytes(64))
FIELD = f"sha-256=:{'A' * 43}=:"
FIELD_512 = f"sha-512=:{'A' * 86}==:"

COMMANDS: list[tuple[str, str, dict[str, str], Command]] = [
    ("OPTIONS", "/", {}, Describe()),
    ("HEAD", "/x/", {}, Look()),
    ("GET", "/x/", {}, Look()),
    ("DELETE", "/x/", {}, Discard()),
    ("POST", "/", {"Upload-Complete": "?0"}, Create(length=None, has_content=True, ends=False)),
    ("PUT", "/", {"Upload-Complete": "?1"}, Create(length=None, has_content=True, ends=True)),
    (  # "Length": Content-Length of what is complete is the length
        "POST",
        "/",
        {"Upload-Complete": "?1", "Content-Length": "5", "Content-Type": "Text/Plain; charset=utf-8"},
        Create(length=5, client_type="text/plain", has_content=True, ends=True),
    ),
    (
        "POST",
        "/",
        {"Upload-Complete": "?0", "Content-Length": "5", "Upload-Length": "9", "Greenroom-Policy": "p.s"},
        Create(length=9, policy="p.s", has_content=True, ends=False),
    ),
    (  # "Other values MUST cause the entire header field to be ignored"
        "POST",
        "/",
        {"Upload-Complete": "?0", "Upload-Length": "nine"},
        Create(length=None, has_content=True, ends=False),
    ),
    (
        "POST",
        "/",
        {
            "Upload-Complete": "?1",
            "Content-Digest": f"{FIELD}, {FIELD_512}",
            "Repr-Digest": f"md5=:YQ==:, {FIELD}",
        },
        Create(length=None, has_content=True, ends=True, checksums=(ZEROS, ZEROS_512), whole=(ZEROS,)),
    ),
    (  # RFC 9651 section 4.2: an empty Dictionary is none
        "POST",
        "/",
        {
            "Upload-Complete": "?1",
            "Repr-Digest": "",
            "Content-Encoding": "Identity",
            "Transfer-Encoding": "Chunked",
        },
        Create(length=None, has_content=True, ends=True),
    ),
    (  # section 3.2: what is not known is passed over, whatever it is
        "POST",
        "/",
        {
            "Upload-Complete": "?1",
            "Repr-Digest": f'a=1.5;q=0.25, b=(x "y,z" 2;q=1);p, c;d="e,f" \t,\tg=@7, {FIELD};h=i',
        },
        Create(length=None, has_content=True, ends=True, whole=(ZEROS,)),
    ),
    (  # of two members with one key the last one counts
        "POST",
        "/",
        {"Upload-Complete": "?1", "Repr-Digest": f"sha-256=:{'B' * 43}=:;x=1, {FIELD}"},
        Create(length=None, has_content=True, ends=True, whole=(ZEROS,)),
    ),
    ("PATCH", "/x/", {**BODY, "Upload-Complete": "?0", "Upload-Offset": "7"}, Append(offset=7, ends=False)),
    (  # RFC 9651: any Item may have parameters
        "PATCH",
        "/x/",
        {**BODY, "Upload-Complete": "?0; tea", "Upload-Offset": "7;a=1"},
        Append(offset=7, ends=False),
    ),
    (
        "PATCH",
        "/x/",
        {**BODY, "Upload-Complete": "?1", "Upload-Offset": "7", "Content-Length": "5"},
        Append(offset=7, length=12, ends=True),
    ),
    (
        "PATCH",
        "/x/",
        {**BODY, "Upload-Complete": "?0", "Upload-Offset": "7", "Content-Length": "5", "Upload-Length": "12"},
        Append(offset=7, length=12, ends=False),
    ),
]

REFUSED: list[tuple[str, str, dict[str, str], int, str]] = [
    ("POST", "/", {}, 400, "malformed_request"),
    ("POST", "/", {"Upload-Complete": "1"}, 400, "malformed_request"),
    (
        "POST",
        "/",
        {"Upload-Complete": "?1", "Content-Length": "5", "Upload-Length": "6"},
        400,
        "length_changed",
    ),
    (
        "POST",
        "/",
        {"Upload-Complete": "?0", "Content-Length": "5", "Upload-Length": "4"},
        400,
        "length_changed",
    ),
    ("PATCH", "/", {"Upload-Complete": "?1"}, 405, "method_not_allowed"),
    ("POST", "/x/", {"Upload-Complete": "?1"}, 405, "method_not_allowed"),
    ("PATCH", "/x/", {"Upload-Complete": "?1", "Upload-Offset": "0"}, 415, "wrong_content_type"),
    ("PATCH", "/x/", {**BODY, "Upload-Complete": "?1"}, 400, "malformed_request"),
    ("PATCH", "/x/", {**BODY, "Upload-Offset": "0"}, 400, "malformed_request"),
    ("PATCH", "/x/", {**BODY, "Upload-Complete": "?1", "Upload-Offset": "-1"}, 400, "malformed_request"),
    ("PATCH", "/x/", {**BODY, "Upload-Complete": "?1", "Upload-Offset": "1" * 19}, 400, "malformed_request"),
    ("POST", "/", {"Upload-Complete": "?1", "Content-Digest": "sha-256=abc"}, 400, "malformed_request"),
    ("POST", "/", {"Upload-Complete": "?1", "Content-Digest": "sha-256=:YQ==:"}, 400, "malformed_request"),
    ("POST", "/", {"Upload-Complete": "?1", "Content-Encoding": "gzip"}, 415, "wrong_coding"),
    ("POST", "/", {"Upload-Complete": "?1", "Transfer-Encoding": "GZip , chunked"}, 400, "malformed_request"),
    ("POST", "/", {"Upload-Complete": "?0", "Content-Encoding": "identity, br"}, 415, "wrong_coding"),
    (
        "PATCH",
        "/x/",
        {**BODY, "Upload-Complete": "?1", "Upload-Offset": "0", "Content-Encoding": "gzip"},
        415,
        "wrong_coding",
    ),
]

NAMES = {
    "inline": "",
    'attachment; filename="tea.txt"': "tea.txt",
    "inline; filename=tea.txt; size=5": "tea.txt",
    'inline; filename="a \\"b\\" c"': 'a "b" c',
    "inline; FILENAME*=utf-8''gr%C3%BCn": "grün",
    "inline; filename=\"x\"; filename*=UTF-8'de'%e2%82%ac.txt": "€.txt",
    "inline; filename*=iso-8859-1''%A3": "£",
    "inline; filename*=klingon''x; filename=y": "y",
    'inline; filename="unclosed': "",
    'inline; filename=";"; filename*=x': ";",
}


@pytest.mark.parametrize(("method", "url", "headers", "command"), COMMANDS)
def test_a_request_becomes_a_command(
    method: str, url: str, headers: dict[str, str], command: Command
) -> None:
    assert resumable.read(method, headers, creating=url == "/") == command


@pytest.mark.parametrize(("method", "url", "headers", "status", "code"), REFUSED)
def test_a_wrong_request_is_refused(
    method: str, url: str, headers: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(GreenroomError) as caught:
        resumable.read(method, headers, creating=url == "/")
    assert (status_of(caught.value), caught.value.code) == (status, code)


INTEGERS = {  # RFC 9651 section 4.2.4, which takes 15 digits at most
    "7": 7,
    "007": 7,
    "-0": 0,
    "9" * 15: 10**15 - 1,
    '7;a; b=1.5;c="x;\\"y";d=tok/en;e=:YQ==:;f=?0;g=@5': 7,
    **dict.fromkeys(("1" * 16, "7.0", "-7", "+7", "٧", '"7"', "7, 7", "?1", ""), None),
    **dict.fromkeys(("7;", "7 ;a", "7;A=1", "7;a=", '7;a="', "7 7"), None),
}
BOOLEANS = {  # section 4.2.8
    "?1": True,
    "?0": False,
    "?1;a=?0": True,
    **dict.fromkeys(("1", "true", "?2", '"?1"', "?", "?1, ?0", "?1;", "?1;A", "?1 a", ""), None),
}


@pytest.mark.parametrize(("value", "number"), INTEGERS.items())
def test_what_is_no_integer_is_ignored(value: str, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize(("value", "truth"), BOOLEANS.items())
def test_what_is_no_boolean_is_ignored(value: str, truth: bool | None) -> None:
    assert boolean(value) is truth


@pytest.mark.parametrize(("disposition", "name"), NAMES.items())
def test_the_name_is_read_as_rfc_6266_says(disposition: str, name: str) -> None:
    headers = {"Upload-Complete": "?0", "Content-Disposition": disposition}
    command = resumable.read("POST", headers, creating=True)
    assert isinstance(command, Create)
    assert command.client_name == name
