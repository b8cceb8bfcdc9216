"""This machine's engine, as pipelines use it."""

import os
from collections.abc import Iterator

import pytest
from docker import DockerClient

from beeyard.pipelines.docker_engine import DockerEngine

#: What everything that these tests make carries, so that all of it is found again.
MINE = {"beeyard.tests.pipelines": str(os.getpid())}


@pytest.fixture
def docker_engine(engine: DockerClient) -> Iterator[DockerEngine]:
    """Whatever a test leaves on it is removed, and fails the test."""
    one = DockerEngine(engine)
    yield one
    assert one.sweep(MINE) == 0
