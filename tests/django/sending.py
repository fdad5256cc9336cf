"""A program: another server process that appends to an upload.

python sending.py DATABASE HELD ID OFFSET LETTER PIECES

Says "ready" when it can begin, waits for a line, and then sends PIECES pieces of 64 KiB of one letter, each
acknowledged by a line. Its last line says what came of it.
"""

import sys
from collections.abc import Iterator

import django
from django.db import connection, connections

django.setup()

from greenroom.core import Refused, Stage  # noqa: E402
from greenroom.ledger import OrmLedger  # noqa: E402
from greenroom.stores import LocalStore  # noqa: E402

PIECE = 65_536


def main() -> None:
    database, root, upload_id, offset, letter, pieces = sys.argv[1:]
    connections["default"].settings_dict["NAME"] = database
    stage = Stage(LocalStore(root, keep_free=0), ledger=OrmLedger(), owner="somebody")
    connection.ensure_connection()

    def source() -> Iterator[bytes]:
        for number in range(int(pieces)):
            assert not connection.in_atomic_block  # no transaction while a body is being read
            yield letter.encode() * PIECE
            print(f"sent {number + 1}", flush=True)

    print("ready", flush=True)
    sys.stdin.readline()
    try:
        upload = stage.append(upload_id, source(), offset=int(offset))
    except Refused as refusal:
        print(refusal.code, flush=True)
    else:
        print(upload.state, upload.offset, flush=True)


if __name__ == "__main__":
    main()
