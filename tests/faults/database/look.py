"""A program: what a server has saved, and what nothing explains, as one JSON document.

python -m tests.faults.database.look [sweep]
"""

import json
import os
import sys
from pathlib import Path

import django

django.setup()

from greenroom.sweeping import clear_staged  # noqa: E402
from tests.faults.database.explained import unexplained  # noqa: E402
from tests.pages import sha256  # noqa: E402
from tests.shop.models import Paper  # noqa: E402


def main() -> None:
    if sys.argv[1:] == ["sweep"]:
        clear_staged()
    papers = [
        {
            "pk": paper.pk,
            "title": paper.title,
            "sha256": sha256(Path(paper.body.path).read_bytes()),
            "inode": os.stat(paper.body.path).st_ino,
        }
        for paper in Paper.objects.order_by("pk")
    ]
    print(json.dumps({"papers": papers, "unexplained": unexplained()}))


if __name__ == "__main__":
    main()
