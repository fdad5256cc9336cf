"""Settings of servers that share one database and one store: those of the test that has started them."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["GREENROOM_TEST_DATABASE"]
DATABASES["default"]["ATOMIC_REQUESTS"] = os.environ.get("GREENROOM_TEST_ATOMIC") == "1"
MEDIA_ROOT = os.environ["GREENROOM_TEST_MEDIA"]
# The disk of a test machine may be nearly full.
GREENROOM = {"KEEP_FREE": 0}
