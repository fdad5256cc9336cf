"""The settings of a site that is to survive a power cut."""

from tests.settings import *  # noqa: F403

GREENROOM = {"DURABILITY": "power"}
