"""From a file, an event and secrets to a job: pure."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from beeyard.errors import ConfigError, PipelineError
from beeyard.pipelines.assemble import Given, assemble
from beeyard.pipelines.environment import Build, Stage, System
from beeyard.pipelines.event import Event, Repository
from beeyard.pipelines.model import Clone, Mount, Volume
from beeyard.pipelines.plan import MEBIBYTE, Bind, Credentials, Job, JobStep, StepLimits
from beeyard.pipelines.trust import Plugin
from beeyard.secret import Secret

BUILD = Build(7, System("ci.example.com"), created=100, started=200)


def event(**changes: Any) -> Event:
    plain: dict[str, Any] = {
        "kind": "push",
        "repository": Repository("shop", "timeoff"),
        "ref": "refs/heads/main",
        "commit": "c" * 40,
        "branch": "main",
    }
    return Event(**plain | changes)


def job(text: str, name: str = "default", **given: Any) -> Job:
    given = {"event": event(), "build": BUILD, "stage": Stage(1, started=300), **given}
    return assemble(f"kind: pipeline\nname: default\n{text}", name, Given("7-1", **given)).job


def only(text: str, **given: Any) -> JobStep:
    """The one step of a pipeline."""
    return job(f"steps:\n- name: a\n  image: golang\n{text}", **given).steps[0]


def problems(text: str, **given: Any) -> list[str]:
    with pytest.raises(PipelineError) as raised:
        job(text, **given)
    assert raised.value.what == "the pipeline default can't be run"
    return str(raised.value.why).splitlines()


def plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


# What runs.


def test_commands_take_the_place_of_the_image_s_entry_point() -> None:
    step = only("  commands: [go test, go build]\n  shell: /bin/bash\n")
    assert step.entrypoint == ("/bin/bash", "-c")
    assert "go test\n" in plain(step.environment["BEEYARD_SCRIPT_0"])
    assert (step.working_dir, step.init) == ("/drone/src", True)


def test_without_commands_the_image_runs_in_the_workspace() -> None:
    step = only("  entrypoint: [run]\n  command: [fast]\nworkspace: {path: /drone/x}\n")
    assert (step.entrypoint, step.command) == (("run",), ("fast",))
    assert (step.working_dir, step.init) == ("/drone/x", False)


def test_a_service_runs_where_its_image_says() -> None:
    service = job(
        "services: [{name: db, image: mariadb}]\nsteps: [{name: a, image: x}]\n"
    ).services[0]
    assert (service.name, service.image, service.working_dir) == ("db", "mariadb", "")
    assert service.detach


def test_everything_else_comes_through() -> None:
    given = job(
        """\
services: [{name: db, image: mariadb}]
steps:
- name: a
  image: golang
  pull: always
  failure: ignore
  detach: true
  user: "1000"
  working_dir: /src
  hostname: builder
  network_mode: host
  privileged: true
  dns: [10.0.0.2]
  extra_hosts: ["db:10.0.0.3"]
  shm_size: 1m
  volumes: [{name: cache, path: /cache}]
  devices: [{name: kvm, path: /dev/kvm}]
volumes:
- {name: cache, temp: {}}
- {name: kvm, host: {path: /dev/kvm}}
clone: {depth: 5, retries: 2}
""",
        trusted=True,
        labels={"a": "b"},
        timeout=60.0,
        disk=1,
    )
    assert given.volumes == (Volume("cache", "temp"), Volume("kvm", "host", "/dev/kvm"))
    assert (given.id, given.labels, given.timeout, given.disk) == ("7-1", {"a": "b"}, 60.0, 1)
    step = given.steps[0]
    assert step.environment
    assert step == JobStep(
        "a",
        "golang",
        environment=step.environment,
        mounts=(Mount("cache", "/cache"),),
        devices=(Bind("/dev/kvm", "/dev/kvm"),),
        depends_on=("db",),
        detach=True,
        failure="ignore",
        pull="always",
        user="1000",
        privileged=True,
        working_dir="/src",
        network_mode="host",
        hostname="builder",
        dns=("10.0.0.2",),
        extra_hosts=("db:10.0.0.3",),
        shm_size=MEBIBYTE,
    )


def test_how_the_workspace_is_filled() -> None:
    text = "kind: pipeline\nname: x\nclone: {depth: 5, retries: 2}\nsteps: [{name: a, image: b}]\n"
    assert assemble(text, "x", Given("1", event(), BUILD)).clone == Clone(depth=5, retries=2)


def test_a_service_that_waits_for_a_step_is_a_detached_step() -> None:
    given = job(
        """\
services:
- {name: db, image: mariadb}
- {name: server, image: x, depends_on: [build]}
- {name: proxy, image: x, depends_on: [server]}
steps:
- {name: build, image: x}
- {name: test, image: x, depends_on: [proxy]}
"""
    )
    assert [one.name for one in given.services] == ["db"]
    assert [one.name for one in given.steps] == ["server", "proxy", "build", "test"]
    assert [one.name for one in given.steps if one.detach] == ["server", "proxy"]


@pytest.mark.parametrize(
    ("asked", "given", "got"),
    [
        ("", StepLimits(), (0.0, 0)),
        ("", StepLimits(cpus=1, memory=100), (1, 100)),
        ("{cpu: 0.5, memory: 50}", StepLimits(cpus=1, memory=100), (0.5, 50)),
        ("{cpu: 2.0, memory: 500}", StepLimits(cpus=1, memory=100), (1, 100)),
        ("{cpu: 2.0, memory: 500}", StepLimits(), (2, 500)),
    ],
)
def test_a_step_gets_what_it_asks_for_and_no_more_than_there_is(
    asked: str, given: StepLimits, got: tuple[float, int]
) -> None:
    limits = only(f"  resources: {{limits: {asked}}}\n" if asked else "", limits=given).limits
    assert (limits.cpus, limits.memory) == got
    assert limits.pids == given.pids


# When it runs.


@pytest.mark.parametrize(
    ("when", "runs_on"),
    [
        ("{}", "success"),
        ("{status: [success]}", "success"),
        ("{status: [failure]}", "failure"),
        ("{status: [success, failure]}", "always"),
        ("{branch: main}", "success"),
        ("{branch: other}", "never"),
        ("{event: tag, status: [failure]}", "never"),
    ],
)
def test_conditions(when: str, runs_on: str) -> None:
    assert only(f"  when: {when}\n").runs_on == runs_on


def test_a_step_that_does_not_run_says_why_and_needs_nothing() -> None:
    step = only(
        "  when: {branch: prod}\n  privileged: true\n  environment: {T: {from_secret: t}}\n"
    )
    assert (step.runs_on, step.reason) == ("never", "the branch is `main`, not `prod`")
    assert step.environment == {}


SEVERAL = """\
services: [{name: db, image: x}]
steps:
- {name: a, image: x}
- {name: b, image: x}
- {name: c, image: x, environment: {T: {from_secret: t}}}
"""


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        ({"a", "b"}, set(), ["db", "a", "b"]),
        (set(), {"c"}, ["db", "a", "b"]),
        (set(), {"c", "db"}, ["a", "b"]),
        ({"a", "b"}, {"b"}, ["db", "a"]),
    ],
)
def test_steps_may_be_left_out(include: set[str], exclude: set[str], left: list[str]) -> None:
    given = job(SEVERAL, include=frozenset(include), exclude=frozenset(exclude))
    assert [one.name for one in given.all_steps if one.runs_on != "never"] == left
    assert {one.reason for one in given.all_steps if one.runs_on == "never"} == {"it was left out"}


def test_only_what_is_there_can_be_left_out() -> None:
    assert problems(SEVERAL, include=frozenset({"d"}), exclude=frozenset({"e", "c"})) == [
        "there is no step d",
        "there is no step e",
    ]


# What it sees.


def test_variables_of_nearer_places_count_more() -> None:
    step = only(
        "  environment: {B: step, C: step}\n  settings: {dry_run: true}\n"
        "environment: {A: pipeline, B: pipeline}\n",
        variables={"A": "given", "E": "given", "DRONE_REPO": "given"},
    )
    names = ("A", "B", "C", "E", "DRONE_REPO", "PLUGIN_DRY_RUN", "DRONE_STEP_NAME")
    assert {name: step.environment[name] for name in names} == {
        "A": "pipeline",
        "B": "step",
        "C": "step",
        "E": "given",
        "DRONE_REPO": "given",
        "PLUGIN_DRY_RUN": "true",
        "DRONE_STEP_NAME": "a",
    }
    assert (step.environment["DRONE_BRANCH"], step.environment["DRONE_BUILD_NUMBER"]) == (
        "main",
        "7",
    )


def test_steps_are_counted_with_clone_and_services() -> None:
    def numbers(text: str) -> list[str | Secret]:
        return [one.environment["DRONE_STEP_NUMBER"] for one in job(text).all_steps]

    assert numbers(SEVERAL.replace(", environment: {T: {from_secret: t}}", "")) == [*"2345"]
    assert numbers("clone: {disable: true}\nsteps: [{name: a, image: x}]\n") == ["1"]


def test_the_text_knows_the_event() -> None:
    assert only("  environment: {X: '${DRONE_COMMIT_SHA:0:8}'}\n").environment["X"] == "c" * 8


def test_a_secret_stays_one_in_variables_and_in_settings() -> None:
    step = only(
        "  environment: {TOKEN: {from_secret: Deploy_Token}}\n"
        "  settings: {key: {from_secret: deploy_token}, both: [x, {from_secret: deploy_token}]}\n",
        secrets={"deploy_token": Secret("hunter2")},
    )
    for name, value in {
        "TOKEN": "hunter2",
        "PLUGIN_KEY": "hunter2",
        "PLUGIN_BOTH": "x,hunter2",
    }.items():
        assert step.environment[name] == Secret(value)


def test_all_that_is_missing_is_said_at_once() -> None:
    assert problems(
        "environment: {A: {from_secret: one}}\nimage_pull_secrets: [three]\n"
        "steps: [{name: a, image: x, settings: {b: {from_secret: two}}}]\n"
    ) == ["the secret one is missing", "the secret three is missing", "the secret two is missing"]


def test_what_became_of_earlier_steps_is_told_when_a_step_starts() -> None:
    late = job("steps: [{name: a, image: x}]\n").late
    assert late((), 300) == {}
    assert late((), 400) == {"DRONE_BUILD_FINISHED": "400", "DRONE_STAGE_FINISHED": "400"}
    assert late(("test", "lint"), 300) == {
        "DRONE_BUILD_STATUS": "failure",
        "DRONE_STAGE_STATUS": "failure",
        "DRONE_FAILED_STEPS": "test,lint",
    }


# Sign-ins.


def config_json(*hosts: str) -> Secret:
    signed = base64.b64encode(b"ci:pass:word").decode()
    return Secret(json.dumps({"auths": {host: {"auth": signed} for host in hosts}}))


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("docker.io", "docker.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry.example.com:5000", "registry.example.com:5000"),
        ("https://registry.example.com", "registry.example.com"),
        ("gcr.io/project", "gcr.io"),
    ],
)
def test_sign_ins_of_the_pipeline_s_own(written: str, host: str) -> None:
    """docs.drone.io, "Images", "Pulling Private Images"."""
    given = job(
        "image_pull_secrets: [dockerconfig]\nsteps: [{name: a, image: x}]\n",
        secrets={"dockerconfig": config_json(written)},
        credentials={"other.example.com": Credentials("x", Secret("y"))},
    )
    assert given.credentials == {
        "other.example.com": Credentials("x", Secret("y")),
        host: Credentials("ci", Secret("pass:word")),
    }


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"auths": {"x": {}}}', '{"auths": {"x": 1}}'])
def test_a_secret_that_holds_no_sign_ins(text: str) -> None:
    with pytest.raises(PipelineError) as raised:
        job("image_pull_secrets: [d]\nsteps: [{name: a, image: x}]\n", secrets={"d": Secret(text)})
    assert raised.value.what == "the secret d is no Docker config.json with sign-ins"


# Trust.


def test_a_repository_must_be_trusted_for_the_node_s_things() -> None:
    text = """\
steps:
- {name: a, image: x, privileged: true}
- {name: b, image: x, network_mode: host}
- {name: c, image: x, volumes: [{name: h, path: /h}]}
- {name: d, image: x, devices: [{name: h, path: /h}]}
- {name: e, image: x, volumes: [{name: t, path: /t}]}
volumes: [{name: h, host: {path: /etc}}, {name: t, temp: {}}]
"""
    asked = ["`privileged`", "`network_mode`", "a volume of kind `host`", "`devices`"]
    assert problems(text) == [
        f"step {name}: {what} needs a repository that is trusted"
        for name, what in zip("abcd", asked, strict=True)
    ]
    assert len(job(text, trusted=True).steps) == 5
    assert len(problems(text, trusted=True, event=event(fork=True))) == 4


PUBLISH = "steps: [{{name: publish, image: {}, settings: {{repo: x}}{}}}]\n"


@pytest.mark.parametrize(
    ("image", "more", "privileged"),
    [
        ("plugins/docker", "", True),
        ("plugins/docker:20", "", True),
        ("docker.io/plugins/docker", "", True),
        ("plugins/ecr", "", True),
        ("plugins/slack", "", False),
        ("evil/plugins/docker", "", False),
        ("registry.example.com/plugins/docker", "", False),
        ("plugins/docker", ", commands: [sh]", False),
        ("plugins/docker", ", entrypoint: [sh]", False),
        ("plugins/docker", ", command: [sh]", False),
    ],
)
def test_some_plugins_are_privileged_as_they_are(image: str, more: str, privileged: bool) -> None:
    assert job(PUBLISH.format(image, more)).steps[0].privileged is privileged


def test_what_a_plugin_gets_is_for_whoever_runs_it_to_say() -> None:
    socket = Bind("/var/run/docker.sock", "/var/run/docker.sock")
    plugin = Plugin("sha256:1", binds=(socket,), environment={"TOKEN": Secret("t")})
    step = job(PUBLISH.format("beeyard/deploy", ""), plugins={"beeyard/deploy": plugin}).steps[0]
    assert (step.image, step.binds, step.privileged) == ("sha256:1", (socket,), False)
    assert step.environment["TOKEN"] == Secret("t")


def test_forks_have_no_mighty_plugins() -> None:
    text = PUBLISH.format("plugins/docker", "")
    fork = event(kind="pull_request", fork=True)
    refusal = ["step publish: plugins/docker is not run for pull requests from forks"]
    assert problems(text, event=fork) == refusal
    assert problems(text, event=fork, trusted=True) == refusal


def test_a_mighty_plugin_runs_nothing_that_a_pipeline_wrote() -> None:
    """With files over its own, or variables that say what it loads, it would."""
    text = PUBLISH.format("plugins/docker", ", volumes: [{name: t, path: /usr/local/bin}]")
    volumes = "volumes: [{name: t, temp: {}}]\n"
    assert problems(f"workspace: {{path: /usr/local/bin}}\n{text}{volumes}") == [
        "step publish: `volumes` in plugins/docker need a repository that is trusted",
        "step publish: for plugins/docker, the workspace has to be below /drone/ or /go/src/",
    ]
    assert problems(f"workspace: {{path: /drone/../bin}}\n{PUBLISH.format('plugins/ecr', '')}")
    environment = (
        ", environment: {LD_PRELOAD: /drone/src/x.so, PATH: /drone/src, DOCKER_BUILDKIT: '1', "
        "AWS_REGION: eu-central-1, http_proxy: 'http://p', PYTHONPATH: /drone/src}"
    )
    step = job(
        PUBLISH.format("plugins/docker", environment),
        event=event(parameters={"LD_AUDIT": "/drone/src/x.so"}),
        variables={"BASH_ENV": "/drone/src/x"},
    ).steps[0]
    own = {name for name in step.environment if not name.startswith(("DRONE", "PLUGIN_"))}
    assert own == {"CI", "DOCKER_BUILDKIT", "AWS_REGION", "http_proxy"}
    trusted = job(PUBLISH.format("plugins/docker", environment), trusted=True).steps[0]
    assert "PATH" in trusted.environment


def test_a_mighty_plugin_takes_no_variables_from_a_file_that_a_pipeline_wrote() -> None:
    text = "steps: [{name: publish, image: plugins/docker, settings: {repo: x, env_file: .env}}]\n"
    refusal = "step publish: `env_file` in plugins/docker needs a repository that is trusted"
    assert problems(text) == [refusal]
    assert job(text, trusted=True).steps[0].environment["PLUGIN_ENV_FILE"] == ".env"
    by_variable = PUBLISH.format("plugins/docker", ", environment: {PLUGIN_ENV_FILE: .env}")
    assert "PLUGIN_ENV_FILE" not in job(by_variable).steps[0].environment


# What is wrong.


def test_a_file_with_mistakes_is_the_parser_s(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        assemble("kind: pipeline\nsteps: 3\n", "x", Given("1", event(), BUILD), tmp_path / "x.yml")
    assert str(tmp_path / "x.yml:") in str(raised.value.mistakes[0].where)


def test_a_pipeline_that_is_not_there() -> None:
    with pytest.raises(PipelineError) as raised:
        job("steps: [{name: a, image: x}]\n", "other")
    assert (raised.value.what, raised.value.fix) == (
        "there is no pipeline other",
        "name one of: default",
    )
