"""The built element in the package: what a fresh build gives, small enough, and without anything of another host."""

import gzip
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from greenroom.phrases import phrases

Require = Callable[[str, object], None]

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
BUILT = ROOT / "src/greenroom/static/greenroom"
MOST_BYTES = 20_000
"""Of the module and the stylesheet together, gzipped; the transfer is a chunk of its own."""


def test_a_fresh_build_gives_the_same_bytes(tmp_path: Path, require: Require) -> None:
    require("node", shutil.which("node"))
    vite = WEB / "node_modules/vite/bin/vite.js"
    require("web/node_modules, which `make test` installs,", vite.exists())
    fresh = tmp_path / "fresh"
    command = ["node", str(vite), "build", "--logLevel", "error"]
    environment = {**os.environ, "GREENROOM_OUT": str(fresh), "NODE_ENV": "production"}
    done = subprocess.run(command, cwd=WEB, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = sorted(each.name for each in fresh.iterdir())
    assert names == sorted(each.name for each in BUILT.iterdir())
    changed = [name for name in names if (fresh / name).read_bytes() != (BUILT / name).read_bytes()]
    assert changed == [], "run `npm --prefix web run build`"


def test_it_is_small() -> None:
    sizes = {
        name: len(gzip.compress((BUILT / name).read_bytes(), 9)) for name in ("greenroom.js", "greenroom.css")
    }
    assert sum(sizes.values()) <= MOST_BYTES, sizes


def test_it_asks_no_other_host_and_keeps_to_a_strict_policy() -> None:
    for name in ("greenroom.js", "greenroom.css"):
        text = (BUILT / name).read_text()
        assert set(re.findall(r"https?://([a-z0-9.-]+)", text)) <= {"www.w3.org"}, "the name of SVG"
        assert not re.search(
            r"innerHTML|insertAdjacentHTML|cssText|setAttribute\(.style|\beval\(|data:|blob:", text
        )


def test_every_phrase_is_said_and_no_other() -> None:
    source = "".join(path.read_text() for path in (WEB / "src").glob("*.ts"))
    known = set(phrases())
    said = set(re.findall(r'words\.(?:say|about)\(\s*"(\w+)"', source))
    assert said <= known, "the element says what the server has no words for"
    for name in known:
        # Some are put together: a button's "crop" says "crop_name" as well, the transfer its "waiting_save".
        stem = re.sub("(?<=^waiting_)(accept|save)$|_(name|all)$", "", name)
        assert re.search(rf'["`]{stem}', source), name


def test_the_lock_pins_and_names_no_host() -> None:
    lock = (WEB / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 50
    declared = re.findall(
        r'": "([^"]+)"', re.search(r"\"dependencies\".*", (WEB / "package.json").read_text(), re.S)[0]
    )
    assert all(re.fullmatch(r"[0-9.]+", each) for each in declared), declared
