"""Which ports answer: asked from here, or as a program for wherever there is Python."""

import json
import socket
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_PATIENCE = 1.5


def open_ports(address: str, ports: Iterable[int], source: str = "") -> set[int]:
    """Those that take a connection; `source` is the address to ask from, if not the usual one."""

    def answers(port: int) -> bool:
        try:
            socket.create_connection((address, port), _PATIENCE, (source, 0)).close()
        except OSError:
            return False
        return True

    asked = list(ports)
    with ThreadPoolExecutor(len(asked)) as pool:
        return {port for port, yes in zip(asked, pool.map(answers, asked), strict=True) if yes}


def program() -> str:
    """A program that prints the open ones; its arguments are the address and the ports."""
    return Path(__file__).read_text()


def listening() -> str:
    """A program that listens on the ports that are its arguments, and says nothing."""
    return (
        "import socket, sys, time\n"
        "held = [socket.create_server(('', int(port))) for port in sys.argv[1:]]\n"
        "time.sleep(3600)\n"
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(sorted(open_ports(sys.argv[1], map(int, sys.argv[2:])))))
