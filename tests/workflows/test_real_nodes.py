"""The commands on nodes and replicas, from argv to the Swarm; only the cloud is left out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from beeyard.cli import applications, nodes
from beeyard.cli.main import app
from beeyard.errors import AppError, BeeyardError, SwarmError
from beeyard.process import Command
from beeyard.swarm import Manager, await_converged
from beeyard.waiting import SystemClock
from beeyard.workflows import Cluster, Event
from beeyard.workflows import nodes as workflow
from cloud.example import outputs
from swarm.real_services import QUICK, SERVES, find
from workflows.hosts_of import hosts_of

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Yard:
    """A cluster of the tests' nodes, and what it told while commands ran."""

    manager: Manager
    events: list[Event]

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "120", "TERM": "dumb"})

    def json(self, *arguments: str) -> Any:
        result = self.run("--json", *arguments)
        if result.exception:
            raise result.exception
        return json.loads(result.stdout)

    def error(self, *arguments: str) -> BeeyardError:
        error = self.run(*arguments).exception
        assert isinstance(error, BeeyardError)
        return error


@pytest.fixture
def yard(
    real_swarm: Any,
    manager: Manager,
    make_cluster: Any,
    events: list[Event],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Yard]:
    made: Cluster = make_cluster(applications={"shop": {"path": "."}})
    cluster = replace(made, clock=SystemClock())
    (tmp_path / "stack.yml").write_text(
        'services:\n  web: {image: "tiny:1", deploy: {replicas: 2}}\n'
        '  agent: {image: "tiny:1", deploy: {mode: global}}\n'
    )
    hosts = hosts_of(cluster, outputs(), tmp_path, real_swarm.ssh_config)

    @contextmanager
    def opened(*_: Any, **__: Any) -> Iterator[Cluster]:
        yield cluster

    for module in (nodes, applications):
        monkeypatch.setattr(module, "open_cluster", opened)
    # The cluster's lock is in the cloud (test_alone).
    monkeypatch.setattr(nodes, "alone_in", lambda *_: nullcontext())
    for module in (workflow, applications):
        monkeypatch.setattr(module, "hosts_of", lambda _: hosts)
    docker = real_swarm.on("manager-1")
    argv = ["docker", "service", "create", "--quiet", "--detach", "--with-registry-auth"]
    argv += ["--no-resolve-image", "--endpoint-mode=dnsrr", "--replicas=2", "--name=shop_web"]
    argv += ["--label=com.docker.stack.namespace=shop", "--constraint=node.role==worker"]
    docker.run(Command([*argv, real_swarm.tiny, "/bin/sh", "-c", SERVES]))
    try:
        await_converged(manager, ["shop_web"], patience=QUICK)
        yield Yard(manager, events)
    finally:
        docker.run(Command(["docker", "service", "rm", "shop_web"]))
        docker.run(Command(["docker", "node", "update", "--availability=active", "worker-1"]))


def test_a_node_is_drained_and_comes_back(yard: Yard) -> None:
    assert [node["name"] for node in yard.json("node", "ls")] == [
        "manager-1",
        "worker-1",
        "worker-2",
    ]
    assert yard.json("node", "drain", "worker-1") == {
        "node": "worker-1",
        "moved": ["shop_web"],
        "stopped": [],
    }
    said = [event.text for event in yard.events]
    assert "shop_web: replaced elsewhere, then stopped" in said
    assert said[-1] == "1 services moved, 0 stopped first"
    listed = yard.run("node", "ls").stdout
    row = next(line for line in listed.splitlines() if line.startswith("worker-1"))
    assert row.split()[:4] == ["worker-1", "worker", "ready", "drain"]
    assert row.split()[-1] == "0"

    said_again = yard.run("node", "drain", "worker-1").stdout
    assert said_again == "worker-1 is drained\n"
    assert yard.run("node", "activate", "worker-1").stdout == (
        "worker-1 takes tasks; `beeyard rebalance` moves some there\n"
    )
    assert yard.run("rebalance").stdout == (
        "shop_web: worker-1 0, worker-2 2; now worker-1 1, worker-2 1\n"
    )
    assert yard.run("rebalance").stdout == "nothing gains from moving\n"


def test_what_is_not_drained_stays(yard: Yard) -> None:
    assert isinstance(yard.error("node", "rm", "worker-1"), SwarmError)
    assert yard.error("node", "rm", "manager-1").why == "it is the manager that beeyard comes in by"
    assert yard.error("node", "drain", "worker-9").fix == (
        "name one of manager-1, worker-1, worker-2"
    )


def test_an_application_is_scaled(yard: Yard) -> None:
    assert yard.json("scale", "shop", "web=3") == [{"service": "web", "before": 2, "after": 3}]
    assert len(find(yard.manager.snapshot(), "shop_web").running) == 3
    assert yard.run("scale", "shop", "web=2").stdout == "web: 3 → 2 replicas\n"
    for wrong in ("web=1", "agent=2", "nope=3"):
        assert isinstance(yard.error("scale", "shop", wrong), AppError)
    assert find(yard.manager.snapshot(), "shop_web").wanted == 2
