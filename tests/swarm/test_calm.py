"""What keeps a deploy from beginning: tasks are being moved, or can't be."""

import pytest

from beeyard.errors import SwarmError
from beeyard.swarm.calm import require_calm, require_no_pause, require_not_rebalanced
from beeyard.swarm.exclusion import DRAINING
from beeyard.swarm.rebalance import REBALANCING
from swarm.swarms import node, service, swarm

WEB = service("shop_web", "worker-1", stack="shop")
AGENT = service("shop_agent", "manager-1", "worker-1", stack="shop", mode="global")
PAUSED = (node("manager-1"), node("worker-1", availability="pause"))


def test_nothing_moves() -> None:
    require_calm(swarm(WEB, AGENT), "shop")


def test_a_node_is_being_drained() -> None:
    drained = node("worker-1", labels={DRAINING: "yes"})
    with pytest.raises(SwarmError) as caught:
        require_calm(swarm(WEB, nodes=(drained,)), "shop")
    assert caught.value.what == "worker-1 is being drained"
    require_not_rebalanced(swarm(WEB, nodes=(drained,)), "shop")


def test_a_service_is_being_rebalanced() -> None:
    moved = service("shop_web", "worker-1", stack="shop", labels={REBALANCING: "1"})
    for require in (require_calm, require_not_rebalanced):
        with pytest.raises(SwarmError) as caught:
            require(swarm(moved), "shop")
        assert caught.value.what == "shop_web is being rebalanced"
        require(swarm(moved), "wiki")


def test_a_global_service_on_a_paused_node_is_not_updated() -> None:
    there = swarm(WEB, AGENT, nodes=PAUSED)
    with pytest.raises(SwarmError) as caught:
        require_no_pause(there, "shop", ["agent"])
    assert caught.value.what == "shop_agent can't be updated on worker-1"
    require_no_pause(there, "shop", ["web"])
    require_no_pause(there, "wiki", ["agent"])
