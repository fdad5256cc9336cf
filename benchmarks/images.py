"""What `render` costs beside the bare library, and what Pillow costs: ratios of CPU time, paired in one run.

    python benchmarks/images.py [rounds]

The job: 3000 x 2250 out of a 12-megapixel JPEG, shrunk to 1600 x 1200, JPEG of quality 90. "Ours" is the CPU time
of this process and of the worker together. All three are warm, and take turns, so that a slow minute
of the machine slows them all.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyvips
from PIL import Image

from greenroom.core.upload import Picture
from greenroom.images import Crop, Recipe, configure, not_blank, probe, render

CROP = Crop(src=(4000, 3000), x=500, y=375, w=3000, h=2250)
SIZE = (1600, 1200)


def twelve_megapixels(path: Path, **options: object) -> None:
    bands = [
        pyvips.Image.perlin(4000, 3000, cell_size=size) * 55
        + 128
        + pyvips.Image.gaussnoise(4000, 3000, sigma=6, mean=0)
        for size in (300, 200, 120)
    ]
    image = bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb")
    image.jpegsave(str(path), Q=90, subsample_mode="on", **options)


def white_above(source: Path, target: Path) -> None:
    image = pyvips.Image.new_from_file(str(source))
    image.draw_rect([255, 255, 255], 0, 0, image.width, image.height // 2, fill=True).jpegsave(
        str(target), Q=90
    )


def cpu_of(pid: int) -> float:
    """Seconds of CPU time of another process, by its clock (clock_getcpuclockid(3): ~pid << 3 | 2)."""
    return time.clock_gettime((~pid << 3) | 2)


def ours(path: Path, picture: Picture, target: Path) -> None:
    render(path, Recipe.bake(CROP, SIZE), picture=picture, to=target)


def bare(path: Path, target: Path) -> None:
    image = pyvips.Image.jpegload(str(path), access="sequential").crop(CROP.x, CROP.y, CROP.w, CROP.h)
    image.resize(SIZE[0] / CROP.w).jpegsave(str(target), Q=90, subsample_mode="on", keep="icc")


def pillow(path: Path, target: Path) -> None:
    with Image.open(path) as image:
        part = image.crop((CROP.x, CROP.y, CROP.x + CROP.w, CROP.y + CROP.h))
        part.resize(SIZE, Image.Resampling.LANCZOS).save(target, "jpeg", quality=90, subsampling=2)


def main(rounds: int) -> None:
    pyvips.cache_set_max(0)
    pool = configure(1)
    with tempfile.TemporaryDirectory() as name:
        source, progressive = Path(name, "a.jpg"), Path(name, "p.jpg")
        twelve_megapixels(source)
        twelve_megapixels(progressive, interlace=True)
        headed, target = Path(name, "h.jpg"), Path(name, "out.jpg")
        white_above(source, headed)
        picture = probe(source)
        (worker,) = pool.pids()

        def both() -> float:
            return time.process_time() + cpu_of(worker)

        jobs: dict[str, tuple[Callable[[], None], Callable[[], float]]] = {
            "ours": (lambda: ours(source, picture, target), both),
            "bare": (lambda: bare(source, target), time.process_time),
            "pillow": (lambda: pillow(source, target), time.process_time),
        }
        cpu: dict[str, list[float]] = {label: [] for label in jobs}
        for turn in range(rounds + 2):
            for label, (job, clock) in jobs.items():
                before = clock()
                job()
                if turn >= 2:  # the first turns warm everything
                    cpu[label].append(clock() - before)
        for label, times in cpu.items():
            ratio = statistics.median(a / b for a, b in zip(times, cpu["bare"], strict=True))
            print(
                f"crop and shrink, {label:7} {statistics.median(times) * 1e3:7.1f} ms CPU   {ratio:5.2f} x bare"
            )
        waits: dict[str, Callable[[], object]] = {
            "probe": lambda: probe(source),
            "preview": lambda: render(source, Recipe.preview(CROP), picture=picture),
            "not blank": lambda: not_blank()(source, picture),
            "not blank, progressive": lambda: not_blank()(progressive, picture),
            "not blank, white above": lambda: not_blank()(headed, picture),
        }
        for label, what in waits.items():
            walls = []
            for _turn in range(rounds):
                started = time.perf_counter()
                what()
                walls.append(time.perf_counter() - started)
            print(f"{label:24} {statistics.median(walls) * 1e3:7.1f} ms wall, at most {max(walls) * 1e3:.1f}")
    pool.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
