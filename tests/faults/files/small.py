"""The settings of a site whose store is on a disk that is soon full."""

import os

from tests.settings import *  # noqa: F403

GREENROOM = {"STORE": {"OPTIONS": {"root": os.environ["GREENROOM_TEST_SMALL"], "keep_free": 0}}}
