"""Every Python snippet of the documentation runs, page by page, and prints what the page says it prints."""

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

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


TUTORIAL = ROOT / "docs/tutorial"


@pytest.mark.parametrize("name", ["1-memory-and-files.md", "2-spool-and-stage.md", "3-request-files.md"])
def test_the_tutorial_runs(name: str, namespace: dict[str, Any]) -> None:
    assert run(TUTORIAL / name, namespace) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link, _ in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []
