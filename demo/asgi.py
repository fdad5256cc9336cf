"""For an ASGI server, such as `uvicorn demo.asgi:application`, from the directory that holds demo/."""

import os

from greenroom.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
application = get_asgi_application()
