"""What receiving costs a server: Greenroom beside its peers and beside the limit, in one run.

    make bench                                  all of it, five rounds
    make bench BENCH_ARGS="--quick"             a first look
    make bench BENCH_ARGS="--only limit gunicorn-tus-* --work small"

Starts each contender in turn, a new server in each round; drives it with a sender whose own CPU time is not
counted; and takes CPU seconds for each GB (user and system, of every process of the server), wall seconds,
and the peak of the resident memory over that of the idle server, which has taken a few files before.
Compare the ratios, not the seconds: the table says how many times the limit's CPU each one takes, as the
median of the ratios of the rounds.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from contenders import Contender, contenders
from results import Results, filesystem_of
from serving import MB, Cost, Failed, Server, Tools, Work

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WARM = Work(title="warming", files=5, size=MB)
WORK = {
    "small": Work(title="500 x 1 MB", files=500, size=MB),
    "large": Work(title="8 x 100 MB", files=8, size=100 * MB),
    "huge": Work(title="1 x 1 GB", files=1, size=1000 * MB),
    "many-small": Work(title="16 clients, 31 x 1 MB each", clients=16, files=31, size=MB),
    "many-large": Work(title="16 clients, 100 MB each", clients=16, files=1, size=100 * MB),
}
QUICK = {
    "small": Work(title="100 x 1 MB", files=100, size=MB),
    "large": Work(title="3 x 100 MB", files=3, size=100 * MB),
    "many-small": Work(title="16 clients, 6 x 1 MB each", clients=16, files=6, size=MB),
}
BODY_BYTES = 100 * MB


def build(scratch: Path, chosen: list[Contender]) -> Tools:
    """Compile the two programs, install the Node peer, and write what will be sent where reading it costs nothing."""
    sender: tuple[str | Path, ...] = (sys.executable, HERE / "sender.py")
    if shutil.which("gcc"):
        for name in ("sender", "limit"):
            source, program = HERE / f"{name}.c", scratch / name
            subprocess.run(["gcc", "-O2", "-pthread", "-o", program, source], check=True)
        sender = (scratch / "sender",)
    else:
        print("gcc was not found: what is sent is sent by Python.")
    node = ROOT / ".venv/bench-node"
    if any(each.name == "node" for each in chosen):
        node.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "server.mjs"):
            shutil.copy(HERE / "node" / name, node)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=node, check=True)
    memory = Path("/dev/shm")  # noqa: S108 - a file of random bytes, in a directory of its own
    body = (
        Path(tempfile.mkdtemp(prefix="greenroom-bench-", dir=memory if memory.is_dir() else scratch)) / "body"
    )
    body.write_bytes(os.urandom(BODY_BYTES))
    return Tools(sender=sender, limit=scratch / "limit", node=node, body=body)


def choose(patterns: list[str]) -> list[Contender]:
    """The contenders that were asked for and can run here; what is missing is said."""
    chosen = [each for each in contenders() if any(fnmatch.fnmatch(each.name, p) for p in patterns)]
    for each in chosen:
        if each.is_missing:
            print(f"{each.name} is left out: {each.needs} was not found.")
    return [each for each in chosen if not each.is_missing]


def measure(contender: Contender, works: dict[str, Work], scratch: Path, tools: Tools) -> dict[str, Cost]:
    """One round of one contender."""
    server = Server(contender, scratch / "server", tools)
    try:
        server.do(WARM, 0)
        idle = server.idle()
        return {name: server.do(work, idle) for name, work in works.items()}
    finally:
        server.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of less work")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="NAME", help="contenders, with * and ?")
    parser.add_argument("--work", nargs="+", choices=WORK, default=None)
    parser.add_argument(
        "--directory", default=tempfile.gettempdir(), help="where servers write (%(default)s)"
    )
    parser.add_argument(
        "--store", metavar="NAME", help="keep the results as benchmarks/results/NAME.json and .md"
    )
    parser.add_argument("--list", action="store_true", help="name the contenders")
    options = parser.parse_args()
    if options.list:
        print("\n".join(each.name for each in contenders()))
        return 0
    available = QUICK if options.quick else WORK
    works = {name: work for name, work in available.items() if options.work is None or name in options.work}
    chosen = choose(options.only)
    if not chosen or not works:
        print("Nobody and nothing is left to measure: see --list, --only and --work.")
        return 1
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # its servers end with it, however it is told to
    rounds = 1 if options.quick else options.rounds
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-", dir=options.directory) as name:
        scratch = Path(name)
        tools = build(scratch, chosen)
        results = Results(works=works, filesystem=filesystem_of(scratch))
        print(f"{rounds} rounds, {len(chosen)} contenders, written to {results.filesystem}", flush=True)
        try:
            for number in range(rounds):
                costs = {}
                for contender in chosen:
                    costs[contender] = measure(contender, works, scratch, tools)
                    line = "  ".join(f"{name} {cost.cpu:.2f}" for name, cost in costs[contender].items())
                    print(f"round {number + 1}  {contender.name:28} {line}", flush=True)
                results.add(costs)
        except Failed as failure:
            print(failure)
            return 1
        except KeyboardInterrupt:
            if not results.costs:
                raise
            print("Stopped: what follows is of the rounds before.")
        finally:
            shutil.rmtree(tools.body.parent)
    print("\n" + results.markdown())
    is_whole = not options.quick and options.only == ["*"] and options.work is None
    if options.store or is_whole:
        results.store(HERE / "results" / (options.store or "receiving"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
