"""Releases by the command line, on a whole cluster: the tests build on each other in order."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from beeyard.apps.references import repository_of
from beeyard.waiting import SystemClock, wait_until
from cluster.yard import Running, Yard

pytestmark = pytest.mark.cluster
ENTRY = "    path: "


@contextmanager
def with_line(yard: Yard, line: str) -> Iterator[None]:
    """The file with one line more in the application's entry, and afterwards as it was."""
    before = yard.file.read_text()
    assert before.count(ENTRY) == 1
    yard.file.write_text(before.replace(ENTRY, f"    {line}\n{ENTRY}"))
    try:
        yield
    finally:
        yard.file.write_text(before)


def version(yard: Yard, number: str) -> AbstractContextManager[None]:
    """The file with another value for a variable of the stack file."""
    return with_line(yard, f"environment: {{APP_VERSION: {number}}}")


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


@pytest.mark.usefixtures("ends_in_need_of_nothing")
@pytest.mark.drill
def test_a_manager_that_is_rebooted_in_mid_deploy(cluster: Running) -> None:
    """The way in is out meanwhile; the next command brings the release before back."""
    before, runs = releases(cluster)[-1]["number"], version_that_runs(cluster)
    with version(cluster.yard, "3.0.0"):
        deploy = cluster.yard.start("deploy", "timeoff", stderr=subprocess.PIPE)
        assert deploy.stderr is not None
        said = next(line for line in deploy.stderr if "timeoff: switch" in line)
        # What ssh says of it depends on which of the two is quicker.
        cluster.yard.start("ssh", "manager-1", "--", "sudo", "systemctl", "reboot").wait()
        said += deploy.communicate(timeout=300)[1]
    assert deploy.returncode == 9, said
    assert (
        f"error: release {before + 1} of timeoff failed, and release {before} could not be" in said
    )
    assert "when the manager answers again, the next deploy, rollback or scale undoes it" in said

    clock = SystemClock()
    wait_until(lambda: cluster.yard.start("node", "ls").wait() == 0, clock=clock, deadline=120)
    look = cluster.yard.start("releases", "timeoff", stderr=subprocess.PIPE)
    assert f"the rollout of release {before + 1} of timeoff was cut" in look.communicate()[1]
    # Its tasks are back sooner than the overlay network, by which the registry is reached.
    wait_until(lambda: bool(cluster.status_now["ok"]), clock=clock, deadline=240)
    assert cluster.yard.json("deploy", "timeoff")["changed"] is False
    last = releases(cluster)[-1]
    assert (last["number"], last["verdict"]) == (before + 1, "failed")
    assert last["reason"] == "its deploy was cut short"
    assert version_that_runs(cluster) == runs


@pytest.mark.slow(7)
def test_an_image_that_only_old_releases_used_is_gone_from_the_registry(cluster: Running) -> None:
    image = releases(cluster)[-1]["images"]["web"]
    other = f"{repository_of(image)}:other"
    made = cluster.docker_on("manager-1", "create", image).strip()
    cluster.docker_on("manager-1", "commit", made, other)
    cluster.docker_on("manager-1", "rm", made)
    cluster.docker_on("manager-1", "push", "--quiet", other)
    with with_line(cluster.yard, "rollout: {keep: 2}"):
        assert cluster.yard.json("deploy", "timeoff", "--image", other)["changed"] is True
        assert releases(cluster)[-1]["images"]["web"].startswith(f"{other}@sha256:")
        with version(cluster.yard, "4.0.0"):
            assert cluster.yard.json("deploy", "timeoff")["changed"] is True
        assert cluster.yard.json("deploy", "timeoff")["changed"] is True
    assert [kept["images"]["web"] for kept in releases(cluster)] == [image, image]
    error = cluster.yard.json("deploy", "timeoff", "--image", other, code=9)
    assert error["what"] == f"there is no image {other}"


@contextmanager
def canary(cluster: Running) -> Iterator["subprocess.Popen[str]"]:
    """A deploy whose canary is being watched, for longer than anybody waits."""
    argv = ("deploy", "timeoff", "--canary", "20%", "--watch", "600")
    deploy = cluster.yard.start(*argv, stderr=subprocess.PIPE)
    try:
        assert deploy.stderr is not None
        assert any("times so far" in line for line in deploy.stderr)
        assert "timeoff_web-canary" in {one["name"] for one in cluster.status["services"]}
        yield deploy
    finally:
        if deploy.poll() is None:
            deploy.kill()
        deploy.communicate()


@pytest.mark.slow(3)
def test_a_canary_takes_over_by_itself_where_it_does_well(cluster: Running) -> None:
    with version(cluster.yard, "5.0.0"):
        watched = ("--canary", "20%", "--watch", "15")
        done = cluster.yard.json("deploy", "timeoff", *watched)
    assert done["changed"] is True
    assert {"canary", "end of the canary"} <= set(done["receipt"]["phases"])
    assert done["receipt"]["during"]["failed"] == 0
    assert version_that_runs(cluster) == "5.0.0"
    assert {one["name"] for one in cluster.status["services"]} & {"timeoff_web-canary"} == set()


@pytest.mark.slow(3)
def test_a_canary_is_promoted_and_another_aborted_by_hand(cluster: Running) -> None:
    with version(cluster.yard, "6.0.0"), canary(cluster) as deploy:
        assert cluster.yard.json("promote", "timeoff")["verdict"] == "succeeded"
        assert deploy.wait(60) == 0
    assert version_that_runs(cluster) == "6.0.0"
    with version(cluster.yard, "7.0.0"), canary(cluster) as deploy:
        assert cluster.yard.json("abort", "timeoff")["verdict"] == "failed"
        assert deploy.wait(60) == 9
    assert version_that_runs(cluster) == "6.0.0"
    assert "timeoff_web-canary" not in {one["name"] for one in cluster.status["services"]}


@pytest.mark.slow(3)
def test_a_canary_whose_watcher_was_killed_is_taken_away(cluster: Running) -> None:
    with version(cluster.yard, "8.0.0"), canary(cluster) as deploy:
        deploy.kill()
        deploy.wait()
    done = cluster.yard.json("deploy", "timeoff", "--max-failed", "0")
    assert done["changed"] is True, "back to what the file says"
    word = {one["number"]: one["verdict"] for one in releases(cluster)}
    assert word[done["release"] - 1] == "failed"
    assert version_that_runs(cluster) not in {"6.0.0", "8.0.0"}
    assert "timeoff_web-canary" not in {one["name"] for one in cluster.status["services"]}


@pytest.mark.slow(1)
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
