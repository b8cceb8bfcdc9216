"""The AWS API as the nodes reach it: a door in the VPC to where it really listens.

It listens on this machine's own 127.0.0.1, which no node reaches, and a machine's own filter may
keep containers from its other addresses: so it is handed over by a Unix socket.
"""

from pathlib import Path

from beeyard.sandbox.container import Container, Mount
from beeyard.sandbox.spec import Addresses
from beeyard.sandbox.state import write_file

THING = "api"
FOLDER = "api"
SOCKET = "moto.sock"
_CONFIG = "haproxy.cfg"
_IN_CONTAINER = "/etc/beeyard-api"

_SETTINGS = f"""\
global
    log stdout format raw local0 notice
    maxconn 500
defaults
    mode tcp
    timeout connect 3s
    timeout client 5m
    timeout server 5m
listen api
    bind :80
    server moto unix@{_IN_CONTAINER}/{SOCKET}
"""


def container(image: str, folder: Path, addresses: Addresses) -> Container:
    return Container(
        thing=THING,
        kind="service",
        image=image,
        address=addresses.api,
        argv=("haproxy", "-db", "-f", f"{_IN_CONTAINER}/{_CONFIG}"),
        mounts=(Mount.path(folder, _IN_CONTAINER),),
    )


def prepare(folder: Path) -> None:
    write_file(folder / _CONFIG, _SETTINGS, mode=0o644)


def url(addresses: Addresses) -> str:
    return f"http://{addresses.api}"
