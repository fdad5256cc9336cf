"""What would be missing after a power cut, told from the log of the layer."""

import itertools
from pathlib import Path

WORDS = ("pipe:", "socket:")  # what an acknowledgement is written to
# What a power cut may take: the writers' own files, which speak of living processes, and SQLite's, which it makes anew.
MAY_GO = (".writers", ".cut", ".copy-", "-shm")


class Disk:
    """What was changed and not yet written through: the bytes of files, and names in directories."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self.known: dict[str, int] = {}  # which file a path names; a number for each
        self.empty: set[int] = set()
        self.bytes: set[int] = set()
        self.names: set[str] = set()

    def took(self, kind: str, path: str, other: str) -> None:
        """One call that has succeeded, as far as the log knows."""
        if kind in ("make", "mkdir"):
            if path not in self.known:
                self.name(path, next(self.numbers))
                self.empty |= {self.known[path]} if kind == "make" else set()
        elif kind in ("write", "copy", "truncate"):
            self.bytes.add(self.file(path))
            self.empty.discard(self.file(path))
        elif kind == "link":
            self.name(other, self.file(path))
        elif kind == "rename":
            file = self.file(path)
            self.forget(path)
            self.forget(other)
            self.name(other, file)
            self.moved(path, other)
        elif kind in ("unlink", "rmdir"):
            self.forget(path)
        elif kind == "sync":
            self.bytes.discard(self.known.get(path, -1))
            self.names = {each for each in self.names if str(Path(each).parent) != path}

    def file(self, path: str) -> int:
        """The number of the file that a path names."""
        return self.known.setdefault(path, next(self.numbers))

    def name(self, path: str, file: int) -> None:
        """A path names a file from now on, which its directory has to keep."""
        self.known[path] = file
        self.names.add(path)

    def forget(self, path: str) -> None:
        """A path names nothing any more."""
        self.known.pop(path, None)
        self.names.discard(path)

    def moved(self, path: str, other: str) -> None:
        """What was in a directory that was renamed is in the new one."""
        inside = [each for each in self.known if each.startswith(f"{path}/")]
        for each in inside:
            self.known[other + each.removeprefix(path)] = self.known.pop(each)
            if each in self.names:
                self.names.remove(each)
                self.names.add(other + each.removeprefix(path))

    def missing(self) -> list[str]:
        """What a power cut would take along now."""
        found = [f"bytes of {path}" for path, file in self.known.items() if file in self.bytes]
        # SQLite makes its log before it has anything to write down; nobody misses that.
        found += [f"the name {path}" for path in self.names if self.known[path] not in self.empty]
        return [each for each in found if not any(mark in each for mark in (*MAY_GO, ".removed-"))]


def missing_at_acknowledgements(log: str) -> tuple[int, list[str]]:
    """How many acknowledgements were given, and what was missing at one of them."""
    disk, acknowledgements, missing = Disk(), 0, []
    for line in log.splitlines():
        kind, path, *other = line.split("\t")
        if kind in ("write", "send") and path.startswith(WORDS):
            acknowledgements += 1
            missing += disk.missing()
        elif path.startswith("/"):
            disk.took(kind, path, other[0] if other else "")
    return acknowledgements, missing
