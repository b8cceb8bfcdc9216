"""Where one task more of a service could go."""

from pathlib import Path

import pytest

from beeyard.apps import load_stack
from beeyard.apps.places import without_place
from swarm.swarms import node, service, swarm

ON_WORKERS = "max_replicas_per_node: 1, constraints: [node.role == worker]"
NODES = tuple(node(name) for name in ("manager-1", "worker-1", "worker-2"))


@pytest.mark.parametrize(
    ("deploy", "running", "full"),
    [
        ("{replicas: 3}", 3, False),
        ("{replicas: 2, placement: {max_replicas_per_node: 1}}", 2, False),
        ("{replicas: 3, placement: {max_replicas_per_node: 1}}", 0, True),
        ("{replicas: 2, placement: {max_replicas_per_node: 1}}", 3, True),
        ("{replicas: '${N}', placement: {max_replicas_per_node: '${MOST}'}}", 0, True),
        ("{replicas: 5, placement: {max_replicas_per_node: 2}}", 5, False),
        (f"{{replicas: 2, placement: {{{ON_WORKERS}}}}}", 2, True),
        ("{replicas: 1, placement: {max_replicas_per_node: 1, constraints: [odd]}}", 1, False),
    ],
)
def test_whether_there_is_a_place(tmp_path: Path, deploy: str, running: int, full: bool) -> None:
    path = tmp_path / "stack.yml"
    path.write_text(f"services: {{web: {{image: a, deploy: {deploy}}}}}\n")
    there = service("shop_web", stack="shop", wanted=running)
    found = without_place(
        load_stack(path), "shop", {"N": "6", "MOST": "2"}, swarm(there, nodes=NODES)
    )
    assert (found == {"web"}) == full


def test_a_node_that_takes_nothing_is_no_place(tmp_path: Path) -> None:
    path = tmp_path / "stack.yml"
    path.write_text(
        "services: {web: {image: a, deploy: {replicas: 2, placement: {max_replicas_per_node: 1}}}}"
    )
    paused = (*NODES[:2], node("worker-2", availability="pause"))
    assert without_place(load_stack(path), "shop", {}, swarm(nodes=paused)) == {"web"}
