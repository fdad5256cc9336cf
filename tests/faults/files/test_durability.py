"""With DURABILITY "power" nothing is acknowledged before its bytes, and every name that leads to them, are on the disk."""

import subprocess
import sys
from pathlib import Path

import pytest

from greenroom import LocalStore
from greenroom.core.errors import UsageError
from tests.django.servers import Server, Visitor
from tests.faults.files import counted
from tests.faults.files.calls import logging_to, variables
from tests.faults.files.killing import DATA, HALF
from tests.faults.files.written import missing_at_acknowledgements
from tests.faults.tally import Injected


def test_plain_python(tmp_path: Path, layer: Path, injected: Injected) -> None:
    acknowledged, missing = logged(layer, tmp_path, tmp_path / "power", "power")
    with injected(2, acknowledged):
        assert missing == []
    assert acknowledged > 10
    # The same look finds what a power cut takes from those who have not asked to be kept from it: never what is saved.
    missing = logged(layer, tmp_path, tmp_path / "process", "process")[1]
    assert missing
    assert [each for each in missing if "/saved-" in each] == []


def logged(layer: Path, held: Path, log: Path, durability: str) -> tuple[int, list[str]]:
    program = [sys.executable, str(Path(counted.__file__)), str(held), str(log), durability]
    subprocess.run(program, env=variables(layer), check=True)
    return missing_at_acknowledgements(log.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["power", "process"])
def test_requests_to_a_server(durability: str, tmp_path: Path, layer: Path, injected: Injected) -> None:
    log, site = tmp_path / "log", tmp_path / "site"
    settings = "tests.faults.files.power" if durability == "power" else "tests.settings"
    server = Server(
        "gunicorn",
        site,
        settings=settings,
        GREENROOM_TEST_POSTGRES="",
        LD_PRELOAD=str(layer),
        **logging_to(log, site / "main"),
    )
    log.unlink()  # of the migrations
    server.start()
    try:
        visitor = Visitor(server)
        path = visitor.create(len(DATA))
        assert visitor.patch(path, DATA[:HALF], 0).status_code == 204
        assert visitor.offset(path) == HALF
        assert visitor.patch(path, DATA[HALF:], HALF).status_code == 204
        token = visitor.head(path).headers["Greenroom-Token"]
        assert visitor.save(token).status_code == 302
    finally:
        server.stop()
    acknowledged, missing = missing_at_acknowledgements(log.read_text())
    assert acknowledged >= 7
    if durability == "process":
        assert missing
        return
    with injected(2, acknowledged):
        assert missing == []


def test_what_is_no_durability(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Got: 'disk'"):
        LocalStore(tmp_path, durability="disk")
