"""Promises 13 and 14: every file that Pillow tests itself with, broken ones and bombs among them, goes the whole way.

They come with Pillow's source, which pip downloads and checks by the hash of the lock file; nothing of it is kept.
"""

import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenroom.core.sniff import sniff
from greenroom.images import MEDIA_TYPES, workers
from tests.django.conftest import Browser, browser, media
from tests.faults.tally import NIGHT, Injected
from tests.pages import errors_of, page_of
from tests.shop.models import Product

__all__ = ["browser", "media"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ROOT = Path(__file__).parents[3]
SPREAD = 32
"""Without a whole night, every thirty-second file of each kind, and of each kind at least one."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, object], None]) -> list[Path]:
    """Pillow's test images, in a directory that pytest removes."""
    directory = tmp_path_factory.mktemp("pillow")
    lock = (ROOT / "requirements/test.txt").read_text()
    pinned = re.search(r"^pillow==(?:.*\\\n)*.*\n", lock, re.MULTILINE)
    assert pinned is not None
    (directory / "pillow.txt").write_text(pinned[0])
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pillow"]
    command += ["--require-hashes", "--requirement", "pillow.txt"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    require(f"Pillow's source ({done.stderr[-500:]})", done.returncode == 0)
    (archive,) = directory.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        inside = [each for each in source if re.search(r"/Tests/images/.*[^/]$", each.name) and each.isfile()]
        source.extractall(directory, inside, filter="data")
    archive.unlink()
    files = sorted(each for each in directory.rglob("*") if each.is_file() and "images" in each.parts)
    assert len(files) > 900
    return files


def spread(files: list[Path]) -> list[Path]:
    """Of every kind some; all of them at night."""
    if NIGHT:
        return files
    seen: Counter[str] = Counter()
    chosen = []
    for each in files:
        kind = each.suffix.lower()
        if seen[kind] % SPREAD == 0:
            chosen.append(each)
        seen[kind] += 1
    return chosen


@pytest.mark.timeout(3_600 if NIGHT else 300)
def test_pillows_own_test_images_go_the_whole_way(
    browser: Browser,
    settings: Any,
    samples: list[Path],
    injected: Injected,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An exception of a view is raised here, and so is what a worker did not see coming: no crash, no hang, no 500."""
    settings.GREENROOM = {
        "OWNER_UPLOADS": 10_000,
        "ADDRESS_UPLOADS": None,
        "OWNER_BYTES": "100 GB",
        "ADDRESS_BYTES": None,
    }
    codes: Counter[str] = Counter()
    for path in spread(samples):
        with injected(13):
            codes[whole_way(browser, path)] += 1
            assert "A worker failed" not in caplog.text, path.name
    assert codes["taken"] > 10, codes
    assert codes["too_much_work"] == 0, codes
    assert len(workers().pids()) > 0


def whole_way(browser: Browser, path: Path) -> str:
    """Sent, probed, shown, cropped and saved. "taken", or the code by which it was refused."""
    data = path.read_bytes()
    answer = browser.fill("/product/", {"name": ""}, {"photo": (path.name, data)})
    assert answer.status_code == 200, path.name
    page = page_of(answer)
    if not page.rows("photo"):
        assert errors_of(answer, "photo") or not data, path.name
        # Of empty files a browser's form says nothing but that one is missing.
        return str(answer.context["form"].errors.as_data()["photo"][0].code) if data else "empty"
    assert sniff(data).removeprefix("image/") in {
        each.removeprefix("image/") for each in MEDIA_TYPES.values()
    }
    token = page["photo-0-token"]
    shown = browser.client.get(page.images[0])
    assert (shown.status_code, sniff(shown.content)) == (200, shown.headers["Content-Type"]), path.name
    assert browser.client.get(f"/greenroom/proxy/{token}/").status_code == 200, path.name
    width, height = map(int, page["photo-0-crop-src"].split("x"))
    unit = min(width // 4, height // 3)
    crop = {"x": 0, "y": 0, "w": 4 * unit, "h": 3 * unit} if unit else {}
    changes = {f"photo-0-crop-{part}": str(value) for part, value in crop.items()}
    name = path.name[:50]
    Product.objects.filter(name=name).delete()
    saved = browser.send("/product/", page, {"name": name, **changes})
    if unit and saved.status_code == 200 and b"acTL" in data:  # a PNG that moves is only saved whole
        assert saved.context["form"].errors.as_data()["photo"][0].code == "crop_moving", path.name
        saved = browser.send("/product/", page_of(saved), {"name": name, **dict.fromkeys(changes, "")})
        unit = 0
    assert saved.status_code == 302, (path.name, errors_of(saved, "photo"))
    kept = Path(Product.objects.get(name=name).photo.path).read_bytes()
    assert sniff(kept) == sniff(data), path.name
    assert kept != data or not unit, path.name
    return "taken"
