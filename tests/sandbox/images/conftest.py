"""One node, a mirror of Docker Hub and a registry with a password, for all tests of the images."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

import registry
from beeyard.process import Command, LocalRunner
from beeyard.sandbox.images import Images
from sandbox.images import parts


@pytest.fixture(scope="session")
def network(engine: DockerClient) -> Iterator[str]:
    with parts.network(engine) as name:
        yield name


@pytest.fixture(scope="session")
def mirror(engine: DockerClient, images: Images, network: str) -> Iterator[str]:
    with parts.mirror(engine, images, network) as url:
        yield url


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key; its public half lies beside it."""
    key = tmp_path_factory.mktemp("key") / "key"
    LocalRunner().run(Command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]))
    return key


@pytest.fixture(scope="session")
def public_key(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()


@pytest.fixture(scope="session")
def node(
    engine: DockerClient, images: Images, network: str, mirror: str, public_key: str
) -> Iterator[Container]:
    """A node, booted, whose user `keeper` has `public_key`."""
    with parts.node(engine, images, network, mirror, [public_key]) as container:
        yield container


@pytest.fixture(scope="session")
def locked_registry(
    engine: DockerClient,
    images: Images,
    network: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """`host:port` of a registry that asks for a password, and speaks without TLS."""
    folder = tmp_path_factory.mktemp("registry")
    description = registry.container(images.hub, folder, parts.REGISTRY)
    with parts.described(engine, description, network):
        yield f"{parts.REGISTRY}:{registry.PORT}"
