"""Sets the demo up, as far as it is not yet, and serves it on 127.0.0.1.

python demo/serve.py

PORT (default 8000), DATA (the directory for everything it keeps, default demo/var), WORKERS (server
processes, default 2) are read from the environment. It may be run again, and takes up where it was.
"""

import io
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    from scripts.check_port import main as trouble_with

    port = os.environ.get("PORT") or "8000"
    trouble = trouble_with(port)
    if trouble:
        sys.exit(trouble)
    data = Path(os.environ.get("DATA") or ROOT / "demo/var").absolute()
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"DATA is a directory that the demo may write to. {error}")
    os.environ["DATA"] = str(data)
    os.environ["DJANGO_SETTINGS_MODULE"] = "demo.settings"
    os.environ["PORT"] = port
    from django.db import DatabaseError
    from django.db.migrations.exceptions import InconsistentMigrationHistory

    try:
        set_up()
    except (DatabaseError, InconsistentMigrationHistory) as error:
        sys.exit(f"{data} is of another version of the demo ({error}): remove it, or choose another DATA.")
    serve()


def set_up() -> None:
    """Migrate, make the admin's user, and give up what was held for too long."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("check", fail_level="ERROR", stdout=io.StringIO())  # what is wrong is raised
    call_command("migrate", verbosity=0, interactive=False)
    call_command("clearstaged", verbosity=0)

    from django.contrib.auth import get_user_model

    users = get_user_model()._default_manager
    if not users.filter(username="admin").exists():
        users.create_superuser("admin", password="greenroom")  # noqa: S106 - said aloud, for 127.0.0.1


def serve() -> None:
    """Become gunicorn, so that its signals are ours."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "demo/gunicorn.conf.py"), "demo.wsgi"]
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
