"""Somebody's uploads in every state, everybody who might want them, and everything that can be asked about them."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from greenroom.core import Signer, Token
from greenroom.core.upload import new_id
from greenroom.files import token_signer
from greenroom.ledger import to_datetime
from greenroom.models import StagedUpload
from tests.django.uploading import PARTIAL, TUS_BODY, Script
from tests.faults.tally import NIGHT
from tests.pages import CONTENT_TYPE, encode

CROP = "120-90-0-0-40-30-0-0"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
VIEWS = ("held", "proxy", "preview", "original")


@dataclass(frozen=True)
class Named:
    """An upload as a visitor may name it: by its id, and by a token."""

    id: str
    token: str

    def __repr__(self) -> str:
        return "a token"


def named(upload_id: str, *, crop: str = "", key: str | None = None) -> Named:
    signer = token_signer() if key is None else Signer([key], purpose="token")
    return Named(upload_id, Token(upload_id=upload_id, crop=crop, bake="b" if crop else "").encode(signer))


def hold(script: Script, data: bytes, *, whole: bool = True, name: str = "tea.jpg") -> str:
    """The id of a new upload of this visitor."""
    url = script.tus_create(len(data) if whole else len(data) + 1)
    assert script.patch(url, data, 0).status_code == 204
    return url.rstrip("/").rpartition("/")[2]


def in_every_state(owner: Script, picture: bytes) -> dict[str, Named]:
    """Uploads of one owner. What is expired or discarded is unknown to the owner as well."""
    ids = {state: hold(owner, picture) for state in ("staged", "promoted", "expired", "discarded")}
    ids["receiving"] = hold(owner, picture, whole=False)
    saved = owner.save("/backup/", named(ids["promoted"]).token, title="tea")
    assert saved.status_code == 302
    StagedUpload.objects.filter(pk=ids["expired"]).update(expires_at=to_datetime(0))
    assert owner.tus("DELETE", f"/greenroom/uploads/{ids['discarded']}/").status_code == 204
    found = {state: named(each) for state, each in ids.items()}
    found["staged, with a crop"] = named(ids["staged"], crop=CROP)
    found["promoted, with a crop"] = named(ids["promoted"], crop=CROP)
    return found


def trusted(script: Script) -> Client:
    """The client of a script, without the CSRF check: that must not be what keeps anybody out here."""
    script.client.handler.enforce_csrf_checks = False
    return script.client


# -- who asks --------------------------------------------------------------------------------------


def nobody() -> Client:
    """Whom no page was shown."""
    return Client()


def another() -> Client:
    """A visitor who holds something too."""
    script = Script()
    hold(script, b"Assam")
    return trusted(script)


def somebody_known() -> Client:
    """A visitor who has logged in, and holds something too."""
    client = another()
    client.force_login(User.objects.get_or_create(username="somebody known")[0])
    return client


def a_member_of_staff() -> Client:
    """Who may look at nothing in the admin."""
    client = another()
    client.force_login(User.objects.get_or_create(username="staff", is_staff=True)[0])
    return client


STRANGERS: dict[str, Callable[[], Client]] = {
    "nobody": nobody,
    "another": another,
    "a user": somebody_known,
    "a member of staff": a_member_of_staff,
}


def gone_by_logout(owner: Script) -> Client:
    owner.client.force_login(User.objects.get_or_create(username="the owner")[0])
    owner.client.logout()
    return trusted(owner)


def gone_by_another_login(owner: Script) -> Client:
    """Django empties the session of one user before another one gets it."""
    owner.client.force_login(User.objects.get_or_create(username="the owner")[0])
    hold(owner, b"Ceylon")
    owner.client.force_login(User.objects.get_or_create(username="the next one at this machine")[0])
    owner.client.get("/backup/")
    return trusted(owner)


def gone_by_time(owner: Script) -> Client:
    Session.objects.filter(pk=owner.client.session.session_key).update(expire_date=to_datetime(0))
    return trusted(owner)


FORMER: dict[str, Callable[[Script], Client]] = {
    "after logout": gone_by_logout,
    "after somebody else has logged in": gone_by_another_login,
    "after the session's end": gone_by_time,
}


# -- what is asked ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """One request about an upload. In all texts @ID@ and @TOKEN@ stand for its names."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __str__(self) -> str:
        return " ".join(
            [self.method, self.path, *(f"{name}={value}" for name, value in self.headers.items())]
        )

    def send(self, client: Client, upload: Named) -> Any:
        def put(text: str) -> str:
            return text.replace("@TOKEN@", upload.token).replace("@ID@", upload.id)

        body = put(self.body.decode()).encode()
        headers = {"Content-Type": "", **{name: put(value) for name, value in self.headers.items()}}
        return client.generic(self.method, put(self.path), body, headers=headers)


def to_uploads() -> Iterator[Request]:
    """Every method of both protocols and of none, and what stands for another method."""
    path = "/greenroom/uploads/@ID@/"
    tus, draft = {"Tus-Resumable": "1.0.0"}, {"Upload-Draft-Interop-Version": "8"}
    for method, headers in itertools.product(METHODS, (tus, draft, {})):
        yield Request(method, path, headers)
    for method in ("DELETE", "PATCH", "HEAD"):
        yield Request("POST", path, {**tus, "X-HTTP-Method-Override": method})
    for offset in ("0", "5", "999999"):
        yield Request("PATCH", path, {**tus, "Content-Type": TUS_BODY, "Upload-Offset": offset}, b"more")
        for ends in ("?0", "?1"):
            fields = {**draft, "Content-Type": PARTIAL, "Upload-Offset": offset, "Upload-Complete": ends}
            yield Request("PATCH", path, fields, b"more")
    late = {**tus, "Content-Type": TUS_BODY, "Upload-Offset": "0", "Upload-Length": "1"}
    yield Request("PATCH", path, late, b"m")
    checked = {**late, "Upload-Checksum": "sha1 " + "A" * 27 + "="}
    yield Request("PATCH", path, checked, b"m")
    # The id in the place of the token, and the other way round.
    yield Request("HEAD", "/greenroom/uploads/@TOKEN@/", tus)
    yield Request("GET", "/greenroom/held/@ID@/")


def to_views() -> Iterator[Request]:
    for view, method in itertools.product(VIEWS, METHODS):
        yield Request(method, f"/greenroom/{view}/@TOKEN@/")
    for crop in (CROP, "x", ""):
        yield Request("GET", f"/greenroom/preview/@TOKEN@/?crop={crop}")
    yield Request("GET", "/greenroom/original/@TOKEN@/", {"Range": "bytes=0-3"})
    yield Request("GET", "/greenroom/held/@TOKEN@/", {"Greenroom-Policy": "@TOKEN@"})


def to_forms() -> Iterator[Request]:
    """A list from the element, and rows without it; taken, looked at, cropped and removed."""
    crop = {"v": 1, "src": [120, 90], "x": 0, "y": 0, "w": 40, "h": 30, "rot": 0, "flip": False}
    items: list[dict[str, object]] = [{}, {"crop": crop}, {"removed": True}, {"name": "tea.jpg"}]
    posts = [
        {"photo-state": json.dumps([{"token": "@TOKEN@", "use": "one-chance", **each}])} for each in items
    ]
    row = {"photo-0-token": "@TOKEN@", "photo-0-use": "one-chance"}
    posts += [
        row,
        {**row, "photo-preview": "1"},
        {**row, "photo-0-remove": "on"},
        {**row, "photo-0-crop-w": "40", "photo-0-crop-h": "30"},
        {"photo-0-token": "@ID@"},
    ]
    for post in posts:
        body = encode([("name", "too long to be saved " * 9), *post.items()])
        yield Request("POST", "/product/", {"Content-Type": CONTENT_TYPE}, body)


def to_the_rest() -> Iterator[Request]:
    yield Request("GET", "/opened/?token=@TOKEN@")
    yield Request("GET", "/given-up/?token=@TOKEN@")
    yield Request("GET", "/admin/greenroom/stagedupload/@ID@/change/")
    yield Request("POST", "/admin/greenroom/stagedupload/@ID@/delete/", body=b"post=yes")


def spread(asked: list[Any]) -> list[Any]:
    """All of it in a night, otherwise a fourth, drawn at random and the same every time."""
    return asked if NIGHT else random.Random(11).sample(asked, len(asked) // 4)


def everything() -> list[Request]:
    return [*to_uploads(), *to_views(), *to_forms(), *to_the_rest()]


# -- what is answered ------------------------------------------------------------------------------

# Of a page that is made anew: its security token, and the policy and the uses of its fields.
_ANEW = re.compile(
    rb'(name="(?:csrfmiddlewaretoken|[\w-]+-(?:policy|use))" value="|&quot;policy&quot;: &quot;)[\w.=-]*'
)


@dataclass(frozen=True)
class Answer:
    """All of an answer but its dates and the session's cookie; and how much work the database had with it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    statements: int


def answer_to(client: Client, request: Request, upload: Named) -> Answer:
    """What the visitor is answered, whatever was asked before."""
    cookies = client.cookies.copy()
    with CaptureQueriesContext(connection) as queries:
        response = request.send(client, upload)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        response.close()
    client.cookies = cookies
    headers = {
        name: value.replace(upload.token, "@TOKEN@")
        for name, value in response.items()
        if name not in ("Date", "Expires")
    }
    body = _ANEW.sub(
        rb"\1", body.replace(upload.token.encode(), b"@TOKEN@").replace(upload.id.encode(), b"@ID@")
    )
    headers = {name: value.replace(upload.id, "@ID@") for name, value in headers.items()}
    if upload.id.encode() not in body and request.path.startswith(("/product", "/admin")):
        headers.pop("Content-Length", None)  # of what was made anew
    return Answer(response.status_code, tuple(sorted(headers.items())), body, len(queries))


def unknown(like: Named) -> Named:
    """Nobody's upload, in a token that says as much."""
    said = Token.decode(like.token, token_signer())
    return named(new_id(), crop=said.crop)
