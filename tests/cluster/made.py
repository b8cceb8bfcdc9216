"""One cluster for all tests of `cluster` and `drills`, removed after the last."""

import time
from collections.abc import Iterator

import pytest

from cluster.yard import NAME, Running, Yard, leftovers, write_file
from leavings import STATE_HOME


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """The file of a cluster that is not there yet. Whatever the tests leave is removed."""
    assert leftovers() == [], "another run of the tests has this cluster"
    file = write_file(tmp_path_factory.mktemp(NAME))
    made = Yard(file, {"XDG_STATE_HOME": str(STATE_HOME), "NO_COLOR": "1"})
    try:
        yield made
    finally:
        made.run("sandbox", "down", NAME, "--yes")


@pytest.fixture(scope="session")
def cluster(yard: Yard) -> Running:
    """The cluster, up."""
    started = time.monotonic()
    return Running(yard, yard.json("up", "--yes"), time.monotonic() - started)
