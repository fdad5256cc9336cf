"""Medians and ratios of a run, as JSON and as the Markdown that documents quote."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sqlite3
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contenders import Contender
from serving import Cost, Work

LIMIT = "limit"
MB = 1e6


@dataclass
class Results:
    """What every contender took for each piece of work, round by round.

    `load` is the system's load before the run: with more than a little, ratios are of a machine that had other work.
    """

    works: dict[str, Work]
    filesystem: str
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    costs: dict[str, list[dict[str, Cost]]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)

    def add(self, costs: dict[Contender, dict[str, Cost]]) -> None:
        """One more round, of every contender."""
        for contender, each in costs.items():
            self.titles[contender.name] = contender.title
            self.costs.setdefault(contender.name, []).append(each)

    def median(self, name: str, work: str, what: str) -> float:
        return statistics.median(getattr(costs[work], what) for costs in self.costs[name])

    def ratio(self, name: str, work: str) -> float | None:
        """How many times the CPU of the limit: the median of the ratios of the rounds."""
        if LIMIT not in self.costs:
            return None
        pairs = zip(self.costs[name], self.costs[LIMIT], strict=True)
        return statistics.median(ours[work].cpu / limit[work].cpu for ours, limit in pairs)

    def markdown(self) -> str:
        """The tables, with what they were taken on."""
        about = self.about()
        versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        machine = ", ".join(str(value) for value in about["machine"].values())
        rounds = max(map(len, self.costs.values()))
        taken = "One round" if rounds == 1 else f"Medians of {rounds} rounds"
        lines = [f"{taken} on {about['date']}: {machine}; {versions}."]

        def cpu(name: str, work: str) -> str:
            ratio = self.ratio(name, work)
            seconds = f"{self.median(name, work, 'cpu'):.2f}"
            return seconds if ratio is None else f"{seconds} ({ratio:.2f} x)"

        lines += self.table("Server CPU seconds per GB, and how many times the C program's", cpu)
        lines += self.table("Wall seconds", lambda name, work: f"{self.median(name, work, 'wall'):.2f}")
        lines += self.table(
            "Peak memory over idle in MB, for each upload at once",
            lambda name, work: f"{self.median(name, work, 'memory') / MB:.1f}",
        )
        return "\n".join(lines) + "\n"

    def table(self, title: str, cell: Callable[[str, str], str]) -> list[str]:
        """A heading, and a row for each contender."""
        head = [title, *(work.title for work in self.works.values())]
        rows = [[self.titles[name], *(cell(name, work) for work in self.works)] for name in self.costs]
        lines = [head, ["---", *("---:" for _ in self.works)], *rows]
        return ["", *(f"| {' | '.join(line)} |" for line in lines)]

    def about(self) -> dict[str, Any]:
        """When, on what and with what; no name and no path of the machine."""
        return {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine() | {"filesystem": self.filesystem, "load": f"load {self.load:.1f} before"},
            "versions": versions(),
        }

    def store(self, path: Path) -> None:
        """Write `path`.json with every round, and `path`.md with the tables."""
        path.parent.mkdir(exist_ok=True)
        medians = {
            name: {
                work: {
                    "cpu_seconds_per_gb": round(self.median(name, work, "cpu"), 4),
                    "times_the_limit": ratio and round(ratio, 3),
                    "wall_seconds": round(self.median(name, work, "wall"), 4),
                    "memory_over_idle_per_upload": round(self.median(name, work, "memory")),
                    "rounds": [asdict(costs[work]) for costs in self.costs[name]],
                }
                for work in self.works
                for ratio in [self.ratio(name, work)]
            }
            for name in self.costs
        }
        works = {name: asdict(work) for name, work in self.works.items()}
        document = {**self.about(), "work": works, "titles": self.titles, "results": medians}
        path.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
        path.with_suffix(".md").write_text(self.markdown())


def machine() -> dict[str, Any]:
    """Processor, cores, memory and kernel."""
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": models[0].partition(": ")[2] if models else platform.machine(),
        "cores": f"{os.cpu_count()} cores",
        "memory": f"{pages / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
    }


def versions() -> dict[str, str]:
    """Of everything that has a part in it."""
    names = ("Django", "gunicorn", "uvicorn", "httptools", "uvloop", "django-file-form", "blake3")
    found = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    for name in names:
        found[name] = importlib.metadata.version(name)
    for name, command in {"Node": ["node", "--version"], "gcc": ["gcc", "-dumpfullversion"]}.items():
        try:
            found[name] = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip(
                "v\n"
            )
        except FileNotFoundError:
            found[name] = "missing"
    lock = json.loads((Path(__file__).parent / "node/package-lock.json").read_text())
    for name in ("@tus/server", "@tus/file-store"):
        found[name] = lock["packages"][f"node_modules/{name}"]["version"]
    return found


def filesystem_of(path: Path) -> str:
    """The type of the file system that a path is on."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    within = [each for each in mounts if path.resolve().is_relative_to(each[1])]
    return max(within, key=lambda each: len(each[1]))[2]
