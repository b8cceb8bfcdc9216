"""What of the format is read, and as what: cases from Drone's documents, each with its page."""

from decimal import Decimal
from typing import Any

import pytest

from beeyard.pipelines import (
    Clone,
    Conditions,
    FromSecret,
    Limits,
    Match,
    Mount,
    Pipeline,
    Platform,
    Step,
    Volume,
    parse,
)

DOCS = "docs.drone.io"
YAML = f"{DOCS}/yaml/docker"
SYNTAX = f"{DOCS}/pipeline/docker/syntax"

STEPS = "steps: [{name: build, image: golang}]"


def pipeline(body: str) -> Pipeline:
    """The one pipeline of a file that has this besides its kind and name."""
    (found,) = parse(f"kind: pipeline\nname: default\n{body}")
    return found


def step(body: str) -> Step:
    """A step with these fields besides its name and image."""
    return pipeline(f"steps:\n- name: build\n  image: golang\n{body}").steps[-1]


# A file; the names of its pipelines, each with its steps and services; the page.
FILES = [
    (
        (
            "---\nkind: pipeline\ntype: docker\nname: default\n\nsteps:\n- name: greeting\n"
            "  image: golang:1.12\n  commands:\n  - go build\n  - go test\n\n...\n"
        ),
        {"default": ["greeting"]},
        f"{DOCS}/pipeline/docker/overview",
    ),
    (
        f"kind: pipeline\nname: default\n{STEPS}\n",
        {"default": ["build"]},
        f"{DOCS}/secret/repository: without a type",
    ),
    (
        f"kind: pipeline\ntype:\nname: default\n{STEPS}\n",
        {"default": ["build"]},
        f"{DOCS}/pipeline/configuration, with an empty type",
    ),
    (
        (
            f"kind: pipeline\ntype: docker\nname: backend\n{STEPS}\n\n---\nkind: pipeline\n"
            f"type: docker\nname: frontend\n{STEPS}\n\n---\nkind: pipeline\nname: after\n{STEPS}\n"
            "depends_on:\n- backend\n- frontend\n"
        ),
        {"backend": ["build"], "frontend": ["build"], "after": ["build"]},
        f"{DOCS}/pipeline/configuration, Graph Execution",
    ),
    (
        (
            f"---\nkind: pipeline\ntype: docker\nname: default\n{STEPS}\n\n---\nkind: signature\n"
            "hmac: F10E2821BBBEA527EA02200352313BC059445190\n"
        ),
        {"default": ["build"]},
        f"{DOCS}/pipeline/configuration, Objects",
    ),
    (
        (
            f"kind: pipeline\nname: default\n{STEPS}\n---\nkind: secret\nname: username\n"
            "data: hl3v+FODjduX0UpXBHgYzPzVTppQblg51CVgCbgDk4U=\n\n...\n"
        ),
        {"default": ["build"]},
        f"{DOCS}/secret/encrypted",
    ),
    (
        (
            f"kind: pipeline\nname: default\n{STEPS}\n---\nkind: secret\nname: username\nget:\n"
            "  path: docker\n  name: username\n"
        ),
        {"default": ["build"]},
        f"{DOCS}/secret/external/kubernetes",
    ),
    (
        f"kind: something\nof: mine\n---\n---\n# nothing\n---\nkind: pipeline\nname: a\n{STEPS}\n",
        {"a": ["build"]},
        f"{DOCS}/pipeline/configuration: the kind tells objects apart",
    ),
    (
        (
            "kind: pipeline\nname: default\nsteps:\n- name: ping\n  image: redis\n  commands:\n"
            "  - redis-cli -h cache ping\nservices:\n- name: cache\n  image: redis\n"
        ),
        {"default": ["cache", "ping"]},
        f"{SYNTAX}/services",
    ),
]


@pytest.mark.parametrize(("text", "expected", "page"), FILES)
def test_documents(text: str, expected: dict[str, list[str]], page: str) -> None:
    found = {one.name: [part.name for part in (*one.services, *one.steps)] for one in parse(text)}
    assert found == expected, page


# Fields of a step besides name and image; the field of the model; its value; the page.
STEP_FIELDS: list[tuple[str, str, Any, str]] = [
    (
        "  commands:\n  - go build\n  - go test",
        "commands",
        ("go build", "go test"),
        f"{SYNTAX}/steps",
    ),
    ("  commands:\n  - true\n  - 5", "commands", ("true", "5"), f"{SYNTAX}/steps: shell commands"),
    ("  commands:\n  - |\n    a\n    b\n", "commands", ("a\nb\n",), f"{SYNTAX}/steps"),
    ("  commands:", "commands", (), f"{YAML}, commands"),
    (
        "  environment:\n    GOOS: linux\n    GOARCH: amd64",
        "environment",
        {"GOOS": "linux", "GOARCH": "amd64"},
        f"{SYNTAX}/steps, Environment",
    ),
    (
        (
            "  environment:\n    MYSQL_ALLOW_EMPTY_PASSWORD: yes\n    A: 1\n    B: 1.10\n"
            "    C: 0644\n"
            "    D: true\n    E: ~\n    F: '007'\n    G:"
        ),
        "environment",
        {
            "MYSQL_ALLOW_EMPTY_PASSWORD": "yes",
            "A": "1",
            "B": "1.10",
            "C": "0644",
            "D": "true",
            "E": "",
            "F": "007",
            "G": "",
        },
        f"{SYNTAX}/services, Health check: a value without quotes",
    ),
    (
        "  environment:\n    PASSWORD:\n      from_secret: password",
        "environment",
        {"PASSWORD": FromSecret("password")},
        f"{DOCS}/pipeline/environment/syntax, From Secrets",
    ),
    (
        "  settings:\n    webhook: https://hooks.slack.com/services/...",
        "settings",
        {"webhook": "https://hooks.slack.com/services/..."},
        f"{SYNTAX}/plugins",
    ),
    (
        "  settings:\n    username:\n      from_secret: docker_username",
        "settings",
        {"username": FromSecret("docker_username")},
        f"{SYNTAX}/plugins, Secrets",
    ),
    (
        (
            "  settings:\n    tags:\n    - 1.0.0\n    - 1.0\n    - 1.10\n"
            "    a: {b: [{from_secret: c}]}\n"
            "    dry_run: true\n    port: 22\n    mode: 0644\n    none:"
        ),
        "settings",
        {
            "tags": ["1.0.0", Decimal("1.0"), Decimal("1.10")],
            "a": {"b": [FromSecret("c")]},
            "dry_run": True,
            "port": 22,
            "mode": "0644",
            "none": None,
        },
        f"{DOCS}/plugins/overview, Plugin Inputs",
    ),
    ("  failure: ignore", "failure", "ignore", f"{SYNTAX}/steps, Failure"),
    ("  failure: always", "failure", "always", f"{YAML}, The Failure enum"),
    ("", "failure", "always", f"{YAML}, failure: the default"),
    ("  detach: true", "detach", True, f"{SYNTAX}/steps, Detach"),
    ("", "detach", False, f"{SYNTAX}/steps, Detach"),
    ("  privileged: true", "privileged", True, f"{SYNTAX}/steps, Privileged Mode"),
    ("  privileged: yes", "privileged", True, f"{YAML}: a boolean, as in YAML 1.1"),
    ("  privileged: off", "privileged", False, f"{YAML}: a boolean, as in YAML 1.1"),
    ("  pull: if-not-exists", "pull", "if-not-exists", f"{SYNTAX}/images, Pulling Images"),
    ("  pull: always", "pull", "always", f"{SYNTAX}/images, Pulling Images"),
    ("  pull: never", "pull", "never", f"{SYNTAX}/images, Pulling Images"),
    ("", "pull", "default", f"{SYNTAX}/images, Pulling Images"),
    ("  user: root", "user", "root", f"{YAML}, user"),
    ("  user: 1000", "user", "1000", f"{YAML}, user: a name or a number"),
    ("  network_mode: host", "network_mode", "host", f"{YAML}, network_mode"),
    ("  entrypoint: [/bin/x, -y]", "entrypoint", ("/bin/x", "-y"), f"{YAML}, entrypoint"),
    ("  command: [--port, 80]", "command", ("--port", "80"), f"{YAML}, command"),
    (
        "  resources:\n    limits:\n      cpu: 500\n      memory: 500MiB",
        "limits",
        Limits(0.5, 500 * 2**20),
        f"{DOCS}/pipeline/kubernetes/syntax/steps, Resources",
    ),
    ("  resources: {limits: {cpu: 1.5}}", "limits", Limits(1.5), "ours: processors"),
    ("  shm_size: 1gb", "shm_size", 2**30, "docker/go-units, RAMInBytes"),
    ("  shm_size: 64m", "shm_size", 64 * 2**20, "docker/go-units, RAMInBytes"),
    ("  shm_size: 1.5GiB", "shm_size", 3 * 2**29, "docker/go-units, RAMInBytes"),
    ("  shm_size: 4096", "shm_size", 4096, "docker/go-units, RAMInBytes"),
    ("  ports:\n  - 6379\n  - 80", "ports", (6379, 80), "ours: of containers"),
    ("  dns: [1.1.1.1]\n  dns_search: [a.example]", "dns", ("1.1.1.1",), "ours: Docker's"),
    ("  working_dir: sub", "working_dir", "sub", "ours: Docker's"),
    (
        "  when:\n    branch:\n    - master\n    - feature/*",
        "when",
        Conditions(branch=Match(("master", "feature/*"))),
        f"{DOCS}/pipeline/conditions",
    ),
    (
        "  when:\n    branch: master\n    event: push",
        "when",
        Conditions(branch=Match(("master",)), event=Match(("push",))),
        f"{DOCS}/pipeline/conditions: a single value",
    ),
    (
        "  when:\n    event:\n      include:\n      - push\n      exclude: pull_request",
        "when",
        Conditions(event=Match(("push",), ("pull_request",))),
        f"{DOCS}/pipeline/conditions, By Event",
    ),
    (
        "  when:\n    status:\n    - failure\n    - success",
        "when",
        Conditions(status=Match(("failure", "success"))),
        f"{SYNTAX}/steps, Conditions",
    ),
    (
        (
            "  when:\n    action: [opened]\n    cron: [nightly]\n"
            "    instance: [drone.instance1.com]\n"
            "    ref: [refs/heads/**]\n    repo: [octocat/*]\n    target: [production]"
        ),
        "when",
        Conditions(
            action=Match(("opened",)),
            cron=Match(("nightly",)),
            instance=Match(("drone.instance1.com",)),
            ref=Match(("refs/heads/**",)),
            repo=Match(("octocat/*",)),
            target=Match(("production",)),
        ),
        f"{YAML}, The Conditions object",
    ),
]


@pytest.mark.parametrize(("body", "field", "expected", "page"), STEP_FIELDS)
def test_fields_of_a_step(body: str, field: str, expected: Any, page: str) -> None:
    assert getattr(step(body), field) == expected, page


# Fields of a pipeline besides kind, name and (if they aren't there) steps; as above.
PIPELINE_FIELDS: list[tuple[str, str, Any, str]] = [
    ("clone:\n  depth: 50", "clone", Clone(depth=50), f"{SYNTAX}/cloning, The --depth flag"),
    ("clone:\n  retries: 3", "clone", Clone(retries=3), f"{SYNTAX}/cloning, Retries"),
    ("clone:\n  disable: true", "clone", Clone(disable=True), f"{SYNTAX}/cloning, Custom Logic"),
    ("", "workspace", "/drone/src", f"{SYNTAX}/workspace"),
    ("workspace:\n  path: /go/src", "workspace", "/go/src", f"{SYNTAX}/workspace"),
    (
        "workspace:\n  base: /go\n  path: src/github.com/octocat/hello-world",
        "workspace",
        "/go/src/github.com/octocat/hello-world",
        f"{DOCS}/pipeline/docker/examples/languages/golang_gopath",
    ),
    (
        "platform:\n  os: linux\n  arch: arm64",
        "platform",
        Platform("linux", "arm64"),
        f"{SYNTAX}/platform",
    ),
    (
        "platform:\n  os: windows\n  arch: amd64\n  version: 1809",
        "platform",
        Platform("windows", "amd64"),
        f"{SYNTAX}/platform, Windows",
    ),
    ("platform: {arch: 386}", "platform", Platform(arch="386"), f"{YAML}, The Arch enum"),
    (
        "node:\n  keyA: valueA\n  keyB: 2",
        "node",
        {"keyA": "valueA", "keyB": "2"},
        f"{SYNTAX}/routing",
    ),
    (
        "environment:\n  GOOS: linux\n  TOKEN: {from_secret: token}",
        "environment",
        {"GOOS": "linux", "TOKEN": FromSecret("token")},
        f"{DOCS}/pipeline/environment/syntax, Per Pipeline",
    ),
    ("concurrency:\n  limit: 1", "concurrency", 1, f"{YAML}, The Concurrency object"),
    ("", "concurrency", 0, f"{YAML}, concurrency: optional"),
    (
        "image_pull_secrets:\n- dockerconfig",
        "image_pull_secrets",
        ("dockerconfig",),
        f"{SYNTAX}/images, Pulling Private Images",
    ),
    (
        "trigger:\n  branch:\n    exclude:\n    - master\n  action:\n  - deleted",
        "trigger",
        Conditions(branch=Match(exclude=("master",)), action=Match(("deleted",))),
        f"{DOCS}/pipeline/triggers, By Action",
    ),
    (
        "volumes:\n- name: cache\n  temp: {}",
        "volumes",
        (Volume("cache", "temp"),),
        f"{SYNTAX}/volumes/temporary",
    ),
    (
        "volumes:\n- name: cache\n  temp:",
        "volumes",
        (Volume("cache", "temp"),),
        f"{SYNTAX}/volumes/temporary",
    ),
    (
        "volumes:\n- name: cache\n  temp:\n    medium: memory",
        "volumes",
        (Volume("cache", "temp", medium="memory"),),
        f"{SYNTAX}/volumes/temporary, Tmpfs Volumes",
    ),
    (
        "volumes:\n- name: cache\n  temp: {medium: memory, size_limit: 1gb}",
        "volumes",
        (Volume("cache", "temp", medium="memory", size=2**30),),
        "ours: how much memory",
    ),
    (
        "volumes:\n- name: cache\n  host:\n    path: /var/lib/cache",
        "volumes",
        (Volume("cache", "host", path="/var/lib/cache"),),
        f"{SYNTAX}/volumes/host",
    ),
]


@pytest.mark.parametrize(("body", "field", "expected", "page"), PIPELINE_FIELDS)
def test_fields_of_a_pipeline(body: str, field: str, expected: Any, page: str) -> None:
    assert getattr(pipeline(f"{STEPS}\n{body}"), field) == expected, page


def test_mounts() -> None:
    """docs.drone.io/pipeline/docker/syntax/volumes/temporary, and devices as Drone has them."""
    found = pipeline(
        "steps:\n- name: test\n  image: golang\n  volumes:\n  - name: cache\n    path: /go\n"
        "  devices: [{name: gpu, path: /dev/x}]\n"
        "volumes:\n- name: cache\n  temp: {}\n- name: gpu\n  host: {path: /dev/gpu}\n"
    )
    assert found.steps[0].volumes == (Mount("cache", "/go"),)
    assert found.steps[0].devices == (Mount("gpu", "/dev/x"),)


def test_a_service_is_detached() -> None:
    """docs.drone.io/pipeline/docker/syntax/services: "launching detached service containers"."""
    found = pipeline(f"{STEPS}\nservices:\n- name: cache\n  image: redis\n")
    assert found.services[0].detach
    assert not found.steps[0].detach


def test_a_plugin_may_have_commands() -> None:
    """docs.drone.io/secret/repository has a step with settings and commands."""
    found = step("  settings: {repo: a}\n  commands: [echo $PLUGIN_REPO]")
    assert (found.settings, found.commands) == ({"repo": "a"}, ("echo $PLUGIN_REPO",))


def test_names_with_spaces() -> None:
    """docs.drone.io/pipeline/docker/syntax/services, Health check: `name: mysql healthcheck`."""
    assert (
        pipeline("steps: [{name: mysql healthcheck, image: mysql}]").steps[0].name
        == "mysql healthcheck"
    )


def test_anchors_and_merges() -> None:
    """yaml.org, type/merge. Keys of one's own, which only hold anchors, are left alone."""
    found = pipeline(
        "x-any: &any\n  image: golang\n  pull: always\n"
        "held: &held {GOOS: linux}\n"
        "steps:\n"
        "- name: one\n  <<: *any\n  pull: never\n  environment: *held\n"
        "- name: two\n  <<: [*any, {image: node, user: root}]\n"
        "  environment:\n    <<: *held\n    GOARCH: arm64\n"
    )
    one, two = found.steps
    assert (one.image, one.pull, one.environment) == ("golang", "never", {"GOOS": "linux"})
    assert (two.image, two.pull, two.user) == ("golang", "always", "root")
    assert two.environment == {"GOOS": "linux", "GOARCH": "arm64"}


def test_substitution_comes_before_yaml() -> None:
    """docs.drone.io/pipeline/environment/substitution: "evaluated before the yaml is parsed"."""
    (found,) = parse(
        f"kind: pipeline\nname: default\n{STEPS}\n${{WHAT}}: {{depth: ${{HOW}}}}\n",
        {"WHAT": "clone", "HOW": "5"},
    )
    assert found.clone == Clone(depth=5)


def test_lines_are_known() -> None:
    first = "# a\nkind: pipeline\nname: a\nsteps:\n\n- name: x\n  image: y\n"
    found = parse(f"{first}---\nkind: pipeline\nname: b\n{STEPS}")
    assert [(one.line, one.steps[0].line) for one in found] == [(2, 6), (9, 11)]


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    (found,) = parse(f"\ufeffkind: pipeline\r\nname: default\r\n{STEPS}\r\n")
    assert found.name == "default"
