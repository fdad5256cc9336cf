"""A request that is taken before Django takes it has one thread, one connection, and the project's middleware once."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import markcoroutinefunction, sync_to_async
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, connections
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import get_script_prefix, path
from django.utils import translation

from greenroom import asgi, threads
from greenroom.asgi import StreamingHandler
from tests.pages import CONTENT_TYPE, encode

FORM = encode([("title", "tea"), ("file", ("a.bin", b"x" * 200_000))])

happened: list[Any] = []
released = threading.Event()
of_the_server: contextvars.ContextVar[str] = contextvars.ContextVar("of_the_server", default="nothing")


def where() -> str:
    """On the event loop, or in which thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return threading.current_thread().name
    return "loop"


class Watching:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        happened.append(("watching", where()))
        response = self.get_response(request)
        happened.append(("watched", where()))
        return response

    def process_view(self, request: HttpRequest, *arguments: Any) -> None:
        happened.append(("process_view", where()))


class Asynchronous:
    sync_capable, async_capable = False, True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        happened.append(("asynchronous", where()))
        await sync_to_async(lambda: happened.append(("aside", where())))()
        return await self.get_response(request)


class Synchronous:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        happened.append(("synchronous", where()))
        return self.get_response(request)


def size_of(request: Any) -> int:
    return len(request.FILES["file"].read())


def view(request: HttpRequest) -> HttpResponse:
    assert request.POST["title"] == "tea"
    happened.append(("view", where()))
    return HttpResponse(f"{size_of(request)} {of_the_server.get()} {get_script_prefix()}")


async def asynchronous(request: HttpRequest) -> HttpResponse:
    happened.append(("view", where()))
    return HttpResponse(str(size_of(request)))


def asks(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    happened.append(connection.connection)
    return HttpResponse("asked")


def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the view's own trouble")


def activates(request: HttpRequest) -> HttpResponse:
    language = translation.get_language()
    translation.activate("de")
    return HttpResponse(language)


def streams(request: HttpRequest) -> StreamingHttpResponse:
    happened.append(("view", where()))

    def pieces() -> Iterator[bytes]:
        for _ in range(3):
            happened.append(("piece", where()))
            yield b"tea "

    return StreamingHttpResponse(pieces())


def gives_file(request: HttpRequest) -> FileResponse:
    file = open(__file__, "rb")  # noqa: SIM115 - the response closes it
    happened.append(file)
    return FileResponse(file)


def waits(request: HttpRequest) -> HttpResponse:
    happened.append("begins")
    try:
        return HttpResponse(request.read())
    finally:
        happened.append("ends")


def lingers(request: HttpRequest) -> HttpResponse:
    happened.append("begins")
    assert released.wait(20)
    happened.append("ends")
    return HttpResponse()


for each_of_ours in (waits, lingers):
    each_of_ours.takes_raw_body = True  # type: ignore[attr-defined]
views = (view, asynchronous, asks, fails, activates, streams, gives_file, waits, lingers)
urlpatterns = [path(f"{each.__name__}/", each) for each in views]


@pytest.fixture(autouse=True)
def own(settings: Any) -> Iterator[None]:
    """This module's URLs, nothing that happened yet, and no threads of others."""

    def end_idle_threads() -> None:
        while threads._idle:
            thread = threads._idle.pop()
            thread.submit(connections.close_all)
            thread.shutdown()

    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = ["greenroom.middleware.GreenroomMiddleware"]
    happened.clear()
    end_idle_threads()
    # As under a server: pytest-django takes away what would close the connection of a test.
    signals = (request_started, request_finished)
    for each in signals:
        each.connect(close_old_connections)
    yield
    for each in signals:
        each.disconnect(close_old_connections)
    end_idle_threads()


class Asked:
    def __init__(self) -> None:
        self.messages: list[Any] = []

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(each.get("body", b"") for each in self.messages[1:])


async def ask(handler: StreamingHandler, url: str, body: bytes = FORM, **more: Any) -> Asked:
    """Post a form and get an answer, as from a server."""
    fields = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": url, "headers": fields} | more
    sent = [{"type": "http.request", "body": body, "more_body": False}]
    asked = Asked()

    async def receive() -> Any:
        if not sent:
            await asyncio.Event().wait()
        return sent.pop()

    async def send(message: Any) -> None:
        asked.messages.append(message)

    await handler(scope, receive, send)
    return asked


def asked(url: str, body: bytes = FORM, **more: Any) -> Asked:
    async def main() -> Asked:
        return await ask(StreamingHandler(), url, body, **more)

    return asyncio.run(main())


# -- the project's middleware, signals and views ---------------------------------------------------


def test_all_of_it_runs_once_and_in_order_in_one_thread(settings: Any) -> None:
    ours = [f"{__name__}.{each.__name__}" for each in (Watching, Asynchronous, Synchronous)]
    settings.MIDDLEWARE = [*ours, *settings.MIDDLEWARE]

    def hear(signal: Any, **said: Any) -> None:
        happened.append(("started" if signal is request_started else "finished", where()))

    request_started.connect(hear)
    request_finished.connect(hear)
    try:
        assert asked("/view/").body == b"200000 nothing /"
    finally:
        request_started.disconnect(hear)
        request_finished.disconnect(hear)
    steps = ["started", "watching", "asynchronous", "aside", "synchronous", "process_view", "view"]
    assert [step for step, _ in happened] == [*steps, "watched", "finished"]
    assert dict(happened).pop("asynchronous") == "loop"
    (thread,) = {place for step, place in happened if step != "asynchronous"}
    assert thread not in ("loop", threading.current_thread().name)


def test_an_asynchronous_view_is_on_the_event_loop(settings: Any) -> None:
    settings.MIDDLEWARE = [f"{__name__}.Watching", *settings.MIDDLEWARE]
    assert asked("/asynchronous/").body == b"200000"
    assert [step for step, _ in happened] == ["watching", "process_view", "view", "watched"]
    assert dict(happened)["view"] == "loop"
    assert threads._idle == []


def test_a_view_that_fails_is_djangos_500(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    client.raise_request_exception = False
    expected = client.post("/fails/", {"title": "tea"})
    answer = asked("/fails/")
    assert (answer.status, answer.body) == (500, expected.content)
    assert caplog.messages == ["Internal Server Error: /fails/"] * 2
    assert len(threads._idle) == 1


def test_a_url_that_nobody_serves_and_a_request_that_cannot_be_read() -> None:
    assert asked("/nowhere/").status == 404
    assert asked("/view/", query_string=b"\xff").status == 400


def test_what_the_server_knows_and_where_the_project_hangs_is_known_in_the_thread() -> None:
    token = of_the_server.set("something")
    assert asked("/below/view/", root_path="/below").body == b"200000 something /below/"
    of_the_server.reset(token)


def test_nothing_of_one_request_is_left_for_the_next() -> None:
    async def main() -> list[bytes]:
        handler = StreamingHandler()
        tasks = (asyncio.create_task(ask(handler, "/activates/")) for _ in range(2))  # as from a server
        return [(await each).body for each in tasks]

    assert asyncio.run(main()) == [b"en-us", b"en-us"]
    assert len(threads._idle) == 1  # it was the same thread


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")  # Django's advice; it is its own
def test_an_answer_that_is_a_stream_or_a_file_is_read_in_the_thread_and_closed() -> None:
    assert asked("/streams/").body == b"tea tea tea "
    assert [step for step, _ in happened] == ["view", "piece", "piece", "piece"]
    assert len({place for _, place in happened}) == 1
    with open(__file__, "rb") as file:
        assert asked("/gives_file/").body == file.read()
    assert happened[-1].closed


# -- connections -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("age", [None, 0])
def test_a_connection_lives_as_long_as_the_setting_says(age: int | None, monkeypatch: Any) -> None:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", age)

    async def main() -> list[bool]:
        handler, is_open = StreamingHandler(), []
        for _ in range(3):
            assert (await ask(handler, "/asks/")).body == b"asked"
            (thread,) = threads._idle
            is_open.append(thread.submit(lambda: connection.connection is not None).result())
        return is_open

    kept = age is None
    assert asyncio.run(main()) == [kept] * 3
    assert (len({id(each) for each in happened}) == 1) is kept


@pytest.mark.django_db(transaction=True)
def test_a_request_of_djangos_own_way_leaves_no_connection_behind(monkeypatch: Any) -> None:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", None)
    left = []

    def look(**said: Any) -> None:
        left.append((where(), connection.connection))

    async def main() -> None:
        handler = StreamingHandler()
        request_finished.connect(look)
        assert (await ask(handler, "/asks/", b"", method="GET")).body == b"asked"

    try:
        asyncio.run(main())
    finally:
        request_finished.disconnect(look)
    ((place, open_one),) = left
    assert place != "loop"
    assert len(happened) == 1
    assert open_one is None


# -- threads ---------------------------------------------------------------------------------------


def test_each_request_has_a_thread_and_so_many_are_kept(monkeypatch: Any) -> None:
    monkeypatch.setattr(threads, "MOST_IDLE", 2)
    before = set(threading.enumerate())
    all_here = threading.Barrier(5)
    monkeypatch.setattr(asgi, "resolve", lambda path: type("Match", (), {"func": view}))

    def meet(**said: Any) -> None:
        all_here.wait(20)

    async def main() -> None:
        handler = StreamingHandler()
        request_started.connect(meet)
        await asyncio.gather(*(ask(handler, "/view/") for _ in range(5)))

    try:
        asyncio.run(main())
    finally:
        request_started.disconnect(meet)
    assert len({place for _, place in happened}) == 5
    kept = {thread for each in threads._idle for thread in each._threads}
    assert len(kept) == 2
    for each in set(threading.enumerate()) - before - kept:
        each.join(20)
        assert not each.is_alive()


@pytest.mark.parametrize(("name", "times"), [("waits", 1), ("lingers", 3)])
def test_a_request_that_the_server_gives_up_gives_its_thread_back(name: str, times: int) -> None:
    """Its view waits for the body no longer; and if it goes on all the same, that is waited for, however often it is given up."""

    async def main() -> None:
        loop, finished = asyncio.get_running_loop(), asyncio.Event()

        def finish(**said: Any) -> None:
            loop.call_soon_threadsafe(finished.set)

        async def nothing(*message: Any) -> Any:
            await asyncio.Event().wait()

        headers = [(b"content-length", b"100"), (b"content-type", b"text/plain")]
        scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": f"/{name}/"}
        request_finished.connect(finish)
        try:
            task = asyncio.create_task(StreamingHandler()({**scope, "headers": headers}, nothing, nothing))
            while "begins" not in happened:
                await asyncio.sleep(0)
            for _ in range(times):
                task.cancel()
                await asyncio.wait({task}, timeout=0.05)
            released.set()
            await asyncio.wait_for(finished.wait(), 20)
            # Also what ends the request, behind the signal.
            everything = asyncio.all_tasks() - {asyncio.current_task()} | {task}
            assert not (await asyncio.wait(everything, timeout=20))[1]
            assert task.cancelled()
        finally:
            released.clear()
            request_finished.disconnect(finish)

    asyncio.run(main())
    assert happened == ["begins", "ends"]
    assert len(threads._idle) == 1  # and it is there for the next one
