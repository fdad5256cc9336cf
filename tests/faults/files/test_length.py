"""Promise 9: more bytes than were declared are refused at the byte, and fewer never become a whole."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from greenroom.core import Ceilings, MemoryLedger, Stage, State, Upload
from greenroom.core.errors import CutShort, LengthExceeded, OffsetMismatch
from greenroom.models import StagedUpload
from greenroom.stores import LocalStore
from tests.django.servers import Server, Visitor, wait_until
from tests.django.uploading import TUS_BODY, Script
from tests.faults.tally import NIGHT, Injected
from tests.pages import CONTENT_TYPE

HEAD, BUFFER = 4_096, 65_536  # where a type is judged, and what is read at once
LENGTHS = sorted({1, 2, HEAD - 1, HEAD, HEAD + 1, BUFFER - 1, BUFFER, BUFFER + 1, 3 * BUFFER + 7})
LIES = [-BUFFER, -HEAD, -1, 1, HEAD, BUFFER, 5 * BUFFER] if NIGHT else [-HEAD, -1, 1, BUFFER]
PIECES = [1_000, HEAD, 50_000, 10**6]
"""How the bytes are cut on their way."""


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)] or [b""]


def in_one(stage: Stage, length: int, pieces: list[bytes]) -> Upload:
    upload = stage.create(client_name="tea.bin", length=length)
    return stage.append(upload.id, pieces, offset=0)


def in_parts(stage: Stage, length: int, pieces: list[bytes]) -> Upload:
    upload = stage.create(client_name="tea.bin", length=length)
    for piece in pieces:
        upload = stage.append(upload.id, [piece], offset=upload.offset)
    return upload


def declared_late(stage: Stage, length: int, pieces: list[bytes]) -> Upload:
    upload = stage.create(client_name="tea.bin")
    half = len(pieces) // 2
    if sum(map(len, pieces[:half])) <= length:
        upload = stage.append(upload.id, pieces[:half], offset=0)
        pieces = pieces[half:]
    return stage.append(upload.id, pieces, offset=upload.offset, length=length)


def pushed(stage: Stage, length: int, pieces: list[bytes]) -> Upload:
    intake = stage.intake(client_name="tea.bin", length=length, memory=10_000)
    for piece in pieces:
        intake.write(piece)
    intake.finish()
    return intake.keep()


WAYS: list[Callable[[Stage, int, list[bytes]], Upload]] = [in_one, in_parts, declared_late, pushed]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_other_length_than_the_declared_one_is_ever_whole(
    way: Any, tmp_path: Any, injected: Injected
) -> None:
    stage = Stage(LocalStore(tmp_path, keep_free=0), ledger=MemoryLedger(), ceilings=Ceilings(uploads=10_000))
    for length, lie, size in itertools.product(LENGTHS, LIES, PIECES):
        if length + lie < 0 or (size < HEAD and length > BUFFER and not NIGHT):
            continue
        with injected(9):
            pieces = cut(b"x" * (length + lie), size)
            # What is whole already does not change, and takes nothing more at any offset.
            wanted = (LengthExceeded, OffsetMismatch) if lie > 0 else (CutShort,)
            try:
                upload = way(stage, length, pieces)
            except wanted:
                pass
            else:
                assert lie < 0
                assert (upload.state, upload.offset) == (State.RECEIVING, length + lie)
        for each in tmp_path.glob("*/*/bytes"):
            assert each.stat().st_size < length if lie < 0 else each.stat().st_size <= length, (
                length,
                lie,
                size,
            )
            stage.remove(each.parent.name)


# -- the protocols ---------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db(transaction=True)


def states() -> list[tuple[str, int]]:
    return [(each.state, each.offset) for each in StagedUpload.objects.all()]


@pytest.mark.parametrize("length", [1, HEAD, BUFFER + 1])
@pytest.mark.parametrize("more", [1, BUFFER])
def test_more_than_was_declared_is_refused_by_every_protocol(
    length: int, more: int, injected: Injected
) -> None:
    body = b"x" * (length + more)
    script = Script("/backup/")
    url = script.tus_create(length)
    drafted = script.ietf_create(upload_length=str(length))
    with injected(9, 4):
        assert script.patch(url, body, 0).status_code == 400
        assert script.offset(url) == 0
        created = {"content_type": TUS_BODY, "upload_length": str(length)}
        assert script.tus("POST", "/greenroom/uploads/", body, **created).status_code == 400
        assert script.ietf_patch(drafted, body, 0, ends=True).status_code == 400
        assert (
            script.ietf(
                "POST", "/greenroom/uploads/", body, upload_complete="?1", upload_length=str(length)
            ).status_code
            == 400
        )
    assert {state for state, _ in states()} <= {"receiving"}
    assert {offset for _, offset in states()} <= {0}
    assert script.patch(url, body[:length], 0).status_code == 204, (
        "the declared length is right, and can be sent"
    )


def test_fewer_than_were_declared_are_no_whole_in_any_protocol(injected: Injected) -> None:
    script = Script("/backup/")
    with injected(9, 3):
        url = script.tus_create(10)
        assert script.patch(url, b"x" * 9, 0).status_code == 204
        drafted = script.ietf_create(upload_length="10")
        assert script.ietf_patch(drafted, b"x" * 9, 0, ends=True).status_code == 400
        answer = script.ietf(
            "POST", "/greenroom/uploads/", b"x" * 9, upload_complete="?1", upload_length="10"
        )
        assert answer.status_code == 400
    assert {state for state, _ in states()} == {"receiving"}


# -- what a body says of its own length ------------------------------------------------------------

SERVERS = ["gunicorn", "uvicorn", "gunicorn-plain", "uvicorn-h11"] if NIGHT else ["gunicorn", "uvicorn"]


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(request.param, tmp_path_factory.mktemp("lengths"), settings="tests.faults.files.served")
    server.start()
    yield server
    server.stop()
    log = server.log.read_text()
    assert "Traceback" not in log, log


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer_to(connection: socket.socket) -> int:
    """The status; 0 if the connection just ended."""
    try:
        line = connection.recv(12)
    except ConnectionResetError:
        return 0
    return int(line[9:]) if line else 0


DECLARED = 100_000


@pytest.mark.parametrize("sent", [1, DECLARED - 1, DECLARED + 1, 3 * DECLARED])
def test_a_body_in_chunks_is_held_to_the_declared_length(
    server: Server, sent: int, injected: Injected
) -> None:
    visitor = Visitor(server)
    path = visitor.create(DECLARED)
    with injected(9), visitor.begin_patch(path, 0, None) as connection:
        for start in range(0, sent, 20_000):
            connection.sendall(chunked(b"x" * min(20_000, sent - start)))
        connection.sendall(b"0\r\n\r\n")
        assert answer_to(connection) == (204 if sent < DECLARED else 400)
        offset = visitor.offset(path)
        assert offset == sent if sent < DECLARED else offset < DECLARED
    rest = visitor.patch(path, b"y" * (DECLARED - offset), offset)
    assert (rest.status_code, rest.headers["Upload-Offset"]) == (204, str(DECLARED))


@pytest.mark.parametrize("content_length", [DECLARED - 1, DECLARED, DECLARED + 1])
@pytest.mark.parametrize("sent", [1, DECLARED - 2, DECLARED + 50_000])
def test_a_content_length_that_lies_makes_no_whole_of_another_length(
    server: Server, content_length: int, sent: int, injected: Injected
) -> None:
    visitor = Visitor(server)
    path = visitor.create(DECLARED)
    with injected(9):
        with visitor.begin_patch(path, 0, content_length) as connection:
            with contextlib.suppress(OSError):  # it may have been answered and closed by now
                connection.sendall(
                    b"x" * sent
                )  # what is too much is the begin of another request, and a wrong one
                connection.shutdown(socket.SHUT_WR)
            status = answer_to(connection)
        if content_length > DECLARED:
            assert status in (400, 0)
        offset = visitor.offset(path)
        if content_length != DECLARED or sent < DECLARED:
            assert offset < DECLARED, (status, offset)
        # It may be at work still, whatever its server has answered to what came behind it.
        wait_until(lambda: gone_on_with(visitor, path), "it is gone on with")
    name = path.rstrip("/").rpartition("/")[2]
    whole = (server.held / name[:1] / name / "bytes").read_bytes()
    assert len(whole) == DECLARED
    assert whole.lstrip(b"x").lstrip(b"y") == b""


def gone_on_with(visitor: Visitor, path: str) -> bool:
    """Whether it is whole, now that what is missing has been sent."""
    offset = visitor.offset(path)
    return offset == DECLARED or visitor.patch(path, b"y" * (DECLARED - offset), offset).status_code == 204


@pytest.mark.parametrize("lie", [-1, -BUFFER, 1, BUFFER])
def test_a_form_whose_content_length_lies_saves_all_of_a_file_or_nothing(
    server: Server, lie: int, injected: Injected
) -> None:
    """What is said too much, or left out, at the very end is behind the last boundary, and no file's."""
    visitor = Visitor(server, "/paper/")
    name = f"lies-{'less' if lie < 0 else 'more'}-{abs(lie)}.bin"
    data = b"x" * 3 * DECLARED
    body = visitor.page.body({"title": "lies"}, {"body": (name, data)})
    fields = {"Content_Type": CONTENT_TYPE, "Content_Length": str(len(body) + lie)}
    with injected(9), visitor.begin("POST", "/paper/", **fields) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(body)
            connection.shutdown(socket.SHUT_WR)
        status = answer_to(connection)
        saved = [each.read_bytes() for each in server.media.rglob(name)]
        assert saved in ([], [data])
        if lie == -BUFFER:
            assert (saved, status == 302) == ([], False)
