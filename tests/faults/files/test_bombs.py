"""Promise 14: a bomb bounces off, by what its header says; whoever comes next is served by the same process."""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from greenroom import conf
from greenroom.core.errors import Refused
from greenroom.core.limits import parse_size
from greenroom.images import probe, workers
from tests.django.conftest import Browser, browser, media
from tests.faults.files.bombs import FLOODS, UNPACKED, Bomb
from tests.faults.tally import Injected
from tests.images import pictures
from tests.pages import errors_of, files_under, page_of
from tests.shop.models import Product

__all__ = ["browser", "media"]

pytestmark = pytest.mark.django_db(transaction=True)

VERDICT = 2.0
"""Seconds in which a picture is judged: DESIGN, section 9. Of work: other processes may lengthen what a clock says."""


@pytest.fixture(autouse=True)
def one_worker(settings: Any) -> Iterator[None]:
    settings.GREENROOM = {"WORKERS": 1}
    yield
    workers().close()


def good(browser: Browser, name: str) -> None:
    """The next picture, from the same process: shown, and saved."""
    data = pictures.encoded(pictures.coded(120, 90), "jpeg")
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("good.jpg", data)}))
    assert browser.client.get(page.images[0]).status_code == 200
    assert browser.send("/product/", page, {"name": name}).status_code == 302


def peak_of_workers() -> int:
    """The highest resident memory of any worker that is alive, in bytes."""
    peaks = [0]
    for pid in workers().pids():
        status = Path(f"/proc/{pid}/status").read_text()
        peaks.append(
            int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
        )
    return max(peaks)


def judged(browser: Browser, media: Path, kind: str, bomb: Bomb) -> str:
    """Send it, and say by which code it was refused, or "" if it was taken. Bad input is never a server error."""
    answer = browser.fill("/product/", {"name": "bomb"}, {"photo": (bomb.client_name, bomb.make())})
    if answer.status_code == 302:
        Product.objects.filter(name="bomb").delete()
        return ""
    assert answer.status_code == 200, kind
    assert f"“{bomb.client_name}”" in errors_of(answer, "photo")[0], kind
    assert page_of(answer).rows("photo") == [], kind
    code = answer.context["form"].errors.as_data()["photo"][0].code
    return str(code)


def test_a_flood_of_pixels_bounces_off_its_header(browser: Browser, media: Path, injected: Injected) -> None:
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for kind, bomb in FLOODS.items():
        with injected(14):
            assert judged(browser, media, kind, bomb) in bomb.codes, kind
            (pid,) = workers().pids()
            good(browser, kind)
            assert workers().pids() == [pid], f"{kind}: its worker lives, and has judged the next one"
            assert peak_of_workers() < 256 << 20, f"{kind}: nothing was decoded"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - ours < 256 << 20
    assert len(files_under(media)) == len(FLOODS), "the good ones"


def test_what_unpacks_beside_the_pixels_is_told_in_time(
    browser: Browser, media: Path, injected: Injected
) -> None:
    for kind, bomb in UNPACKED.items():
        with injected(14):
            assert judged(browser, media, kind, bomb) in ("", "not_a_picture"), kind
            assert len(workers().pids()) == 1, kind
            assert peak_of_workers() < parse_size(conf.current().render_memory) / 2, kind
            good(browser, kind)


def test_a_picture_that_would_take_too_long_is_ended_by_its_deadline(
    browser: Browser, settings: Any, injected: Injected
) -> None:
    """The worker that is at it goes; the next picture gets another."""
    settings.GREENROOM = {"RENDER_SECONDS": 0.05, "WORKERS": 1}
    slow = pictures.encoded(pictures.coded(6_000, 5_000), "png")
    with injected(14):
        answer = browser.fill("/product/", {"name": "tea"}, {"photo": ("slow.png", slow)})
        assert answer.context["form"].errors.as_data()["photo"][0].code == "too_much_work"
        assert workers().pids() == []
    settings.GREENROOM = {"WORKERS": 1}
    good(browser, "next")


def test_a_picture_that_wants_too_much_memory_is_ended_by_its_limit(
    browser: Browser, settings: Any, injected: Injected
) -> None:
    """Interlaced, so that all of it must be in memory at once."""
    settings.GREENROOM = {"RENDER_MEMORY": "128 MiB", "WORKERS": 1}
    large = pictures.encoded(pictures.coded(6_000, 6_000), "png", interlace=True)
    with injected(14):
        answer = browser.fill("/product/", {"name": "tea"}, {"photo": ("large.png", large)})
        assert answer.context["form"].errors.as_data()["photo"][0].code in ("too_much_work", "not_a_picture")
        assert peak_of_workers() <= 128 << 20
    good(browser, "next")


def test_a_picture_that_was_taken_by_a_field_that_takes_more_is_judged_anew(
    browser: Browser, settings: Any, injected: Injected
) -> None:
    """What it is is written down once; whether it is taken is each field's own question."""
    data = pictures.encoded(pictures.coded(120, 90), "jpeg")
    page = page_of(browser.fill("/product/", {"name": ""}, {"photo": ("tea.jpg", data)}))
    assert page.images
    settings.GREENROOM = {"MAX_PIXELS": 120 * 90 - 1}
    with injected(14):
        answer = browser.send("/product/", page, {"name": "tea"})
        assert answer.context["form"].errors.as_data()["photo"][0].code == "too_many_pixels"


def test_the_verdicts_take_less_than_two_seconds_of_work(injected: Injected) -> None:
    """Processor time of the worker, which others on the machine do not lengthen."""
    probe(pictures.encoded(pictures.coded(), "png"))  # there is a worker
    for kind, bomb in {**FLOODS, **UNPACKED}.items():
        (pid,) = workers().pids()
        before = work_of(pid)
        with injected(14):
            with contextlib.suppress(Refused):
                probe(bomb.make())
            assert workers().pids() == [pid], f"{kind}: judged, not ended"
            assert work_of(pid) - before < VERDICT, kind


def work_of(pid: int) -> float:
    """Processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
