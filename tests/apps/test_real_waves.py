"""Several services on a real Swarm: one wave after another, and all of it back where one fails."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.rollouts import Team, halted, team, web
from beeyard.apps import Hook
from beeyard.errors import AppError
from beeyard.swarm import Manager

pytestmark = [pytest.mark.real, pytest.mark.slow(5)]

EXITS = "echo no such table; exit 5"


def services(swarm: Any, **changes: dict[str, Any]) -> dict[str, Any]:
    """data, then api, then page; and an agent on every node."""
    one: dict[str, dict[str, Any]] = {
        "data": {"replicas": 1},
        "api": {"replicas": 1, "depends_on": ["data"]},
        "page": {"replicas": 1, "depends_on": ["api", "data"]},
    }
    made = {name: web(swarm.tiny, **(more | changes.get(name, {}))) for name, more in one.items()}
    agent = web(swarm.tiny, **changes.get("agent", {}))
    del agent["deploy"]["replicas"]
    agent["deploy"]["mode"] = "global"
    agent["deploy"]["update_config"]["parallelism"] = 3
    return made | {"agent": agent}


@pytest.fixture(scope="module")
def trio(
    real_swarm: Any, manager: Manager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    with team(real_swarm, manager, tmp_path_factory.mktemp("trio"), "trio") as made:
        made.write(services(real_swarm))
        made.deploy()
        assert [len(ids) for ids in made.tasks.values()] == [3, 1, 1, 1]
        yield made


@pytest.fixture(autouse=True)
def _nothing_said(trio: Team) -> None:
    trio.said.clear()
    trio.post_deploy = None


def environments(trio: Team) -> dict[str, list[str]]:
    """What the services' definitions say, by service."""
    api: Any = trio.manager.client.api
    return {
        name: api.inspect_service(service.id)["Spec"]["TaskTemplate"]["ContainerSpec"].get("Env")
        or []
        for name, service in trio.services.items()
    }


def new(*names: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {name: {"environment": {"NEW": "yes"}} | more for name in names}


def test_services_switch_in_order_and_the_others_wait(trio: Team, real_swarm: Any) -> None:
    before = trio.tasks
    trio.write(services(real_swarm, **new("data", "page")))
    with halted(trio, "wave 2") as other:
        after_one = trio.tasks
        assert after_one["data"] != before["data"]
        assert {n: ids for n, ids in after_one.items() if n != "data"} == {
            n: ids for n, ids in before.items() if n != "data"
        }
        assert environments(trio) == {"agent": [], "api": [], "data": ["NEW=yes"], "page": []}
        assert other.go_on() == (0, "")
    after = trio.tasks
    assert after["page"] != before["page"]
    assert [after[n] for n in ("agent", "api")] == [before[n] for n in ("agent", "api")]
    receipt = trio.store.all()[-1].verdict
    assert receipt is not None
    assert list(receipt.receipt.phases) == ["images", "wave 1", "wave 2", "verify"]
    assert receipt.receipt.changes == {"data": "update", "page": "update"}


def test_a_failure_in_a_later_wave_brings_the_earlier_ones_back(
    trio: Team, real_swarm: Any
) -> None:
    before, said = trio.tasks, environments(trio)
    broken = new("data", "agent", "page", environment={"BROKEN": "yes"})
    broken["api"] = {"command": EXITS}
    trio.write(services(real_swarm, **broken) | {"extra": web(real_swarm.tiny)})
    with pytest.raises(AppError) as caught:
        trio.deploy()
    error = caught.value
    number = max(trio.verdicts)
    assert error.what == f"release {number} of trio failed; release {number - 1} serves"
    assert "service trio_api, task trio_api.1 on " in str(error.where)
    assert "no such table" in str(error.why)
    assert "[wave 1]" in trio.said
    assert "[wave 2]" in trio.said
    assert "[wave 3]" not in trio.said
    # What was new is gone, what had been switched is back, what was not due never stopped.
    assert environments(trio) == said
    assert [trio.tasks[n] for n in ("api", "page")] == [before[n] for n in ("api", "page")]
    assert all(task.current for one in trio.services.values() for task in one.running)
    assert [len(ids) for ids in trio.tasks.values()] == [3, 1, 1, 1]


def test_what_was_killed_between_waves_is_brought_back(trio: Team, real_swarm: Any) -> None:
    said = environments(trio)
    trio.write(services(real_swarm, **new("data", "page", replicas=2, environment={"K": "9"})))
    with halted(trio, "wave 2") as other:
        other.kill()
    assert trio.services["data"].wanted == 2
    trio.undo()
    assert environments(trio) == said
    # The number of replicas was the failed release's, nobody scaled: it is the old one again.
    assert [len(ids) for ids in trio.tasks.values()] == [3, 1, 1, 1]
    assert list(trio.verdicts.values())[-1] == "failed"


def test_a_service_that_is_left_out_goes_when_all_else_is_good(trio: Team, real_swarm: Any) -> None:
    whole = services(real_swarm, **new("data", "page", environment={"NEW": "other"}))
    left = {name: service for name, service in whole.items() if name != "agent"}
    agents = trio.tasks["agent"]
    trio.write(left)
    trio.post_deploy = Hook("data", ("/bin/sh", "-c", "echo where are the agents; exit 1"), 30)
    with halted(trio, "wave 2+") as other:
        assert trio.tasks["agent"] == agents
        code, said = other.go_on()
    assert code == 9
    assert "where are the agents" in said
    assert trio.tasks["agent"] == agents
    trio.post_deploy = None
    trio.deploy()
    assert set(trio.tasks) == {"api", "data", "page"}
