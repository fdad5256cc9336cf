"""A program: creates an upload, sends it in two parts and saves the form, as requests to a Django site on SQLite.

python requesting.py HOW FIRST EVERY

HOW is KILL, TEAR, or one of `failing.FAULTS` (with "+": from that call on, for a while; with "@": in the database's files
instead of ours). For every
EVERY-th N from FIRST on a fork, or this process, does it all, and the N-th call that changes anything kills it or
fails. Then it is gone on with as a person's browser would. Prints how many faults there were. It runs behind
`calls.Layer`, with the settings of the tests.
"""

import gc
import logging
import os
import shutil
import sys
from http import HTTPStatus
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, connections  # noqa: E402
from django.http import HttpResponse  # noqa: E402

from greenroom.sweeping import clear_staged  # noqa: E402
from tests.django.uploading import URL, Script  # noqa: E402
from tests.faults.database.explained import unexplained  # noqa: E402
from tests.faults.files.calls import CHANGES, Call, How, Layer  # noqa: E402
from tests.faults.files.failing import FAULTS  # noqa: E402
from tests.faults.files.killing import DATA, HALF, SHA256, sha256  # noqa: E402
from tests.pages import CONTENT_TYPE, encode, page_of  # noqa: E402
from tests.shop.models import Paper  # noqa: E402

ANSWERS = {"disk_full": HTTPStatus.INSUFFICIENT_STORAGE, "store_unavailable": HTTPStatus.SERVICE_UNAVAILABLE}
WORDS = {
    "disk_full": "the server has no room left",
    "store_unavailable": "the server has trouble with its disk",
}
DATABASE = "its database failed"
SEVERAL = 5  # as often as a browser tries before its person does something else


class Site:
    """The scratch directory of the tests' settings, which can be set back to how it was."""

    def __init__(self) -> None:
        self.directory = Path(settings.SCRATCH)
        self.media = Path(settings.MEDIA_ROOT)
        self.before = self.directory.with_name("before")
        self.media.mkdir(parents=True)
        call_command("migrate", verbosity=0, run_syncdb=True, skip_checks=True)
        self.script = Script("/backup/")
        self.script.send("POST", "/backup/", b"", {"Content-Type": CONTENT_TYPE})  # everything is imported
        connections.close_all()
        shutil.copytree(self.directory, self.before)

    def restore(self) -> None:
        connections.close_all()
        shutil.rmtree(self.directory)
        shutil.copytree(self.before, self.directory)

    @property
    def files(self) -> list[Path]:
        """What stands under final names."""
        found = [path for path in self.media.rglob("*") if path.is_file()]
        return [path for path in found if not path.name.startswith(".greenroom-")]


class Person:
    """Sends a file in two parts and then the form. `told` is what the site has acknowledged."""

    def __init__(
        self, site: Site, *, refusal: str = "", lasting: bool = False, tell: int | None = None
    ) -> None:
        self.script = site.script
        self.refusal = refusal
        self.lasting = lasting
        self.pipe = tell
        self.url = ""
        self.token = ""
        self.landed = 0
        self.saved = False

    def tell(self, *words: object) -> None:
        """What has been answered is known to whoever reads the pipe."""
        if self.pipe is not None:
            os.write(self.pipe, (" ".join(map(str, words)) + "\n").encode())

    def heard(self, line: str) -> None:
        """What another process has told of this person."""
        word, *values = line.split()
        if word == "created":
            self.url = values[0]
        elif word == "landed":
            self.landed = int(values[0])
        elif word == "saved":
            self.saved = True

    def answered(self, response: HttpResponse, *expected: int) -> bool:
        """Whether it is the answer that was wanted; else it is the refusal that the fault is to be told by."""
        if response.status_code in expected:
            return True
        assert self.refusal not in ("", DATABASE), f"{response.status_code}: {page_of(response).text}"
        assert response.status_code == ANSWERS[self.refusal], (
            f"{response.status_code}: {response.content[:500]!r}"
        )
        return False

    def step(self) -> bool:
        """The next request; False when everything is done."""
        if self.saved:
            return False
        try:
            self.send()
        except DatabaseError:  # as for every other page: what counts is what comes of it
            assert self.refusal == DATABASE
        return True

    def send(self) -> None:
        """The request that comes next."""
        if not self.url:
            response = self.script.tus("POST", URL, upload_length=str(len(DATA)))
            if self.answered(response, 201):
                self.url = str(response["Location"])
                self.tell("created", self.url)
        elif not self.token:
            self.send_part()
        else:
            self.save()

    def send_part(self) -> None:
        response = self.script.tus("HEAD", self.url)
        if not self.answered(response, 200):
            return
        offset, token = int(response["Upload-Offset"]), str(response["Greenroom-Token"])
        assert offset >= self.landed, f"{self.landed} bytes were acknowledged, and {offset} are left"
        if offset < len(DATA):
            part = DATA[offset : HALF if offset < HALF else None]
            response = self.script.patch(self.url, part, offset)
            if not self.answered(response, 204):
                return
            self.landed = int(response["Upload-Offset"])
            self.tell("landed", self.landed)
        if len(DATA) in (self.landed, offset):
            self.token = token

    def save(self) -> None:
        values = {
            "csrfmiddlewaretoken": self.script.page["csrfmiddlewaretoken"],
            "title": "saved",
            "body-state": f'[{{"token": "{self.token}", "use": "one-chance"}}]',
        }
        body = encode(list(values.items()))
        response = self.script.send("POST", "/backup/", body, {"Content-Type": CONTENT_TYPE})
        # 409 says that it is saved already, by one who could not answer any more.
        if response.status_code == HTTPStatus.OK and self.refusal in WORDS:
            page = page_of(response)  # the form again, with the words beside the file, and the file
            assert WORDS[self.refusal] in page.text, page.text
            assert self.lasting or page.rows("body"), "the file has gone from the page"
        elif self.answered(response, 302, *([409] if self.refusal in ("", DATABASE) else [])):
            self.saved = True
            self.tell("saved")


def look(site: Site, person: Person, what: str) -> None:
    """At any moment: nothing torn, and no object without its whole file."""
    for path in site.files:
        assert sha256(path) == SHA256, f"{what}: {path.name} is torn"
    papers = list(Paper.objects.all())
    for paper in papers:
        assert sha256(Path(paper.body.path)) == SHA256, f"{what}: an object without its file"
    assert len(papers) <= 1, f"{what}: saved twice"
    assert papers or not person.saved, f"{what}: the save was acknowledged"


def finish(site: Site, person: Person, what: str) -> None:
    """Whatever has happened, the person gets there, and nothing is left that is not explained."""
    look(site, person, what)
    while person.step():
        pass
    look(site, person, what)
    clear_staged()
    left = [each for each in unexplained() if "RECEIVING" not in each and "NotFinished" not in each]
    assert left == [], f"{what}: {left}"
    assert len(site.files) == Paper.objects.count() == 1, f"{what}: {site.files}"


def killed(site: Site, layer: Layer, how: How, number: int) -> bool:
    """Whether a fork that was to be killed at its `number`th call was."""
    what = f"{how.name} at call {number}"
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            layer.inject(how, Call.WRITE | Call.COPY if how is How.TEAR else CHANGES, number)
            person = Person(site, tell=writing)
            while person.step():
                pass
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    person = Person(site)
    with open(reading) as pipe:
        for line in pipe:
            if line.endswith("\n"):
                person.heard(line)
    ended = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(ended) or os.WEXITSTATUS(ended) == 0, f"{what}: it failed by itself"
    finish(site, person, what)
    return os.WIFSIGNALED(ended)


def failed(site: Site, layer: Layer, how: str, number: int) -> bool:
    """Whether the `number`th call, which was to fail, was there."""
    what, lasting = f"{how} at call {number}", "+" in how
    fault = FAULTS[how.rstrip("+@")]
    under = [site.directory / "greenroom-held", site.media]
    if "@" in how:
        under = [site.directory / f"db.sqlite3{each}" for each in ("", "-wal", "-shm", "-journal")]
    person = Person(site, refusal=DATABASE if "@" in how else fault.refusal, lasting=lasting)
    gc.collect()
    open_before = sorted(os.listdir("/proc/self/fd"))
    layer.inject(fault.how, fault.calls, number, under=under, code=fault.code, lasting=lasting)
    seen = 0
    for _ in range(SEVERAL):
        if not person.step():
            break
    seen = layer.end()
    connections.close_all()
    gc.collect()
    open_after = sorted(os.listdir("/proc/self/fd"))
    assert open_after == open_before, f"{what}: left open {open_after}, before {open_before}"
    finish(site, person, what)
    return seen >= number


def main() -> None:
    how, first, step = sys.argv[1:]
    logging.disable()
    site, layer = Site(), Layer()
    faults, number = 0, int(first)
    while True:
        site.restore()
        try:
            if how in How.__members__:
                there = killed(site, layer, How[how], number)
            else:
                there = failed(site, layer, how, number)
        except Exception as error:
            raise AssertionError(f"{how} at call {number}") from error
        if not there:
            break
        faults += 1
        number += int(step)
    print(faults)


if __name__ == "__main__":
    main()
