"""Push to deploy where things go wrong: what is lost is said and can be repeated, and nothing is
deployed twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import httpx
import pytest

from beeyard.waiting import SystemClock, Timeout, wait_until
from cluster.shipping import PUBLISH, Team, commands, pipeline, ship, steps
from cluster.yard import LABEL

pytestmark = pytest.mark.cluster
AFTER = commands("after", "true")


def state(team: Team, number: int) -> dict[str, Any] | None:
    """A run; None as long as no copy of the controller answers."""
    try:
        answer = team.ask(f"/api/runs/{number}")
    except (httpx.ReadError, httpx.RemoteProtocolError, httpx.TimeoutException):
        return None
    if answer.is_success:
        found: dict[str, Any] = answer.json()
        return found
    assert answer.status_code in (404, 502, 503, 504), answer.text
    return None


def at(team: Team, number: int, step: str) -> dict[str, Any]:
    """The run when that step of it runs."""

    def is_there() -> bool:
        run = state(team, number)
        found.append(run or {})
        now = steps(run).get(step) if run else None
        assert now in (None, "pending", "running"), run
        return now == "running"

    found: list[dict[str, Any]] = []
    try:
        wait_until(is_there, clock=SystemClock(), deadline=90, interval=0.05)
    except Timeout:
        raise AssertionError(f"{step} did not begin: {found[-1]}") from None
    return found[-1]


def ended(team: Team, number: int, within: float = 180) -> dict[str, Any]:
    """The run after its end."""

    def is_over() -> bool:
        run = state(team, number)
        found.append(run or {})
        return run is not None and run["status"] not in ("pending", "running")

    found: list[dict[str, Any]] = []
    wait_until(is_over, clock=SystemClock(), deadline=within, interval=0.5)
    return found[-1]


def kill_controller(team: Team, number: int) -> None:
    one = team.cluster.docker_on(
        "manager-1", "ps", "--quiet", "--filter", "name=ci_controller"
    ).strip()
    team.cluster.docker_on("manager-1", "kill", one)
    wait_until(
        lambda: state(team, number) is not None, clock=SystemClock(), deadline=90, interval=0.2
    )


@pytest.mark.usefixtures("ends_in_need_of_nothing")
@pytest.mark.drill
def test_a_controller_that_is_killed_in_every_step_deploys_once(team: Team) -> None:
    """The run goes on each time, and there is one release of it."""
    team.dockerfile("LABEL made=again", "RUN sleep 8")
    (team.folder / ".drone.yml").write_text(ship("sleep 8"))
    number = team.push_and_leave()
    for step in ("test", "publish", "deploy"):
        at(team, number, step)
        kill_controller(team, number)
    run = ended(team, number)
    releases = [
        one
        for one in team.cluster.yard.json("releases", "timeoff")
        if one["cause"] == f"pipeline run {number}: timeoff/deploy"
    ]
    assert len(releases) == 1
    well = releases[0]["verdict"] == "succeeded"
    assert steps(run) == {
        "clone": "success",
        "test": "success",
        "publish": "success",
        "deploy": "success" if well else "failure",
    }


@contextmanager
def full_registry(team: Team) -> Iterator[None]:
    """Its storage has room for nothing more."""

    form = ("--filter", "desired-state=running", "--format", "{{.Node}}")
    node = team.cluster.docker_on("manager-1", "service", "ps", "registry_registry", *form).strip()

    def on_node(*argv: str) -> str:
        return team.cluster.yard.run("ssh", node, "--", "sudo", *argv).strip()

    container = on_node("docker", "ps", "--quiet", "--filter", "name=registry_registry")
    pid = on_node("docker", "inspect", "--format", "{{.State.Pid}}", container)
    within = ("nsenter", "--target", pid, "--mount", "--pid")
    room, place = "/mnt", "/var/lib/registry"
    # What is there stays; what is new has 64 KiB.
    on_node(*within, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", room)
    on_node(*within, "mkdir", f"{room}/upper", f"{room}/work")
    layers = f"lowerdir={place},upperdir={room}/upper,workdir={room}/work"
    on_node(*within, "mount", "-t", "overlay", "-o", layers, "overlay", place)
    try:
        yield
    finally:
        # Whatever it has open still.
        on_node(*within, "umount", "--lazy", place, room)


@pytest.mark.usefixtures("ends_in_need_of_nothing")
@pytest.mark.drill
def test_a_full_registry_is_said_and_the_run_can_be_repeated(team: Team) -> None:
    before = team.release()["number"]
    team.dockerfile("RUN head -c 200000 /dev/urandom > /tmp/large")
    with full_registry(team):
        said = team.push(_drone_yml=pipeline(PUBLISH, AFTER))
        run = team.run()
        assert run["status"] == "failure", said
        assert steps(run) == {"clone": "success", "publish": "failure", "after": "skipped"}
        # A registry that can't write says no more.
        assert "500 Internal Server Error" in said, said
    again = team.cluster.yard.json("pipeline", "retry", str(run["number"]))
    assert ended(team, again["number"])["status"] == "success"
    assert team.release()["number"] == before


def machine_of(team: Team, node: str) -> Any:
    """The container that is a node."""
    nodes = team.cluster.yard.json("status")["nodes"]
    address = next(one["address"] for one in nodes if one["name"] == node)
    for container in docker.from_env().containers.list(filters={"label": LABEL}):
        networks = container.attrs["NetworkSettings"]["Networks"].values()
        if address in [network["IPAddress"] for network in networks]:
            return container
    raise AssertionError(f"no container has {address}")


@pytest.mark.usefixtures("ends_in_need_of_nothing")
@pytest.mark.drill
def test_a_run_whose_node_is_killed_is_said_to_be_lost_and_can_be_repeated(team: Team) -> None:
    (team.folder / ".drone.yml").write_text(pipeline(commands("test", "sleep 10"), AFTER))
    number = team.push_and_leave()
    runner = at(team, number, "test")["stages"][0]["runner"]
    machine = machine_of(team, runner)
    machine.kill()
    try:
        run = ended(team, number)
    finally:
        machine.start()
    assert run["status"] == "error"
    assert steps(run)["after"] == "skipped"
    reason = run["stages"][0]["reason"]
    assert reason.startswith(f"its runner on {runner} "), reason
    again = team.cluster.yard.json("pipeline", "retry", str(number))
    assert ended(team, again["number"])["status"] == "success"
    # Replicas that ran there run elsewhere now: `up` moves some back.
    team.cluster.yard.run("up", "--yes")
