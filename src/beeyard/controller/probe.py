"""`python -m beeyard.controller.probe`: whether the controller beside it is the active copy.

It runs every two seconds for as long as the cluster lives, so it imports next to nothing:
`http.client` alone would be most of its time.
"""

import socket
import sys

PORT = 8080
TIMEOUT_SECONDS = 4.0


def active(port: int) -> bool:
    """Whether /healthz on this machine answers 200; else why not, on standard error, where
    `docker inspect` shows it."""
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as answer:
                status = answer.readline().strip()
    except OSError as error:
        sys.stderr.write(f"no answer on port {port}: {error}\n")
        return False
    if not status.startswith(b"HTTP/1.1 200"):
        sys.stderr.write(f"port {port} answers: {status.decode('latin-1')}\n")
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if active(PORT) else 1)
