"""What was seen of cloud, Swarm and addresses, put together."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from backup.example import taken
from beeyard.apps import ProbeResult
from beeyard.apps.probe import Certificate
from beeyard.cli.tables import show_status
from beeyard.cloud import Outputs
from beeyard.cloud.api import Aws
from beeyard.swarm import Node, Resources, Service, Snapshot, Task
from beeyard.testing import FakeRunner
from beeyard.workflows import Cluster, Status, run_status
from beeyard.workflows import status as workflow
from beeyard.workflows.status import assemble
from cloud.example import outputs

MakeCluster = Callable[..., Cluster]
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
NODES = ("manager-1", "worker-1", "worker-2")
RUNNING = dict.fromkeys((f"i-{name}" for name in NODES), "running")
URL = "https://shop.example.com/"


def member(name: str, state: str = "ready") -> Node:
    return Node(
        id=f"id-{name}",
        name=name,
        role="manager" if name.startswith("manager") else "worker",
        state=state,
        availability="active",
        address="10.20.1.11",
        leader=False,
        engine_version="28.0.0",
        architecture="x86_64",
        resources=Resources(2.0, 4 << 30),
        labels={},
    )


def task(node: str, state: str = "running") -> Task:
    return Task("1", "web.1", node, state, "running", "", None, None, NOW, current=True)


def service(*tasks: Task, wanted: int, mode: Any = "replicated") -> Service:
    return Service(
        id="s",
        name="shop_web",
        stack="shop",
        image="web:1",
        mode=mode,
        wanted=wanted,
        tasks=tasks,
        update=None,
        endpoint_mode="vip",
        ports=(),
        networks=(),
        healthcheck=True,
        constraints=(),
        labels={},
        version=1,
        definition="abc",
    )


SSH_REFUSED = "ssh: connect to host 198.51.100.1 port 22: Connection refused"


def swarm(*services: Service, members: Sequence[Node] | None = None) -> Snapshot:
    everybody = [member(name) for name in NODES]
    return Snapshot(NOW, tuple(everybody if members is None else members), services, (), (), ())


def answer(status: int | None = 200, problem: str | None = None) -> ProbeResult:
    certificate = None if problem else Certificate("Some Authority", NOW)
    return ProbeResult(URL, "198.51.100.1", status, 0.1, certificate, problem)


@pytest.fixture
def look(make_cluster: MakeCluster) -> Callable[..., Status]:
    def at(
        snapshot: Snapshot | None,
        instances: Mapping[str, str] = RUNNING,
        answers: Sequence[ProbeResult] = (),
        left_out: Mapping[str, str] | None = None,
        seen: Outputs | None = None,
        problem: str | None = None,
    ) -> Status:
        cluster = make_cluster()
        seen = seen or outputs()
        return assemble(cluster, seen, instances, snapshot, answers, left_out or {}, problem)

    return at


Look = Callable[..., Status]


def test_all_is_well(look: Look) -> None:
    web = service(task("worker-1"), task("worker-2"), wanted=2)
    status = look(swarm(web), answers=[answer()])

    assert status.ok
    assert [node.state for node in status.nodes] == ["ready"] * 3
    assert (status.services[0].running, status.services[0].nodes) == (2, ("worker-1", "worker-2"))
    assert (status.world, status.database, status.file_system) == (
        "elsewhere",
        "shop.rds.test",
        "fs-1",
    )


@pytest.mark.parametrize(
    ("instance", "members", "state"),
    [
        ("running", ("ready",), "ready"),
        ("running", ("down",), "down"),
        ("running", (), "not in the swarm"),
        ("stopped", ("down",), "stopped"),
        (None, ("down",), "missing"),
    ],
)
def test_a_node_is_what_is_nearest_to_the_cause(
    look: Look, instance: str | None, members: tuple[str, ...], state: str
) -> None:
    instances = {key: value for key, value in RUNNING.items() if key != "i-worker-1"}
    if instance:
        instances["i-worker-1"] = instance
    others = [member("manager-1"), member("worker-2")]
    joined = [*others, *(member("worker-1", one) for one in members)]

    status = look(swarm(members=joined), instances)

    assert {node.name: node.state for node in status.nodes} == {
        "manager-1": "ready",
        "worker-1": state,
        "worker-2": "ready",
    }
    assert status.ok is (state == "ready")


def test_a_replica_that_does_not_run(look: Look) -> None:
    status = look(swarm(service(task("worker-1"), task("worker-2", "starting"), wanted=2)))
    assert (status.services[0].running, status.services[0].wanted) == (1, 2)
    assert not status.ok


def test_a_job_that_came_to_its_end(look: Look) -> None:
    job = service(task("worker-1", "complete"), wanted=1, mode="replicated-job")
    assert look(swarm(job)).ok


def test_an_address_and_its_certificate(look: Look) -> None:
    (url,) = look(swarm(), answers=[answer(status=302)]).urls
    assert (url.url, url.address, url.ok, url.answer) == (URL, "198.51.100.1", True, "302")
    assert (url.issuer, url.expires) == ("Some Authority", "2030-01-01T12:00:00+00:00")


def test_an_address_that_does_not_answer(look: Look) -> None:
    status = look(swarm(), answers=[answer(None, "nobody listens at port 443")])
    (url,) = status.urls
    assert (url.ok, url.answer, url.issuer) == (False, "nobody listens at port 443", None)
    assert not status.ok


def test_an_address_under_maintenance_is_as_it_should_be(look: Look) -> None:
    status = look(swarm(), answers=[replace(answer(status=503), maintenance=True)])
    assert (status.urls[0].answer, status.ok) == ("503 maintenance", True)


def test_services_that_were_left_out_are_said_and_are_no_failure(look: Look) -> None:
    status = look(swarm(), left_out={"portainer": "image not available"})
    assert status.skipped == {"portainer": "image not available"}
    assert status.ok


def test_as_json(look: Look) -> None:
    seen = replace(outputs(), database=None)
    found = look(swarm(service(task("worker-1"), wanted=1)), answers=[answer()], seen=seen)

    shown = json.loads(json.dumps(found.as_dict()))

    assert shown["ok"] is True
    assert shown["problem"] is None
    assert shown["database"] is None
    assert shown["nodes"][1] == {
        "name": "worker-1",
        "role": "worker",
        "zone": "eu-central-1b",
        "address": "10.20.7.4",
        "instance_type": "t3.small",
        "state": "ready",
    }
    assert shown["services"] == [
        {"name": "shop_web", "running": 1, "wanted": 1, "nodes": ["worker-1"]}
    ]
    assert set(shown["urls"][0]) == {
        *("url", "address", "ok", "listening", "answer", "issuer", "expires"),
    }


@pytest.mark.parametrize(
    ("said", "code", "seen"),
    [
        ("success\n", 0, None),
        ("exit-code\n", 0, "its last run failed (exit-code)"),
        ("no bus", 1, "it was not seen: no bus"),
    ],
)
def test_what_the_schedule_came_to(said: str, code: int, seen: str | None) -> None:
    runner: Any = FakeRunner().expect("systemctl", ..., stdout=said, code=code)
    assert workflow.failed_schedule(runner) == seen


def test_a_backup_that_is_late_is_said(make_cluster: MakeCluster, look: Look) -> None:
    moment = datetime.now(UTC) - timedelta(days=2)
    old = taken(moment)
    kept: Any = SimpleNamespace(newest_good={"files": old}.get)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "store_of", lambda _: kept)
        cluster = make_cluster()
        with cluster.progress.phase("backups") as phase:
            found = workflow.newest(cluster, phase)
    assert [(one.kind, one.id, one.late) for one in found] == [
        ("files", old.id, True),
        ("raft", None, True),
    ]
    screen = StringIO()
    console = Console(file=screen, width=200)
    show_status(console, replace(look(swarm()), backups=found, schedule="its last run failed (x)"))
    said = screen.getvalue()
    assert f"the newest good backup of files is LATE: {old.id}, 48 hours old" in said
    assert "there is no good backup of raft yet" in said
    assert "the schedule of backups: its last run failed (x)" in said


def test_a_manager_that_traefik_does_not_run_on(look: Look) -> None:
    refused = replace(answer(None, "nothing listens"), address="198.51.100.2", listening=False)
    assert look(swarm(), answers=[answer(), refused]).ok
    assert not look(swarm(), answers=[refused]).ok


def test_a_swarm_that_can_not_be_asked(look: Look) -> None:
    instances = RUNNING | {"i-manager-1": "stopped"}
    status = look(None, instances, answers=[answer()], problem="it is away")
    assert [node.state for node in status.nodes] == ["stopped", "unknown", "unknown"]
    assert (status.services, status.urls[0].ok, status.ok) == ((), True, False)
    assert status.as_dict()["problem"] == "it is away"


def test_what_is_half_seen_is_not_well(look: Look) -> None:
    assert not look(swarm(), problem="skipped.json can't be read").ok


def test_the_first_manager_is_down(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "read_outputs", lambda _: outputs())
    monkeypatch.setattr(workflow, "fetch", lambda *_: None)
    monkeypatch.setattr(Aws, "instance_states", lambda *_: RUNNING | {"i-manager-1": "stopped"})
    monkeypatch.setattr(workflow, "probe_urls", lambda *_: [answer()])
    runner: Any = FakeRunner().expect("ssh", ..., stderr=f"debug\n{SSH_REFUSED}\n", code=255)
    with runner:
        status = run_status(replace(make_cluster(), runner=runner))
    assert status.problem == f"manager-1 refuses SSH connections: {SSH_REFUSED}"
    assert [node.state for node in status.nodes] == ["stopped", "unknown", "unknown"]
    assert [url.ok for url in status.urls] == [True]
    assert not status.ok


def test_the_only_manager_is_gone(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked, and the way back is named."""
    seen = outputs()
    one = replace(seen, nodes=tuple(n for n in seen.nodes if n.name in NODES))
    monkeypatch.setattr(workflow, "read_outputs", lambda _: one)
    monkeypatch.setattr(Aws, "instance_states", lambda *_: RUNNING | {"i-manager-1": "terminated"})
    monkeypatch.setattr(workflow, "probe_urls", lambda *_: [])
    runner: Any = FakeRunner()
    status = run_status(replace(make_cluster(), runner=runner))
    assert "beeyard recover" in str(status.problem)
    assert status.nodes[0].state == "terminated"
    assert not status.ok
