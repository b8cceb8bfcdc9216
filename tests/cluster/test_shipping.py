"""Push to deploy, with Git's own client, on a whole cluster."""

import re

import pytest

from cluster.shipping import Team, ship, steps

pytestmark = pytest.mark.cluster


def test_a_push_is_tested_built_and_deployed_and_no_request_is_lost(team: Team) -> None:
    said = team.push(_drone_yml=ship("python -c 'print(6 * 7)'"))
    run = team.run()
    assert run["status"] == "success", said
    assert run["event"]["commit"] == team.head
    assert "\n42\n" in said
    address = team.cluster.url("ci").removesuffix("/healthz")
    assert f"{address}/runs/{run['number']}" in said
    requests = re.search(r"(\d+) requests were sent and (\d+) of them failed", said)
    assert requests, said
    assert int(requests[1]) > 10
    assert int(requests[2]) == 0
    release = team.release()
    assert release["verdict"] == "succeeded"
    assert release["commit"] == team.head
    assert run["releases"] == [release["number"]]
    shown = team.cluster.yard.run("pipeline", "show", str(run["number"]))
    assert "publish" in shown
    logs = team.cluster.yard.run("pipeline", "logs", str(run["number"]), "publish")
    assert "sha256:" in logs


def test_a_failing_test_stops_before_the_build(team: Team) -> None:
    before = team.release()["number"]
    said = team.push(_drone_yml=ship("exit 3"))
    run = team.run()
    assert run["status"] == "failure"
    assert steps(run) == {
        "clone": "success",
        "test": "failure",
        "publish": "skipped",
        "deploy": "skipped",
    }
    assert "✗ test failure, exit code 3" in said
    assert team.release()["number"] == before
    number = str(run["number"])
    assert "exit code 3" in team.cluster.yard.run("pipeline", "show", number, code=12)


def test_a_broken_image_is_rolled_back_and_the_run_says_so(team: Team) -> None:
    good = next(
        one["number"]
        for one in reversed(team.cluster.yard.json("releases", "timeoff"))
        if one["verdict"] == "succeeded"
    )
    team.dockerfile('ENTRYPOINT ["python", "-c", "raise SystemExit(3)"]')
    said = team.push(_drone_yml=ship("true"))
    run = team.run()
    assert run["status"] == "failure", said
    assert steps(run)["deploy"] == "failure"
    assert f"failed; release {good} serves" in said
    assert team.release()["verdict"] == "failed"
