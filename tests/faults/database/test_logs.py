"""Promise 22: quiet logs. Whatever is sent, and however it fails: no token, no policy, no control character."""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from greenroom import Limits
from greenroom.decorators import receives
from greenroom.models import StagedUpload
from greenroom.sweeping import clear_staged
from tests.django.refusing import refusing
from tests.django.servers import Server, Visitor, serving
from tests.django.uploading import PARTIAL, TUS_BODY, URL, Script, metadata
from tests.faults.tally import Injected
from tests.pages import BOUNDARY, CONTENT_TYPE, encode
from tests.urls import urlpatterns as shop

from .visitors import METHODS, VIEWS, hold, named, spread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

# What clears a screen, begins a line, hides one, turns it round, or ends a text.
CONTROLS = "\x1b[2J\x1b]0;x\x07\r\nERROR forged\x00\x08\x7f\x85\x9b31m\u2028\u202e\u2066\u200f"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")


HEADERS = """
    Tus_Resumable Upload_Length Upload_Defer_Length Upload_Metadata Upload_Checksum Upload_Offset Content_Type
    Greenroom_Policy X_CSRFToken X_HTTP_Method_Override Origin Referer Sec_Fetch_Site Upload_Complete Accept
    Content_Digest Repr_Digest Content_Disposition User_Agent Accept_Language Range X_Forwarded_For
"""


def inspector_that_quotes(file: Any, picture: Any) -> None:
    """As a scanner's client does that passes on what it was told."""
    raise RuntimeError(f"{file.name}: {file.read(200).decode('latin-1')}")


@receives("picture", limits=Limits(max_bytes="1 MB"), inspectors=[inspector_that_quotes])
def inspected(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def quoting(request: HttpRequest) -> HttpResponse:
    """A view whose session has something hostile."""
    return HttpResponse(request.stage.open(request.GET.get("token")).read())  # type: ignore[attr-defined]


urlpatterns = [*shop, path("inspected/", inspected), path("quoting/", quoting)]


class Everything(logging.Handler):
    """All records of all loggers, as a site's own formatter would write them, with their fields and traces."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        plain = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "request"}
        self.plain = plain

    def emit(self, record: logging.LogRecord) -> None:
        fields = " ".join(f"{name}={each}" for name, each in vars(record).items() if name not in self.plain)
        self.lines.append(f"{record.name} {logging.Formatter().format(record)} {fields}")


@pytest.fixture
def logged() -> Iterator[Everything]:
    """What a Django site logs by default goes through `django`; ours is turned up to the most."""
    handler = Everything()
    loggers = [logging.getLogger(), logging.getLogger("django.server"), logging.getLogger("greenroom")]
    levels = [each.level for each in loggers]
    logging.getLogger().addHandler(handler)
    logging.getLogger("django.server").addHandler(handler)
    logging.getLogger("greenroom").setLevel(logging.DEBUG)
    yield handler
    for each, level in zip(loggers, levels, strict=True):
        each.removeHandler(handler)
        each.setLevel(level)


def loud(lines: list[str], secrets: dict[str, str]) -> list[str]:
    """The records that say too much. A trace has line feeds of its own, and nothing else of that kind."""
    found = [f"a control character: {each!r}" for each in lines if CONTROL.search(each)]
    found += [f"a forged line: {each!r}" for each in lines if re.search(r"^ERROR forged", each, re.MULTILINE)]
    for name, secret in secrets.items():
        found += [f"{name}: {each!r}" for each in lines if secret in each]
    return found


class Attack:
    """One visitor with everything that must not be told, and every place where it can be put."""

    def __init__(self) -> None:
        self.script = Script("/product/")
        self.upload = named(hold(self.script, b"Darjeeling"))
        other = named(hold(Script(), b"Assam"), crop="120-90-0-0-40-30-0-0")
        self.secrets = {
            "token": self.upload.token,
            "another's token": other.token,
            "policy": self.script.policy("photo"),
            "security token": str(self.script.csrf),
            "session": self.script.client.cookies["sessionid"].value,
        }
        # The security token and the session's key are random letters, and come only where clients put them.
        signed = [self.secrets[each] for each in ("token", "another's token", "policy")]
        self.words = [CONTROLS, *(f"{CONTROLS}{each}" for each in signed), *signed]
        self.client = self.script.client
        self.client.raise_request_exception = False
        self.strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.strict.cookies = self.client.cookies

    def send(self, method: str, url: str, body: bytes = b"", *, checked: bool = False, **headers: str) -> Any:
        """As somebody sends it who has no client library in between."""
        self.client.handler.enforce_csrf_checks = checked
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.generic(method, url, body, headers={"Content-Type": "", **fields})

    def in_paths(self) -> Iterator[Callable[[], Any]]:
        for word, view, method in itertools.product(self.words, (*VIEWS, "uploads", "nothing"), METHODS):
            for checked in (True, False) if method == "POST" else (False,):
                url = f"/greenroom/{view}/{quote(word, safe='')}/"
                yield lambda url=url, method=method, checked=checked: self.send(method, url, checked=checked)
        for word in self.words:
            yield lambda word=word: self.client.get("/quoting/", {"token": word})
            yield lambda word=word: self.client.get(
                f"/greenroom/preview/{self.upload.token}/", {"crop": word}
            )

    def in_headers(self) -> Iterator[Callable[[], Any]]:
        tus = {"Tus_Resumable": "1.0.0", "Upload_Length": "5", "Content_Type": TUS_BODY, "Upload_Offset": "0"}
        draft = {"Upload_Draft_Interop_Version": "8", "Upload_Complete": "?1", "Content_Type": PARTIAL}
        url = f"{URL}{self.upload.id}/"
        for word, name, base in itertools.product(self.words, HEADERS.split(), (tus, draft)):
            # A header cannot hold all of it: servers give texts in Latin-1, and Django takes them as they are.
            value = word.encode().decode("latin-1")
            for method, where in (("POST", URL), ("PATCH", url), ("HEAD", url)):
                fields = {**base, name: value}
                checked = name in ("X_CSRFToken", "Origin", "Referer")
                yield lambda m=method, w=where, f=fields, c=checked: self.send(m, w, b"Assam", checked=c, **f)
        for word in self.words:
            pairs = metadata(filename=word, filetype=word, policy=word, relativePath=word)
            yield lambda pairs=pairs: self.send("POST", URL, **{**tus, "Upload_Metadata": pairs})

    def in_forms(self) -> Iterator[Callable[[], Any]]:
        page = self.script.page
        token = ("csrfmiddlewaretoken", str(self.script.csrf))
        policy = ("photo-policy", page["photo-policy"])
        for word in self.words:
            state = json.dumps([{"token": word, "use": word, "name": word, "crop": {"v": word}}])
            file = (word, f"not a picture {word}".encode())
            posts: list[list[tuple[str, Any]]] = [
                [token, policy, ("photo", file)],
                [token, policy, (word, file)],
                [token, ("photo-policy", word), ("photo", file)],
                [("csrfmiddlewaretoken", word), policy, ("photo", file)],
                [token, ("photo-state", state)],
                [token, ("photo-state", word)],
                [
                    token,
                    *((f"photo-0-{part}", word) for part in ("token", "use", "name", "crop-x", "position")),
                ],
                [token, ("name", word), (word, word), policy, ("photo", file)],
                [token, policy, *((f"x{each}", "") for each in range(1_001)), ("photo", file)],
            ]
            for post in posts:
                body = encode(post)
                for url in ("/product/", "/check/", "/inspected/"):
                    data = body.replace(b'name="photo', b'name="picture') if url != "/product/" else body
                    yield lambda url=url, data=data: self.send(
                        "POST", url, data, checked=True, Content_Type=CONTENT_TYPE
                    )
            cut = encode([token, policy, ("photo", file)])[:-30]
            yield lambda cut=cut: self.send("POST", "/product/", cut, checked=True, Content_Type=CONTENT_TYPE)
            garbled = f"--{BOUNDARY}\r\n{word}\r\n\r\n".encode() + encode([token, policy])
            yield lambda it=garbled: self.send(
                "POST", "/product/", it, checked=True, Content_Type=CONTENT_TYPE
            )


PLACES = {"paths": Attack.in_paths, "headers": Attack.in_headers, "forms": Attack.in_forms}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_that_is_sent_gets_into_a_log(place: str, logged: Everything, injected: Injected) -> None:
    attack = Attack()
    requests = spread(list(PLACES[place](attack)))
    statuses = set()
    with injected(22, len(requests)):
        for request in requests:
            statuses.add(request().status_code)
        assert loud(logged.lines, attack.secrets) == []
        assert 500 not in statuses
    assert len(logged.lines) > len(requests) / 3, "hardly anything was logged"
    assert statuses & {403, 404, 405, 400}


def test_what_fails_by_no_fault_of_the_file_is_told_quietly(
    logged: Everything, jpeg: bytes, held_root: Path, injected: Injected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that refuses, a disk that does, a decoder that crashes, a sweep that meets what it cannot read."""
    attack = Attack()
    page = attack.script.page
    name = f"{CONTROLS}{attack.upload.token}.jpg"
    body = encode([("csrfmiddlewaretoken", page["csrfmiddlewaretoken"]), ("name", CONTROLS),
                   ("photo-policy", page["photo-policy"]), ("photo", (name, jpeg))])  # fmt: skip

    def post() -> Any:
        return attack.send("POST", "/product/", body, Content_Type=CONTENT_TYPE)

    with injected(22, 5):
        with refusing("greenroom_stagedupload", "NEW.client_name <> ''"):
            post()
        with refusing("shop_product", "NEW.name <> ''"):
            post()
        inside = default_storage.path("products")
        Path(inside).write_text("no directory")  # where a directory is to be made
        post()
        Path(inside).unlink()
        StagedUpload.objects.update(client_name=name.replace("\0", ""), terms="\x1b[2J{")
        attack.send("HEAD", f"{URL}{attack.upload.id}/", Tus_Resumable="1.0.0")
        for claim in held_root.glob("*/*/bytes"):
            (claim.parent / "claim-AAAAAAAAAAAAAAAAAAAAAA").write_text(f"{CONTROLS} {attack.upload.token}")
        clear_staged(trust_clock=True)
        ours = [each for each in logged.lines if each.startswith("greenroom")]
        assert loud(ours, attack.secrets) == []
    assert any("Traceback" in each for each in ours)


# -- on real servers ---------------------------------------------------------------------------------

LOGGING = {"gunicorn": ["--access-logfile=-", "--threads=8"], "uvicorn": ["--access-log"]}


@pytest.fixture(params=list(LOGGING))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    variables = {name: value for name, value in os.environ.items() if name == "GREENROOM_TEST_POSTGRES"}
    server = Server(
        request.param,
        tmp_path / "server",
        settings="tests.asgi.settings",
        options=LOGGING[request.param],
        **variables,
    )
    yield from serving(server)


def raw(server: Server, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request)
        while connection.recv(65_536):
            pass


def test_no_server_s_log_has_a_token(server: Server, injected: Injected) -> None:
    """Nor has its access log, which is on here."""
    visitor = Visitor(server, "/product/")
    url = visitor.create(5)
    token = visitor.patch(url, b"Assam", 0).headers["Greenroom-Token"]
    secrets = {"token": token, "policy": visitor.page["photo-policy"], "security token": visitor.csrf}
    words = [
        "",
        token,
        secrets["policy"],
        f"\x1b[2J{token}",
        f"%1b%5b2J%0d%0aERROR%20forged%00{token}",
        f"?{token}",
    ]
    requests = []
    cookie = visitor.headers["Cookie"]
    for word, view in itertools.product(words, (*VIEWS, "uploads", "nothing")):
        lines = [f"GET /greenroom/{view}/{word}/ HTTP/1.1", f"Host: {server.address}", f"Cookie: {cookie}"]
        requests.append("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    for name in (
        "Upload-Length",
        "Upload-Metadata",
        "Greenroom-Policy",
        "User-Agent",
        "X-CSRFToken",
        "Expect",
    ):
        lines = [
            f"POST {URL} HTTP/1.1",
            f"Host: {server.address}",
            f"Cookie: {cookie}",
            "Tus-Resumable: 1.0.0",
        ]
        for word in words:
            requests.append("\r\n".join([*lines, f"{name}: {word}", "Connection: close", "", ""]).encode())
    with injected(22, len(requests)):
        for request in requests:
            raw(server, request)
        lines = server.log.read_text(errors="replace").splitlines()
        assert loud(lines, secrets) == []
    assert sum("/greenroom/" in each for each in lines) > len(requests) / 2
