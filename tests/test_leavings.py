"""A run of the tests that was killed does not fail the next."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import NotFound

from leavings import hold, share, sweep

MARK = f"beeyard.killed-{os.getpid()}."
NAME = f"beeyard-tests-killed-{os.getpid()}"


@pytest.fixture
def left(engine: DockerClient, tiny: str) -> Iterator[None]:
    labels = {f"{MARK}swarm": "1"}
    network = engine.networks.create(NAME, labels=labels)
    volume = engine.volumes.create(NAME, labels=labels)
    container = engine.containers.run(
        tiny,
        ["sleep", "600"],
        name=NAME,
        detach=True,
        labels=labels,
        network=NAME,
        volumes=[f"{NAME}:/v"],
    )
    try:
        yield
    finally:
        with contextlib.suppress(NotFound):
            container.remove(force=True)
        with contextlib.suppress(NotFound):
            volume.remove()
        with contextlib.suppress(NotFound):
            network.remove()


@pytest.mark.real
def test_what_carries_the_mark_is_removed_and_nothing_else(
    engine: DockerClient, left: None
) -> None:
    assert sweep(engine, f"{MARK}other") == []
    assert engine.containers.get(NAME).status == "running"
    assert sweep(engine, MARK) == [NAME] * 3
    for kind in (engine.containers, engine.volumes, engine.networks):
        with pytest.raises(NotFound):
            kind.get(NAME)
    assert sweep(engine, MARK) == []


def test_who_is_not_alone_knows_it(tmp_path: Path) -> None:
    first, alone = hold(tmp_path / "lock")
    assert alone
    share(first)
    with first:
        second, alone = hold(tmp_path / "lock")
        assert not alone
    with second:
        third, alone = hold(tmp_path / "lock")
        assert not alone
    third.close()
    last, alone = hold(tmp_path / "lock")
    assert alone
    last.close()
