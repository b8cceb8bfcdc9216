"""What is asked of the engine before anything is made leaves nothing behind."""

import pytest
from docker import DockerClient

from beeyard.sandbox.engine import node_form
from beeyard.sandbox.images import Images

pytestmark = pytest.mark.real


def test_finding_out_how_nodes_are_run_leaves_no_container(
    engine: DockerClient, images: Images
) -> None:
    before = {container.id for container in engine.containers.list(all=True)}
    node_form(engine, images.services)
    assert {container.id for container in engine.containers.list(all=True)} == before
