"""A PostgreSQL server of our own for one run of the tests: a fresh cluster on a socket in a scratch directory."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


def find_bin() -> Path | None:
    """Where initdb and pg_ctl are; Debian keeps them out of PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = shutil.which("pg_ctl")
    candidates = [*reversed(versions), *([Path(found).parent] if found else [])]
    return next((path for path in candidates if (path / "initdb").exists()), None)


@contextlib.contextmanager
def running(bin_dir: Path) -> Iterator[str]:
    """Start a server and yield the directory of its socket; afterwards nothing of it is left.

    PostgreSQL refuses to run as root, so there it runs as the user that its package has made.
    """
    user = "postgres" if os.geteuid() == 0 else None
    directory = Path(tempfile.mkdtemp(prefix="greenroom-postgres-"))
    try:
        if user is not None:
            owner = pwd.getpwnam(user)
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        directory.chmod(0o755)
        data, log = directory / "data", directory / "log"

        def call(*command: object) -> None:
            words = [str(word) for word in command]
            subprocess.run(words, check=True, user=user, cwd=directory, stdout=subprocess.DEVNULL)

        call(bin_dir / "initdb", "--auth=trust", "--username=greenroom", "--no-sync", "--encoding=UTF8", data)
        options = f"-k {directory} -c listen_addresses='' -c fsync=off -c max_connections=200"
        call(bin_dir / "pg_ctl", "--wait", "-D", data, "-l", log, "-o", options, "start")
        try:
            yield str(directory)
        finally:
            call(bin_dir / "pg_ctl", "--wait", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
