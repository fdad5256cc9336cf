"""Other disks than the one that tests usually write to."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def other_device(tmp_path: Path, require) -> Iterator[Path]:
    """A directory on another file system than `tmp_path`."""
    shared = Path("/dev/shm")
    require("/dev/shm on another device", shared.is_dir() and os.access(shared, os.W_OK))
    require("/dev/shm on another device", shared.stat().st_dev != tmp_path.stat().st_dev)
    path = Path(tempfile.mkdtemp(prefix="greenroom-", dir=shared))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def small_disk(tmp_path: Path, require) -> Iterator[Path]:
    """A file system of 1 MiB. Only root can mount one."""
    path = tmp_path / "small-disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    require("the right to mount a small disk", os.geteuid() == 0 and shutil.which("mount"))
    done = subprocess.run(mount, capture_output=True, text=True)
    require("the right to mount a small disk", done.returncode == 0)
    yield path
    subprocess.run(["umount", str(path)], check=True)
