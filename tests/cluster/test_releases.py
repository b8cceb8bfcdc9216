"""Releases by the command line, on a whole cluster: the tests build on each other in order."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cluster.yard import Running, Yard

pytestmark = pytest.mark.cluster
ENVIRONMENT = "    path: "


@contextmanager
def version(yard: Yard, number: str) -> Iterator[None]:
    """The file with another value for a variable of the stack file, and afterwards as it was."""
    before = yard.file.read_text()
    assert before.count(ENVIRONMENT) == 1
    changed = before.replace(
        ENVIRONMENT, f"    environment: {{APP_VERSION: {number}}}\n{ENVIRONMENT}"
    )
    yard.file.write_text(changed)
    try:
        yield
    finally:
        yard.file.write_text(before)


def releases(cluster: Running) -> list[dict[str, Any]]:
    found = cluster.yard.json("releases", "timeoff")
    assert isinstance(found, list)
    return found


def version_that_runs(cluster: Running) -> str:
    (web,) = json.loads(cluster.docker_on("manager-1", "service", "inspect", "timeoff_web"))
    container = web["Spec"]["TaskTemplate"]["ContainerSpec"]
    (found,) = (pair for pair in container["Env"] if pair.startswith("APP_VERSION="))
    return str(found.partition("=")[2])


def test_up_made_the_first_release(cluster: Running) -> None:
    (first, *_) = releases(cluster)
    assert (first["number"], first["verdict"], first["cause"]) == (1, "succeeded", "deploy")
    assert "@sha256:" in first["images"]["web"]


def test_a_deploy_of_what_runs_changes_nothing(cluster: Running) -> None:
    before = releases(cluster)
    done = cluster.yard.json("deploy", "timeoff")
    assert done["changed"] is False
    assert releases(cluster) == before


def test_a_new_release_serves_all_the_while(cluster: Running) -> None:
    before = releases(cluster)[-1]["number"]
    with version(cluster.yard, "2.0.0"):
        assert "+      " not in cluster.yard.run("diff", "timeoff", str(before), str(before))
        assert "2.0.0" in cluster.yard.run("diff", "timeoff")
        done = cluster.yard.json("deploy", "timeoff", "--max-failed", "0")
    assert (done["release"], done["changed"]) == (before + 1, True)
    assert version_that_runs(cluster) == "2.0.0"
    during = done["receipt"]["during"]
    assert during["requests"] > 20
    assert during["failed"] == 0
    assert during["slowest"] < 10
    assert releases(cluster)[-1]["receipt"] == done["receipt"]


def test_an_image_that_does_not_exist_changes_nothing(cluster: Running) -> None:
    tasks = cluster.docker_on("manager-1", "service", "ps", "-q", "timeoff_web")
    host = cluster.url("registry").split("/")[2]
    error = cluster.yard.json("deploy", "timeoff", "--image", f"{host}/timeoff:never", code=9)
    assert error["what"] == f"there is no image {host}/timeoff:never"
    assert cluster.docker_on("manager-1", "service", "ps", "-q", "timeoff_web") == tasks


def test_a_rollback_brings_the_environment_back_as_well(cluster: Running) -> None:
    number = releases(cluster)[-1]["number"]
    done = cluster.yard.json("rollback", "timeoff")
    assert done["release"] == number + 1
    assert version_that_runs(cluster) != "2.0.0"
    assert done["receipt"]["during"]["failed"] == 0
    last = releases(cluster)[-1]
    assert (last["cause"], last["verdict"]) == (f"rollback to {number - 1}", "succeeded")


def test_a_drained_node_is_emptied_without_a_gap_and_comes_back(cluster: Running) -> None:
    drained = cluster.yard.json("node", "drain", "worker-2")
    try:
        assert "timeoff_web" in drained["moved"]
        (web,) = (s for s in cluster.status["services"] if s["name"] == "timeoff_web")
        assert web["nodes"] == ["worker-1", "worker-1"]
    finally:
        cluster.yard.run("node", "activate", "worker-2")
    moved = cluster.yard.json("rebalance")
    assert [one["service"] for one in moved] == ["timeoff_web"]
    (web,) = (s for s in cluster.status["services"] if s["name"] == "timeoff_web")
    assert sorted(web["nodes"]) == ["worker-1", "worker-2"]


def test_up_again_still_changes_nothing(cluster: Running) -> None:
    assert cluster.yard.json("up", "--yes")["changes"] == 0
