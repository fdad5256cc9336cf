"""One application of each kind, and nginx in front of it with request buffering off and on."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.deployed import NGINX, Application, Front, Person

Fronts = Callable[[str, str], Front]


@pytest.fixture(scope="session")
def place(require: Callable[[str, object], None]) -> Iterator[Path]:
    """Where each server has a directory. The path of a socket may have 107 bytes: pytest's own are too long."""
    require("nginx", NGINX)
    for name in ("openssl", "curl"):
        require(name, shutil.which(name))
    with tempfile.TemporaryDirectory(prefix="greenroom-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def fronts(place: Path) -> Iterator[Fronts]:
    """nginx in front of an application of a kind, with buffering "off" or "on": started when first asked for."""
    with contextlib.ExitStack() as running:

        @functools.cache
        def application(kind: str) -> Application:
            started = Application(kind, place / kind)
            started.start()
            running.callback(ended, started)
            return started

        @functools.cache
        def front(kind: str, buffering: str) -> Front:
            started = Front(application(kind), place / f"{kind}-{buffering}", buffering)
            started.start()
            running.callback(started.stop)
            return started

        yield front


def ended(application: Application) -> None:
    application.end()
    log = application.log.read_text()
    assert "Traceback" not in log, log


@pytest.fixture(params=["gunicorn-off", "gunicorn-on", "uvicorn-off", "uvicorn-on"])
def front(request: pytest.FixtureRequest, fronts: Fronts, monkeypatch: pytest.MonkeyPatch) -> Front:
    front = fronts(*request.param.split("-"))
    # For every client that is made of requests, tuspy among them.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(front.certificate))
    return front


@pytest.fixture
def person(front: Front) -> Person:
    return Person(front)
