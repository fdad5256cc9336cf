"""Says clearly when a port of this machine cannot be served, before a server's traceback does.

python scripts/check_port.py 8000
"""

import socket
import sys


def main(text: str) -> str | None:
    """The sentence to stop with, or None when the port is free."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        return f"PORT is a number from 1 to 65535. Got: {text!r}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind(("127.0.0.1", int(text)))
        except PermissionError:
            return f"Port {text} is reserved for the system. Choose another: make demo PORT=8001"
        except OSError:
            return (
                f"Port {text} is in use: perhaps the demo is running already (http://127.0.0.1:{text}/). "
                f"Stop that program, or choose another port: make demo PORT={int(text) % 65535 + 1}"
            )
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
