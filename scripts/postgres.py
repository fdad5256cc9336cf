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
    """Start a server and yield the directory of its socket; afterwards nothing of it is left."""
    directory = Path(tempfile.mkdtemp(prefix="greenroom-postgres-"))
    try:
        if (user := system_user()) is not None:
            owner = pwd.getpwnam(user)
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        directory.chmod(0o755)
        options = ("--auth=trust", "--username=greenroom", "--no-sync", "--encoding=UTF8")
        call(directory, bin_dir / "initdb", *options, directory / "data")
        start(bin_dir, directory)
        try:
            yield str(directory)
        finally:
            stop(bin_dir, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def start(bin_dir: Path, directory: Path) -> None:
    """Start the server whose socket is in `directory`."""
    options = f"-k {directory} -c listen_addresses='' -c fsync=off -c max_connections=200"
    log = directory / "log"
    call(directory, bin_dir / "pg_ctl", "--wait", "-D", directory / "data", "-l", log, "-o", options, "start")


def stop(bin_dir: Path, directory: Path) -> None:
    """End it as a crash would: no connection is told, and the next start has to recover."""
    call(directory, bin_dir / "pg_ctl", "--wait", "-D", directory / "data", "-m", "immediate", "stop")


def system_user() -> str | None:
    """PostgreSQL refuses to run as root, so there it runs as the user that its package has made."""
    return "postgres" if os.geteuid() == 0 else None


def call(directory: Path, *command: object) -> None:
    """Run one of PostgreSQL's programs."""
    words = [str(word) for word in command]
    subprocess.run(words, check=True, user=system_user(), cwd=directory, stdout=subprocess.DEVNULL)
