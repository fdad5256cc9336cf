"""The layer of `calls.c`, built and used: what a program asks of its files is counted, and made to fail on purpose."""

import ctypes
import enum
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

SOURCE = Path(__file__).with_name("calls.c")
ROOT = SOURCE.parents[3]


class Call(enum.IntFlag):
    """What a call does, as in `calls.c`."""

    OPEN = enum.auto()
    MAKE = enum.auto()
    READ = enum.auto()
    WRITE = enum.auto()
    LINK = enum.auto()
    RENAME = enum.auto()
    UNLINK = enum.auto()
    RMDIR = enum.auto()
    MKDIR = enum.auto()
    TRUNCATE = enum.auto()
    SYNC = enum.auto()
    CHMOD = enum.auto()
    STAT = enum.auto()
    LOCK = enum.auto()
    CLOSE = enum.auto()
    COPY = enum.auto()
    SEND = enum.auto()
    TOUCH = enum.auto()
    LIST = enum.auto()


# A process that is killed before a call that changes nothing leaves what it leaves before the next one that does.
CHANGES = (
    Call.MAKE | Call.WRITE | Call.LINK | Call.RENAME | Call.UNLINK | Call.RMDIR | Call.MKDIR | Call.TRUNCATE
) | (Call.SYNC | Call.CHMOD | Call.LOCK | Call.COPY | Call.SEND | Call.TOUCH)
EVERY = CHANGES | Call.OPEN | Call.READ | Call.STAT | Call.CLOSE | Call.LIST


class How(enum.IntEnum):
    """What is done to the chosen calls: they kill (a write in the middle), fail, or write and read a half."""

    NOTHING = 0
    KILL = 1
    TEAR = 2
    FAIL = 3
    SHORTEN = 4


class Layer:
    """In a program that was started with `variables`."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.faults_seen.restype = ctypes.c_long
        self._library.faults_inject.argtypes = [
            *(ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
        ]

    def inject(
        self,
        how: How,
        calls: Call,
        first: int,
        *,
        under: Iterable[Path] = (),
        code: int = 0,
        lasting: bool = False,
    ) -> None:
        """Do it to the `first` of the `calls` from now on (1 is the next), and if it is `lasting` to all that follow."""
        roots = "\n".join(map(str, under)).encode()
        self._library.faults_inject(calls, roots, how, code, first, 1 << 62 if lasting else first)

    def end(self) -> int:
        """Inject nothing more; how many of the calls there were."""
        seen = int(self._library.faults_seen())
        self._library.faults_inject(0, b"", 0, 0, 0, 0)
        return seen

    def log(self, descriptor: int) -> None:
        """Write a line for each call that counts: its kind, its path or two, and a mark if it was injected into."""
        self._library.faults_log(descriptor)


def built(directory: Path) -> Path:
    """The layer as a library, compiled once for each directory."""
    library = directory / "calls.so"
    if not library.exists():
        compiler = shutil.which("cc") or "gcc"
        partial = directory / f"calls-{os.getpid()}.so"
        command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
        subprocess.run([*command, "-o", str(partial), str(SOURCE), "-ldl"], check=True)
        partial.replace(library)
    return library


def variables(library: Path, **more: str) -> dict[str, str]:
    """The environment of a program behind the layer, alone with its files."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("GREENROOM_", "PYTEST_"))
    }
    return {
        **kept,
        "LD_PRELOAD": str(library),
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        **more,
    }


def logging_to(log: Path, under: Path) -> dict[str, str]:
    """The variables more that make any program log what it changes below `under`, and what it sends."""
    return {"FAULTS_LOG": str(log), "FAULTS_UNDER": str(under), "FAULTS_CALLS": str(int(CHANGES))}
