"""What the demo says about a DATA directory that it cannot use."""

import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

SERVE = Path(__file__).parent.parent / "demo/serve.py"


def test_tables_of_another_version_are_told_in_one_sentence(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as database:
        database.execute("CREATE TABLE gallery_saved (number integer)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "DATA": str(tmp_path), "PORT": str(port)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    ended = subprocess.run(
        [sys.executable, str(SERVE)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith(f"{tmp_path} is of another version of the demo (")
    assert sentence.endswith("): remove it, or choose another DATA.")
