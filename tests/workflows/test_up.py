"""`up` of a cluster that is there: what its cloud would change is asked for before it is."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from beeyard.backup import Backup, Listing
from beeyard.cloud.api import Account
from beeyard.cloud.nodes import Turnover, address_of
from beeyard.cloud.terraform import Change, Plan
from beeyard.errors import CloudError, Refused, SwarmError
from beeyard.provision import Converged
from beeyard.workflows import Cluster, Event, Phase, lost, run_up
from beeyard.workflows import make as make_workflow
from beeyard.workflows import up as up_workflow
from beeyard.workflows.cloud import Cloud
from beeyard.workflows.consent import Consent, describe
from beeyard.workflows.lost import SwarmLost
from beeyard.workflows.up import _keep
from cloud.example import outputs, spec
from swarm import swarms
from workflows.backups_of import backup

MakeCluster = Callable[..., Cluster]

ACCOUNT = Account("123456789012", "arn:aws:iam::123456789012:user/ops")
ADDRESSES = Plan("elastic_ips", (), pending=False)
NODES = Plan("swarm_cluster", (Change("node", "replace"),), pending=True)
SHOWN = """\
account 123456789012 (arn:aws:iam::123456789012:user/ops), region eu-central-1
swarm_cluster: 1 to replace
  replace node"""


@dataclass
class StubCloud:
    """A cloud whose projects were all applied, and whose hosts are out of reach. `missing`: the
    projects that were not."""

    plans: dict[str, Plan]
    missing: tuple[str, ...] = ()
    planned: int = 0
    account: Account = ACCOUNT
    folders: dict[str, Path] = field(init=False)

    def __post_init__(self) -> None:
        self.folders = {name: Path(name) for name in self.plans}

    def managers(self) -> tuple[str, ...]:
        return ("manager-1", "manager-2", "manager-3")

    def workers(self) -> tuple[str, ...]:
        return ()

    def stateful(self) -> tuple[str, ...]:
        return tuple(name for name in self.plans if name not in self.missing)

    def plan(self, _: Phase) -> dict[str, Plan]:
        self.planned += 1
        return self.plans

    def outputs(self) -> NoReturn:
        raise CloudError("the cluster `shop` is only half made")


def cloud(*plans: Plan, missing: tuple[str, ...] = ()) -> Any:
    return StubCloud({plan.project: plan for plan in plans}, missing)


def refuse(what: str) -> NoReturn:
    raise Refused(f"no: {what}")


def never(what: str) -> NoReturn:
    raise AssertionError(f"asked: {what}")


def test_a_change_comes_first_once_it_was_confirmed(make_cluster: MakeCluster) -> None:
    asked: list[str] = []
    kept = _keep(make_cluster(), cloud(ADDRESSES, NODES), Consent.by(asked.append))
    assert kept == Turnover()
    assert asked == [SHOWN]


GONE = Plan("swarm_cluster", (Change(address_of("manager-1"), "create"),), pending=True)


class OneManager(StubCloud):
    def managers(self) -> tuple[str, ...]:
        return ("manager-1",)

    def workers(self) -> tuple[str, ...]:
        return self.there

    there: tuple[str, ...] = ()


@pytest.mark.parametrize(("workers", "played"), [(2, True), (3, False)])
def test_where_nodes_come_or_go_the_hosts_wait_for_the_cloud(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch, workers: int, played: bool
) -> None:
    """Their playbook runs once the nodes are there; before, it would only be waited for."""
    plays: list[object] = []
    monkeypatch.setattr(up_workflow, "_hosts", lambda *given: plays.append(given))
    one: Any = OneManager({plan.project: plan for plan in (ADDRESSES, NODES)})
    one.outputs = outputs
    cluster = replace(make_cluster(), spec=spec(managers={"count": 1}, workers={"count": workers}))
    assert _keep(cluster, one, Consent.by(lambda _: None)) == Turnover()
    assert bool(plays) is played


class StubHosts:
    """Nodes that let us in, and what is done with them, in order. `engines`: whether those run;
    None: there is no Swarm."""

    def __init__(self, engines: bool | None) -> None:
        self.outputs = outputs()
        self.engines = engines
        self.done: list[str] = []

    def in_swarm(self) -> bool:
        return self.engines is not None

    def swarm(self) -> Any:
        return nullcontext(SimpleNamespace(snapshot=swarms.swarm))

    def play(self, *_: object) -> Converged:
        self.done.append("all at once")
        return Converged({}, ())

    def image(self, _: object, *, engines: bool = True) -> bool:
        self.done.append("image" if engines else "image?")
        return engines or bool(self.engines)


IN_TURNS = ["swarm", "image", "files and services", "secrets"]


@pytest.mark.parametrize(
    ("engines", "done"),
    [(True, ["image?", "all at once"]), (False, ["image?", *IN_TURNS]), (None, IN_TURNS)],
    ids=["all there", "one not yet", "no Swarm"],
)
def test_an_engine_that_can_t_be_asked_for_an_image_is_made_first(
    make_cluster: MakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    engines: bool | None,
    done: list[str],
) -> None:
    """An `up` that was killed may have left a machine without one."""
    hosts: Any = StubHosts(engines)
    monkeypatch.setattr(up_workflow, "reach", lambda *_, **__: hosts)
    for name in ("await_names", "refuse_orphans"):
        monkeypatch.setattr(up_workflow, name, lambda *_: None)
    for name, what in (
        ("swarm_of", "swarm"),
        ("infrastructure_of", "files and services"),
        ("secrets_of", "secrets"),
    ):
        monkeypatch.setattr(up_workflow, name, partial(_noted, hosts, what))
    monkeypatch.setattr(up_workflow, "controller_image", hosts.image)
    one: Any = OneManager({ADDRESSES.project: ADDRESSES})
    one.outputs = outputs
    cluster = replace(make_cluster(), spec=spec(managers={"count": 1}, workers={"count": 2}))
    kept = _keep(cluster, one, Consent.by(never))
    assert hosts.done == done
    assert kept == (hosts, 3 if "swarm" in done else 0)


def test_an_engine_that_does_not_answer_is_an_error_once_all_were_seen_to_run(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch, events: list[Event]
) -> None:
    def silent(*_: object) -> NoReturn:
        raise SwarmError("the Docker engine of worker-2 does not run")

    monkeypatch.setattr(make_workflow, "have_image", silent)
    cluster = replace(make_cluster(), spec=spec(infrastructure=["registry", "ci"]))
    hosts: Any = SimpleNamespace(cluster=cluster)
    assert make_workflow.controller_image(hosts, engines=False) is False
    assert events[-1].text == "not yet: the Docker engine of worker-2 does not run"
    with pytest.raises(SwarmError, match="worker-2 does not run"):
        make_workflow.controller_image(hosts)


def _noted(hosts: StubHosts, what: str, *_: object) -> int:
    hosts.done.append(what)
    return 1


@pytest.mark.parametrize(
    ("listed", "workers", "says"),
    [
        ((backup(),), (), "manager-1 is gone, and what the Swarm knew"),
        ((), ("worker-1",), "manager-1 is gone, and there is no good backup"),
        ((), (), None),
    ],
)
def test_a_manager_that_is_gone_is_not_made_again_where_there_was_a_swarm(
    make_cluster: MakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    listed: tuple[Backup, ...],
    workers: tuple[str, ...],
    says: str | None,
) -> None:
    """With neither a backup nor a worker there is nothing that it would be without."""
    monkeypatch.setattr(lost, "backups", lambda _: Listing(listed, ()))
    one: Any = OneManager({"swarm_cluster": GONE})
    one.there = workers
    cluster = replace(make_cluster(), spec=spec(managers={"count": 1}))
    if says:
        with pytest.raises(SwarmLost, match=says):
            _keep(cluster, one, Consent.by(never))
    else:
        assert _keep(cluster, one, Consent.by(lambda _: None)) == Turnover(absent=("manager-1",))


def test_without_a_change_nothing_is_asked_and_the_hosts_have_their_say(
    make_cluster: MakeCluster,
) -> None:
    with pytest.raises(CloudError, match="only half made"):
        _keep(make_cluster(), cloud(ADDRESSES), Consent.by(never))


@pytest.fixture
def nothing_made(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cloud], None]:
    """`nothing_made(cloud)`: `up` gets this cloud, and fails where it would go on to make it."""

    def of(one: Cloud) -> None:
        def make(*_: object) -> NoReturn:
            raise AssertionError("it was made")

        monkeypatch.setattr(up_workflow, "open_cloud", lambda _: one)
        monkeypatch.setattr(up_workflow, "make", make)
        monkeypatch.setattr(up_workflow, "alone", lambda *_, **__: nullcontext())

    return of


def test_a_change_that_is_refused_is_not_made(
    make_cluster: MakeCluster, nothing_made: Callable[[Cloud], None], events: list[Event]
) -> None:
    nothing_made(cloud(ADDRESSES, NODES))
    with pytest.raises(Refused) as caught:
        run_up(make_cluster(), Consent.by(refuse))
    assert caught.value.what == f"no: {SHOWN}"
    assert [event.phase for event in events if event.state == "done"] == ["account", "cloud"]


def test_a_cluster_that_is_refused_is_neither_planned_nor_made(
    make_cluster: MakeCluster, nothing_made: Callable[[Cloud], None]
) -> None:
    one = cloud(ADDRESSES, NODES, missing=("swarm_cluster",))
    nothing_made(one)
    with pytest.raises(Refused) as caught:
        run_up(make_cluster(), Consent.by(refuse))
    assert caught.value.what == f"no: {describe(spec(), ACCOUNT)}"
    assert one.planned == 0
