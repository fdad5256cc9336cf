"""A program: many clients of another server process, all of whom want to hold something at the same moment.

python holding.py DATABASE

Says "ready", and then takes one `Plan` after another, each a line of JSON, and answers each with a line of JSON: how
often which answer was given.
"""

import itertools
import json
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from django.db import connections

from greenroom.core import Ceilings, Refused, Stage
from greenroom.ledger import OrmLedger
from greenroom.stores import LocalStore

PIECE = 20_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`clients` in `threads`, each of whom holds `size` bytes, and is `owner`, or somebody else each if that is empty.

    `root` is where the bytes are, `name` tells the owners of one process from those of another.
    """

    root: str
    kind: str
    size: int
    ceilings: dict[str, Any]
    clients: int = 40
    threads: int = 20
    owner: str = ""
    address: str = ""
    name: str = ""


def hold(plan: Plan, number: int) -> str:
    """One client; its answer."""
    ledger = OrmLedger(address=plan.address, new_for=3600)
    owner = plan.owner or f"{plan.name}-{number}"
    store = LocalStore(plan.root, keep_free=0)
    stage = Stage(store, ledger=ledger, ceilings=Ceilings(**plan.ceilings), owner=owner)
    pieces = [b"x" * min(PIECE, plan.size - start) for start in range(0, plan.size, PIECE)]
    try:
        if plan.kind == "declared":
            stage.create(client_name="tea.bin", length=plan.size)
        elif plan.kind == "sent":
            upload = stage.create(client_name="tea.bin", length=plan.size)
            stage.append(upload.id, pieces, offset=0)
        elif plan.kind == "form":  # as in the handler: what the body may still bring is reserved
            intake = stage.intake(client_name="tea.bin", reserve=plan.size + 200)
            for piece in pieces:
                intake.write(piece)
            intake.finish()
            intake.keep()
        elif plan.kind == "unknown":
            stage.receive(iter(pieces), client_name="tea.bin")
        else:
            upload = stage.create(client_name="tea.bin")
            stage.append(upload.id, pieces, offset=0, last=True)
    except Refused as refusal:
        return refusal.code
    return "taken"


def answers(plan: Plan) -> Counter[str]:
    """What all clients were answered."""
    given: list[str] = []
    numbers = itertools.count()

    def work() -> None:
        try:
            while (number := next(numbers)) < plan.clients:
                given.append(hold(plan, number))
        except Exception as error:
            given.append(repr(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(plan.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(given)


def main() -> None:
    connections["default"].settings_dict["NAME"] = sys.argv[1]
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(answers(Plan(**json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
