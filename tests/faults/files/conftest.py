"""Files are tried behind a layer that lets single calls fail, and on small disks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.disks import other_device
from tests.faults.files.calls import built

__all__ = ["other_device"]


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, object], None]) -> Path:
    """The library of `calls.c`."""
    require("a C compiler", shutil.which("cc") or shutil.which("gcc"))
    return built(tmp_path_factory.mktemp("layer"))
