"""The demo's secret key: made on the first run, and kept from other users of the machine."""

import os
import secrets
from pathlib import Path


def secret_key(path: Path) -> str:
    """The key in `path`; of several processes that start at once, all get the same."""
    if not path.exists():
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(part, path)  # whole or not at all, and never over one that is there
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return path.read_text()
