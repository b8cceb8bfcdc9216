"""One cluster for all tests of this folder, made before the first and removed after the last."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.shipping import Team, new_team
from cluster.yard import CIDR, DOMAIN, NAME, Running, Yard, leftovers, write_file
from leavings import STATE_HOME


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    folder = tmp_path_factory.mktemp("e2e")
    file = write_file(folder, name=NAME, domain=DOMAIN, cidr=CIDR)
    return Yard(file, {"XDG_STATE_HOME": str(STATE_HOME), "NO_COLOR": "1"})


@pytest.fixture(scope="session")
def cluster(yard: Yard) -> Iterator[Running]:
    """The cluster, up. Whatever the tests leave is removed at the end."""
    assert leftovers() == [], "another run of the tests has this cluster"
    started = time.monotonic()
    try:
        yield Running(yard, yard.json("up", "--yes"), time.monotonic() - started)
    finally:
        yard.run("sandbox", "down", "--yes")


@pytest.fixture(scope="session")
def ca(cluster: Running) -> Path:
    """The certificate of the sandbox's CA, where the command line says that it is."""
    return Path(cluster.yard.run("sandbox", "ca").strip())


@pytest.fixture(scope="session")
def sandbox(cluster: Running) -> dict[str, Any]:
    """What `sandbox status` says of it."""
    found = cluster.yard.json("sandbox", "status", NAME)
    assert isinstance(found[0], dict)
    return found[0]


@pytest.fixture(scope="session")
def team(cluster: Running, ca: Path, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team with a repository of the application; each test pushes what it wants."""
    return new_team(cluster, ca, tmp_path_factory.mktemp("team"))
