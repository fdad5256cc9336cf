"""What the tests of `Stage` do again and again."""

import io

from greenroom.core import Stage, Upload
from greenroom.testing.stores import pattern

DATA = pattern(3_000_000)


def receive(stage: Stage, data: bytes = b"green tea", name: str = "tea.txt") -> Upload:
    return stage.receive(io.BytesIO(data), client_name=name)


def read(stage: Stage, upload: Upload) -> bytes:
    with stage.open(upload.id) as held:
        return held.read()


def nothing_is_left(stage: Stage) -> bool:
    return list(stage.store.ids()) == [] and not stage.ledger._uploads  # type: ignore[attr-defined]
