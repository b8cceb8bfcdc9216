"""Which secrets a run may have."""

from dataclasses import replace

import pytest

from beeyard.pipelines import (
    Event,
    SecretPolicy,
    granted_secrets,
    missing_secrets,
    parse,
    secret_verdict,
    secrets_asked_for,
)
from pipelines.events import PUSH, REPOSITORY, cron, promote, pull_request, push, tag

REPOSITORY_PAGE = "docs.drone.io/secret/repository, Pull Requests"
ENCRYPTED = "docs.drone.io/secret/encrypted, Pull Requests"
LIMITING = "docs.drone.io/secret/external/kubernetes, Limiting Access"
FORK = pull_request(fork=True)
OTHER = replace(PUSH, repository=replace(REPOSITORY, namespace="spaceghost"))

USUAL = SecretPolicy("a")
OPEN = SecretPolicy("a", pull_requests=True)
EVENTS = SecretPolicy("a", pull_requests=True, events=("push", "tag"))

# A policy, events that may have the secret, events that may not, the page.
CASES: list[tuple[SecretPolicy, list[Event], list[Event], str]] = [
    (USUAL, [push(), tag(), promote(), cron()], [pull_request(), FORK], REPOSITORY_PAGE),
    (OPEN, [push(), pull_request()], [FORK], f"{REPOSITORY_PAGE}: allowed; {ENCRYPTED}: forks"),
    (EVENTS, [push(), tag()], [pull_request(), cron(), FORK], f"{LIMITING}, Limit By Event"),
    (
        SecretPolicy("a", repositories=("octocat/*",)),
        [push()],
        [OTHER],
        f"{LIMITING}, Limit By Repository",
    ),
    (
        SecretPolicy("a", repositories=("octocat/hello-world", "x/y")),
        [push()],
        [OTHER],
        f"{LIMITING}, Limit By Repository",
    ),
    (
        SecretPolicy("a", events=("pull_request",)),
        [],
        [pull_request(), push()],
        f"{LIMITING}; pull requests have to be allowed as well",
    ),
]


@pytest.mark.parametrize(("policy", "may", "may_not", "page"), CASES)
def test_who_may_have_one(
    policy: SecretPolicy, may: list[Event], may_not: list[Event], page: str
) -> None:
    for events, expected in ((may, True), (may_not, False)):
        for event in events:
            verdict = secret_verdict(policy, event)
            assert verdict.runs is expected, (page, event)
            assert bool(verdict.why) is not expected


FILE = """
kind: pipeline
name: default
image_pull_secrets: [DockerConfig]
environment:
  A: {from_secret: for_all}
steps:
- name: test
  image: golang
  environment: {B: {from_secret: For_Test}}
- name: publish
  image: plugins/docker
  settings: {password: {from_secret: password}, hosts: [{key: [{from_secret: key}]}]}
  when: {event: push}
services:
- name: db
  image: redis
  environment: {C: {from_secret: for_db}}
"""


def test_what_a_pipeline_asks_for() -> None:
    (pipeline,) = parse(FILE)
    assert secrets_asked_for(pipeline) == {
        *("dockerconfig", "for_all", "for_test", "password", "key", "for_db"),
    }
    assert secrets_asked_for(pipeline, pipeline.steps[:1]) == {
        "dockerconfig",
        "for_all",
        "for_test",
    }


def test_names_have_no_capitals() -> None:
    policies = [SecretPolicy("PassWord"), SecretPolicy("x", events=("tag",))]
    assert granted_secrets(policies, PUSH) == {"password"}


def test_what_is_missing_is_said_with_why() -> None:
    """shared/design/references.md, 3: "Drone leaves a missing one unset: we fail instead"."""
    (pipeline,) = parse(FILE)
    policies = [
        *(SecretPolicy(name, pull_requests=True) for name in ("DOCKERCONFIG", "for_all", "for_db")),
        SecretPolicy("for_test", events=("tag",)),
        SecretPolicy("password"),
    ]
    assert missing_secrets(pipeline, policies, PUSH) == {
        "for_test": "it is for tag, not for push",
        "key": "there is no such secret",
    }


def test_steps_that_do_not_run_miss_nothing() -> None:
    (pipeline,) = parse(FILE)
    names = ("dockerconfig", "for_all", "for_test", "for_db", "password", "key")
    policies = [SecretPolicy(name, pull_requests=not name.startswith(("p", "k"))) for name in names]
    assert missing_secrets(pipeline, policies, pull_request()) == {}
    assert set(missing_secrets(pipeline, policies, FORK)) == {
        *("dockerconfig", "for_all", "for_test", "for_db")
    }
