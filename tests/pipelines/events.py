"""Events as tests need them."""

from dataclasses import replace
from typing import Any

from beeyard.pipelines import Author, Event, Repository

REPOSITORY = Repository(
    namespace="octocat",
    name="hello-world",
    clone_url="https://git.example.com/hello-world.git",
    ssh_url="ssh://git@git.example.com:octocat/hello-world.git",
    link="https://ci.example.com/applications/hello-world",
    default_branch="main",
)
PUSH = Event(
    kind="push",
    repository=REPOSITORY,
    ref="refs/heads/main",
    commit="bcdd4bf0245c82c060407b3b24b9b87301d15ac1",
    branch="main",
    before="7fd1a60b01f91b314f59955a4e4d4e80d8edf11d",
    message="Updated README.md",
    link="https://git.example.com/hello-world/commit/bcdd4bf",
    author=Author("octocat", "The Octocat", "octocat@example.com", "https://example.com/a.png"),
    sender="octocat",
)


def push(branch: str = "main", **more: Any) -> Event:
    return replace(PUSH, branch=branch, ref=f"refs/heads/{branch}", **more)


def tag(name: str = "v1.0.0", **more: Any) -> Event:
    return replace(PUSH, kind="tag", ref=f"refs/tags/{name}", **more)


def pull_request(number: int = 42, **more: Any) -> Event:
    """From `feature/develop` into `main`."""
    usual = {"source": "feature/develop", "action": "opened", "title": "ci: upgrade linters"}
    ref = f"refs/pull/{number}/head"
    return replace(PUSH, kind="pull_request", ref=ref, number=number, **{**usual, **more})


def promote(target: str = "production", **more: Any) -> Event:
    return replace(PUSH, kind="promote", target=target, **more)


def cron(name: str = "nightly") -> Event:
    return replace(PUSH, kind="cron", cron=name)
