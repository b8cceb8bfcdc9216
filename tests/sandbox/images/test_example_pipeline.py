"""The example's pipeline, read as the runner reads it, by the plugins that its steps run."""

import re
from pathlib import Path

from beeyard.apps.stack import load_stack
from beeyard.controller.runner.work import _plugins
from beeyard.pipelines.assemble import Given, assemble
from beeyard.pipelines.environment import Build, System
from beeyard.pipelines.event import Event, EventKind, Repository
from beeyard.pipelines.plan import Job
from beeyard.sandbox.images.contexts.plugins.plugin.docker_build import Plan, plan
from beeyard.secret import Secret

EXAMPLE = Path(__file__).parents[3] / "examples/timeoff"
COMMIT = "12345678" + "9a" * 16
BUILD = Build(7, System("ci.example.com"), created=100, started=200)
SECRETS = {"registry_username": Secret("ci"), "registry_password": Secret("pass,word")}


def job(kind: EventKind = "push", branch: str = "main") -> Job:
    event = Event(
        kind=kind,
        repository=Repository("beeyard", "timeoff"),
        ref=f"refs/heads/{branch}",
        commit=COMMIT,
        branch=branch,
    )
    secrets = {} if kind == "pull_request" else SECRETS
    given = Given("1", event, BUILD, secrets=secrets, plugins=_plugins())
    return assemble((EXAMPLE / ".drone.yml").read_text(), "timeoff", given).job


def planned(job: Job, name: str) -> Plan:
    (step,) = (step for step in job.steps if step.name == name)
    assert step.image == "plugins/docker"
    environment = {
        key: value.reveal() if isinstance(value, Secret) else value
        for key, value in step.environment.items()
    }
    made = plan(environment, "")
    assert made is not None
    return made


def test_each_step_waits_for_the_one_before_it() -> None:
    steps = job().steps
    assert [step.name for step in steps] == ["test", "publish", "deploy"]
    assert [list(step.depends_on) for step in steps[1:]] == [["test"], ["publish"]]
    assert [step.runs_on for step in steps] == ["success"] * 3


def test_only_pushes_to_the_main_branch_are_published_and_deployed() -> None:
    for other in (job(branch="feature"), job("pull_request")):
        assert [step.runs_on for step in other.steps] == ["success", "never", "never"]


def test_the_tests_are_built_and_kept_nowhere() -> None:
    made = planned(job(), "test")
    assert (made.dry_run, made.purge) == (True, True)
    assert "--file=Dockerfile.test" in made.options


def test_what_is_pushed_is_what_is_deployed() -> None:
    made = planned(job(), "publish")
    assert list(made.tags) == ["12345678", "latest"]
    assert (made.sign.username, made.sign.password) == ("ci", "pass,word")
    assert made.sign.registry == made.repo.partition("/")[0]
    deploy = job().steps[-1]
    assert deploy.image == "beeyard/deploy"
    assert deploy.environment["PLUGIN_IMAGE"] == f"{made.repo}:12345678"
    assert list(load_stack(EXAMPLE / "stack.yml").builds) == ["web"]


def test_the_tests_context_has_what_their_dockerfile_takes() -> None:
    """BuildKit reads Dockerfile.test.dockerignore; the image's own leaves the tests out."""
    copied = re.findall(r"^COPY (\S+)", (EXAMPLE / "Dockerfile.test").read_text(), re.MULTILINE)
    ignored = (EXAMPLE / "Dockerfile.test.dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert {*copied} == kept
    assert all((EXAMPLE / name).exists() for name in copied)
