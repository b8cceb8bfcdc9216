"""When a service counts as converged, and what is said when it does not."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from beeyard.errors import SwarmError
from beeyard.swarm import (
    Patience,
    Progress,
    Service,
    Snapshot,
    Task,
    TunnelEnded,
    Update,
    await_converged,
    converged,
    in_words,
)
from beeyard.testing import FakeClock

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def task(name: str = "web.1", state: str = "running", **changes: Any) -> Task:
    fields: dict[str, Any] = {
        "id": f"id-{name}-{state}",
        "name": name,
        "node": "worker-1",
        "state": state,
        "desired": "running" if state in ("running", "starting", "pending") else "shutdown",
        "message": "started",
        "error": None,
        "exit_code": None,
        "since": NOW - timedelta(minutes=5),
        "current": True,
    }
    return Task(**(fields | changes))


def service(*tasks: Task, wanted: int = 1, update: str | None = None, **changes: Any) -> Service:
    fields: dict[str, Any] = {
        "id": "service-web",
        "name": "web",
        "stack": None,
        "image": "web:1",
        "mode": "replicated",
        "wanted": wanted,
        "tasks": tasks,
        "update": Update(update, "words of Swarm's") if update else None,
        "endpoint_mode": "vip",
        "ports": (),
        "networks": (),
        "healthcheck": False,
        "constraints": (),
        "labels": {},
        "version": 7,
        "definition": "abc",
    }
    return Service(**(fields | changes))


def seen(*services: Service) -> Snapshot:
    return Snapshot(NOW, (), services, (), (), ())


@dataclass
class Observations:
    """Plays snapshots in order, the last one for ever; `log` is every task's log."""

    snapshots: list[Snapshot]
    log: list[str] = field(default_factory=list)
    log_error: SwarmError | None = None
    tidied: list[str] = field(default_factory=list)

    def snapshot(self) -> Snapshot:
        return self.snapshots.pop(0) if len(self.snapshots) > 1 else self.snapshots[0]

    def task_log(self, task_id: str, lines: int = 12) -> list[str]:
        if self.log_error:
            raise self.log_error
        return self.log[-lines:]

    def tidy(self, service: str) -> None:
        self.tidied.append(service)


def test_all_replicas_of_the_current_definition_run() -> None:
    web = service(task("web.1"), task("web.2"), wanted=2)
    assert converged(seen(web)) == []


def test_a_missing_replica_is_told_with_its_reason() -> None:
    pending = task("web.2", "pending", node=None, error="no suitable node (2 nodes full)")
    web = service(task("web.1"), pending, wanted=2)
    assert converged(seen(web)) == [
        "web: 1 of 2 replicas run (task web.2 is pending: no suitable node (2 nodes full))"
    ]


def test_a_task_of_the_previous_definition_does_not_count() -> None:
    web = service(task("web.1"), task("web.2", current=False), wanted=2)
    assert converged(seen(web)) == ["web: 1 of 2 replicas run, 1 still run the previous definition"]


def test_a_replica_too_many_is_still_to_be_stopped() -> None:
    web = service(task("web.1"), task("web.2", current=False), wanted=1)
    assert converged(seen(web)) == ["web: 1 replicas are still to be stopped"]


def test_a_task_that_swarm_wants_gone_does_not_count() -> None:
    web = service(task("web.1", desired="shutdown"))
    assert converged(seen(web)) == ["web: 0 of 1 replicas run"]


@pytest.mark.parametrize("state", ["paused", "rollback_started", "rollback_completed"])
def test_a_failed_update_is_never_converged(state: str) -> None:
    web = service(task(), update=state)
    assert converged(seen(web)) == [f"web: its update failed ({state}): words of Swarm's"]


def test_an_update_that_swarm_still_watches_is_not_over() -> None:
    assert converged(seen(service(task(), update="updating"))) != []
    assert converged(seen(service(task(), update="completed"))) == []


def test_a_young_task_must_settle() -> None:
    young = service(task(since=NOW - timedelta(seconds=2)))
    assert converged(seen(young), settle=3) == ["web: all replicas run, but not yet for 3 s"]
    assert converged(seen(young), settle=1) == []


def test_a_service_that_is_not_there_is_named() -> None:
    assert converged(seen(), ["shop_web"]) == ["shop_web: there is no such service"]


def test_a_job_has_converged_when_it_has_ended_well() -> None:
    done = service(task(state="complete"), mode="replicated-job")
    assert converged(seen(done), settle=3) == []


def test_waiting_tells_each_change_once() -> None:
    starting = seen(service(task(state="starting")))
    there = seen(service(task()))
    clock = FakeClock()
    heard: list[Progress] = []

    found = await_converged(
        Observations([starting, starting, there]), clock=clock, progress=heard.append
    )

    assert found is there
    assert clock.slept == [0.5, 0.5]
    assert [(p.running, p.wanted, p.note) for p in heard] == [
        (0, 1, "0 of 1 replicas run (task web.1 on worker-1 is starting)"),
        (1, 1, ""),
    ]


def test_the_deadline_names_all_that_is_missing() -> None:
    first = service(task(state="starting"))
    other = service(name="worker")
    clock = FakeClock()
    with pytest.raises(SwarmError) as caught:
        await_converged(
            Observations([seen(first, other)], log=["waiting for the database"]),
            patience=Patience(deadline=60),
            clock=clock,
        )
    assert clock.monotonic() == 60
    assert caught.value.where == "service web, task web.1 on worker-1"
    assert caught.value.why == (
        "not there after 60 s\n"
        "worker: 0 of 1 replicas run\n"
        "the task is starting: started\n"
        "its last lines:\n"
        "  waiting for the database"
    )


def test_a_task_that_no_node_takes_is_given_up_in_its_own_time() -> None:
    pending = task("web.2", "pending", node=None, error="no suitable node (2 nodes full)")
    homeless = seen(service(task("web.1"), pending, wanted=2))
    clock = FakeClock()
    with pytest.raises(SwarmError) as caught:
        await_converged(Observations([homeless]), patience=Patience(homeless=20), clock=clock)
    assert clock.monotonic() == 20
    assert "given up after 20 s in which no node took a task" in str(caught.value.why)
    # One that found a node in the end was waited for.
    there = seen(service(task("web.1"), task("web.2"), wanted=2))
    seen_in_turn = Observations([homeless, homeless, there])
    assert await_converged(seen_in_turn, patience=Patience(homeless=1), clock=FakeClock()) is there


def test_tasks_that_failed_before_we_came_do_not_count() -> None:
    old = [task(f"web.{n}", "failed") for n in range(9)]
    starting = seen(service(*old, task(state="starting")))
    there = seen(service(*old, task()))
    patience = Patience(failures=1)
    assert (
        await_converged(Observations([starting, there]), patience=patience, clock=FakeClock())
        is there
    )


def test_a_crash_loop_is_given_up_before_the_deadline() -> None:
    crashed = [task(f"web.{n}", "failed", error="task: non-zero exit (3)") for n in range(3)]
    clock = FakeClock()
    with pytest.raises(SwarmError) as caught:
        await_converged(
            Observations([seen(service()), seen(service(*crashed))]),
            patience=Patience(failures=3),
            clock=clock,
        )
    assert clock.monotonic() == 0.5
    assert str(caught.value.why).startswith("given up after 3 of its tasks failed\n")


@pytest.mark.parametrize(
    ("state", "error"),
    [("complete", ""), ("failed", "task: non-zero exit (137): dockerexec: unhealthy container")],
)
def test_a_task_stopped_as_unhealthy_is_one_however_it_ended(state: str, error: str) -> None:
    ended = task(state=state, error=error)
    with pytest.raises(SwarmError) as caught:
        await_converged(
            Observations([seen(service()), seen(service(ended))]),
            patience=Patience(failures=1),
            clock=FakeClock(),
        )
    assert "its health check did not succeed" in str(caught.value.why)
    assert error in str(caught.value.why)
    assert str(caught.value.fix).startswith("see what the health check asks for")


def test_after_a_rollback_the_task_of_the_failed_definition_is_shown() -> None:
    broken = task("web.1", "failed", current=False, error="task: non-zero exit (9)")
    web = service(task("web.1"), broken, update="rollback_completed")
    with pytest.raises(SwarmError) as caught:
        await_converged(Observations([seen(web)], ["boom"]), clock=FakeClock())
    assert "Swarm itself stopped the update (rollback_completed)" in str(caught.value.why)
    assert "non-zero exit (9)" in str(caught.value.why)
    assert "  boom" in str(caught.value.why)


def test_a_log_that_cannot_be_had_is_said_and_hides_nothing() -> None:
    failed = task(state="failed", error="task: non-zero exit (1)")
    with pytest.raises(SwarmError) as caught:
        await_converged(
            Observations([seen(service(failed))], log_error=SwarmError("x", why="node is down")),
            patience=Patience(deadline=1),
            clock=FakeClock(),
        )
    assert "non-zero exit (1)\nits log can't be had: node is down" in str(caught.value.why)


def test_tasks_too_many_are_tidied_away_where_swarm_has_forgotten_them() -> None:
    three = [task(name) for name in ("web.1", "web.1", "web.2")]
    left, there = service(*three, wanted=2), service(*three[1:], wanted=2)
    watching = Observations([*[seen(left)] * 8, seen(there)])
    clock = FakeClock()
    await_converged(watching, clock=clock)
    assert watching.tidied == ["web"]
    assert clock.monotonic() == 4
    # While an update goes on, Swarm itself sees to them; and what is not waited for is let be.
    busy = service(*three, wanted=2, update="updating")
    other = service(*three, wanted=2, name="other")
    watching = Observations([*[seen(busy, other)] * 20, seen(there, other)])
    await_converged(watching, ["web"], clock=FakeClock())
    assert watching.tidied == []


@dataclass
class Away(Observations):
    """A manager that says nothing so many times, and then what it sees."""

    times: int = 0
    error: type[SwarmError] = SwarmError

    def snapshot(self) -> Snapshot:
        if self.times:
            self.times -= 1
            raise self.error("the manager did not say what runs")
        return super().snapshot()


def test_a_manager_that_is_away_for_a_moment_is_asked_again() -> None:
    clock = FakeClock()
    found = await_converged(Away([seen(service(task()))], times=20), clock=clock)
    assert found.services[0].running
    assert clock.monotonic() == 10


def test_a_manager_that_stays_away_is_given_up() -> None:
    clock = FakeClock()
    with pytest.raises(SwarmError, match="did not say what runs"):
        await_converged(Away([], times=1000), patience=Patience(away=5), clock=clock)
    assert clock.monotonic() == 5


def test_where_the_way_is_gone_nobody_is_asked_again() -> None:
    clock = FakeClock()
    with pytest.raises(TunnelEnded):
        await_converged(Away([], times=1000, error=TunnelEnded), clock=clock)
    assert clock.monotonic() == 0


@pytest.mark.parametrize(
    ("cause", "ended"),
    [
        (ConnectionRefusedError("nobody listens"), True),
        (FileNotFoundError("no such socket"), True),
        (ConnectionResetError("hung up"), False),
        (None, False),
    ],
)
def test_whether_the_way_is_gone_is_seen_by_what_went_wrong(
    cause: OSError | None, ended: bool
) -> None:
    with pytest.raises(SwarmError) as caught, in_words("the manager did not say"):
        raise requests.ConnectionError("Connection aborted.") from cause
    assert isinstance(caught.value, TunnelEnded) == ended
