"""Who is measured: how each is started, what it is sent, and where it puts what it got."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

import sending
from sending import Maker

# As many threads as the most clients at once, and a few to spare: nobody waits for a thread.
GUNICORN = ("{python}", "-m", "gunicorn", "--bind=127.0.0.1:{port}", "--workers=1", "--worker-class=gthread")
GUNICORN += ("--threads=20", "--timeout=300", "--log-level=error")
UVICORN = ("{python}", "-m", "uvicorn", "--host=127.0.0.1", "--port={port}", "--lifespan=off")
UVICORN += ("--no-access-log", "--log-level=error")
DJANGO = {
    "gunicorn": (*GUNICORN, "django.core.wsgi:get_wsgi_application()"),
    "uvicorn": (*UVICORN, "--factory", "django.core.asgi:get_asgi_application"),
}
GREENROOM = {
    "gunicorn": (*GUNICORN, "benchmarks.project.wsgi:{path}"),
    "uvicorn": (*UVICORN, "benchmarks.project.asgi:{path}"),
}
DIGESTS = ("sha256", "blake3", "none")


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender:
    """One who is measured.

    `command` has places for {python}, {port}, {directory}, {limit}, {node} and {path}: the application's name, which
    is "plain" for the one that hides from Greenroom what its fast paths lean on. Every client opens `page`.
    """

    name: str
    title: str
    command: tuple[str, ...]
    path: str = "application"
    make: Maker
    page: str = ""
    settings: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether this machine has not what it needs."""
        return bool(self.needs) and shutil.which(self.needs) is None


def contenders() -> Iterator[Contender]:
    """All of them, in the order of the tables."""
    yield Contender(
        name="limit",
        title="C: recv 1 MiB, write",
        command=("{limit}", "{port}", "{directory}"),
        needs="gcc",
        make=sending.plain("/"),
    )
    for server in GREENROOM:
        yield from greenrooms(server)
    for server, command in DJANGO.items():
        for path, title in (("bare", "request.FILES, FileSystemStorage"), ("plain", "a ModelForm")):
            yield Contender(
                name=f"django-{server}-{path}",
                title=f"Django on {server}: {title}",
                command=command,
                settings="benchmarks.project",
                environment={"BENCH_WITHOUT_GREENROOM": "1"},
                make=sending.form(f"/{path}/"),
                page="/page/",
            )
    for server, command in {"gunicorn": GUNICORN, "uvicorn": UVICORN}.items():
        interface = "wsgi" if server == "gunicorn" else "asgi"
        yield Contender(
            name=f"least-{server}",
            title=f"The least on {server}'s plain path: its own reading, write",
            command=(*command, f"benchmarks.project.least:{interface}"),
            make=sending.plain("/"),
        )
    yield Contender(
        name="floor",
        title="The least in Django on gunicorn: session, row, file, row",
        command=DJANGO["gunicorn"],
        settings="benchmarks.project",
        environment={"BENCH_WITHOUT_GREENROOM": "1"},
        make=sending.plain("/floor/"),
        page="/page/",
    )
    yield Contender(
        name="node",
        title="@tus/server on Node",
        command=("node", "{node}/server.mjs", "{port}", "{directory}"),
        make=sending.tus("/files"),
        needs="npm",
    )
    yield Contender(
        name="fileform",
        title="django-file-form on gunicorn: tus",
        command=DJANGO["gunicorn"],
        settings="benchmarks.fileform",
        make=sending.tus_in_two("/upload/upload/"),
        page="/page/",
    )


def greenrooms(server: str) -> Iterator[Contender]:
    """Greenroom on one server: the ways in, with each digest, on the fast path and on the plain one."""
    uploads, page = "/greenroom/uploads/", "/staged/"
    ways = {"tus": sending.tus(uploads), "ietf": sending.ietf(uploads), "form": sending.form(page)}
    for way, digest, path in product(ways, DIGESTS, ("application", "plain")):
        # The draft differs from tus by its headers only, and the plain way of a form from its fast one by the reading.
        if (way == "ietf" and (digest, path) != ("sha256", "application")) or (
            way == "form" and path == "plain" and digest != "sha256"
        ):
            continue
        suffix = "-plain" if path == "plain" else ""
        yield Contender(
            name=f"{server}-{way}-{digest}{suffix}",
            title=f"Greenroom on {server}: {way}, {digest}{', plain path' if suffix else ''}",
            command=GREENROOM[server],
            path=path,
            settings="benchmarks.project",
            environment={"BENCH_DIGEST": digest},
            make=ways[way],
            page="/page/",
        )
