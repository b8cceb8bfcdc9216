"""A node drained on a real Swarm: nothing is lost, and what is cut short is finished or undone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from beeyard.errors import SwarmError
from beeyard.process import Command
from beeyard.swarm import Manager, Patience, Progress, await_converged
from beeyard.swarm import drain as draining
from beeyard.swarm.drain import activate, drain
from beeyard.swarm.drain_plan import find_node
from beeyard.swarm.exclusion import DRAINING, KEPT_OFF, OWN_UPDATE
from beeyard.swarm.removal import remove
from beeyard.swarm.waiter import Waiter
from beeyard.waiting import SystemClock, wait_until
from beeyard.workflows.nodes import leave_swarm
from swarm.real_services import QUICK, find, ids, node_spec, service, spec_of, watched

pytestmark = [pytest.mark.real, pytest.mark.slow(1)]

WORKERS = "--constraint=node.role==worker"


class Killed(BaseException):
    """As by `kill -9`: nothing of ours runs any more."""


@pytest.fixture(autouse=True)
def _nodes_as_before(manager: Manager) -> Iterator[None]:
    yield
    for name in ("manager-1", "worker-1", "worker-2"):
        spec = node_spec(manager, name)
        assert DRAINING not in spec["Labels"]
        if spec["Availability"] != "active":
            activate(manager, name)


def nodes_of(manager: Manager, name: str) -> list[str]:
    return sorted(find(manager.snapshot(), name).nodes)


def test_a_drain_never_leaves_a_service_with_less(real_swarm: Any, manager: Manager) -> None:
    heard: list[Progress] = []
    with service(real_swarm, manager, "kept", "--replicas=2", WORKERS):
        assert nodes_of(manager, "kept") == ["worker-1", "worker-2"]
        before, tasks = spec_of(manager, "kept"), set(ids(manager, "kept"))
        with watched(real_swarm, "kept") as watch:
            done = drain(manager, "worker-1", patience=QUICK, progress=heard.append)
        assert min(watch.counts) == 2
        assert (done.node, done.moved, done.stopped) == ("worker-1", ("kept",), ())
        assert nodes_of(manager, "kept") == ["worker-2", "worker-2"]
        # The other replica went on all the while, and nothing was left behind.
        assert len(tasks & set(ids(manager, "kept"))) == 1
        assert without_nothing(spec_of(manager, "kept")) == without_nothing(before)
        assert node_spec(manager, "worker-1")["Availability"] == "drain"
        assert "1 still run the previous definition" in " ".join(one.note for one in heard)

        moved = ids(manager, "kept")
        again = drain(manager, "worker-1", patience=QUICK)
        assert (again.moved, again.stopped) == ((), ())
        assert activate(manager, "worker-1") == "worker-1"
        assert node_spec(manager, "worker-1")["Availability"] == "active"
        assert ids(manager, "kept") == moved


def test_swarms_own_drain_would_have_left_it_with_less(real_swarm: Any, manager: Manager) -> None:
    with service(real_swarm, manager, "less", "--replicas=2", WORKERS):
        assert nodes_of(manager, "less") == ["worker-1", "worker-2"]
        with watched(real_swarm, "less") as watch:
            real_swarm.on("manager-1").run(
                Command(["docker", "node", "update", "--availability=drain", "worker-1"])
            )
            await_converged(manager, ["less"], patience=QUICK)
        assert min(watch.counts) < 2


def test_what_must_stop_first_is_told_with_its_gap(real_swarm: Any, manager: Manager) -> None:
    order = "--update-order=stop-first"
    one = "--replicas=1"
    on_one = "--constraint=node.hostname!=manager-1"
    with (
        service(real_swarm, manager, "everywhere", "--mode=global"),
        service(real_swarm, manager, "ports", one, on_one, "--publish=mode=host,target=80"),
        service(real_swarm, manager, "writer", one, on_one, "--update-parallelism=1", order),
    ):
        there = {name: nodes_of(manager, name)[0] for name in ("ports", "writer")}
        node = there["ports"]
        with watched(real_swarm, "ports") as watch:
            done = drain(manager, node, patience=QUICK)
        assert min(watch.counts) == 0
        gaps = {gap.service: gap for gap in done.stopped}
        assert done.moved == ()
        assert set(gaps) == {"everywhere", *(name for name in there if there[name] == node)}
        assert gaps["everywhere"].why == "it runs once on every node"
        assert gaps["everywhere"].seconds is None
        assert gaps["ports"].why == "it publishes ports of its node"
        assert 0 < (gaps["ports"].seconds or 0) < 20
        assert node not in nodes_of(manager, "everywhere")


def test_what_can_go_nowhere_is_left_alone(real_swarm: Any, manager: Manager) -> None:
    with service(real_swarm, manager, "pinned", "--constraint=node.hostname==worker-1"):
        before, tasks = spec_of(manager, "pinned"), ids(manager, "pinned")
        with pytest.raises(SwarmError, match="worker-1 can't be drained") as caught:
            drain(manager, "worker-1")
        assert "takes pinned (`node.hostname==worker-1`)" in str(caught.value.why)
        assert (spec_of(manager, "pinned"), ids(manager, "pinned")) == (before, tasks)
        assert node_spec(manager, "worker-1")["Availability"] == "active"


def test_a_command_that_runs_once_is_not_begun_anew(real_swarm: Any, manager: Manager) -> None:
    with service(real_swarm, manager, "once", "--restart-condition=none"):
        (node,) = nodes_of(manager, "once")
        with pytest.raises(SwarmError, match=f"{node} can't be drained") as caught:
            drain(manager, node)
        assert caught.value.why == "once runs there to its end, and would begin anew elsewhere"


def test_a_drain_for_which_there_is_no_room_is_undone(real_swarm: Any, manager: Manager) -> None:
    large = ("--reserve-memory=15g", "--update-delay=1s", "--update-order=start-first")
    with service(real_swarm, manager, "large", "--replicas=3", *large):
        before, tasks = spec_of(manager, "large"), ids(manager, "large")
        with (
            watched(real_swarm, "large") as watch,
            pytest.raises(SwarmError, match="large did not converge") as caught,
        ):
            drain(manager, "worker-1", patience=QUICK)
        assert "no suitable node (insufficient resources" in str(caught.value.why)
        assert "large." in str(caught.value.where)
        assert min(watch.counts) == 3
        assert ids(manager, "large") == tasks
        assert without_nothing(spec_of(manager, "large")) == without_nothing(before)
        assert node_spec(manager, "worker-1")["Availability"] == "active"


@pytest.mark.parametrize("step", ["_move", "_stop", "reopen"])
@pytest.mark.parametrize("then", ["drain", "activate"])
def test_a_drain_that_was_killed_is_finished_or_undone(
    real_swarm: Any, manager: Manager, monkeypatch: pytest.MonkeyPatch, step: str, then: str
) -> None:
    # Long enough on its way for whatever comes next to meet it there.
    slow = ("--health-cmd=sleep 2", "--health-interval=500ms")
    with service(real_swarm, manager, "killed", "--replicas=2", WORKERS, *slow):
        before = spec_of(manager, "killed")
        with watched(real_swarm, "killed") as watch:
            kill_at(monkeypatch, step)
            with pytest.raises(Killed):
                drain(manager, "worker-1", patience=QUICK)
            monkeypatch.undo()
            assert node_spec(manager, "worker-1")["Labels"][DRAINING] == "active"
            assert spec_of(manager, "killed")["Labels"].keys() == {KEPT_OFF, OWN_UPDATE}
            with pytest.raises(SwarmError, match="worker-2 can't be drained") as caught:
                drain(manager, "worker-2")
            assert "worker-1 is being drained" in str(caught.value.why)
            (drain if then == "drain" else activate)(manager, "worker-1", patience=QUICK)
        assert min(watch.counts) == 2
        assert without_nothing(spec_of(manager, "killed")) == without_nothing(before)
        expected = "drain" if then == "drain" else "active"
        assert node_spec(manager, "worker-1")["Availability"] == expected
        if then == "drain":
            assert nodes_of(manager, "killed") == ["worker-2", "worker-2"]


def kill_at(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Die in a step: in `_move` as soon as the services are kept off, else when it begins."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    if step == "_move":
        monkeypatch.setattr(Waiter, "converged", die)
    else:
        monkeypatch.setattr(draining, step, die)


def test_a_replacement_that_fails_leaves_the_old_task_running(
    real_swarm: Any, manager: Manager
) -> None:
    real_swarm.on("worker-1").run(Command(["mkdir", "-p", "/only"]))
    mount = "--mount=type=bind,source=/only,target=/only"
    available = ["docker", "node", "update", "worker-2", "--availability"]
    docker = real_swarm.on("manager-1")
    docker.run(Command([*available, "pause"]))
    with service(real_swarm, manager, "only", WORKERS, mount):
        docker.run(Command([*available, "active"]))
        before, tasks = spec_of(manager, "only"), ids(manager, "only")
        with (
            watched(real_swarm, "only") as watch,
            pytest.raises(SwarmError, match="only did not converge") as caught,
        ):
            drain(manager, "worker-1", patience=QUICK)
        assert "bind source path does not exist: /only" in str(caught.value.why)
        assert min(watch.counts) == 1
        assert ids(manager, "only") == tasks
        assert without_nothing(spec_of(manager, "only")) == without_nothing(before)
        assert node_spec(manager, "worker-1")["Availability"] == "active"


def test_a_node_that_was_paused_before_is_paused_again(real_swarm: Any, manager: Manager) -> None:
    pause = Command(["docker", "node", "update", "--availability=pause", "worker-1"])
    with service(real_swarm, manager, "large", "--replicas=3", "--reserve-memory=15g"):
        real_swarm.on("manager-1").run(pause)
        with pytest.raises(SwarmError, match="large did not converge"):
            drain(manager, "worker-1", patience=Patience(deadline=30, settle=0, homeless=1))
        assert node_spec(manager, "worker-1")["Availability"] == "pause"


def test_a_drained_node_is_removed_and_others_are_not(real_swarm: Any, manager: Manager) -> None:
    with pytest.raises(SwarmError, match="worker-2 can't be removed") as caught:
        remove(manager, "worker-2", leaving(real_swarm))
    assert caught.value.why == "it is not drained"
    with pytest.raises(SwarmError, match="manager-1 can't be removed") as caught:
        remove(manager, "manager-1", leaving(real_swarm))
    assert caught.value.why == "it is the only manager"

    drain(manager, "worker-2", patience=QUICK)
    try:
        assert remove(manager, "worker-2", leaving(real_swarm)).name == "worker-2"
        assert [node.name for node in manager.snapshot().nodes] == ["manager-1", "worker-1"]
    finally:
        join(real_swarm, "worker-2", "worker")


def test_a_node_that_had_left_is_removed_though_managers_hold_it_for_up(
    real_swarm: Any, manager: Manager
) -> None:
    drain(manager, "worker-2", patience=QUICK)
    try:
        assert leaving(real_swarm)("worker-2") == ""
        assert remove(manager, "worker-2", leaving(real_swarm)).state == "ready"
        assert [node.name for node in manager.snapshot().nodes] == ["manager-1", "worker-1"]
    finally:
        join(real_swarm, "worker-2", "worker")


def test_a_manager_is_demoted_before_it_goes(real_swarm: Any, manager: Manager) -> None:
    real_swarm.on("manager-1").run(Command(["docker", "node", "promote", "worker-2"]))
    try:
        wait_until(
            lambda: find_node(manager.snapshot(), "worker-2").reachability == "reachable",
            clock=SystemClock(),
            deadline=60,
        )
        drain(manager, "worker-2", patience=QUICK)
        removed = remove(manager, "worker-2", leaving(real_swarm))
        assert removed.reachability == "reachable"
        assert [node.name for node in manager.snapshot().nodes] == ["manager-1", "worker-1"]
    finally:
        join(real_swarm, "worker-2", "worker")


def leaving(swarm: Any) -> Callable[[str], str]:
    return lambda name: leave_swarm(swarm.on(name))


def join(swarm: Any, name: str, role: str) -> None:
    """As the fixture leaves a node."""
    first = swarm.on("manager-1")
    # Also where a test left it in the Swarm: else every test after it would lack a node.
    swarm.on(name).run(Command(["docker", "swarm", "leave", "--force"]), check=False)
    first.run(Command(["docker", "node", "rm", "--force", name]), check=False)
    token = first.run(Command(["docker", "swarm", "join-token", "-q", role])).stdout.strip()
    address = f"{swarm.addresses[0]}:2377"
    swarm.on(name).run(Command(["docker", "swarm", "join", "--token", token, address]))
    first.run(Command(["docker", "node", "update", "--label-add", "beeyard.ipvs=false", name]))


def without_nothing(spec: dict[str, Any]) -> dict[str, Any]:
    """A specification without what is empty: an empty placement is none."""
    template = {key: value for key, value in spec["TaskTemplate"].items() if value not in ({}, [])}
    return {**spec, "TaskTemplate": template, "Labels": spec.get("Labels") or {}}
