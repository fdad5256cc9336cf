"""The tests' project with views of every kind, and what the servers of these tests are told by their environment."""

import os

from tests.settings import *  # noqa: F403 - as one settings file takes over another
from tests.settings import MEDIA_ROOT, MIDDLEWARE, SCRATCH

ROOT_URLCONF = "tests.asgi.views"
MIDDLEWARE = ["tests.asgi.views.Touching", *MIDDLEWARE]
FILE_UPLOAD_TEMP_DIR = SCRATCH / "spooled"
FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)

if os.environ.get("SHOP_WITHOUT_GREENROOM"):
    MIDDLEWARE.remove("greenroom.middleware.GreenroomMiddleware")
if gate := os.environ.get("SHOP_GATE"):
    options = {"root": MEDIA_ROOT.parent / "greenroom-held", "gate": gate}
    GREENROOM = {"STORE": {"BACKEND": "tests.asgi.stores.GatedStore", "OPTIONS": options}}
