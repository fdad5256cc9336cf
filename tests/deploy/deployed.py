"""The configurations of docs/how-to/deploy.md, taken from the page and started with other places and addresses."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.django.servers import STARTED_IN, Server, Visitor

# Debian keeps it where only root's PATH looks.
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/how-to/deploy.md"
SITE = "/etc/nginx/sites-available/shop"
UNIT = "/etc/systemd/system/shop.service"
BUFFERING = "proxy_request_buffering off;"
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
GRACE = {"gunicorn": "--graceful-timeout", "uvicorn": "--timeout-graceful-shutdown"}

# What Debian's own nginx.conf says around the page's configuration, with every directory below one of ours.
AROUND = """
{user}
worker_processes 1;
pid nginx.pid;
events {{}}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    sendfile on;
    access_log off;
    client_body_temp_path bodies;
    proxy_temp_path answers;
    fastcgi_temp_path unused-fastcgi;
    uwsgi_temp_path unused-uwsgi;
    scgi_temp_path unused-scgi;
    include site;
}}
"""


def block(name: str, mention: str = "") -> str:
    """The one code block of the page whose first line is `# name`, and that has `mention` in it."""
    blocks = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (found,) = (text for each, text in blocks if each == name and mention in text)
    return found


def replace_all(text: str, changes: Mapping[str, str]) -> str:
    """Every change, which must have something to change."""
    for old, new in changes.items():
        assert old in text, f"the page says {old} no more"
        text = text.replace(old, new)
    return text


def directive(unit: str, name: str) -> str:
    """What a systemd unit says after `name=`."""
    (value,) = re.findall(rf"^{name}=(.*)$", unit.replace("\\\n", " "), re.MULTILINE)
    return value


def wait_until(happened: Callable[[], object], what: str) -> None:
    """There is no event for what other programs do to files and sockets: whoever waits has to look."""
    until = time.monotonic() + STARTED_IN
    while not happened():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Application(Server):
    """The tests' project as `shop`, started by the page’s unit for gunicorn or uvicorn."""

    def __init__(self, kind: str, scratch: Path) -> None:
        super().__init__(kind, scratch)
        self.socket = scratch / "web.sock"
        self.project = scratch / "srv"
        self.unit = block(UNIT, f"bin/{kind} ")
        self.changes = {"/srv/shop/data": str(self.scratch), "/srv/shop": str(self.project)}
        package = self.project / "shop"
        package.mkdir(parents=True)
        settings = replace_all(block("shop/settings.py"), {**self.changes, "shop.example.org": "127.0.0.1"})
        (package / "settings.py").write_text(f"from tests.settings import *\n{settings}")
        (package / "asgi.py").write_text(block("shop/asgi.py"))
        (package / "wsgi.py").write_text(
            "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
        )
        self.environment["DJANGO_SETTINGS_MODULE"] = "shop.settings"
        self.environment["PYTHONPATH"] += f"{os.pathsep}{self.project}"

    @property
    def command(self) -> list[str]:
        line = directive(self.unit, "ExecStart").removeprefix("/srv/shop/.venv/bin/")
        # A test that stops it in the middle of a body waits for so long.
        changes = {"/run/shop": str(self.socket.parent), f"{GRACE[self.kind]} 30": f"{GRACE[self.kind]} 2"}
        return [sys.executable, "-m", *shlex.split(replace_all(line, changes))]

    def start(self) -> None:
        with self.log.open("ab") as log:
            # A group of its own, so that what a test's runner is told by the terminal is not told to it.
            self.running = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.project,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self.listens, f"{self.kind} did not start: {self.log.read_text()}")

    def listens(self) -> bool:
        assert self.running.poll() is None, self.log.read_text()
        with socket.socket(socket.AF_UNIX) as knock:
            return knock.connect_ex(str(self.socket)) == 0

    def held_file(self, path: str) -> Path:
        """Where the bytes of the upload at the URL `path` are, or will be."""
        name = path.rstrip("/").rpartition("/")[2]
        return self.held / name[:1] / name / "bytes"

    def bytes_of(self, path: str) -> int:
        file = self.held_file(path)
        return file.stat().st_size if file.exists() else 0

    def end(self) -> None:
        """As `systemctl stop` does: KillSignal to the first process only (KillMode=mixed)."""
        self.running.terminate()
        self.running.wait(30)


class Front:
    """nginx with the page's configuration, in front of an application.

    `buffering` is "on" or "off"; `changes` are made in the text of the page.
    """

    def __init__(
        self, application: Application, place: Path, buffering: str, changes: Mapping[str, str] | None = None
    ) -> None:
        place.mkdir()
        self.application = application
        self.buffering = buffering
        self.place = place
        self.port, self.plain_port = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"https://{self.address}"
        self.certificate = place / "fullchain.pem"
        self.log = place / "errors"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-subj", "/CN=shop", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
            + ["-keyout", place / "key.pem", "-out", self.certificate],
            check=True,
            capture_output=True,
        )
        site = replace_all(
            block(SITE),
            {
                **application.changes,
                "/run/shop/web.sock": str(application.socket),
                "/etc/ssl/shop": str(place),
                "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
                "listen 443 ": f"listen 127.0.0.1:{self.port} ",
                "shop.example.org": "127.0.0.1",
                BUFFERING: f"proxy_request_buffering {buffering};",
                **(changes or {}),
            },
        )
        (place / "site").write_text(site)
        # As root nginx would serve as nobody, who may not look into directories of tests.
        user = "user root root;" if os.geteuid() == 0 else ""
        (place / "nginx.conf").write_text(AROUND.format(user=user))

    @property
    def streams(self) -> bool:
        """Whether bytes reach the stage while the client is still sending."""
        return self.buffering == "off"

    def start(self) -> None:
        command = [
            str(NGINX),
            "-e",
            str(self.log),
            "-p",
            str(self.place),
            "-c",
            "nginx.conf",
            "-g",
            "daemon off;",
        ]
        self.running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.listens, f"nginx did not start: {self.errors()}")

    def listens(self) -> bool:
        assert self.running.poll() is None, self.errors()
        with socket.socket() as knock:
            return knock.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.running.terminate()
        self.running.wait(30)

    def errors(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def waiting_bytes(self) -> int:
        """How much of bodies waits in nginx's own files, which have no names: they are found by who has them open."""
        children = Path(f"/proc/{self.running.pid}/task/{self.running.pid}/children").read_text().split()
        total = 0
        for file in (each for pid in children for each in Path(f"/proc/{pid}/fd").iterdir()):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if os.readlink(file).startswith(str(self.place / "bodies")):
                    total += file.stat().st_size
        return total


class Person(Visitor):
    """A visitor who comes through nginx, over TLS, and says from which site, as browsers do."""

    def __init__(self, front: Front, page: str = "/backup/") -> None:
        super().__init__(front, page)  # type: ignore[arg-type] - it looks at the address only
        self.front = front
        self.http.headers["Origin"] = front.url

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "Origin": self.front.url}

    def begin(self, path: str, length: int, *, chunked: bool = False) -> http.client.HTTPSConnection:
        """A tus PATCH of which the header is sent; the body of `length` bytes is up to the test."""
        context = ssl.create_default_context(cafile=self.front.certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", self.front.port, timeout=30, context=context)
        connection.putrequest("PATCH", path, skip_accept_encoding=True)
        size = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(length)}
        for name, value in {**self.headers, **TUS, **size, "Upload-Offset": "0"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        if chunked:
            connection.send(f"{length:x}\r\n".encode())  # all of it is one chunk (RFC 9112 section 7.1)
        return connection


def answer_on(connection: http.client.HTTPSConnection) -> tuple[int, http.client.HTTPMessage, bytes]:
    """The status, the headers and the body of the answer; the connection is closed then."""
    with contextlib.closing(connection), connection.getresponse() as response:
        return response.status, response.headers, response.read()


@dataclass(frozen=True)
class CurlAnswer:
    """One answer, interim ones included; `headers` have small letters, as in HTTP/2."""

    status: int
    headers: dict[str, str]
    body: str


def curl(person: Person, *arguments: str, path: str, headers: Mapping[str, str]) -> list[CurlAnswer]:
    """What curl was answered. Raises `CalledProcessError` if it saw no answer, or half of one."""
    fields = [part for each in {**person.headers, **headers}.items() for part in ("-H", ": ".join(each))]
    command = ["curl", "-sS", "-i", "--max-time", "60", "--cacert", str(person.front.certificate), *fields]
    done = subprocess.run([*command, *arguments, person.front.url + path], capture_output=True, check=True)
    answers, rest = [], done.stdout.decode()
    while True:
        head, _empty, rest = rest.partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        pairs = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        answers.append(CurlAnswer(int(first.split()[1]), pairs, rest))
        if answers[-1].status >= 200:
            return answers
