"""Promise 15: nothing that is held is run. Every polyglot, by every address that serves bytes, in every way in which a page of
the same site could make a browser open it.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.django.servers import Server, serving
from tests.e2e.conftest import chromium
from tests.faults.files.polyglots import FALSE, HTML, MARK, SVG, TRUE, gif_script, jpeg_script
from tests.faults.tally import NIGHT, Injected
from tests.pages import CONTENT_TYPE, Page, page_of

__all__ = ["chromium"]

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

EMBED = """async (urls) => {
  const made = [];
  const add = (kind, values, awaited = true) => {
    const element = Object.assign(document.createElement(kind), values);
    if (awaited) made.push(new Promise((done) => { element.onload = element.onerror = done; }));
    document.body.append(element);
  };
  for (const url of urls) {
    add("img", { src: url });
    add("script", { src: url });
    add("script", { src: url, type: "module" });
    add("script", { src: url, charset: "latin1" });
    add("link", { rel: "stylesheet", href: url });
    // What becomes a download there has no event.
    add("iframe", { src: url }, !url.includes("/original/"));
    add("object", { data: url }, false);
    add("object", { data: url, type: "text/html" }, false);
    add("object", { data: url, type: "image/svg+xml" }, false);
    add("embed", { src: url }, false);
    made.push(new Promise((done) => {
      new Worker(url).onerror = (event) => { event.preventDefault(); done(); };
    }));
  }
  await Promise.all(made);
}"""
WAYS = 11


class Visitor:
    """A browser that holds the polyglots, and counts what runs."""

    def __init__(self, context: Any, url: str) -> None:
        self.context, self.url = context, url
        self.hits: list[str] = []
        context.route("**/canary/**", self._hit)

    def _hit(self, route: Any) -> None:
        self.hits.append(route.request.url)
        route.fulfill(status=204)

    def page_at(self, path: str) -> Page:
        return page_of(self.context.request.get(self.url + path).text())

    def send(self, path: str, field: str, name: str, data: bytes) -> Page:
        text = "title" if path == "/paper/" else "name"
        body = self.page_at(path).body({text: ""}, {field: (name, data)})
        answer = self.context.request.post(self.url + path, data=body, headers={"Content-Type": CONTENT_TYPE})
        assert answer.status == 200
        return page_of(answer.text())

    def addresses(self, path: str, field: str, name: str, data: bytes) -> list[str]:
        """Hold a file; every address under which something of it is served."""
        page = self.send(path, field, name, data)
        token = page[f"{field}-0-token"]
        kinds = ("original", "preview", "proxy", "held") if page.images else ("original", "held")
        found = [f"/greenroom/{kind}/{token}/" for kind in kinds]
        for each in found:
            answer = self.context.request.get(self.url + each)
            assert answer.status == 200, each
            has_it = MARK in answer.body().replace(b"\0", b"")  # also in UTF-16
            assert has_it == ("/original/" in each), "nothing but the original has it"
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from serving(Server("gunicorn", tmp_path_factory.mktemp("inert")))


@pytest.fixture
def visitor(chromium: Any, shop: Server) -> Iterator[Visitor]:
    context = chromium.new_context(base_url=shop.url, accept_downloads=True)
    context.set_default_timeout(30_000)
    yield Visitor(context, shop.url)
    context.close()
    assert "Traceback" not in Path(shop.log).read_text()


@pytest.fixture
def addresses(visitor: Visitor) -> list[str]:
    """Of every polyglot; what is no picture is held by the field for any file, under a name that promises nothing.

    Without a whole night: every original, since nothing else has the script in it, and of the rest every third.
    """
    found = []
    for name, make, _requirement in TRUE.values():
        found += visitor.addresses("/product/", "photo", name.replace(".html", ""), make())
    for _name, make, _requirement in FALSE.values():
        found += visitor.addresses("/paper/", "body", "tea", make())
    originals = [each for each in found if "/original/" in each]
    others = [each for each in found if "/original/" not in each]
    return originals + others[:: 1 if NIGHT else 3]


def ran(visitor: Visitor, page: Any) -> bool:
    return bool(visitor.hits) or page.evaluate("window.hit") is not None


def test_no_script_runs_by_any_address(visitor: Visitor, addresses: list[str], injected: Injected) -> None:
    from playwright.sync_api import Error

    page = visitor.context.new_page()
    with injected(15, len(addresses) * WAYS):
        for at in range(0, len(addresses), 20):
            page.goto("/paper/")
            page.evaluate(EMBED, addresses[at : at + 20])
            assert not ran(visitor, page), visitor.hits
    with injected(15, len(addresses)):
        top = visitor.context.new_page()
        for each in addresses:
            if "/original/" in each:
                with top.expect_download(), contextlib.suppress(Error):  # so a navigation that is none ends
                    top.goto(each)
            else:
                answer = top.goto(each)
                assert answer.headers["content-security-policy"].startswith("sandbox"), each
                assert not ran(visitor, top), each
    assert not visitor.hits


CONTROLS = {
    "page": (HTML, "text/html"),
    "drawing": (SVG, "image/svg+xml"),
    "gif script": (gif_script(), "text/javascript; charset=latin1"),
    "jpeg script": (jpeg_script(), "text/javascript; charset=latin1"),
}


@pytest.mark.parametrize("kind", CONTROLS)
def test_the_canaries_sing_where_they_are_run(visitor: Visitor, kind: str) -> None:
    """Served as another server would, the same files do run: what is tried above is no paper tiger."""
    data, content_type = CONTROLS[kind]
    visitor.context.route(
        "**/control/", lambda route: route.fulfill(body=data, headers={"Content-Type": content_type})
    )
    page = visitor.context.new_page()
    page.goto("/paper/")
    with page.expect_request("**/canary/**"):
        page.evaluate(EMBED.replace("await Promise", "Promise"), ["/control/"])
    assert ran(visitor, page)
