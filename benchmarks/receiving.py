"""A large file through an ordinary form post: Greenroom beside Django's own FileField, in one run.

    .venv/test/bin/python benchmarks/receiving.py [--size "2 GB"] [--rounds 3]

Starts gunicorn (one worker, gthread), posts the file to a form with a StagedFileField and to one with
Django's field in turn, and prints for each: CPU seconds of the server per GB (user and system), wall
seconds, peak memory over idle, and whether saving copied the bytes. Compare the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from greenroom.core import format_size, parse_size  # noqa: E402

BOUNDARY = "greenroom-benchmark-boundary"
BLOCK = os.urandom(1 << 20)
PATHS = {"Greenroom": "/backup/", "Django": "/plain/"}


@dataclass
class Post:
    """What one post cost the server."""

    cpu: float
    wall: float
    memory: int


class Server:
    """gunicorn with one worker, on a free port, with everything it writes in one directory."""

    def __init__(self, scratch: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (scratch / "main").mkdir()
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "GREENROOM_TEST_SCRATCH": str(scratch),
        }
        django = [sys.executable, "-m", "django"]
        subprocess.run([*django, "migrate", "--run-syncdb", "--verbosity", "0"], env=environment, check=True)
        options = ["--worker-class", "gthread", "--threads", "4", "--timeout", "300", "--log-level", "error"]
        application = "django.core.wsgi:get_wsgi_application()"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", *options, application],
            env=environment,
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)

    @property
    def worker(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(children.split()[0])

    def cpu(self) -> float:
        """User and system seconds of the worker so far."""
        values = Path(f"/proc/{self.worker}/stat").read_text().rpartition(")")[2].split()
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, field: str) -> int:
        """`VmRSS` or `VmHWM` (the peak) of the worker, in bytes."""
        status = Path(f"/proc/{self.worker}/status").read_text()
        match = re.search(rf"{field}:\s+([0-9]+) kB", status)
        return int(match[1]) * 1024 if match else 0

    def forget_peak(self) -> None:
        """The peak begins anew (proc(5): clear_refs, 5)."""
        Path(f"/proc/{self.worker}/clear_refs").write_text("5")


def post(server: Server, path: str, size: int, title: str) -> Post:
    """Fill in the form at `path` with a file of `size` bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", path)
    page = connection.getresponse()
    html = page.read().decode()
    cookies = "; ".join(value.split(";")[0] for value in page.headers.get_all("Set-Cookie") or [])
    hidden = re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"', html)
    fields = {**dict(hidden), "title": title}
    begin = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    begin += (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="body"; filename="{title}.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    end = f"\r\n--{BOUNDARY}--\r\n"
    idle = server.memory("VmRSS")
    server.forget_peak()
    cpu, wall = server.cpu(), time.monotonic()
    connection.putrequest("POST", path)
    connection.putheader("Cookie", cookies)
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    connection.putheader("Content-Length", str(len(begin) + size + len(end)))
    connection.endheaders(begin.encode())
    for start in range(0, size, len(BLOCK)):
        connection.send(BLOCK[: size - start])
    connection.send(end.encode())
    answer = connection.getresponse()
    answer.read()
    if answer.status != 302:
        raise SystemExit(f"{path} answered {answer.status}")
    return Post(
        cpu=(server.cpu() - cpu) / (size / 1e9),
        wall=time.monotonic() - wall,
        memory=server.memory("VmHWM") - idle,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", default="2 GB")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    size = parse_size(options.size)
    results: dict[str, list[Post]] = {name: [] for name in PATHS}
    links: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="greenroom-benchmark-", dir=ROOT) as directory:
        server = Server(Path(directory))
        try:
            for number in range(options.rounds):
                for name, path in PATHS.items():
                    title = f"{name.lower()}-{number}"
                    results[name].append(post(server, path, size, title))
                    saved = Path(directory) / f"main/media/papers/{title}.bin"
                    links[name] = saved.stat().st_nlink
                    saved.unlink()
                    for held in (Path(directory) / "main/greenroom-held").rglob("bytes"):
                        held.unlink()
        finally:
            server.process.terminate()
            server.process.wait()
    print(f"{format_size(size)}, medians of {options.rounds} posts in turn")
    print(f"{'':10} {'CPU s per GB':>14} {'wall s':>8} {'peak over idle':>16}  saving")
    for name, posts in results.items():
        cpu, wall, memory = (
            statistics.median(getattr(each, key) for each in posts) for key in vars(posts[0])
        )
        saving = "a link, no byte copied" if links[name] > 1 else "moved or copied"
        print(f"{name:10} {cpu:14.2f} {wall:8.1f} {format_size(int(memory)):>16}  {saving}")
    ratio = statistics.median(
        ours.cpu / theirs.cpu for ours, theirs in zip(results["Greenroom"], results["Django"], strict=True)
    )
    print(f"Greenroom takes {ratio:.2f} x the CPU of Django's own field, and computes a SHA-256.")


if __name__ == "__main__":
    main()
