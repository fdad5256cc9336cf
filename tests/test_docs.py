"""Every Python snippet of the documentation runs, page by page, and prints what the page says it prints."""

import doctest
import importlib
import logging.config
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.test import RequestFactory

from tests.images import pictures

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def snippets(text: str) -> list[tuple[int, str]]:
    """The number of the first line of each block of Python, and the block."""
    return [(text.count("\n", 0, match.start(1)), match[1]) for match in _BLOCK.finditer(text)]


def run(page: Path, namespace: dict[str, Any]) -> int:
    """Run the page from top to bottom in one namespace; returns how many snippets there were."""
    text = page.read_text()
    name = str(page.relative_to(ROOT))
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    blocks = snippets(text)
    for line, block in blocks:
        if ">>>" in block:
            test = doctest.DocTestParser().get_doctest(block, namespace, name, name, line)
            test.globs = namespace  # get_doctest has made a copy
            said: list[str] = []
            runner.run(test, out=said.append, clear_globs=False)
            assert not runner.failures, "".join(said)
        else:
            exec(compile("\n" * line + block, name, "exec"), namespace)  # noqa: S102 - it is ours
    return len(blocks)


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a page starts with: nothing, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return {"__name__": "__main__"}


@pytest.fixture
def shop(
    namespace: dict[str, Any],
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    transactional_db: None,
) -> dict[str, Any]:
    """A project with the app `shop`, whose URLs are those of the page."""
    for name in ("shop", "shop.models"):
        monkeypatch.setitem(sys.modules, name, importlib.import_module(f"tests.{name}"))
    page = ModuleType("page_of_the_documentation")
    page.__dict__.update(namespace)
    monkeypatch.setitem(sys.modules, page.__name__, page)
    settings.ROOT_URLCONF = page.__name__
    settings.MEDIA_ROOT = tmp_path / "media"
    return page.__dict__


@pytest.fixture
def jpeg() -> bytes:
    return pictures.encoded(pictures.coded(120, 90), "jpeg")


TUTORIAL = ROOT / "docs/tutorial"


@pytest.mark.parametrize("name", ["1-memory-and-files.md", "2-spool-and-stage.md", "3-request-files.md"])
def test_the_tutorial_runs(name: str, namespace: dict[str, Any]) -> None:
    assert run(TUTORIAL / name, namespace) > 10


def test_the_page_about_greenroom_can_be_followed(tmp_path: Path) -> None:
    """Somebody makes the project, pastes each box where its first line says, and types the rest into the shell."""
    page = TUTORIAL / "4-greenroom.md"
    named = re.compile(r"(?:# |<!-- )([a-z0-9_/]+\.[a-z]+)(, at its end)?(?: -->)?\n")
    environment = {
        "PYTHONPATH": str(ROOT / "src"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def do(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    boxes = re.findall(r"^```(sh|python|html)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    for language, block in boxes:
        if language == "sh" and "pip install" not in block:  # it is installed here
            do("sh", "-ec", block)
        elif box := named.match(block):
            path = tmp_path / box[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text((path.read_text() if box[2] else "") + block)
    assert "no issues" in do("python", "manage.py", "check", "--database", "default")
    shell = (
        "import doctest, pathlib\n"
        f"text = pathlib.Path({str(page)!r}).read_text()\n"
        "test = doctest.DocTestParser().get_doctest(text, {}, 'the page', None, 0)\n"
        "print(doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test))\n"
    )
    said = do("python", "manage.py", "shell", "-c", shell)
    assert re.search(r"failed=0, attempted=[2-9][0-9]", said), said


def test_the_page_about_the_element_runs(namespace: dict[str, Any]) -> None:
    assert run(ROOT / "docs/how-to/element.md", namespace) == 1
    form = namespace["ReportForm"]
    assert [each.rules.transfer for each in form.base_fields.values()] == ["save", "accept"]


def test_the_page_about_numbers_runs(shop: dict[str, Any]) -> None:
    from greenroom.signals import measured

    try:
        assert run(ROOT / "docs/reference/measures.md", shop) == 5
        logging.config.dictConfig(shop["LOGGING"])
    finally:
        measured.disconnect(shop["count"])
        logging.getLogger("greenroom").handlers.clear()
        logging.getLogger("greenroom").setLevel(logging.NOTSET)


def test_the_page_about_stores_proves_what_it_says(tmp_path: Path) -> None:
    """Each snippet is a file, and pytest runs them as it would for a reader."""
    for _, block in snippets((ROOT / "docs/how-to/stores.md").read_text()):
        (tmp_path / block.partition("\n")[0].removeprefix("# ")).write_text(block)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(ROOT / "src"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PATH": os.environ["PATH"],
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d\d passed in", done.stdout, re.MULTILINE)


def test_the_readme_runs(shop: dict[str, Any], jpeg: bytes) -> None:
    from greenroom.testing import as_owner, stage_file
    from tests.shop.forms import AlbumForm
    from tests.shop.models import Album

    album = Album.objects.create(title="Tea")
    with as_owner():
        sent = {"title": "Tea", "photos-0-token": stage_file(jpeg, "tea.jpg").token}
        request = RequestFactory().post("/", sent)
        # What the page takes for granted: a view's request, and a form of which it shows one line.
        shop.update(AlbumForm=AlbumForm, album=album, request=request)
        assert run(ROOT / "README.md", shop) >= 5
    assert [photo.position for photo in album.photos.all()] == [0]
    assert shop["ProductForm"].base_fields["photo"].rules.limits.ceiling == 10_000_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link, _ in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []
