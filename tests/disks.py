"""Other disks than the one that tests usually write to; a conftest.py imports the fixtures that it needs."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Require = Callable[[str, object], None]


@pytest.fixture
def other_device(tmp_path: Path, require: Require) -> Iterator[Path]:
    """A directory on another file system than `tmp_path`."""
    shared = Path("/dev/shm")
    require("/dev/shm on another device", shared.is_dir() and os.access(shared, os.W_OK))
    require("/dev/shm on another device", shared.stat().st_dev != tmp_path.stat().st_dev)
    path = Path(tempfile.mkdtemp(prefix="greenroom-", dir=shared))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def small_disk(tmp_path: Path, require: Require) -> Iterator[Path]:
    """A file system of 1 MiB."""
    with mounted(tmp_path / "small-disk", "size=1m", require) as path:
        yield path


@pytest.fixture
def few_files(tmp_path: Path, require: Require) -> Iterator[Path]:
    """A file system that holds seven files and directories and no more."""
    with mounted(tmp_path / "few-files", "size=1m,nr_inodes=8", require) as path:
        yield path


@contextlib.contextmanager
def mounted(path: Path, options: str, require: Require) -> Iterator[Path]:
    """Only root can mount a file system, and not in every container."""
    require("the right to mount a small disk", os.geteuid() == 0 and shutil.which("mount"))
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    require("the right to mount a small disk", subprocess.run(mount, capture_output=True).returncode == 0)
    try:
        yield path
    finally:
        # Lazily: a file that a failing test has left open must not keep the directory for ever.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
