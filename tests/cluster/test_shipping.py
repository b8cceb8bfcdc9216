"""Push to deploy, with Git's own client, on a whole cluster."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from beeyard.waiting import SystemClock, wait_until
from cluster.yard import CIDR, DOMAIN, ROOT, Running
from pipelines.reach import TRY, reached

pytestmark = pytest.mark.cluster
REGISTRY = f"registry.{DOMAIN}"
SHIP = f"""
kind: pipeline
name: timeoff
steps:
  - name: test
    image: python:3.11-slim-bookworm
    commands:
      - TESTS
  - name: publish
    image: plugins/docker
    settings:
      registry: {REGISTRY}
      repo: {REGISTRY}/timeoff
      tags: ["${{DRONE_COMMIT_SHA:0:8}}"]
      username: {{from_secret: registry_username}}
      password: {{from_secret: registry_password}}
  - name: deploy
    image: beeyard/deploy
    settings:
      image: {REGISTRY}/timeoff:${{DRONE_COMMIT_SHA:0:8}}
"""
REACH = """
kind: pipeline
name: timeoff
steps:
  - name: reach
    image: python:3.11-slim-bookworm
    commands:
      - python reach.py "$(cat targets.json)"
"""
#: Where pipelines run if nobody says where: the last node.
CI_NODE = "worker-2"


@dataclass(frozen=True)
class Team:
    """A working copy, and how it is pushed."""

    cluster: Running
    folder: Path
    environment: Mapping[str, str]

    def git(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=check,
            timeout=300,
        )

    def push(self, **files: str) -> str:
        """Commit and push; what the pusher saw until the run's end."""
        for name, text in files.items():
            (self.folder / name.replace("_", ".")).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "A change")
        said = self.git("push", "beeyard", "main").stderr
        return "\n".join(line.removeprefix("remote: ").rstrip() for line in said.splitlines())

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD").stdout.strip()

    def run(self) -> dict[str, Any]:
        """The newest run."""
        found: dict[str, Any] = self.cluster.yard.json("pipeline", "ls", "-n", "1")[0]
        return found

    def release(self) -> dict[str, Any]:
        """The newest release."""
        found: dict[str, Any] = self.cluster.yard.json("releases", "timeoff")[-1]
        return found


@pytest.fixture(scope="module")
def image(cluster: Running) -> str:
    """What the application runs."""
    form = "{{.Spec.TaskTemplate.ContainerSpec.Image}}"
    said = cluster.docker_on("manager-1", "service", "inspect", "timeoff_web", "--format", form)
    # Without its tag: by its digest.
    return re.sub(r":[^:@/]+@", "@", said.strip())


@pytest.fixture(scope="module")
def team(cluster: Running, ca: Path, image: str, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """TimeOff's stack file, and an image that is made in a second: what runs, with a label."""
    folder = tmp_path_factory.mktemp("team")
    shutil.copy(ROOT / "examples/timeoff/stack.yml", folder)
    (folder / "Dockerfile").write_text(f"FROM {image}\nARG DRONE_COMMIT\nLABEL made=here\n")
    environment = {
        "GIT_SSL_CAINFO": str(ca),
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{role}_NAME": "Somebody" for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": "somebody@example.com" for role in ("AUTHOR", "COMMITTER")},
    }
    made = Team(cluster, folder, environment)
    secret = "/etc/beeyard/secrets/ci_admin_token"
    token = cluster.yard.run("ssh", "manager-1", "--", "sudo", "cat", secret).strip()
    address = cluster.url("ci").replace("https://ci.", f"https://any:{token}@git.")
    made.git("init", "--quiet", "--initial-branch=main")
    made.git("remote", "add", "beeyard", address.removesuffix("/healthz") + "/timeoff.git")
    return made


def steps(run: Mapping[str, Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for stage in run["stages"] for step in stage["steps"]}


def test_a_push_is_tested_built_and_deployed_and_no_request_is_lost(team: Team) -> None:
    said = team.push(_drone_yml=SHIP.replace("TESTS", "python -c 'print(6 * 7)'"))
    run = team.run()
    assert run["status"] == "success", said
    assert run["event"]["commit"] == team.head
    assert "\n42\n" in said
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


def test_a_step_reaches_the_cluster_s_https_and_nothing_else_of_its_network(team: Team) -> None:
    within = {
        "the registry": ("https", REGISTRY, 443),
        "git": ("https", f"git.{DOMAIN}", 443),
        "the controller": ("https", f"ci.{DOMAIN}", 443),
    }
    beyond = inside(team.cluster)
    tries = {**within, **beyond, "metadata": ("tcp", "169.254.169.254", 80)}
    files = {"_drone_yml": REACH, "reach_py": TRY, "targets_json": json.dumps(tries)}
    said = team.push(**files)
    assert {name for name, what in reached(said).items() if what == "open"} == set(within), said
    rules = ("ssh", CI_NODE, "--", "sudo", "/usr/local/sbin/beeyard-steps")
    team.cluster.yard.run(*rules, "remove")
    try:
        said = team.push(**files)
        opened = {name for name, what in reached(said).items() if what == "open"}
        # A sandbox has no metadata, but the machine that it is on may have.
        assert opened - {"metadata"} == {*within, *beyond}, said
    finally:
        team.cluster.yard.run(*rules, "apply")


def inside(cluster: Running) -> dict[str, tuple[str, str, int]]:
    """What no step is to reach, by the addresses at which nodes do."""

    def address(node: str, *argv: str) -> str:
        """The first of the VPC that a command says there."""
        words = cluster.yard.run("ssh", node, "--", *argv).split()
        return next(word for word in words if "." in word and ip_address(word) in ip_network(CIDR))

    def named(name: str) -> str:
        return address(CI_NODE, "getent", "ahostsv4", name, "|", "cut", "-d' '", "-f1")

    fstab = cluster.yard.run("ssh", CI_NODE, "--", "grep", "/mnt/efs", "/etc/fstab")
    secret = "/etc/beeyard/secrets/timeoff_database_url"
    url = urlsplit(cluster.yard.run("ssh", "manager-1", "--", "sudo", "cat", secret))
    manager, own = (address(node, "hostname", "-I") for node in ("manager-1", CI_NODE))
    return {
        "the mount target": ("tcp", named(fstab.partition(":")[0]), 2049),
        "the database": ("tcp", named(str(url.hostname)), 3306),
        "SSH of the manager": ("tcp", manager, 22),
        "Swarm on the manager": ("tcp", manager, 2377),
        "SSH of its own node": ("tcp", own, 22),
    }


def test_a_failing_test_stops_before_the_build(team: Team) -> None:
    before = team.release()["number"]
    said = team.push(_drone_yml=SHIP.replace("TESTS", "exit 3"))
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


def test_a_broken_image_is_rolled_back_and_the_run_says_so(team: Team, image: str) -> None:
    good = next(
        one["number"]
        for one in reversed(team.cluster.yard.json("releases", "timeoff"))
        if one["verdict"] == "succeeded"
    )
    broken = f'FROM {image}\nENTRYPOINT ["python", "-c", "raise SystemExit(3)"]\n'
    said = team.push(_drone_yml=SHIP.replace("TESTS", "true"), Dockerfile=broken)
    run = team.run()
    assert run["status"] == "failure", said
    assert steps(run)["deploy"] == "failure"
    assert f"failed; release {good} serves" in said
    assert team.release()["verdict"] == "failed"


def test_a_controller_that_is_killed_in_mid_deploy_deploys_once(team: Team, image: str) -> None:
    """The run goes on, and there is one release of it."""
    (team.folder / "Dockerfile").write_text(f"FROM {image}\nLABEL made=again\n")
    number = team.run()["number"] + 1

    def deploying() -> bool:
        runs = team.cluster.yard.json("pipeline", "ls", "-n", "1")
        return bool(runs[0]["number"] == number and steps(runs[0]).get("deploy") == "running")

    with ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(push_and_leave, team)
        wait_until(deploying, clock=SystemClock(), deadline=90)
        container = team.cluster.docker_on(
            "manager-1", "ps", "--quiet", "--filter", "name=ci_controller"
        ).strip()
        team.cluster.docker_on("manager-1", "kill", container)
        pushing.result(timeout=120)
    wait_until(lambda: ended(team, number), clock=SystemClock(), deadline=180, interval=2)
    releases = [
        one
        for one in team.cluster.yard.json("releases", "timeoff")
        if one["cause"] == f"pipeline run {number}: timeoff/deploy"
    ]
    assert len(releases) == 1
    assert releases[0]["verdict"] in ("succeeded", "failed")
    well = releases[0]["verdict"] == "succeeded"
    run = team.cluster.yard.json("pipeline", "show", str(number), code=0 if well else 12)
    assert steps(run)["deploy"] == ("success" if well else "failure")


def push_and_leave(team: Team) -> int:
    """Push without looking on: whoever follows is cut off where the controller is killed."""
    team.git("commit", "--quiet", "--all", "-m", "Another")
    return team.git("push", "-o", "no-follow", "beeyard", "main").returncode


def ended(team: Team, number: int) -> bool:
    look = team.cluster.yard.start("--json", "pipeline", "ls", "-n", "5", stdout=subprocess.PIPE)
    said = look.communicate()[0]
    # Until the next copy is there, nobody answers.
    if look.returncode != 0:
        return False
    found = next(run for run in json.loads(said) if run["number"] == number)
    return found["status"] not in ("pending", "running")
