"""Promise 3: exactly once for each use, behind a real server with several processes and threads."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from tests.django.servers import ROOT, Server, Visitor, serving, wait_until
from tests.faults.tally import NIGHT, Injected
from tests.pages import CONTENT_TYPE, Page, page_of, sha256

pytestmark = pytest.mark.timeout(300)
DATA = bytes(range(256)) * 100
WORKERS = ["--workers=3", "--threads=8"]
SOON = 5.0  # seconds: nobody waits for an answer that will never come

Answer = tuple[int, str]
"""Status and Location; 0 is no answer at all."""


@pytest.fixture(scope="module", params=["0", "1"], ids=["autocommit", "atomic requests"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """On the kind of database that this run is on, with one of its own."""
    variables = {"GREENROOM_TEST_ATOMIC": request.param}
    host = settings.POSTGRES["HOST"]
    if host:
        name = f"once_{secrets.token_hex(6)}"
        with psycopg.connect(host=host, user="greenroom", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        variables |= {"GREENROOM_TEST_POSTGRES": host, "GREENROOM_TEST_NAME": name}
    server = Server(
        "gunicorn",
        tmp_path_factory.mktemp("once"),
        options=WORKERS,
        settings="tests.faults.database.settings",
        **variables,
    )
    yield from serving(server)


def look(server: Server, *, sweep: bool = False) -> Any:
    """What is saved, and what is not explained."""
    command = [sys.executable, "-m", "tests.faults.database.look", *(["sweep"] if sweep else [])]
    done = subprocess.run(
        command, env=server.environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def papers(found: Any, title: str) -> list[Any]:
    return [each for each in found["papers"] if each["title"] == title]


class Person(Visitor):
    """Somebody who sends forms byte by byte."""

    def __init__(self, server: Server) -> None:
        super().__init__(server, "/paper/")

    def open(self) -> Page:
        return page_of(self.http.get(f"{self.server.url}/paper/", timeout=60).text)

    def hold(self) -> Page:
        """A form that was not right, so that its file is held."""
        body = self.open().body({"title": ""}, {"body": ("tea.bin", DATA)})
        page = page_of(self.http.post(f"{self.server.url}/paper/", body, headers=_FORM, timeout=60).text)
        assert page.names("body") == ["tea.bin"]
        return page

    def send(self, body: bytes, **headers: str) -> socket.socket:
        """All of a request; the answer is not waited for."""
        connection = self.begin(
            "POST",
            "/paper/",
            Content_Type=CONTENT_TYPE,
            Content_Length=str(len(body)),
            Connection="close",
            **headers,
        )
        connection.settimeout(120)
        connection.sendall(body)
        return connection

    def once_more(self, body: bytes) -> Answer:
        """Send a form again: it is answered without delay."""
        began = time.monotonic()
        answer = answer_of(self.send(body))
        assert time.monotonic() - began < SOON
        return answer


_FORM = {"Content-Type": CONTENT_TYPE}


def answer_of(connection: socket.socket) -> Answer:
    """The answer, to its last byte. Then it is we who close: gunicorn waits two seconds for that, with everything else."""
    with connection, connection.makefile("rb") as file:
        head = file.readline().decode()
        fields = {}
        while line := file.readline().decode().strip():
            name, _, value = line.partition(": ")
            fields[name] = value
        file.read(int(fields.get("Content-Length", 0)))
    return (int(head.split()[1]) if head else 0), fields.get("Location", "")


def check(server: Server, title: str, answers: Counter[Answer], *, all_heard: bool = True) -> None:
    """One object, one file, and everybody was told of it. Who did not hear the answer may have been the winner."""
    found = look(server)
    (paper,) = papers(found, title)
    winner = (302, f"/saved/{paper['pk']}/")
    assert set(answers) <= {winner, (409, "")}, answers
    assert answers[winner] >= int(all_heard), answers
    assert paper["sha256"] == sha256(DATA)
    assert found["unexplained"] == []


@pytest.mark.parametrize(("kind", "count"), [("token", 500), ("bytes", 500 if NIGHT else 60)])
def test_equal_submits_at_once(server: Server, injected: Injected, kind: str, count: int) -> None:
    person, title = Person(server), f"at once by {kind}"
    if kind == "token":
        body = person.hold().body({"title": title})
    else:
        body = person.open().body({"title": title}, {"body": ("tea.bin", DATA)})
    with injected(3, count):
        connections = [person.send(body) for _ in range(count)]
        check(server, title, Counter(map(answer_of, connections)))


@pytest.mark.parametrize("kind", ["token", "bytes"])
def test_a_reply_that_nobody_reads(server: Server, injected: Injected, kind: str) -> None:
    """The connection is closed behind the form, and then the form is sent again."""
    person = Person(server)
    for number in range(20 if NIGHT else 2):
        title = f"lost by {kind} {number}"
        if kind == "token":
            body = person.hold().body({"title": title})
        else:
            body = person.open().body({"title": title}, {"body": ("tea.bin", DATA)})
        with injected(3):
            person.send(body).close()
            if number % 2:  # only when the first is saved, or else right behind it
                wait_until(lambda title=title: papers(look(server), title), "the form was not saved")
            check(server, title, Counter([person.once_more(body)]), all_heard=False)


@pytest.mark.parametrize("when", ["request", "answer"])
def test_a_worker_that_is_killed_behind_the_save(server: Server, injected: Injected, when: str) -> None:
    person, title = Person(server), f"killed before the {when}"
    body = person.hold().body({"title": title})
    with injected(3):
        assert answer_of(person.send(body, X_Die_Before=when)) == (0, "")
        answers = Counter([person.once_more(body), person.once_more(body)])
        check(server, title, answers, all_heard=False)


def test_one_upload_in_two_tabs(server: Server, injected: Injected) -> None:
    """Each of two forms has its own chance, however often both are sent at once."""
    person, count = Person(server), 20
    held = person.hold()
    bodies = [
        held.body({"title": f"tab {number}", "body-0-use": f"use-of-tab-{number}"}) for number in range(2)
    ]
    with injected(3, 2 * count):
        connections = [(number, person.send(bodies[number])) for number in (0, 1) for _ in range(count)]
        answers = [(number, answer_of(connection)) for number, connection in connections]
        for number in (0, 1):
            check(server, f"tab {number}", Counter(answer for tab, answer in answers if tab == number))
        found = look(server)
        first, second = papers(found, "tab 0") + papers(found, "tab 1")
        assert first["inode"] != second["inode"], "two objects with two files"
        assert Path(server.media).is_dir()
        assert os.listdir(server.media) == ["papers"]
