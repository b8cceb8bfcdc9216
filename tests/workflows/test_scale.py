"""What the stack file says of an application's numbers of replicas."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beeyard.apps import Stack, load_stack
from beeyard.errors import AppError, SwarmError
from beeyard.swarm import Snapshot
from beeyard.swarm.rebalance import REBALANCING
from beeyard.workflows import Cluster
from beeyard.workflows.scale import require_allowed, scale_application
from swarm.swarms import service, swarm


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    path = tmp_path / "stack.yml"
    path.write_text(
        """\
services:
  web: {image: "web:1", deploy: {replicas: 3}}
  worker: {image: "web:1", deploy: {replicas: "${WORKERS:-2}"}}
  cron: {image: "web:1"}
  agent: {image: "web:1", deploy: {mode: "${MODE:-global}"}}
  odd: {image: "web:1", deploy: {replicas: "${ODD}x"}}
"""
    )
    return load_stack(path)


@pytest.mark.parametrize(
    ("service", "replicas", "environment"),
    [
        ("web", 3, {}),
        ("web", 9, {}),
        ("worker", 2, {}),
        ("worker", 1, {"WORKERS": "1"}),
        ("cron", 1, {}),
        ("agent", 1, {"MODE": "replicated"}),
    ],
)
def test_the_floor_and_more_is_allowed(
    stack: Stack, service: str, replicas: int, environment: dict[str, str]
) -> None:
    require_allowed(stack, service, replicas, environment)


@pytest.mark.parametrize(
    ("service", "replicas", "environment", "what"),
    [
        ("web", 2, {}, "web can't have fewer than 3 replicas"),
        ("worker", 4, {"WORKERS": "5"}, "worker can't have fewer than 5 replicas"),
        ("cron", 0, {}, "cron can't have fewer than 1 replicas"),
        ("agent", 3, {}, "agent can't be scaled"),
        ("nope", 3, {}, "there is no service nope"),
        ("odd", 3, {}, "`deploy.replicas` of odd is no number: `x`"),
    ],
)
def test_the_rest_is_refused_in_words(
    stack: Stack, service: str, replicas: int, environment: dict[str, str], what: str
) -> None:
    with pytest.raises(AppError) as caught:
        require_allowed(stack, service, replicas, environment)
    assert caught.value.what == what
    assert caught.value.where == str(stack.path)


class Manager:
    """A manager that shows a Swarm, and lets nothing be changed."""

    def __init__(self, *there: Any) -> None:
        self._there = swarm(*there)

    def snapshot(self) -> Snapshot:
        return self._there


def test_a_single_writer_stays_one(tmp_path: Path, make_cluster: Callable[..., Cluster]) -> None:
    (tmp_path / "stack.yml").write_text(
        "services: {web: {image: 'web:1', environment: {URL: 'sqlite:///data/a.db'}}}\n"
    )
    cluster = make_cluster(applications={"shop": {"path": str(tmp_path)}})
    manager: Any = Manager(service("shop_web", "worker-1", stack="shop"))
    with pytest.raises(AppError, match="web can't have 2 replicas") as caught:
        scale_application(cluster, manager, "shop", {"web": 2})
    assert "SQLite" in str(caught.value.why)


def test_what_is_being_rebalanced_is_not_scaled(
    tmp_path: Path, make_cluster: Callable[..., Cluster]
) -> None:
    """It would be brought back to the number that it had when that began."""
    (tmp_path / "stack.yml").write_text("services: {web: {image: 'web:1'}}\n")
    cluster = make_cluster(applications={"shop": {"path": str(tmp_path)}})
    moved = service("shop_web", "worker-1", stack="shop", labels={REBALANCING: "1"})
    manager: Any = Manager(moved)
    with pytest.raises(SwarmError, match="shop_web is being rebalanced"):
        scale_application(cluster, manager, "shop", {"web": 3})
