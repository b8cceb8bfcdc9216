"""What `up` would change, put together from what was found in each layer."""

import json
from dataclasses import replace
from typing import Any

import pytest

from apps.example import release
from beeyard.apps import Hook, Release, planned
from beeyard.cloud.terraform import Change, Plan
from beeyard.errors import AppError, BeeyardError, CloudError, HostError
from beeyard.provision import Converged
from beeyard.swarm import Network, Snapshot
from beeyard.workflows import ClusterPlan
from beeyard.workflows.deploy import Foreseen
from beeyard.workflows.plan_report import (
    Layer,
    Remark,
    Step,
    cloud_layer,
    hosts_layer,
    swarm_layer,
    unseen_layer,
)
from cloud.example import spec
from swarm.swarms import node, service, swarm

SHOP = {"shop": {"path": "shop", "secrets": {"key": "generate", "other": "generate"}}}
WEB = "services: {web: {image: a, deploy: {replicas: 2}}}\n"


def running(*nodes: str, **changes: Any) -> Snapshot:
    fields = {"stack": "shop", "networks": ("shop_default",), "definition": "left"} | changes
    seen = swarm(service("shop_web", *nodes, **fields))
    return replace(seen, networks=(Network("shop_default", "overlay", {}),))


def foreseen(
    new: Release, old: Release | None, snapshot: Snapshot, left: str = "left", **changes: Any
) -> Foreseen:
    plan = planned(new, old, snapshot, {"shop_web": left})
    fields: dict[str, Any] = {"unbuilt": (), "cut_short": None}
    return Foreseen(new, old, plan, snapshot=snapshot, **(fields | changes))


def of_shop(found: Foreseen | BeeyardError, snapshot: Snapshot | None = None) -> Layer:
    seen = snapshot or (swarm() if isinstance(found, BeeyardError) else found.snapshot)
    return swarm_layer(spec(applications=SHOP), seen, (), {"shop": found})


class TestCloud:
    def test_each_change_by_action_and_address(self) -> None:
        changes = (Change("aws_instance.node", "update"), Change("aws_eip.this", "create"))
        nodes = Plan("nodes", changes, pending=True, drifted=frozenset({"aws_instance.node"}))
        layer = cloud_layer({"nodes": nodes, "efs": Plan("efs", (), pending=False)})
        assert layer.steps == (
            Step("nodes", "update", "aws_instance.node", "changed by hand"),
            Step("nodes", "create", "aws_eip.this"),
        )
        assert not layer.unseen

    def test_outputs_alone_are_a_change(self) -> None:
        layer = cloud_layer({"efs": Plan("efs", (), pending=True)})
        assert layer.steps == (Step("efs", "update", "its outputs"),)

    def test_what_was_never_applied_is_made_whole(self) -> None:
        assert cloud_layer({}, ["dns"]).steps == (Step("dns", "create", "the whole project"),)

    def test_a_project_that_could_not_be_planned_leaves_the_others(self) -> None:
        error = CloudError("Terraform could not plan the project `efs`", why="first\nlast")
        layer = cloud_layer({"efs": error, "dns": Plan("dns", (), pending=False)})
        assert layer.steps == ()
        assert layer.unseen == (Remark("efs", "Terraform could not plan the project `efs`: last"),)
        assert layer.pending


class TestHosts:
    def test_tasks_by_node(self) -> None:
        layer = hosts_layer(Converged({"worker-1": 1}, ("worker-1: Label: the node",)), {})
        assert layer.steps == (Step("worker-1", "change", "Label: the node"),)

    def test_a_node_without_an_answer_leaves_the_others(self) -> None:
        silent = {"worker-2": HostError("worker-2 does not let us in after 5 s")}
        layer = hosts_layer(Converged({}, ()), silent)
        assert (layer.steps, layer.pending) == ((), True)
        assert layer.unseen == (Remark("worker-2", "worker-2 does not let us in after 5 s"),)

    def test_a_node_that_is_yet_to_come(self) -> None:
        layer = hosts_layer(Converged({}, ()), {}, coming=["worker-3"])
        assert layer.unseen == (Remark("worker-3", "the cloud is yet to make it"),)

    def test_a_check_that_failed_and_one_that_was_not_run(self) -> None:
        failed = hosts_layer(HostError("the playbook failed"), {}, ["manager-1"])
        assert failed.unseen == (Remark("the playbook", "the playbook failed"),)
        assert failed.steps == (Step("manager-1", "build", "image of the controller"),)
        assert not hosts_layer(None, {}).pending

    def test_nobody_said_who_has_the_image_of_the_controller(self) -> None:
        layer = hosts_layer(None, {}, HostError("no answer"))
        assert layer.unseen == (Remark("image of the controller", "no answer"),)


class TestSwarm:
    def test_nothing(self) -> None:
        found = foreseen(release(WEB, 2), release(WEB), running("worker-1", "worker-2"))
        assert of_shop(found) == Layer("swarm")
        assert not of_shop(found).pending

    def test_a_node_that_the_swarm_calls_down(self) -> None:
        """Unless it is what a node was before, that is back by another ID."""
        ghost = node("worker-1", state="down", id="before")
        seen = swarm(nodes=(node("worker-1"), ghost, node("worker-2", state="down")))
        layer = swarm_layer(spec(), seen, (), {})
        assert layer.steps == (Step("worker-2", "rejoin", "the Swarm", "which calls it down"),)

    def test_a_service_that_somebody_changed(self) -> None:
        seen = running("worker-1", "worker-2", definition="theirs")
        layer = of_shop(foreseen(release(WEB, 2), release(WEB), seen))
        assert layer.steps == (Step("shop", "update", "web", "changed by hand"),)

    def test_a_service_that_somebody_removed_with_its_network(self) -> None:
        layer = of_shop(foreseen(release(WEB, 2), release(WEB), swarm()))
        assert layer.steps == (
            Step("shop", "create", "network shop_default"),
            Step("shop", "create", "web", "removed by hand"),
        )

    def test_a_service_scaled_to_less_than_the_file_says(self) -> None:
        layer = of_shop(foreseen(release(WEB, 2), release(WEB), running("worker-1")))
        note = "scaled by hand to 1; 2 are to be there"
        assert layer.steps == (Step("shop", "update", "web", note),)

    def test_a_service_scaled_to_more_stays(self) -> None:
        seen = running("worker-1", "worker-2", "worker-3")
        layer = of_shop(foreseen(release(WEB, 2), release(WEB), seen))
        assert (layer.steps, layer.pending) == ((), False)
        assert layer.stays == (Remark("shop", "web keeps its 3 replicas; the file says 2"),)

    def test_a_change_of_the_file_is_nobodys_hand(self) -> None:
        new = release(WEB.replace("image: a", "image: b"), 2, configs=("shop_conf.0123456789ab",))
        old = release(f"{WEB[:-2]}, gone: {{image: g}}}}\n")
        seen = swarm(
            service("shop_web", "worker-1", "worker-2", stack="shop"),
            service("shop_gone", "worker-1", stack="shop"),
        )
        layer = of_shop(foreseen(new, old, seen, unbuilt=("web",)))
        assert layer.steps == (
            Step("shop", "build", "image of web"),
            Step("shop", "create", "config shop_conf.0123456789ab"),
            Step("shop", "create", "network shop_default"),
            Step("shop", "update", "web"),
            Step("shop", "remove", "gone"),
        )

    def test_the_first_release_with_its_tasks(self) -> None:
        hooks: dict[str, Any] = {
            "pre_deploy": Hook("web", ("a",), 1.0),
            "post_deploy": Hook("web", ("b",), 1.0),
        }
        text = f"{WEB}networks: {{default: {{name: own}}, out: {{external: true}}}}\n"
        layer = of_shop(foreseen(release(text, **hooks), None, swarm()))
        assert layer.steps == (
            Step("shop", "create", "network own"),
            Step("shop", "run", "web: the task before a release"),
            Step("shop", "create", "web"),
            Step("shop", "run", "web: the task after a release"),
        )

    def test_a_release_that_changes_no_service(self) -> None:
        new = release(f"{WEB}volumes: {{unused: {{}}}}\n", 2)
        layer = of_shop(foreseen(new, release(WEB), running("worker-1", "worker-2")))
        assert layer.steps == (Step("shop", "release", "release 2", "no service changes"),)

    def test_a_rollout_that_was_cut_short(self) -> None:
        seen = running("worker-1", "worker-2")
        found = foreseen(release(WEB, 3), release(WEB), seen, cut_short="release 2 was")
        assert of_shop(found).steps == (
            Step("shop", "finish", "a rollout that was cut short", "release 2 was"),
        )

    def test_a_network_that_is_there_is_not_made(self) -> None:
        seen = replace(running("worker-1"), services=())
        layer = of_shop(foreseen(release(WEB, 2), release(WEB), seen))
        assert [step.what for step in layer.steps] == ["web"]

    def test_secrets_that_the_swarm_lacks(self) -> None:
        layer = swarm_layer(spec(applications=SHOP), swarm(), ["key"], {})
        assert layer.steps == (Step("shop", "create", "secret key"),)

    def test_an_application_that_could_not_be_looked_at(self) -> None:
        layer = of_shop(AppError("the registry does not answer"))
        assert layer.unseen == (Remark("shop", "the registry does not answer"),)

    def test_a_node_that_takes_no_tasks_stays_so(self) -> None:
        seen = swarm(nodes=(node("worker-1", availability="drain"), node("worker-2")))
        layer = swarm_layer(spec(), seen, (), {})
        text = "its availability stays `drain`: beeyard node activate worker-1"
        assert (layer.stays, layer.pending) == ((Remark("worker-1", text),), False)


@pytest.fixture
def nothing() -> ClusterPlan:
    layers = (Layer("cloud"), Layer("hosts"), Layer("swarm"))
    return ClusterPlan("shop", "eu-central-1", "aws", None, "", layers)


def test_nothing_is_pending(nothing: ClusterPlan) -> None:
    assert (nothing.pending, nothing.changes) == (False, 0)
    assert nothing.as_dict()["layers"][0] == {
        "name": "cloud",
        "changes": [],
        "unseen": [],
        "stays": [],
    }


def test_what_was_not_seen_is_pending_and_no_change() -> None:
    hosts = unseen_layer("hosts", "all nodes", CloudError("there is no cluster"))
    cloud = Layer("cloud", (Step("dns", "create", "the whole project"),))
    plan = ClusterPlan("shop", "eu-central-1", "aws", "ada: up", "2 nodes", (cloud, hosts))
    said = json.loads(json.dumps(plan.as_dict()))
    assert said == {
        "pending": True,
        "changes": 1,
        "name": "shop",
        "region": "eu-central-1",
        "world": "aws",
        "holder": "ada: up",
        "to_make": "2 nodes",
        "layers": [
            {
                "name": "cloud",
                "changes": [
                    {
                        "where": "dns",
                        "action": "create",
                        "what": "the whole project",
                        "note": "",
                    }
                ],
                "unseen": [],
                "stays": [],
            },
            {
                "name": "hosts",
                "changes": [],
                "unseen": [{"where": "all nodes", "text": "there is no cluster"}],
                "stays": [],
            },
        ],
    }
