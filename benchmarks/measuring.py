"""What a server costs: CPU seconds and memory of a process and everything below it, from /proc."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Tree:
    """The process `root` and its descendants, as they are at the moment."""

    def __init__(self, root: int) -> None:
        self.root = root

    def pids(self) -> Iterator[int]:
        waiting = [self.root]
        while waiting:
            pid = waiting.pop()
            yield pid
            with contextlib.suppress(OSError):  # it has ended since
                for task in Path(f"/proc/{pid}/task").iterdir():
                    waiting += map(int, (task / "children").read_text().split())

    def cpu(self) -> float:
        """User and system seconds so far, those of children that have ended included.

        Of who lives by its CPU clock (clock_getcpuclockid(3): ~pid << 3 | 2), which counts nanoseconds where
        the `utime` and `stime` of /proc/pid/stat count ticks; of the ended by `cutime` and `cstime`.
        """
        total = 0.0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += time.clock_gettime((~pid << 3) | 2) + (int(values[13]) + int(values[14])) / TICK
        return total

    def memory(self, name: str) -> int:
        """`VmRSS` (resident now) or `VmHWM` (its peak) in bytes, summed over the processes."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                match = re.search(rf"{name}:\s+([0-9]+) kB", Path(f"/proc/{pid}/status").read_text())
                total += int(match[1]) * 1024 if match else 0
        return total

    def forget_peak(self) -> None:
        """Let every peak begin anew (proc(5): clear_refs, 5)."""
        for pid in self.pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5")
