"""What the layer sees of a program is what the system is asked for: no call goes past it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults.files import counted
from tests.faults.files.calls import variables

KINDS = {
    "link": ("link", "linkat"),
    "rename": ("rename", "renameat", "renameat2"),
    "rmdir": ("rmdir",),
    "unlink": ("unlink", "unlinkat"),
    "mkdir": ("mkdir", "mkdirat"),
    "truncate": ("ftruncate", "truncate"),
    "sync": ("fsync", "fdatasync"),
    "chmod": ("chmod", "fchmod", "fchmodat", "fchown", "fchownat"),
    "lock": ("flock",),
    "copy": ("copy_file_range", "sendfile", "splice"),
    "touch": ("utimensat",),
    "write": ("write", "pwrite64", "writev", "pwritev", "pwritev2"),
}
OTHERS = "open,openat,creat,access,faccessat,faccessat2,fallocate,symlink,symlinkat,mknod,mknodat,setxattr"


def test_it_sees_every_call_that_changes_a_file(
    tmp_path: Path, layer: Path, require: Callable[[str, object], None]
) -> None:
    strace = shutil.which("strace")
    require("strace", strace)
    traced, log = tmp_path / "traced", tmp_path / "log"
    calls = ",".join(f"?{each}" for each in [*sum(KINDS.values(), ()), *OTHERS.split(",")])
    program = [sys.executable, str(Path(counted.__file__)), str(tmp_path), str(log)]
    command = [str(strace), "-f", "-y", "-e", f"trace={calls}", "-o", str(traced), *program]
    subprocess.run(command, env=variables(layer), check=True)
    lines = traced.read_text().splitlines()
    begin, end = (
        next(n for n, line in enumerate(lines) if mark in line) for mark in (counted.FROM, counted.TO)
    )
    seen = [
        kind for line in lines[begin + 1 : end] if str(log) not in line for kind in [kind_of(line)] if kind
    ]
    logged = [line.partition("\t")[0] for line in log.read_text().splitlines()]
    assert logged == seen
    assert set(seen) >= {"make", "write", "link", "rename", "unlink", "rmdir", "mkdir", "sync", "lock"}


def kind_of(line: str) -> str:
    """As the layer would call it; empty for what it leaves out."""
    match = re.match(r"(?:\d+ +)?(\w+)\(", line)
    assert match, line
    name = match[1]
    if name == "unlinkat" and "AT_REMOVEDIR" in line:
        return "rmdir"
    if name in ("open", "openat", "creat"):
        return "make" if "O_CREAT" in line or "O_TRUNC" in line or name == "creat" else ""
    if name in OTHERS.split(","):
        assert "access" in name, f"the layer knows nothing of {line}"
        return ""
    return next(kind for kind, names in KINDS.items() if name in names)
