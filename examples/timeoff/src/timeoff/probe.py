"""Is this container healthy? `python -m timeoff.probe` exits with 0 or 1.

It runs every few seconds, so it imports next to nothing.
"""

import os
import socket
import sys

TIMEOUT_SECONDS = 2.0


def healthy(port: int) -> bool:
    """Whether /healthz on this machine answers 200."""
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as answer:
                status_line = answer.readline()
    except OSError as error:
        print(f"no answer on port {port}: {error}", file=sys.stderr)
        return False
    print(status_line.decode("latin-1").strip())
    return status_line.startswith(b"HTTP/1.1 200 ")


if __name__ == "__main__":
    sys.exit(0 if healthy(int(os.environ.get("PORT", "8000"))) else 1)
