"""Settings of servers that share one database and one store: that of the test that has started them.

They say at what moments a transaction is open while a body is read (`Watching`), and may have one around each view.
"""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["GREENROOM_TEST_DATABASE"]
DATABASES["default"]["ATOMIC_REQUESTS"] = os.environ.get("GREENROOM_TEST_ATOMIC") == "1"
MEDIA_ROOT = os.environ["GREENROOM_TEST_MEDIA"]
# Each test sends more than one owner may hold, and the disk of a test machine may be nearly full.
GREENROOM = {"KEEP_FREE": 0}
