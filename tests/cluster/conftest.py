"""What the tests of this folder know of the cluster that they share."""

from pathlib import Path
from typing import Any

import pytest

from cluster.shipping import Team, new_team
from cluster.yard import NAME, Running


@pytest.fixture(autouse=True)
def _not_taken_for_whole(found: dict[str, Any]) -> None:
    """By the next drill, unless this one says that it is."""


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
