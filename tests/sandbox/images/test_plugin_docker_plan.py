"""Settings of `plugins/docker` as a plan. Each rule is of docs.drone.io, "Docker" (plugins), where
nothing else is said."""

import pytest

from beeyard.sandbox.images.contexts.plugins.plugin import docker_engine
from beeyard.sandbox.images.contexts.plugins.plugin.docker_build import UNSUPPORTED, Plan, plan
from beeyard.sandbox.images.contexts.plugins.plugin.settings import Refusal

REPO = "registry.example.com/app"
TAGGED = {"DRONE_BUILD_EVENT": "tag", "DRONE_TAG": "1.0.0"}
PUSHED = {
    "DRONE_BUILD_EVENT": "push",
    "DRONE_COMMIT_BRANCH": "main",
    "DRONE_REPO_BRANCH": "main",
}


def planned(
    tags_file: str = "", environment: dict[str, str] | None = None, /, **settings: str
) -> Plan:
    given = {f"PLUGIN_{name.upper()}": value for name, value in settings.items()}
    made = plan({"PLUGIN_REPO": REPO, **(environment or {}), **given}, tags_file)
    assert made is not None
    return made


def test_the_least_that_is_asked_for() -> None:
    made = planned()
    assert (made.tags, made.context, made.dry_run, made.purge) == (["latest"], ".", False, True)
    assert made.argv("name") == [
        "docker",
        "build",
        "--tag=name",
        "--file=Dockerfile",
        "--pull",
        "--",
        ".",
    ]


@pytest.mark.parametrize(
    ("settings", "tags_file", "tags"),
    [
        ({"tags": "latest,1.0.1,1.0"}, "", ["latest", "1.0.1", "1.0"]),
        ({"tag": "abcdef12"}, "", ["abcdef12"]),
        ({}, "5.2.6,5.2.4", ["5.2.6", "5.2.4"]),
        # One in a line: a maintainer's word, drone-plugins/drone-docker, issue 287.
        ({}, "5.2.6\n5.2.4\n", ["5.2.6", "5.2.4"]),
        ({"tags": "a,a, b"}, "not these", ["a", "b"]),
    ],
)
def test_tags_by_hand(settings: dict[str, str], tags_file: str, tags: list[str]) -> None:
    assert planned(tags_file, **settings).tags == tags


@pytest.mark.parametrize(
    ("name", "suffix", "tags"),
    [
        ("1.0.0", "", ["1", "1.0", "1.0.0"]),
        ("v1.9.2", "", ["1", "1.9", "1.9.2"]),
        ("1.0.0-rc.1", "", ["1.0.0-rc.1"]),
        ("1.0.0", "linux-amd64", ["1-linux-amd64", "1.0-linux-amd64", "1.0.0-linux-amd64"]),
    ],
)
def test_a_version_gives_its_tags(name: str, suffix: str, tags: list[str]) -> None:
    tagged = {**TAGGED, "DRONE_TAG": name}
    assert planned("", tagged, auto_tag="true", auto_tag_suffix=suffix).tags == tags


@pytest.mark.parametrize(("suffix", "tag"), [("", "latest"), ("alpine", "alpine")])
def test_a_push_to_the_default_branch_gives_latest(suffix: str, tag: str) -> None:
    """Or the suffix alone: drone-plugins/drone-docker, issue 188."""
    assert planned("", PUSHED, auto_tag="true", auto_tag_suffix=suffix).tags == [tag]


@pytest.mark.parametrize(
    "change",
    [
        {"DRONE_COMMIT_BRANCH": "feature"},
        {"DRONE_BUILD_EVENT": "pull_request"},
        {"DRONE_BUILD_EVENT": "cron"},
    ],
)
def test_all_other_events_and_branches_are_ignored(change: dict[str, str]) -> None:
    environment = {"PLUGIN_REPO": REPO, "PLUGIN_AUTO_TAG": "true", **PUSHED, **change}
    assert plan(environment, "") is None


def test_what_is_handed_to_the_build() -> None:
    made = planned(
        "",
        {"TOKEN": "t0ken", "SHA": "abc"},
        dockerfile="docker/Dockerfile",
        context="app",
        target="slim",
        platform="linux/arm64",
        pull_image="false",
        no_cache="true",
        cache_from=f"{REPO}:latest,{REPO}:main",
        add_host="db:10.0.0.1",
        custom_labels="team=a,tier=b",
        build_args="VERSION=1=2,SHA",
        build_args_from_env="TOKEN",
    )
    assert made.argv("name")[2:] == [
        "--tag=name",
        "--file=docker/Dockerfile",
        "--no-cache",
        f"--cache-from={REPO}:latest",
        f"--cache-from={REPO}:main",
        "--add-host=db:10.0.0.1",
        "--label=team=a",
        "--label=tier=b",
        "--target=slim",
        "--platform=linux/arm64",
        "--build-arg=BUILDKIT_INLINE_CACHE=1",
        "--build-arg=TOKEN",
        "--build-arg=VERSION",
        "--build-arg=SHA",
        "--",
        "app",
    ]
    assert made.environment == {"TOKEN": "t0ken", "VERSION": "1=2", "SHA": "abc"}


def test_labels_tell_where_an_image_is_from() -> None:
    drone = {"DRONE_COMMIT_SHA": "abc", "DRONE_REPO_LINK": "https://git.example.com/a/b"}
    labels = [word for word in planned("", drone, auto_label="true").options if "label" in word]
    assert labels == [
        "--label=org.opencontainers.image.revision=abc",
        "--label=org.opencontainers.image.source=https://git.example.com/a/b",
        "--label=org.opencontainers.image.url=https://git.example.com/a/b",
    ]


def test_credentials_come_as_settings_or_as_secrets() -> None:
    made = planned("", {"DOCKER_USERNAME": "ci", "DOCKER_PASSWORD": "p", "DOCKER_REGISTRY": "r"})
    assert (made.sign.registry, made.sign.username, made.sign.password) == ("r", "ci", "p")
    auths = '{"auths": {"r": {"auth": "Y2k6cA=="}}}'
    assert planned(config=auths).sign.config == auths
    assert planned(username="me", password="p").sign.registry == "https://index.docker.io/v1/"


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_what_is_not_supported_is_refused_unless_it_is_off(name: str) -> None:
    with pytest.raises(Refusal, match=rf"{name}: "):
        planned(**{name: "true"})
    planned(**{name: "false"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"repo": ""}, "repo is missing"),
        ({"repo": "r/app:1"}, "names the image without a tag"),
        ({"repo": "--config=/x"}, "names the image without a tag"),
        ({"tags": "feature/x"}, "`feature/x` can't be an image's tag"),
        ({"repos": "a", "labels": "b"}, "labels: this plugin has no such setting; repos: this"),
        ({"dry_run": "perhaps"}, "dry_run is `perhaps`: write true or false"),
        ({"username": "ci"}, "username and password go together"),
        ({"password": "p"}, "username and password go together"),
        ({"build_args": "A=1,2"}, "no value holds a comma"),
        ({"build_args": "MISSING"}, "build_args: the step has no variable MISSING"),
        ({"build_args_from_env": "MISSING"}, "the step has no variable MISSING"),
        ({"config": "auths"}, "config is no JSON"),
        ({"config": '{"auths": {}, "cliPluginsExtraDirs": ["."]}'}, "it has cliPluginsExtraDirs"),
        ({"cache_from": "type=registry"}, "only images can be taken from"),
        ({"auto_tag_suffix": "x"}, "auto_tag_suffix is for auto_tag"),
    ],
)
def test_mistakes_in_words(settings: dict[str, str], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        planned(**settings)


@pytest.mark.parametrize("name", ["release", "1.0", "01.0.0", "1.0.0+build"])
def test_a_tag_that_is_no_version_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="is no version"):
        planned("", {**TAGGED, "DRONE_TAG": name}, auto_tag="true")


INFO = {
    "RegistryConfig": {
        "Mirrors": ["https://mirror.example.com/"],
        "InsecureRegistryCIDRs": ["127.0.0.0/8"],
        "IndexConfigs": {
            "docker.io": {"Secure": True},
            "plain.example.com:5000": {"Secure": False},
        },
    }
}


@pytest.mark.parametrize(
    ("registry", "mirror"),
    [("plain.example.com:5000", ""), ("127.0.0.1:5000", "https://mirror.example.com")],
)
def test_what_the_engine_does_already(registry: str, mirror: str) -> None:
    docker_engine.check(INFO, registry=registry, insecure=True, mirror=mirror)


@pytest.mark.parametrize(
    ("registry", "insecure", "mirror", "words"),
    [
        ("docker.io", True, "", "insecure: this node's engine speaks to docker.io over TLS only"),
        ("r.example.com", True, "", "insecure-registries"),
        ("192.0.2.1:5000", True, "", "insecure-registries"),
        ("r.example.com", False, "https://other.example.com", "registry-mirrors"),
    ],
)
def test_what_only_an_administrator_can_set(
    registry: str, insecure: bool, mirror: str, words: str
) -> None:
    with pytest.raises(Refusal, match=words):
        docker_engine.check(INFO, registry=registry, insecure=insecure, mirror=mirror)
