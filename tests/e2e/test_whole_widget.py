"""The widget is whole in whatever page: in one that arrives in pieces, and in a paragraph.

Chromium 156 never draws what it has of a `container-type: inline-size` when the rest of that element arrives after the
first frame. So where people saw nothing of what is held, depended on where the network had cut the page.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.conftest import Server
from tests.e2e.person import Person
from tests.e2e.test_album import start

pytestmark = pytest.mark.e2e

BOXLESS = """() => [...document.querySelectorAll("greenroom-upload, greenroom-upload :is(li, .greenroom-name, .greenroom-chooser)")]
  .filter(each => !each.checkVisibility() || !each.getBoundingClientRect().width)
  .map(each => each.className)"""


class Pieces:
    """A server of one page, `body`, that sends what is before `cut`, and the rest when it is told to `go_on`."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.cut = 0
        self._told: queue.Queue[None] = queue.Queue()
        pieces = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(pieces.body)))
                self.end_headers()
                self.wfile.write(pieces.body[: pieces.cut])
                pieces._told.get(timeout=20)
                self.wfile.write(pieces.body[pieces.cut :])

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def go_on(self) -> None:
        self._told.put(None)


@pytest.fixture
def album_in_pieces(visitor: Person, samples: Path, server: Server) -> Iterator[Pieces]:
    """An invalid album as the demo sends it back, with two pictures held; its styles still come from the demo."""
    with visitor.page.expect_response(lambda response: response.request.method == "POST") as answer:
        start(visitor, samples, ["leaf.png", "teapot.gif"])
    body = answer.value.body().replace(b"<head>", f'<head><base href="{server.url}">'.encode())
    pieces = Pieces(body)
    yield pieces
    pieces.server.shutdown()
    pieces.server.server_close()


@pytest.mark.parametrize("javascript", [False, True])
def test_what_is_held_is_seen_wherever_the_page_was_cut(
    javascript: bool, album_in_pieces: Pieces, new_person: Callable[..., Person]
) -> None:
    body = album_in_pieces.body
    inside = slice(body.index(b">", body.index(b"<greenroom-upload")), body.index(b"</greenroom-upload>"))
    ends = [inside.start + found.end() for found in re.finditer(rb">\n?|[a-z] (?=[a-z])", body[inside])]
    # Everywhere around the end, where it happened, and a spread of the rest.
    cuts = [*ends[: -12 : len(ends) // 12], *ends[-12:]]
    page = new_person(javascript=javascript).page
    unseen = {}
    for cut in cuts:
        album_in_pieces.cut = cut
        page.goto(album_in_pieces.url, wait_until="commit")
        page.locator("greenroom-upload").wait_for(state="attached")
        page.screenshot()  # a frame has been drawn
        album_in_pieces.go_on()
        page.wait_for_load_state()
        page.screenshot()
        if boxless := page.evaluate(BOXLESS):
            unseen[body[cut - 40 : cut].decode()] = boxless
    assert page.locator("greenroom-upload li").count() == 2
    assert unseen == {}


@pytest.mark.parametrize("javascript", [False, True])
def test_in_a_paragraph_the_widget_is_whole(
    javascript: bool, visitor: Person, samples: Path, server: Server, new_person: Callable[..., Person]
) -> None:
    """`{{ form.as_p }}`: a paragraph ends where a list or a `div` begins, and everything in it that is open, too."""
    with visitor.page.expect_response(lambda response: response.request.method == "POST") as answer:
        start(visitor, samples, ["leaf.png", "teapot.gif"])
    begin, end = b'<div class="greenroom-whole">', b"</greenroom-upload></div>"
    body = answer.value.body().replace(begin, b"<p>" + begin).replace(end, end + b"</p>")
    assert body.count(b"<p>" + begin) == 1
    person = new_person(javascript=javascript)
    person.page.context.add_cookies(visitor.page.context.cookies())
    person.page.route("**/album/", lambda route: route.fulfill(body=body, content_type="text/html"))
    page = person.go("/album/").page
    assert page.locator("greenroom-upload li .greenroom-name").all_inner_texts() == ["leaf.png", "teapot.gif"]
    assert page.locator("greenroom-upload input[type=file]").count() == 1
    assert page.locator("greenroom-upload.greenroom-upgraded").count() == javascript
