"""The stand-in for `plugins/docker`, started as a runner starts it: on a node, with its socket."""

from collections.abc import Iterator

import pytest
from docker.models.containers import Container

import registry
from sandbox.images.parts import say, step, workspace

pytestmark = pytest.mark.real

DOCKERFILE = """\
FROM debian:bookworm-slim AS first
ARG WORD
RUN echo "built $WORD" > /word && date +%N >> /word
FROM first AS last
RUN touch /last
"""
FAILS = "FROM debian:bookworm-slim\nRUN false\n"


@pytest.fixture
def folder(node: Container) -> Iterator[str]:
    with workspace(node, {"Dockerfile": DOCKERFILE, "fails": FAILS}) as path:
        yield path


def on(folder: str) -> tuple[str, ...]:
    """How a runner starts it: in the workspace, with the node's socket."""
    socket = "/var/run/docker.sock"
    return (
        f"--volume={socket}:{socket}",
        f"--volume={folder}:/drone/src",
        "--workdir=/drone/src",
        "--security-opt=no-new-privileges",
    )


def build(node: Container, folder: str, **settings: str) -> tuple[int, list[str]]:
    """Its exit code, and its lines."""
    code, said = step(
        node,
        "plugins/docker",
        {f"PLUGIN_{name.upper()}": value for name, value in settings.items()},
        on(folder),
    )
    return code, said.splitlines()


def credentials(host: str) -> dict[str, str]:
    return {"registry": host, "username": registry.USER, "password": registry.PASSWORD}


def names(node: Container, repo: str) -> list[str]:
    """Tags that the node's engine has of a repository."""
    return sorted(say(node, "docker", "images", "--format={{.Tag}}", repo).split())


@pytest.fixture
def signed_in(node: Container, locked_registry: str) -> Iterator[None]:
    """The node itself, to see what was pushed."""
    user, password = f"--username={registry.USER}", f"--password={registry.PASSWORD}"
    say(node, "docker", "login", user, password, locked_registry)
    yield
    say(node, "docker", "logout", locked_registry)


@pytest.mark.usefixtures("signed_in")
def test_builds_pushes_and_names_what_it_pushed(
    node: Container, folder: str, locked_registry: str
) -> None:
    repo = f"{locked_registry}/built"
    code, lines = build(
        node,
        folder,
        repo=repo,
        tags="abcdef12,latest",
        target="first",
        build_args="WORD=hello",
        custom_labels="team=a",
        insecure="true",
        **credentials(locked_registry),
    )
    assert code == 0, lines
    assert lines[-1].startswith(f"{repo}@sha256:")
    assert names(node, repo) == []
    assert registry.PASSWORD not in "\n".join(lines)

    pushed = (lines[-1], f"{repo}:abcdef12", f"{repo}:latest")
    look = ("sh", "-c", "echo; head -1 /word; test ! -e /last")
    said = [say(node, "docker", "run", "--rm", name, *look) for name in pushed]
    label = say(node, "docker", "inspect", "--format={{.Config.Labels.team}}", pushed[0])
    say(node, "docker", "image", "rm", *pushed)
    assert [text.splitlines()[-1] for text in said] == ["built hello"] * 3
    assert label == "a"


def test_a_base_image_may_be_private(node: Container, folder: str, locked_registry: str) -> None:
    signed = credentials(locked_registry)
    repo = f"{locked_registry}/base"
    code, lines = build(node, folder, repo=repo, **signed)
    assert code == 0, lines
    with workspace(node, {"Dockerfile": f"FROM {repo}\nRUN test -e /last\n"}) as above:
        code, lines = build(node, above, repo=f"{locked_registry}/above", dry_run="true", **signed)
        assert code == 0, lines
        code, lines = build(node, above, repo=f"{locked_registry}/above", dry_run="true")
    assert code == 1
    assert "401 Unauthorized" in "\n".join(lines)


def test_what_was_pushed_is_a_cache_for_another_node(
    node: Container, folder: str, locked_registry: str
) -> None:
    repo = f"{locked_registry}/cached"
    settings = {"repo": repo, "cache_from": f"{repo}:latest", **credentials(locked_registry)}
    # The first time there is nothing to take from, which is no mistake.
    code, first = build(node, folder, **settings)
    assert code == 0, first
    say(node, "docker", "builder", "prune", "--all", "--force")
    code, second = build(node, folder, **settings)
    assert code == 0, second
    # A file in it holds the time at which it was made: it was not made again.
    assert second[-1] == first[-1]
    assert [line for line in second if line.endswith("CACHED")]


def test_a_wrong_password_is_an_error_and_nothing_is_built(
    node: Container, folder: str, locked_registry: str
) -> None:
    wrong = {**credentials(locked_registry), "password": "wr0ng"}
    code, lines = build(node, folder, repo=f"{locked_registry}/wrong", **wrong)
    assert code == 1
    assert lines[-1] == "error: `docker login` ended with 1"
    assert "401 Unauthorized" in "\n".join(lines)
    assert "wr0ng" not in "\n".join(lines)


def test_a_build_that_fails_pushes_nothing(
    node: Container, folder: str, locked_registry: str
) -> None:
    repo = f"{locked_registry}/failing"
    code, lines = build(node, folder, repo=repo, dockerfile="fails", **credentials(locked_registry))
    assert code == 1
    assert lines[-1] == "error: `docker build` ended with 1"
    assert not [line for line in lines if "docker push" in line]


def test_a_push_that_is_refused_is_an_error(
    node: Container, folder: str, locked_registry: str
) -> None:
    repo = f"{locked_registry}/refused"
    code, lines = build(node, folder, repo=repo)
    assert code == 1
    assert lines[-1] == "error: `docker push` ended with 1"
    assert names(node, repo) == []


def test_a_dry_run_leaves_an_image_only_if_it_is_asked_to(node: Container, folder: str) -> None:
    repo = "registry.invalid/dry"
    code, lines = build(node, folder, repo=repo, tags="1,2", dry_run="true")
    assert (code, lines[-1], names(node, repo)) == (0, "dry_run: nothing is pushed", [])
    code, _ = build(node, folder, repo=repo, tags="1,2", dry_run="true", purge="false")
    left = names(node, repo)
    say(node, "docker", "image", "rm", *(f"{repo}:{tag}" for tag in left))
    assert (code, left) == (0, ["1", "2"])
    assert names(node, "plugin-build") == []


def test_settings_that_are_not_supported_fail_before_anything(node: Container, folder: str) -> None:
    code, lines = build(node, folder, repo="a/b", squash="true", tgas="1")
    assert code == 1
    (line,) = lines
    assert line.startswith("error: squash: the node's engine builds with BuildKit, which can't; ")
    assert line.endswith("; tgas: this plugin has no such setting")


def test_no_program_of_the_workspace_is_run(node: Container) -> None:
    """It would have the node's socket."""
    evil = "print('evil')\nraise SystemExit(1)\n"
    programs = ("json.py", "plugin/__init__.py", "plugin/docker_image.py", "sitecustomize.py")
    files = {"Dockerfile": DOCKERFILE, **dict.fromkeys(programs, evil)}
    with workspace(node, files) as path:
        variables = {"PLUGIN_REPO": "a/b", "PLUGIN_DRY_RUN": "true", "PYTHONPATH": "/drone/src"}
        code, said = step(node, "plugins/docker", variables, on(path))
    assert code == 0, said
    assert "evil" not in said


def test_without_the_socket_it_says_what_it_needs(node: Container) -> None:
    code, said = step(node, "plugins/docker", {"PLUGIN_REPO": "a/b"})
    assert code == 1
    assert "can't be reached" in said
    assert "this plugin needs its socket at /var/run/docker.sock" in said


def test_an_event_that_auto_tag_ignores_is_no_failure(node: Container) -> None:
    variables = {
        "PLUGIN_REPO": "a/b",
        "PLUGIN_AUTO_TAG": "true",
        "DRONE_BUILD_EVENT": "push",
        "DRONE_COMMIT_BRANCH": "feature",
        "DRONE_COMMIT_REF": "refs/heads/feature",
        "DRONE_REPO_BRANCH": "main",
    }
    code, said = step(node, "plugins/docker", variables)
    assert code == 0
    assert said.startswith("auto_tag: nothing is built for refs/heads/feature")
