"""Settings of the real servers of these tests. The disk of a test machine may be nearly full."""

from tests.settings import *  # noqa: F403

GREENROOM = {"KEEP_FREE": 0, "OWNER_UPLOADS": 1_000}
