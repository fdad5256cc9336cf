"""A picture that breaks its worker is a refused picture; the next one gets another worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenroom.core.errors import TooMuchWork, UsageError
from greenroom.images import Recipe, WorkerLimits, Workers, WorkersUnavailable, configure, probe, render
from tests.images import pictures

SMALL = pictures.encoded(pictures.coded(), "png")


@pytest.fixture
def pool() -> Iterator[Workers]:
    """One worker, warm."""
    pool = configure(1)
    probe(SMALL)
    yield pool
    configure()


def gone(pid: int, within: float = 5) -> bool:
    """Whether the process `pid` ends in time. (A zombie has ended.)"""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    import select

    try:
        return bool(select.select([descriptor], [], [], within)[0])
    finally:
        os.close(descriptor)


def during(pid: int, change: int, picture: Path) -> threading.Thread:
    """Send the signal `change` to the worker as soon as it has opened `picture`."""

    def watch() -> None:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for link in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    if os.readlink(link) == str(picture):
                        os.kill(pid, change)
                        return
                except OSError:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.fixture
def slow_picture(tmp_path: Path) -> Path:
    """Some 30 megapixels: long enough to be met in the middle."""
    return pictures.write(tmp_path, "slow.png", pictures.encoded(pictures.coded(6000, 5000), "png"))


def test_a_worker_that_is_killed_costs_one_picture(pool: Workers, slow_picture: Path) -> None:
    (pid,) = pool.pids()
    killer = during(pid, signal.SIGKILL, slow_picture)
    with pytest.raises(TooMuchWork):
        probe(slow_picture)
    killer.join()
    assert gone(pid)
    assert probe(SMALL).width == 37
    assert pool.pids() != [pid]


def test_a_worker_that_crashes_costs_one_picture(pool: Workers, slow_picture: Path) -> None:
    (pid,) = pool.pids()
    killer = during(pid, signal.SIGSEGV, slow_picture)
    with pytest.raises(TooMuchWork):
        probe(slow_picture)
    killer.join()
    assert probe(slow_picture).width == 6000


def test_a_worker_that_hangs_is_ended_in_time(pool: Workers) -> None:
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(TooMuchWork):
        probe(SMALL, work=WorkerLimits(seconds=0.5))
    assert 0.4 < time.monotonic() - started < 3
    assert gone(pid)
    assert probe(SMALL).width == 37


def test_a_worker_that_does_not_read_is_ended_in_time(pool: Workers) -> None:
    """More than a pipe takes has to be written to a process that stands still."""
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TooMuchWork):
        probe(SMALL + b"\0" * 10_000_000, work=WorkerLimits(seconds=0.5))
    assert gone(pid)


def test_a_picture_that_takes_too_long_is_refused_and_leaves_nothing(
    pool: Workers, slow_picture: Path, tmp_path: Path
) -> None:
    picture = probe(slow_picture)
    target = tmp_path / "out" / "x.png"
    target.parent.mkdir()
    started = time.monotonic()
    with pytest.raises(TooMuchWork):
        render(slow_picture, Recipe.bake(None), picture=picture, to=target, limits=WorkerLimits(seconds=0.05))
    assert time.monotonic() - started < 2
    assert list(target.parent.iterdir()) == []


def test_what_a_killed_worker_had_begun_to_write_is_removed(
    pool: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _size: "known")
    os.mkfifo(tmp_path / ".x.png.known.part")  # nobody reads from it, so opening it takes for ever
    with pytest.raises(TooMuchWork):
        render(
            SMALL,
            Recipe.bake(None),
            picture=probe(SMALL),
            to=tmp_path / "x.png",
            limits=WorkerLimits(seconds=0.5),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_needs_too_much_memory_is_refused(pool: Workers) -> None:
    # Interlaced, so it cannot be decoded line by line: 108 MB at once.
    data = pictures.encoded(pictures.plain(6000, 6000), "png", interlace=True)
    with pytest.raises(TooMuchWork):
        probe(data, work=WorkerLimits(memory=128 << 20))
    assert probe(SMALL).width == 37
    assert probe(data).width == 6000, "the limit was that job's"


def test_a_hundred_megapixels_fit_into_the_usual_memory(pool: Workers) -> None:
    """The largest picture that the default limits take can be probed, turned and shown."""
    data = pictures.with_orientation(pictures.encoded(pictures.plain(10_000, 10_000, (9, 99, 9)), "jpeg"), 6)
    picture = probe(data)
    assert render(data, Recipe.proxy(), picture=picture).width == 2048
    assert render(data, Recipe.bake(None), picture=picture).width == 10_000


def test_workers_are_kept_warm_and_replaced_after_some_jobs() -> None:
    with Workers(1, jobs=3) as pool:
        seen = []
        for _job in range(4):
            pool.run({"job": "probe", "limits": {}, "path": None}, SMALL)
            seen += pool.pids()
        assert seen[0] == seen[1]
        assert seen[2] != seen[0]
        assert len(seen) == 3, "after its third job it was ended"


def test_an_idle_worker_that_was_killed_is_replaced(pool: Workers) -> None:
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    assert probe(SMALL).width == 37


def test_threads_share_the_workers() -> None:
    with Workers(2) as pool:
        errors: list[BaseException] = []

        def work() -> None:
            try:
                for _job in range(10):
                    answer, _data = pool.run({"job": "probe", "limits": {}, "path": None}, SMALL)
                    assert answer["width"] == 37
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert 1 <= len(pool.pids()) <= 2


def test_closing_ends_the_workers_and_leaves_no_pipes() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with Workers(1) as pool:
        pool.run({"job": "probe", "limits": {}, "path": None}, SMALL)
        (pid,) = pool.pids()
    assert gone(pid)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_forked_child_uses_workers_of_its_own() -> None:
    # In a process of its own: this one has threads of the imaging library, which a fork must not have.
    script = """
import os, sys
from greenroom.images import probe, workers

def pipes(pid):
    links = (f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2)
    return {os.readlink(link) for link in links if os.path.islink(link) and "pipe:" in os.readlink(link)}

data = sys.stdin.buffer.read()
probe(data)
pid = workers().pids()[0]
child = os.fork()
if child == 0:
    assert not pipes("self") & pipes(pid), "the child holds the ends of the parent's pipes"
    assert probe(data).width == 37
    assert pid not in workers().pids()
    workers().close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert probe(data).width == 37
assert workers().pids() == [pid], "the parent's worker was not disturbed"
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        input=SMALL,
        capture_output=True,
        env={"PYTHONPATH": "src"},
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from greenroom.images import probe, workers\n"
        "probe(sys.stdin.buffer.read())\n"
        "print(workers().pids()[0], flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=SMALL, capture_output=True, env={"PYTHONPATH": "src"}
    )
    assert done.returncode == -signal.SIGKILL
    assert gone(int(done.stdout))


def test_ctrl_c_ends_a_program_without_a_word_from_the_workers(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from greenroom.images import probe, workers\n"
        "probe(sys.stdin.buffer.read())\n"
        "print(workers().pids()[0], flush=True)\n"
        "os.killpg(0, signal.SIGINT)\n"
        "signal.pause()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], input=SMALL, capture_output=True,
        env={"PYTHONPATH": "src"}, start_new_session=True,
    )  # fmt: skip
    assert gone(int(done.stdout))
    assert done.stderr.count(b"Traceback") == 1, "the program's own KeyboardInterrupt, and nothing else"
    assert b"ResourceWarning" not in done.stderr


def test_ctrl_c_is_for_the_server_alone() -> None:
    """A server that lets its requests end in peace still has its workers for them."""
    script = (
        "import os, signal, sys\n"
        "from greenroom.images import probe, workers\n"
        "data = sys.stdin.buffer.read()\n"
        "signal.signal(signal.SIGINT, lambda *_: None)  # a handler, unlike SIG_IGN, is not inherited\n"
        "probe(data)\n"
        "before = workers().pids()\n"
        "os.killpg(0, signal.SIGINT)\n"
        "assert probe(data).width == 37\n"
        "assert workers().pids() == before\n"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        input=SMALL,
        check=True,
        env={"PYTHONPATH": "src"},
        start_new_session=True,
    )


def test_the_servers_process_never_imports_the_library() -> None:
    script = (
        "import sys\n"
        "from greenroom.images import *\n"
        "data = sys.stdin.buffer.read()\n"
        "picture = probe(data)\n"
        "render(data, Recipe.preview(), picture=picture)\n"
        "inspect(data, picture, [not_blank(), min_pixels(1, 1)])\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'pyvips', 'PIL', '_libvips', 'django'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=SMALL,
        capture_output=True,
        check=True,
        env={"PYTHONPATH": "src"},
    )
    assert done.stdout.strip() == b"[]"


def test_modules_of_the_current_directory_shadow_nothing(tmp_path: Path) -> None:
    """Neither the directory of a script, nor the current one, nor PYTHONPATH goes before the standard library."""
    for name in ("json", "struct", "mmap", "resource", "signal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    (tmp_path / "run.py").write_text(
        "import sys\n"
        "here = sys.path.pop(0)\n"
        "import greenroom.images\n"
        "sys.path.insert(0, here)\n"
        "print(greenroom.images.probe(sys.stdin.buffer.read()).width)\n"
    )
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py")], input=SMALL, capture_output=True, check=False,
        cwd=tmp_path, env={"PYTHONPATH": os.path.abspath("src")},
    )  # fmt: skip
    assert done.stdout.strip() == b"37", done.stderr


def test_a_users_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom greenroom.images import probe\nprint(probe(sys.stdin.buffer.read()).width)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        input=SMALL,
        capture_output=True,
        env={"PYTHONPATH": os.path.abspath("src")},
    )
    assert done.stdout.split() == [b"37"], done.stderr


def test_the_worker_gets_no_secrets_and_leaves_no_core(
    pool: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    with Workers(1) as fresh:
        fresh.run({"job": "probe", "limits": {}, "path": None}, SMALL)
        (pid,) = fresh.pids()
        assert b"hunter2" not in Path(f"/proc/{pid}/environ").read_bytes()
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert next(line for line in limits.splitlines() if line.startswith("Max core")).split()[4] == "0"
        assert next(line for line in limits.splitlines() if line.startswith("Max address")).split()[3] == str(
            1 << 30
        )


def test_a_worker_that_cannot_start_is_not_the_pictures_fault() -> None:
    with pytest.raises(WorkersUnavailable), Workers(1, python="/bin/false") as pool:
        pool.run({"job": "probe", "limits": {}, "path": None}, SMALL)


@pytest.mark.parametrize("size", [0, True, "2"])
def test_a_pool_of_nothing_is_a_mistake(size: object) -> None:
    with pytest.raises(UsageError, match="Got: "):
        Workers(size)


@pytest.mark.parametrize("values", [{"seconds": 0}, {"memory": 0}, {"memory": "1 GB"}])
def test_limits_of_nothing_are_a_mistake(values: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="Got: "):
        WorkerLimits(**values)
