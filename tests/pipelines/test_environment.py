"""The variables of docs.drone.io, pipeline/environment/reference."""

from dataclasses import replace

import pytest

from beeyard.pipelines import (
    Build,
    Event,
    Pipeline,
    Stage,
    Step,
    System,
    pipeline_variables,
    step_variables,
    substitutions,
)
from pipelines.events import PUSH, REPOSITORY, cron, promote, pull_request, push, tag

PAGE = "docs.drone.io/pipeline/environment/reference"
BUILD = Build(
    number=42,
    system=System("drone.example.com", "https", "1.2.3"),
    created=915148800,
    started=915148801,
    trigger="octocat",
)
PIPELINE = Pipeline("deploy", (Step("build", "golang"),), depends_on=("backend", "frontend"))
STAGE = Stage(1, "node-1", arch="arm64", variant="v7", started=915148802)

# The index of the page: every one of these is set, for some event.
INDEX = [
    "CI",
    "DRONE",
    "DRONE_BRANCH",
    "DRONE_BUILD_ACTION",
    "DRONE_BUILD_CREATED",
    "DRONE_BUILD_EVENT",
    "DRONE_BUILD_FINISHED",
    "DRONE_BUILD_LINK",
    "DRONE_BUILD_NUMBER",
    "DRONE_BUILD_PARENT",
    "DRONE_BUILD_STARTED",
    "DRONE_BUILD_STATUS",
    "DRONE_BUILD_TRIGGER",
    "DRONE_CALVER",
    "DRONE_COMMIT",
    "DRONE_COMMIT_AFTER",
    "DRONE_COMMIT_AUTHOR",
    "DRONE_COMMIT_AUTHOR_AVATAR",
    "DRONE_COMMIT_AUTHOR_EMAIL",
    "DRONE_COMMIT_AUTHOR_NAME",
    "DRONE_COMMIT_BEFORE",
    "DRONE_COMMIT_BRANCH",
    "DRONE_COMMIT_LINK",
    "DRONE_COMMIT_MESSAGE",
    "DRONE_COMMIT_REF",
    "DRONE_COMMIT_SHA",
    "DRONE_DEPLOY_TO",
    "DRONE_FAILED_STAGES",
    "DRONE_FAILED_STEPS",
    "DRONE_GIT_HTTP_URL",
    "DRONE_GIT_SSH_URL",
    "DRONE_PULL_REQUEST",
    "DRONE_PULL_REQUEST_TITLE",
    "DRONE_REMOTE_URL",
    "DRONE_REPO",
    "DRONE_REPO_BRANCH",
    "DRONE_REPO_LINK",
    "DRONE_REPO_NAME",
    "DRONE_REPO_NAMESPACE",
    "DRONE_REPO_OWNER",
    "DRONE_REPO_PRIVATE",
    "DRONE_REPO_SCM",
    "DRONE_REPO_VISIBILITY",
    "DRONE_SEMVER",
    "DRONE_SEMVER_BUILD",
    "DRONE_SEMVER_ERROR",
    "DRONE_SEMVER_MAJOR",
    "DRONE_SEMVER_MINOR",
    "DRONE_SEMVER_PATCH",
    "DRONE_SEMVER_PRERELEASE",
    "DRONE_SEMVER_SHORT",
    "DRONE_SOURCE_BRANCH",
    "DRONE_STAGE_ARCH",
    "DRONE_STAGE_DEPENDS_ON",
    "DRONE_STAGE_FINISHED",
    "DRONE_STAGE_KIND",
    "DRONE_STAGE_MACHINE",
    "DRONE_STAGE_NAME",
    "DRONE_STAGE_NUMBER",
    "DRONE_STAGE_OS",
    "DRONE_STAGE_STARTED",
    "DRONE_STAGE_STATUS",
    "DRONE_STAGE_TYPE",
    "DRONE_STAGE_VARIANT",
    "DRONE_STEP_NAME",
    "DRONE_STEP_NUMBER",
    "DRONE_SYSTEM_HOST",
    "DRONE_SYSTEM_HOSTNAME",
    "DRONE_SYSTEM_PROTO",
    "DRONE_SYSTEM_VERSION",
    "DRONE_TAG",
    "DRONE_TARGET_BRANCH",
    "DRONE_WORKSPACE",
]


def of(event: Event, build: Build = BUILD, stage: Stage = STAGE) -> dict[str, str]:
    found = pipeline_variables(event, build, PIPELINE, stage, now=915148999)
    return found | step_variables("build", 3)


# An event; a variable; its value (None: not set); the page below PAGE.
CASES = [
    (PUSH, "CI", "true", "ci"),
    (PUSH, "DRONE", "true", "drone"),
    (PUSH, "DRONE_BRANCH", "main", "drone-branch"),
    (pull_request(), "DRONE_BRANCH", "main", "drone-branch: the target"),
    (tag(), "DRONE_BRANCH", "", "drone-branch: may be empty for tag events"),
    (pull_request(), "DRONE_BUILD_ACTION", "opened", "drone-build-action"),
    (PUSH, "DRONE_BUILD_CREATED", "915148800", "drone-build-created"),
    (PUSH, "DRONE_BUILD_STARTED", "915148801", "drone-build-started"),
    (PUSH, "DRONE_BUILD_FINISHED", "915148999", "drone-build-finished: the current time"),
    (PUSH, "DRONE_BUILD_EVENT", "push", "drone-build-event"),
    (pull_request(), "DRONE_BUILD_EVENT", "pull_request", "drone-build-event"),
    (promote(), "DRONE_BUILD_EVENT", "promote", "drone-build-event"),
    (tag(), "DRONE_BUILD_EVENT", "tag", "drone-build-event"),
    (cron(), "DRONE_BUILD_EVENT", "cron", "drone-build-event"),
    (
        PUSH,
        "DRONE_BUILD_LINK",
        "https://drone.example.com/octocat/hello-world/42",
        "drone-build-link",
    ),
    (PUSH, "DRONE_BUILD_NUMBER", "42", "drone-build-number"),
    (PUSH, "DRONE_BUILD_PARENT", "0", "drone-build-parent"),
    (PUSH, "DRONE_BUILD_STATUS", "success", "drone-build-status: the default"),
    (PUSH, "DRONE_BUILD_TRIGGER", "octocat", "drone-build-trigger"),
    (PUSH, "DRONE_COMMIT", PUSH.commit, "drone-commit"),
    (PUSH, "DRONE_COMMIT_SHA", PUSH.commit, "drone-commit-sha"),
    (PUSH, "DRONE_COMMIT_AFTER", PUSH.commit, "drone-commit-after"),
    (PUSH, "DRONE_COMMIT_BEFORE", PUSH.before, "drone-commit-before"),
    (PUSH, "DRONE_COMMIT_AUTHOR", "octocat", "drone-commit-author: the username"),
    (PUSH, "DRONE_COMMIT_AUTHOR_NAME", "The Octocat", "drone-commit-author-name"),
    (PUSH, "DRONE_COMMIT_AUTHOR_EMAIL", "octocat@example.com", "drone-commit-author-email"),
    (PUSH, "DRONE_COMMIT_AUTHOR_AVATAR", "https://example.com/a.png", "drone-commit-author-avatar"),
    (pull_request(), "DRONE_COMMIT_BRANCH", "main", "drone-commit-branch: the target"),
    (PUSH, "DRONE_COMMIT_LINK", PUSH.link, "drone-commit-link"),
    (PUSH, "DRONE_COMMIT_MESSAGE", "Updated README.md", "drone-commit-message"),
    (PUSH, "DRONE_COMMIT_REF", "refs/heads/main", "drone-commit-ref"),
    (tag(), "DRONE_COMMIT_REF", "refs/tags/v1.0.0", "drone-commit-ref"),
    (pull_request(), "DRONE_COMMIT_REF", "refs/pull/42/head", "drone-commit-ref"),
    (promote(), "DRONE_DEPLOY_TO", "production", "drone-deploy-to"),
    (PUSH, "DRONE_DEPLOY_TO", "", "drone-deploy-to"),
    (PUSH, "DRONE_GIT_HTTP_URL", REPOSITORY.clone_url, "drone-git-http-url"),
    (PUSH, "DRONE_GIT_SSH_URL", REPOSITORY.ssh_url, "drone-git-ssh-url"),
    (PUSH, "DRONE_REMOTE_URL", REPOSITORY.clone_url, "drone-remote-url"),
    (pull_request(), "DRONE_PULL_REQUEST", "42", "drone-pull-request"),
    (PUSH, "DRONE_PULL_REQUEST", None, "drone-pull-request: empty if it is none"),
    (pull_request(), "DRONE_PULL_REQUEST_TITLE", "ci: upgrade linters", "drone-pull-request-title"),
    (PUSH, "DRONE_REPO", "octocat/hello-world", "drone-repo"),
    (PUSH, "DRONE_REPO_BRANCH", "main", "drone-repo-branch: the default one"),
    (PUSH, "DRONE_REPO_LINK", REPOSITORY.link, "drone-repo-link"),
    (PUSH, "DRONE_REPO_NAME", "hello-world", "drone-repo-name"),
    (PUSH, "DRONE_REPO_NAMESPACE", "octocat", "drone-repo-namespace"),
    (PUSH, "DRONE_REPO_OWNER", "octocat", "drone-repo-owner"),
    (PUSH, "DRONE_REPO_PRIVATE", "true", "drone-repo-private"),
    (PUSH, "DRONE_REPO_SCM", "git", "drone-repo-scm"),
    (PUSH, "DRONE_REPO_VISIBILITY", "private", "drone-repo-visibility"),
    (pull_request(), "DRONE_SOURCE_BRANCH", "feature/develop", "drone-source-branch"),
    (pull_request(), "DRONE_TARGET_BRANCH", "main", "drone-target-branch"),
    (push("a/b"), "DRONE_SOURCE_BRANCH", "a/b", "drone/go-scm, issue 11: for push events as well"),
    (PUSH, "DRONE_STAGE_ARCH", "arm64", "drone-stage-arch"),
    (PUSH, "DRONE_STAGE_DEPENDS_ON", "backend,frontend", "drone-stage-depends-on"),
    (PUSH, "DRONE_STAGE_FINISHED", "915148999", "drone-stage-finished: the current time"),
    (PUSH, "DRONE_STAGE_KIND", "pipeline", "drone-stage-kind"),
    (PUSH, "DRONE_STAGE_MACHINE", "node-1", "drone-stage-machine"),
    (PUSH, "DRONE_STAGE_NAME", "deploy", "drone-stage-name"),
    (PUSH, "DRONE_STAGE_NUMBER", "1", "drone-stage-number"),
    (PUSH, "DRONE_STAGE_OS", "linux", "drone-stage-os"),
    (PUSH, "DRONE_STAGE_STARTED", "915148802", "drone-stage-started"),
    (PUSH, "DRONE_STAGE_STATUS", "success", "drone-stage-status: the default"),
    (PUSH, "DRONE_STAGE_TYPE", "docker", "drone-stage-type"),
    (PUSH, "DRONE_STAGE_VARIANT", "v7", "drone-stage-variant"),
    (PUSH, "DRONE_STEP_NAME", "build", "drone-step-name"),
    (PUSH, "DRONE_STEP_NUMBER", "3", "drone-step-number"),
    (PUSH, "DRONE_SYSTEM_HOST", "drone.example.com", "drone-system-host"),
    (PUSH, "DRONE_SYSTEM_HOSTNAME", "drone.example.com", "drone-system-hostname"),
    (PUSH, "DRONE_SYSTEM_PROTO", "https", "drone-system-proto"),
    (PUSH, "DRONE_SYSTEM_VERSION", "1.2.3", "drone-system-version"),
    (tag(), "DRONE_TAG", "v1.0.0", "drone-tag"),
    (PUSH, "DRONE_TAG", None, "drone-tag: for tag events, and promotions that come from tags"),
    (promote(ref="refs/tags/v2"), "DRONE_TAG", "v2", "drone-tag: promotions that come from tags"),
    (PUSH, "DRONE_WORKSPACE", "/drone/src", "drone-workspace"),
]


@pytest.mark.parametrize(("event", "name", "value", "page"), CASES)
def test_what_a_step_gets(event: Event, name: str, value: str | None, page: str) -> None:
    assert of(event).get(name) == value, f"{PAGE}/{page}"


def test_failures_so_far() -> None:
    """drone-failed-stages, drone-failed-steps, drone-build-status, drone-stage-status."""
    build = replace(BUILD, status="failure", failed_stages=("build", "test"))
    stage = replace(STAGE, status="failure", failed_steps=("backend", "frontend"))
    found = of(PUSH, build, stage)
    assert found["DRONE_FAILED_STAGES"] == "build,test"
    assert found["DRONE_FAILED_STEPS"] == "backend,frontend"
    assert (found["DRONE_BUILD_STATUS"], found["DRONE_STAGE_STATUS"]) == ("failure", "failure")


def test_every_documented_variable_is_set_for_some_event() -> None:
    events = (pull_request(), tag(), tag("v1"), tag("19.1.0"))
    assert {name for event in events for name in of(event)} >= set(INDEX)


# A tag and what it becomes; nothing else of the kind is set.
VERSIONS = [
    (
        "v1.2.3-alpha.1",
        {
            "DRONE_SEMVER": "1.2.3-alpha.1",
            "DRONE_SEMVER_SHORT": "1.2.3",
            "DRONE_SEMVER_MAJOR": "1",
            "DRONE_SEMVER_MINOR": "2",
            "DRONE_SEMVER_PATCH": "3",
            "DRONE_SEMVER_PRERELEASE": "alpha.1",
            "DRONE_SEMVER_BUILD": "",
        },
        "drone-semver",
    ),
    (
        "1.2.3+001",
        {
            "DRONE_SEMVER": "1.2.3+001",
            "DRONE_SEMVER_SHORT": "1.2.3",
            "DRONE_SEMVER_MAJOR": "1",
            "DRONE_SEMVER_MINOR": "2",
            "DRONE_SEMVER_PATCH": "3",
            "DRONE_SEMVER_PRERELEASE": "",
            "DRONE_SEMVER_BUILD": "001",
        },
        "drone-semver-build",
    ),
    (
        "4.5",
        {"DRONE_SEMVER_ERROR": "4.5 is no version of the form MAJOR.MINOR.PATCH"},
        "drone-semver-error",
    ),
    (
        "v01.2.3",
        {"DRONE_SEMVER_ERROR": "v01.2.3 is no version of the form MAJOR.MINOR.PATCH"},
        "semver.org, 2: no leading zeroes",
    ),
]


@pytest.mark.parametrize(("name", "expected", "page"), VERSIONS)
def test_semantic_versions(name: str, expected: dict[str, str], page: str) -> None:
    found = {key: value for key, value in of(tag(name)).items() if "SEMVER" in key}
    assert found == expected, f"{PAGE}/{page}"


def test_calendar_versions() -> None:
    """docs.drone.io/pipeline/environment/reference/drone-calver"""
    found = {k: v for k, v in of(tag("19.1.0-beta.20190318")).items() if "CALVER" in k}
    assert found == {
        "DRONE_CALVER": "19.1.0-beta.20190318",
        "DRONE_CALVER_SHORT": "19.1.0",
        "DRONE_CALVER_MAJOR_MINOR": "19.1",
        "DRONE_CALVER_MAJOR": "19",
        "DRONE_CALVER_MINOR": "1",
        "DRONE_CALVER_MICRO": "0",
        "DRONE_CALVER_MODIFIER": "beta.20190318",
    }
    assert of(tag("2024.05"))["DRONE_CALVER_SHORT"] == "2024.05"
    assert not any("CALVER" in name for name in of(tag("v1.2.3")))
    assert not any("CALVER" in name for name in of(tag("2024.77.1")))


def test_what_can_be_substituted() -> None:
    """docs.drone.io/pipeline/environment/reference: "with the exception of step name, step number,
    as well as parameters that store statuses and timestamps"."""
    found = substitutions(tag("v1.2.3"), BUILD)
    assert {"DRONE_COMMIT", "DRONE_TAG", "DRONE_SEMVER_SHORT", "DRONE_BUILD_NUMBER"} <= set(found)
    excepted = ("_STATUS", "_CREATED", "_STARTED", "_FINISHED", "DRONE_STEP", "DRONE_STAGE")
    assert not [name for name in found if any(part in name for part in excepted)]


def test_parameters_are_variables_but_none_of_drones() -> None:
    parameters = {"VERSION": "1", "DRONE_COMMIT": "x", "PLUGIN_A": "x", "CI": "x", "a b": "x"}
    found = of(replace(PUSH, kind="custom", parameters=parameters))
    assert found["VERSION"] == "1"
    assert found["DRONE_COMMIT"] == PUSH.commit
    assert found["CI"] == "true"
    assert not {"PLUGIN_A", "a b"} & set(found)
    assert "VERSION" not in substitutions(replace(PUSH, parameters=parameters), BUILD)
