"""A page's script that sends an upload by itself: cookies, the CSRF token as a header, and a policy."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.test import Client

from tests.pages import CONTENT_TYPE, Page, encode, page_of

URL = "/greenroom/uploads/"
TUS_BODY = "application/offset+octet-stream"
PARTIAL = "application/partial-upload"


def metadata(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def checksum(data: bytes, algorithm: str = "sha1") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


def digest(data: bytes, algorithm: str = "sha-256") -> str:
    made = hashlib.new(algorithm.replace("-", ""), data)
    return f"{algorithm}=:{base64.b64encode(made.digest()).decode()}:"


class Script:
    """Sends requests as a script on the page `page_url` would."""

    def __init__(self, page_url: str = "/backup/") -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.page: Page = page_of(self.client.get(page_url))
        self.csrf: str | None = self.page["csrfmiddlewaretoken"]

    def policy(self, name: str = "body") -> str:
        return self.page[f"{name}-policy"]

    def send(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Any:
        fields = dict(headers or {})
        if self.csrf:
            fields.setdefault("X-CSRFToken", self.csrf)
        # As a header: Django's client leaves the type out where there is no body.
        fields.setdefault("Content-Type", "")
        return self.client.generic(method, url, body, headers=fields)

    # -- tus ---------------------------------------------------------------------------------------

    def tus(self, method: str, url: str, body: bytes = b"", **fields: str) -> Any:
        """Keyword arguments are header fields: `upload_offset="0"`."""
        headers = {"Tus-Resumable": "1.0.0"}
        if method == "PATCH":
            headers["Content-Type"] = TUS_BODY
        headers |= {name.replace("_", "-").title(): value for name, value in fields.items()}
        return self.send(method, url, body, {name: value for name, value in headers.items() if value})

    def tus_create(self, length: int | None, **fields: str) -> str:
        """The URL of a new upload."""
        size = {"upload_length": str(length)} if length is not None else {"upload_defer_length": "1"}
        response = self.tus("POST", URL, **{**size, **fields})
        assert response.status_code == 201, response.content
        return str(response["Location"])

    def patch(self, url: str, data: bytes, offset: int, **fields: str) -> Any:
        return self.tus("PATCH", url, data, upload_offset=str(offset), **fields)

    def offset(self, url: str) -> int:
        response = self.tus("HEAD", url)
        assert response.status_code == 200
        return int(response["Upload-Offset"])

    # -- the draft ---------------------------------------------------------------------------------

    def ietf(self, method: str, url: str, body: bytes = b"", **fields: str) -> Any:
        headers = {"Upload-Draft-Interop-Version": "8"}
        if method == "PATCH":
            headers["Content-Type"] = PARTIAL
        headers |= {name.replace("_", "-").title(): value for name, value in fields.items()}
        return self.send(method, url, body, {name: value for name, value in headers.items() if value})

    def ietf_create(self, **fields: str) -> str:
        response = self.ietf("POST", URL, upload_complete="?0", **fields)
        assert response.status_code == 201, response.content
        return str(response["Location"])

    def ietf_patch(self, url: str, data: bytes, offset: int, *, ends: bool, **fields: str) -> Any:
        fields = {"upload_offset": str(offset), "upload_complete": "?1" if ends else "?0", **fields}
        return self.ietf("PATCH", url, data, **fields)

    # -- the form ----------------------------------------------------------------------------------

    def save(self, url: str, token: str, name: str = "body", **fields: str) -> Any:
        """Submit the page's form with the upload in the field `name`."""
        state = json.dumps([{"token": token, "use": "one-chance"}])
        values = {"csrfmiddlewaretoken": self.csrf or "", **fields, f"{name}-state": state}
        body = encode(list(values.items()))
        return self.client.generic("POST", url, body, content_type=CONTENT_TYPE)


def code(response: Any) -> str:
    """Of the problem that an answer tells."""
    return str(json.loads(response.content)["code"])
