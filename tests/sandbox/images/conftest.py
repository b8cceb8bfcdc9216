"""The sandbox's images, built where they are not there yet."""

import pytest
from docker import DockerClient

from beeyard.process import LocalRunner
from beeyard.sandbox.images import Images, build_all


@pytest.fixture(scope="session")
def images(engine: DockerClient) -> Images:
    return build_all(engine, LocalRunner(), lambda *_: None)
