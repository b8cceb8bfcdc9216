"""What runs pipelines for real: this machine's engine, and an image of a shell and little else."""

import contextlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker import DockerClient
from docker.errors import ImageNotFound

from beeyard.pipelines.docker_engine import CARRIER, DockerEngine
from beeyard.process import Command, LocalRunner

#: What everything that these tests make carries, so that all of it is found again.
MINE = {"beeyard.tests.pipelines": str(os.getpid())}
_PROGRAMS = (
    *("sh", "bash", "sleep", "cat", "dd", "head", "yes", "env", "id", "ls", "mkdir", "touch"),
    *("getent", "stat", "chmod", "sort", "nproc", "grep", "tail"),
)


@pytest.fixture(scope="session")
def docker_client() -> Iterator[DockerClient]:
    with contextlib.closing(docker.from_env(timeout=120)) as client:
        yield client


@pytest.fixture(scope="session")
def tiny(docker_client: DockerClient) -> Iterator[str]:
    """The name of an image, made of this machine's own programs, that no registry has."""
    name = f"beeyard-tests/tiny-{os.getpid()}:1"
    had_carrier = _has(docker_client, CARRIER)
    run = LocalRunner().run
    places = [Path(folder, one) for one in _PROGRAMS for folder in ("/bin", "/usr/bin")]
    paths = " ".join(str(place) for place in places if place.exists())
    pack = f"tar -ch {paths} $(ldd {paths} | grep -o '/lib[^: ]*' | sort -u)"
    run(Command(["sh", "-c", f"{pack} | docker import - {shlex.quote(name)}"]))
    try:
        yield name
    finally:
        docker_client.images.remove(name, force=True)
        if not had_carrier and _has(docker_client, CARRIER):
            docker_client.images.remove(CARRIER, force=True)


@pytest.fixture
def docker_engine(docker_client: DockerClient) -> Iterator[DockerEngine]:
    """This machine's engine; whatever a test leaves is removed, and fails it."""
    engine = DockerEngine(docker_client)
    yield engine
    assert engine.sweep(MINE) == 0


def _has(client: DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True
