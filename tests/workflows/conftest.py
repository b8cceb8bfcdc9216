"""A cluster for the workflows' pure parts, and a real AWS API for those that ask it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beeyard.process import LocalRunner
from beeyard.testing import FakeClock
from beeyard.workflows import Cluster, Event, Progress
from cloud import moto as moto_server
from cloud.example import ELSEWHERE, spec

MakeCluster = Callable[..., Cluster]


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def make_cluster(tmp_path: Path, events: list[Event]) -> MakeCluster:
    """`make_cluster(target=…, **sections)`: the cluster of such a `beeyard.yml`."""

    def make(target: Any = ELSEWHERE, **sections: Any) -> Cluster:
        return Cluster(
            spec=spec(**sections),
            base=tmp_path,
            target=target,
            folder=tmp_path / "state",
            sockets=tmp_path / "sockets",
            runner=LocalRunner(),
            clock=FakeClock(),
            progress=Progress(events.append),
        )

    return make


@pytest.fixture(scope="session")
def moto_process() -> Iterator[moto_server.Moto]:
    with moto_server.serving() as moto:
        yield moto


@pytest.fixture
def moto(moto_process: moto_server.Moto) -> moto_server.Moto:
    """The AWS API, as new."""
    moto_process.reset()
    return moto_process
