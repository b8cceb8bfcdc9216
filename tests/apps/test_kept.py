"""Which services' sign-ins are replaced, and which would suffer from it."""

from dataclasses import replace
from typing import Any

import pytest

from beeyard.apps.kept import renewals
from beeyard.swarm import Service
from beeyard.swarm.model import Update
from swarm.swarms import service, swarm

ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


def ours(name: str, *nodes: str, **changes: Any) -> Service:
    return service(name, *nodes, **{"image": f"{ECR}/team/{name}:1@sha256:aa", **changes})


def with_tasks(one: Service, *states: tuple[str, str, str]) -> Service:
    """With tasks of (name, state, desired state), oldest first."""
    (like,) = one.tasks
    tasks = tuple(
        replace(like, id=f"t{n}", name=f"{one.name}.{slot}", state=state, desired=desired)
        for n, (slot, state, desired) in enumerate(states)
    )
    return replace(one, tasks=tasks)


def test_those_of_the_registry_and_no_others() -> None:
    found = renewals(
        swarm(
            ours("shop_web", "worker-1", stack="shop"),
            ours("blog_web", "worker-1", "worker-2", stack="blog"),
            service("traefik", "manager-1", image="traefik:3"),
            service("other", "manager-1", image=f"x{ECR}/team/a:1"),
        ),
        ECR,
    )
    assert [one.name for one in found.due] == ["shop_web", "blog_web"]
    assert found.held == {}


def test_of_one_stack() -> None:
    both = swarm(ours("shop_web", "worker-1", stack="shop"), ours("b_w", "worker-1", stack="b"))
    assert [one.name for one in renewals(both, ECR, "b").due] == ["b_w"]


@pytest.mark.parametrize("state", ["updating", "paused", "rollback_started", "rollback_paused"])
def test_one_that_is_being_updated_waits(state: str) -> None:
    found = renewals(swarm(ours("web", "worker-1", update=Update(state, ""))), ECR)
    assert (found.due, found.held) == ((), {"web": f"it is being updated ({state})"})


@pytest.mark.parametrize("state", ["completed", "rollback_completed"])
def test_one_that_was_updated_does_not(state: str) -> None:
    assert renewals(swarm(ours("web", "worker-1", update=Update(state, ""))), ECR).due


@pytest.mark.parametrize("mode", ["replicated-job", "global-job"])
def test_jobs_are_left_alone(mode: str) -> None:
    for update in (None, Update("updating", "")):
        found = renewals(swarm(ours("web", "worker-1", mode=mode, update=update)), ECR)
        assert (found.due, found.held) == ((), {})
        assert "it is a job" in found.ended["web"]


RUNS = ("1", "running", "running")


@pytest.mark.parametrize(
    ("tasks", "ended"),
    [
        ([RUNS], ""),
        ([("1", "failed", "shutdown"), RUNS], ""),
        # It was stopped at a node that was drained, or for an update.
        ([("1", "failed", "shutdown"), ("1", "shutdown", "shutdown")], ""),
        ([("1", "failed", "shutdown"), ("1", "preparing", "running")], ""),
        # Of a clock that is ahead, what failed seems to be the last.
        ([RUNS, ("1", "failed", "shutdown")], ""),
        ([("1", "complete", "shutdown")], "web.1"),
        ([("1", "shutdown", "shutdown"), ("1", "complete", "shutdown")], "web.1"),
        ([RUNS, ("2", "failed", "shutdown")], "web.2"),
        ([RUNS, ("2", "rejected", "shutdown")], "web.2"),
    ],
)
def test_what_came_to_its_end_is_not_run_again(
    tasks: list[tuple[str, str, str]], ended: str
) -> None:
    one = with_tasks(ours("web", "worker-1"), *tasks)
    why = {"web": f"{ended} has come to its end, and would be run again"} if ended else {}
    found = renewals(swarm(one), ECR)
    assert (found.held, found.ended, len(found.due)) == ({}, why, 0 if ended else 1)
    # While it is updated, nobody knows yet whether that is its end.
    found = renewals(swarm(replace(one, update=Update("updating", ""))), ECR)
    assert (list(found.held), found.ended, found.due) == (["web"], {}, ())
