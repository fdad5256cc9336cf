"""Who holds a claim: one process of one machine since one start, so that a dead holder is told from a slow one."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path


def this_holder() -> str:
    """The name of this process: machine, boot, id, and when it was started (an id is used again)."""
    return f"{machine()} {os.getpid()} {own_start(os.getpid())}"


def is_dead(holder: str) -> bool:
    """Whether a process of this machine, by the name that `this_holder` gave it there, has certainly ended.

    Of another machine's (or container's) processes nothing is known from here: they count as living, and time decides.
    """
    where, _, process = holder.rpartition(" ")[0].rpartition(" ")
    since = holder.rpartition(" ")[2]
    if where != machine() or not process.isdigit() or not since:
        return False
    return started(int(process)) != since


@functools.cache
def own_start(process: int) -> str:
    """`started` of this process: for as long as it has this id, it is the same."""
    return started(process)


@functools.cache
def machine() -> str:
    """The host, its boot, and the process ids that are seen from here; a restarted container differs in one of them.

    Containers of one pod share name and boot, but each has process ids of its own: without their namespace a
    living process of the one would be looked for among those of the other, and be taken for dead.
    """
    try:
        ids = os.readlink("/proc/self/ns/pid")
    except OSError:  # no Linux, or no /proc
        ids = ""
    return f"{socket.gethostname()}/{boot()}/{ids}"


def boot() -> str:
    """What names this start of the machine; empty if the system does not say."""
    name = Path("/proc/sys/kernel/random/boot_id")
    return name.read_text().strip() if name.exists() else ""


def started(process: int) -> str:
    """When a process was started, in ticks since boot (proc(5), field 22); empty if there is none, or no /proc."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    fields = status.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]  # a zombie has ended
