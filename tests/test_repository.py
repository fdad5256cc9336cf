"""What must be true of the repository itself: sizes, names, locks, and what may be imported alone."""

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
MODULES = sorted((SRC / "greenroom").rglob("*.py"))

# Made by tools, not by us; whoever reads the repository does not read these.
GENERATED = {SRC / "greenroom/static", ROOT / "demo/var", ROOT / "web/node_modules"}

# DESIGN section 2: these mean something else to a Django reader.
OTHER_MEANINGS = {
    *("cache", "temp", "blob", "attachment", "attach", "media", "commit", "process", "finalize"),
    *("manager", "service", "util", "utils", "helper", "helpers"),
}
# What Django's own interfaces are called: of widgets, of middleware, of configurations.
GIVEN_NAMES = {"media", "Media", "process_view", "process_exception", "process_template_response"}


def code_files() -> list[Path]:
    """Every file that a person wrote in the folders of code."""
    found = []
    for folder in ("src", "tests", "demo", "benchmarks", "scripts", "web"):
        for path, folders, names in os.walk(ROOT / folder):
            folders[:] = [name for name in folders if Path(path, name) not in GENERATED]
            found += [Path(path, name) for name in names]
    suffixes = {".py", ".sh", ".ts", ".js", ".css", ".html", ".c"}
    return sorted(path for path in found if path.suffix in suffixes)


def words(name: str) -> set[str]:
    """`StagedFile_to_disk` and `HTTPStore` taken apart into lower-case words."""
    apart = ""
    name = name.replace("media_type", "type").replace(
        "MediaType", "Type"
    )  # RFC 2046's term is not Django's media
    for before, char in zip(" " + name, name, strict=False):
        apart += ("_" if char.isupper() and not before.isupper() else "") + char
    return set(apart.lower().split("_"))


def test_words() -> None:
    assert words("LocalStore") == {"", "local", "store"}
    assert "manager" in words("_UploadManager")
    assert "cache" in words("read_from_cache")
    assert "process" not in words("processing_time")
    assert "media" not in words("media_type_of") | words("MediaTypes")


def test_no_file_is_over_400_lines() -> None:
    lines = {path: len(path.read_bytes().splitlines()) for path in code_files()}
    long = [f"{path.relative_to(ROOT)}: {count}" for path, count in lines.items() if count > 400]
    assert not long, "\n".join(long)


def test_every_module_says_what_it_is_for() -> None:
    # An empty __init__.py says it by the name of its package.
    silent = [
        str(path.relative_to(SRC))
        for path in MODULES
        if "migrations" not in path.parts  # makemigrations writes those
        and path.read_text()
        and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent, "\n".join(silent)


def test_public_names_keep_to_the_vocabulary() -> None:
    wrong = []
    for path in MODULES:
        place = path.relative_to(SRC)
        wrong += [f"{place}: the file's name" for _ in words(path.stem) & OTHER_MEANINGS]
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            exempt = node.name.startswith(("_", "test_")) or node.name in GIVEN_NAMES
            if not exempt and words(node.name) & OTHER_MEANINGS:
                wrong.append(f"{place}:{node.lineno}: {node.name}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_have_hashes_and_name_no_host_and_no_place(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text
    assert " @ " not in text
    pinned = [line for line in text.splitlines() if line and line[0].isalnum()]
    assert pinned
    assert all("==" in line and line.endswith("\\") for line in pinned)
    assert text.count("--hash=sha256:") >= len(pinned)


def test_locks_satisfy_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [Requirement(text) for text in project["dependencies"]]
    for name in ("demo.txt", "test.txt", "test-django61.txt"):
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        pins = dict(line.rstrip(" \\").split("==") for line in lines if line and line[0].isalnum())
        for requirement in asked:
            pin = pins[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(pin), f"{name}: {requirement} is locked to {pin}"


def test_the_core_needs_the_standard_library_only() -> None:
    core = SRC / "greenroom/core"
    names = ["greenroom", "greenroom.core"]
    names += sorted(f"greenroom.core.{path.stem}" for path in core.glob("*.py") if path.stem != "__init__")
    for name in names:  # each in a Python of its own, so that none leans on what another imported
        program = f"import sys; sys.path.insert(0, {str(SRC)!r}); import {name}"
        # -I: no environment, no user site, no current directory; -S: no site-packages
        done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True)
        assert done.returncode == 0, f"import {name}\n{done.stderr}"


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path, require) -> None:
    require("README.md, which the package's page is made of,", (ROOT / "README.md").exists())
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("django_greenroom-*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("greenroom/")}
    package = SRC / "greenroom"
    ours = {p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert held == {str(path.relative_to(SRC)) for path in ours}
