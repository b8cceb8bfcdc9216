"""A one-off task of the release that runs, on a real Swarm."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from apps.rollouts import Team, team, web
from beeyard.errors import AppError
from beeyard.swarm import Manager
from beeyard.swarm.logs import Entry
from beeyard.workflows.deploy import Deployer
from beeyard.workflows.tasks import run_task

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def jobs(
    real_swarm: Any, manager: Manager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """An application without a release."""
    with team(real_swarm, manager, tmp_path_factory.mktemp("jobs") / "jobs", "jobs") as jobs:
        jobs.write({"web": web(real_swarm.tiny, replicas=1, environment={"RELEASE": "1"})})
        yield jobs


@pytest.fixture
def deployer(jobs: Team) -> Deployer:
    return cast(Deployer, SimpleNamespace(name=jobs.name, store=jobs.store, site=jobs.site))


def test_there_is_nothing_to_run_it_like(deployer: Deployer) -> None:
    with pytest.raises(AppError, match="jobs has no release that runs") as caught:
        run_task(deployer, "web", ["ls"], print)
    assert caught.value.fix == "beeyard deploy jobs"


def test_it_is_of_the_release_that_runs(jobs: Team, deployer: Deployer, real_swarm: Any) -> None:
    jobs.deploy()
    failing = web(real_swarm.tiny, "exit 1", replicas=1, environment={"RELEASE": "2"})
    jobs.write({"web": failing})
    with pytest.raises(AppError):
        jobs.deploy()
    heard: list[Entry] = []
    ended = run_task(deployer, "web", ["/bin/sh", "-c", "echo $RELEASE; exit 4"], heard.append)
    assert (ended.code, [entry.text for entry in heard]) == (4, ["1"])
    with pytest.raises(AppError, match="`/bin/none` did not run to its end") as caught:
        run_task(deployer, "web", ["/bin/none"], heard.append)
    assert "no such file" in str(caught.value.why)
