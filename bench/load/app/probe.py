"""Is this container healthy? Ends with 0 or 1. It runs often, so it imports next to nothing."""

import socket
import sys

_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def healthy() -> bool:
    """Whether /healthz on this machine answers 200 within two seconds."""
    try:
        with socket.create_connection(("127.0.0.1", 8000), timeout=2) as connection:
            connection.sendall(_REQUEST)
            with connection.makefile("rb") as answer:
                return answer.readline().startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy() else 1)
