"""A program: does one job of `killing.py`, and has the layer log what it does.

python counted.py HELD LOG [DURABILITY]
"""

import os
import sys
from pathlib import Path

from greenroom import LocalStore
from tests.faults.files.calls import CHANGES, How, Layer
from tests.faults.files.killing import Trial, job

FROM, TO = "/from-here", "/to-here"


def main() -> None:
    directory, log, *durability = sys.argv[1:]
    layer, trial = Layer(), Trial(Path(directory), Path(directory), "counted")
    root = trial.held / "new" / "newer" / "greenroom-held"  # all of which the store makes
    trial.stage.store = LocalStore(root, keep_free=0, durability=(*durability, "process")[0])
    reading, writing = os.pipe()  # more than is told fits into it
    layer.log(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    with open(reading, "rb"), open(writing, "wb", buffering=0) as pipe:
        trial.stage.ledger.pipe = pipe  # type: ignore[attr-defined]
        os.access(FROM, os.F_OK)  # for whoever sees all calls
        layer.inject(How.NOTHING, CHANGES, 0)
        job(trial.stage, trial.part, trial.saved)
        layer.end()
        os.access(TO, os.F_OK)
    trial.end()


if __name__ == "__main__":
    main()
