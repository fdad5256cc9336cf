"""Servers of every kind over one project, started when they are first asked for."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.django.servers import Server, serving

SETTINGS = "tests.asgi.settings"


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """The one server of a kind; whoever stops it starts it again."""
    numbers = itertools.count()
    with contextlib.ExitStack() as running:

        @functools.cache
        def start(kind: str) -> Server:
            scratch = tmp_path_factory.mktemp(f"{kind}-{next(numbers)}")
            variables = {"SHOP_WITHOUT_GREENROOM": "1"} if kind == "django" else {}
            server = Server(kind, scratch, settings=SETTINGS, options=options(kind), **variables)
            running.enter_context(contextlib.contextmanager(serving)(server))
            return server

        yield start


def options(kind: str) -> list[str]:
    """Room for hundreds of slow clients, each of whom has a thread for as long as it sends."""
    if kind.startswith("gunicorn"):
        return ["--threads=340", "--keep-alive=30", "--graceful-timeout=3"]
    return ["--timeout-keep-alive=30", "--timeout-graceful-shutdown=3"]
