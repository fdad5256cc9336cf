"""Real servers over the database and the store of a test, so that the test sees what they leave."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection

from tests.django.servers import Server


@contextlib.contextmanager
def shared_servers(scratch: Path, *kinds: str, atomic: bool = False) -> Iterator[list[Server]]:
    """A server of each kind, in processes of its own, over one database and one store below `scratch`."""
    media = scratch / "shared/media"
    media.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        servers = []
        for number, kind in enumerate(kinds):
            server = Server(
                kind,
                scratch / f"{number}-{kind}",
                settings="tests.faults.database.shared",
                GREENROOM_TEST_DATABASE=str(connection.settings_dict["NAME"]),
                GREENROOM_TEST_POSTGRES=str(settings.POSTGRES["HOST"]),
                GREENROOM_TEST_ATOMIC="1" if atomic else "",
                GREENROOM_TEST_MEDIA=str(media),
            )
            server.start()
            stack.callback(server.stop)
            servers.append(server)
        yield servers
        for server in servers:
            log = server.log.read_text()
            assert "Traceback" not in log, log


def store_of(scratch: Path) -> Path:
    """Where the bytes are that `shared_servers` hold."""
    return scratch / "shared/greenroom-held"
