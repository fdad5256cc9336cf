"""A part that says by its Content-Length that it goes past the declared length: every server keeps the same of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
import requests

from tests.django.servers import Server, Visitor

pytestmark = pytest.mark.slow

WORDS = {
    "tus": {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"},
    "draft": {
        "Upload-Draft-Interop-Version": "8",
        "Upload-Complete": "?0",
        "Content-Type": "application/partial-upload",
    },
}
HERE = 40
"""Bytes that had come before."""

Started = Callable[[str], Server]


@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn", "uvicorn-plain"])
@pytest.mark.parametrize("length", [100, 8_000_000], ids=["small", "large"])
@pytest.mark.parametrize("protocol", ["tus", "draft"])
def test_nothing_of_it_is_kept_and_the_upload_can_be_gone_on_with(
    started: Started, kind: str, length: int, protocol: str
) -> None:
    visitor = Visitor(started(kind))

    def send(method: str, path: str, data: bytes = b"", **fields: str) -> requests.Response:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return visitor.http.request(
            method, visitor.server.url + path, data=data, headers=WORDS[protocol] | headers, timeout=30
        )

    path = send("POST", "/greenroom/uploads/", Upload_Length=str(length)).headers["Location"]
    assert send("PATCH", path, b"x" * HERE, Upload_Offset="0").status_code == 204
    more = b"y" * (length - HERE + 10)
    sizes = {"Upload-Offset": str(HERE), "Content-Length": str(len(more)), "Connection": "close"}
    with visitor.begin("PATCH", path, **WORDS[protocol], **sizes) as connection:
        with contextlib.suppress(ConnectionError):  # who has read enough may close on the rest
            connection.sendall(more)
        assert connection.recv(12) == b"HTTP/1.1 400"
    assert send("HEAD", path).headers["Upload-Offset"] == str(HERE)
    rest = send("PATCH", path, more[:-10], Upload_Offset=str(HERE))
    assert (rest.status_code, rest.headers["Upload-Offset"]) == (204, str(length))
