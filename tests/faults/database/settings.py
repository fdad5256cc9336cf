"""Settings of the real servers of these tests: a database of their own, and workers that can be told to die."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, MIDDLEWARE, POSTGRES

if POSTGRES["HOST"]:
    POSTGRES["NAME"] = os.environ["GREENROOM_TEST_NAME"]
DATABASES["default"]["ATOMIC_REQUESTS"] = os.environ.get("GREENROOM_TEST_ATOMIC") == "1"

GREENROOM_MIDDLEWARE = MIDDLEWARE.index("greenroom.middleware.GreenroomMiddleware")
MIDDLEWARE.insert(GREENROOM_MIDDLEWARE + 1, "tests.faults.database.dying.before_the_request_ends")
MIDDLEWARE.insert(0, "tests.faults.database.dying.before_the_answer")
