"""A server that was killed in the middle of a save blocks nobody who sends the form again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenroom import holders
from greenroom.holders import is_dead, this_holder
from greenroom.ledger import OrmLedger
from greenroom.models import StagedUse
from greenroom.promotion import TakenUse
from greenroom.testing import as_owner, stage_file
from tests.shop.forms import PaperForm
from tests.shop.models import Paper

SRC = Path(__file__).parents[2] / "src"
NAME_ITSELF = "from greenroom.holders import this_holder; print(this_holder(), flush=True)"


def start(then: str = "") -> tuple[subprocess.Popen[str], str]:
    """A process that has said its name, and then does `then`."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SRC)!r}); {NAME_ITSELF}; {then}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_living_process_is_not_dead_and_a_killed_one_is() -> None:
    process, holder = start("sys.stdin.read()")
    with process:
        assert not is_dead(this_holder())
        assert not is_dead(holder)
        process.kill()
        process.wait()
        assert is_dead(holder)


@pytest.mark.parametrize("holder", ["", "elsewhere/boot 1 100", "nonsense", "a b c d"])
def test_what_cannot_be_seen_from_here_counts_as_living(holder: str) -> None:
    assert not is_dead(holder)


def test_the_id_of_a_dead_process_that_another_has_got_is_no_life() -> None:
    where, process, since = this_holder().rsplit(" ", 2)
    assert is_dead(f"{where} {process} {int(since) - 1}")


def test_a_process_of_another_container_of_the_pod_counts_as_living(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has our host name and boot, and its id is nobody's here, or somebody else's."""
    process, ended = start()
    with process:
        process.wait()
    assert is_dead(ended)
    real = os.readlink

    def elsewhere(path: str) -> str:
        return "pid:[1]" if path == "/proc/self/ns/pid" else real(path)

    ours = this_holder()
    where, number, since = ours.rsplit(" ", 2)
    holders.machine.cache_clear()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "readlink", elsewhere)
            assert not is_dead(ended)
            assert not is_dead(f"{where} {number} {int(since) - 1}")
            assert this_holder() != ours
            assert not is_dead(this_holder())
    finally:
        holders.machine.cache_clear()
    assert is_dead(ended)


def test_a_machine_without_namespaces_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(path: str) -> str:
        raise FileNotFoundError(path)

    holders.machine.cache_clear()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "readlink", nothing)
            assert not is_dead(this_holder())
    finally:
        holders.machine.cache_clear()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("killed", [True, False])
def test_a_use_of_a_killed_server_is_free_at_once(killed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenroom.answers.PATIENCE", 0.2)
    process, holder = start()
    with process:
        process.wait()
    with as_owner():
        held = stage_file(b"Darjeeling", "tea.txt")
        assert OrmLedger().claim(held.upload, "the-use")
        if killed:
            StagedUse.objects.update(holder=holder)
        form = PaperForm({"title": "tea", "body-0-token": held.token, "body-0-use": "the-use"}, {})
        if killed:
            assert form.is_valid(), form.errors
            form.save()
        else:
            with pytest.raises(TakenUse):
                form.is_valid()
    assert Paper.objects.count() == int(killed)
