"""`python -m beeyard.controller.probe`: whether the controller beside it is the active copy."""

import http.client
import sys


def main() -> int:
    """0: it is. Needs nothing but the standard library, to be quick."""
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=4)
    try:
        connection.request("GET", "/healthz")
        return int(connection.getresponse().status != 200)
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
