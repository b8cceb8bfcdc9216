"""`plan` with layers that answer, and layers that don't."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from beeyard import provision
from beeyard.cloud import Outputs, cluster_lock
from beeyard.cloud.api import Account, Aws
from beeyard.cloud.terraform import Change, Plan
from beeyard.errors import AppError, BeeyardError, CloudError, HostError
from beeyard.holder import Holder
from beeyard.provision import Converged, Options
from beeyard.workflows import Cluster, run_plan, schedule
from beeyard.workflows import plan as workflow
from beeyard.workflows.deploy import Deployer
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.plan_report import Remark, Step
from cloud.example import outputs
from swarm.swarms import swarm

T = TypeVar("T")
MakeCluster = Callable[..., Cluster]
ACCOUNT = Account("123456789012", "arn:aws:iam::123456789012:user/ops")
HOLDER = Holder("ada", "laptop", "", 1, "", "2030-01-01T12:00:00+00:00", "up")


class World:
    """What the layers say. All is as it should be, until a test says otherwise."""

    def __init__(self) -> None:
        self.applied: tuple[str, ...] = ("elastic_ips", "swarm_cluster", "efs")
        self.plans: dict[str, Plan | BeeyardError] = {}
        self.broken: BeeyardError | None = None
        self.outputs: Outputs | BeeyardError = outputs(database=None)
        self.silent: dict[str, HostError] = {}
        self.checked: Converged | BeeyardError = Converged({}, ())
        self.holder: Holder | None = None
        self.in_swarm = True
        self.instances: dict[str, str] | CloudError = {
            one.instance_id: "running" for one in outputs().nodes
        }
        self.played: list[Options] = []
        self.asked_for: list[list[str]] = []

    def cloud(self, cluster: Cluster, *, aside: bool) -> Any:
        assert aside
        return SimpleNamespace(
            cluster=cluster,
            account=ACCOUNT,
            bucket="b",
            folders={name: Path(name) for name in ("elastic_ips", "swarm_cluster", "efs")},
            stateful=lambda: self.applied,
            foresee=lambda _, projects: self.foresee(projects),
            outputs=lambda: given(self.outputs),
            lay_out=lambda: None,
        )

    def foresee(self, projects: tuple[str, ...]) -> dict[str, Plan | BeeyardError]:
        if self.broken is not None:
            raise self.broken
        return {name: self.plans.get(name, Plan(name, (), pending=False)) for name in projects}

    def play(self, _playbook: str, _files: object, options: Options, _say: object) -> Converged:
        self.played.append(options)
        return given(self.checked)

    @contextmanager
    def swarm(self) -> Iterator[Any]:
        yield SimpleNamespace(snapshot=swarm)


def given(found: T | BeeyardError) -> T:
    if isinstance(found, BeeyardError):
        raise found
    return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()

    def look(*_: object) -> Any:
        return SimpleNamespace(holder=world.holder) if world.holder else None

    def foresee(deployer: Deployer, coming: dict[str, Any]) -> Any:
        world.asked_for.append(sorted(coming))
        raise AppError(f"the registry of {deployer.name} does not answer")

    monkeypatch.setattr(workflow, "open_cloud", world.cloud)
    monkeypatch.setattr(schedule, "fetch", lambda *_: None)
    monkeypatch.setattr(schedule, "readers", lambda _: ())
    monkeypatch.setattr(cluster_lock, "look", look)
    monkeypatch.setattr(workflow, "unreachable", lambda *_: world.silent)
    monkeypatch.setattr(Aws, "instance_states", lambda *_: given(world.instances))
    monkeypatch.setattr(provision, "run", world.play)
    monkeypatch.setattr(Hosts, "in_swarm", lambda _: world.in_swarm)
    monkeypatch.setattr(Hosts, "swarm", lambda _: world.swarm())
    monkeypatch.setattr(Deployer, "foresee", foresee)
    return world


def shop_of(make_cluster: MakeCluster, **sections: Any) -> Cluster:
    """A cluster whose file wants the nodes that the cloud has."""
    return make_cluster(managers={"count": 1}, workers={"count": 2}, **sections)


def lines(found: Any) -> list[tuple[str, Step | Remark]]:
    return [(layer.name, one) for layer in found.layers for one in (*layer.steps, *layer.unseen)]


def test_nothing_to_change(world: World, make_cluster: MakeCluster) -> None:
    found = run_plan(shop_of(make_cluster))
    assert (found.pending, found.holder, found.to_make) == (False, None, "")
    assert [layer.name for layer in found.layers] == ["cloud", "hosts", "swarm"]
    assert world.played == [Options(check=True)]


def test_all_layers_in_one(world: World, make_cluster: MakeCluster) -> None:
    world.plans["efs"] = Plan("efs", (Change("aws_efs.this", "update"),), pending=True)
    world.checked = Converged({"worker-1": 1}, ("worker-1: Label the node",))
    shop = {"path": "shop", "secrets": {"key": "generate"}}
    found = run_plan(shop_of(make_cluster, applications={"shop": shop}))
    assert lines(found) == [
        ("cloud", Step("efs", "update", "aws_efs.this")),
        ("hosts", Step("worker-1", "change", "Label the node")),
        ("swarm", Step("shop", "create", "secret key")),
        ("swarm", Remark("shop", "the registry of shop does not answer")),
    ]
    assert world.asked_for == [["key"]]


def test_a_terraform_that_does_not_begin_leaves_what_was_never_applied(
    world: World, make_cluster: MakeCluster
) -> None:
    world.applied, world.broken = ("elastic_ips", "swarm_cluster"), CloudError("no provider")
    cloud = run_plan(shop_of(make_cluster)).layers[0]
    assert cloud.steps == (Step("efs", "create", "the whole project"),)
    assert cloud.unseen == tuple(Remark(name, "no provider") for name in world.applied)


def test_who_is_at_work_is_said_and_keeps_nothing(world: World, make_cluster: MakeCluster) -> None:
    world.holder = HOLDER
    found = run_plan(shop_of(make_cluster))
    assert found.holder == str(HOLDER)
    assert not found.pending


def test_of_a_cluster_that_is_not_there_it_says_what_would_be_made(
    world: World, make_cluster: MakeCluster
) -> None:
    world.applied, world.outputs = (), CloudError("there is no cluster `shop` yet")
    found = run_plan(shop_of(make_cluster))
    assert found.to_make.startswith("account 123456789012")
    assert [text for _, text in lines(found)] == [
        *(
            Step(name, "create", "the whole project")
            for name in ("elastic_ips", "swarm_cluster", "efs")
        ),
        *[Remark("all nodes", "there is no cluster `shop` yet")] * 2,
    ]
    assert world.played == []


def test_a_worker_that_is_silent_leaves_the_others(world: World, make_cluster: MakeCluster) -> None:
    world.silent = {"worker-1": HostError("worker-1 does not let us in")}
    found = run_plan(shop_of(make_cluster))
    assert lines(found) == [("hosts", Remark("worker-1", "worker-1 does not let us in"))]
    assert world.played == [Options(check=True, hosts=["manager-1", "worker-2"])]


def test_without_the_first_manager_only_the_cloud_is_seen(
    world: World, make_cluster: MakeCluster
) -> None:
    world.silent = {"manager-1": HostError("manager-1 does not let us in")}
    world.in_swarm = False
    found = run_plan(shop_of(make_cluster))
    assert [name for name, _ in lines(found)] == ["hosts", "swarm"]
    assert world.played == []


def test_of_a_swarm_that_is_lost_it_says_how_it_comes_back(
    world: World, make_cluster: MakeCluster
) -> None:
    world.instances = {"i-manager-1": "terminated", "i-worker-1": "running"}
    found = run_plan(shop_of(make_cluster))
    hosts, (name, swarm_) = lines(found)
    assert (hosts[0], name) == ("hosts", "swarm")
    assert isinstance(swarm_, Remark)
    assert swarm_.text.startswith("manager-1 is gone, and what the Swarm knew with it")
    assert swarm_.text.endswith("beeyard recover")
    assert world.played == []


def test_an_instance_that_was_stopped_is_to_be_started(
    world: World, make_cluster: MakeCluster
) -> None:
    assert isinstance(world.instances, dict)
    (worker, *_) = outputs().workers
    world.instances |= {worker.instance_id: "stopped"}
    cloud, *_ = run_plan(shop_of(make_cluster)).layers
    assert Step("swarm_cluster", "start", worker.name, "it was stopped") in cloud.steps


def test_instances_that_can_t_be_asked_for_are_no_lost_ones(
    world: World, make_cluster: MakeCluster
) -> None:
    world.instances = CloudError("ec2:DescribeInstances is throttled")
    assert not run_plan(shop_of(make_cluster)).pending


def test_a_check_that_fails_leaves_the_other_layers(
    world: World, make_cluster: MakeCluster
) -> None:
    world.checked = HostError("the playbook deploy.yml failed on worker-1")
    found = run_plan(shop_of(make_cluster))
    assert lines(found) == [
        ("hosts", Remark("the playbook", "the playbook deploy.yml failed on worker-1"))
    ]


def test_a_node_that_the_file_wants_and_the_cloud_has_not_made(
    world: World, make_cluster: MakeCluster
) -> None:
    whole = outputs(database=None)
    world.outputs = replace(whole, nodes=whole.nodes[:2])
    found = run_plan(shop_of(make_cluster))
    assert lines(found) == [("hosts", Remark("worker-2", "the cloud is yet to make it"))]
