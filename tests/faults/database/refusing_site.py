"""Settings of a site whose ceilings are low, and that has a directory of its own for whatever waits on a disk."""

import os

from tests.asgi.settings import *  # noqa: F403 - as one settings file takes over another
from tests.asgi.settings import SCRATCH

GREENROOM = {"OWNER_BYTES": "60 MB", "ADDRESS_BYTES": "100 GB", "KEEP_FREE": 0}
TMPDIR = SCRATCH / "tmp"
TMPDIR.mkdir(parents=True, exist_ok=True)
os.environ["TMPDIR"] = str(TMPDIR)
