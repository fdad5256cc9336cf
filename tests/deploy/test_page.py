"""What the boxes of the page say to each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.deploy.deployed import GRACE, SITE, UNIT, block, directive


@pytest.mark.parametrize("kind", GRACE)
def test_who_stops_the_server_waits_longer_than_the_server_does(kind: str) -> None:
    unit = block(UNIT, f"bin/{kind} ")
    (grace,) = re.findall(rf"{GRACE[kind]} (\d+)", unit)
    assert int(directive(unit, "TimeoutStopSec")) > int(grace)
    assert (directive(unit, "KillSignal"), directive(unit, "KillMode")) == ("SIGTERM", "mixed")


@pytest.mark.parametrize("kind", GRACE)
def test_held_files_and_saved_ones_are_under_one_mount(kind: str) -> None:
    """Each of ReadWritePaths= is a mount of its own, and there are no links from one mount to another."""
    settings: dict[str, object] = {}
    exec(block("shop/settings.py"), settings)  # noqa: S102 - it is ours
    media = Path(str(settings["MEDIA_ROOT"]))
    assert directive(block(UNIT, f"bin/{kind} "), "ReadWritePaths") == str(media.parent)
    assert f"alias {media}/;" in block(SITE)


@pytest.mark.parametrize("kind", GRACE)
def test_nginx_looks_for_the_socket_where_the_server_makes_it(kind: str) -> None:
    unit = block(UNIT, f"bin/{kind} ")
    (socket,) = re.findall(r"server unix:(\S+);", block(SITE))
    assert Path(socket).parent == Path("/run", directive(unit, "RuntimeDirectory"))
    assert socket in directive(unit, "ExecStart")
