"""What is asked of the engine before anything is made leaves nothing behind."""

import pytest
from docker import DockerClient

from beeyard.sandbox.engine import node_form
from beeyard.sandbox.images import Images

pytestmark = pytest.mark.real


def test_finding_out_how_nodes_are_run_leaves_no_container(
    engine: DockerClient, images: Images
) -> None:
    def containers() -> set[str | None]:
        # Of that image only: other tests may be making some of others meanwhile.
        found = engine.containers.list(all=True, filters={"ancestor": images.services})
        return {container.id for container in found}

    before = containers()
    node_form(engine, images.services)
    assert containers() == before
