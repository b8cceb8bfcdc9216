"""The nodes' mirror of Docker Hub: a registry that holds what could be pulled or built."""

from beeyard.cloud.outputs import EngineSource
from beeyard.sandbox.container import Container
from beeyard.sandbox.spec import Addresses

THING = "hub"
_PORT = 5000


def container(image: str, addresses: Addresses) -> Container:
    return Container(thing=THING, kind="service", image=image, address=addresses.hub)


def url(addresses: Addresses) -> str:
    return f"http://{addresses.hub}:{_PORT}"


def engine_source(addresses: Addresses) -> EngineSource:
    """Nodes have the distribution's engine; it asks this mirror before Docker Hub."""
    return EngineSource(packages="distribution", registry_mirrors=(url(addresses),))
