"""A program: does one job of `killing.py`, and says what the layer has seen of it.

python counted.py HELD LOG
"""

import os
import sys
from pathlib import Path

from tests.faults.files.calls import CHANGES, How, Layer
from tests.faults.files.killing import Trial, job

FROM, TO = "/from-here", "/to-here"


def main() -> None:
    layer, held = Layer(), Path(sys.argv[1])
    trial = Trial(held, held, "counted")
    layer.log(os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    os.access(FROM, os.F_OK)  # for whoever sees all calls
    layer.inject(How.NOTHING, CHANGES, 0)
    job(trial.stage, trial.part, trial.saved)
    layer.end()
    os.access(TO, os.F_OK)
    trial.end()


if __name__ == "__main__":
    main()
