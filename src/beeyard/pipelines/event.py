"""What a pipeline runs for: a push, a tag, a pull request, a schedule, or somebody's wish."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

#: The events of the format. Source: docs.drone.io, "Conditions", "By Event".
EventKind = Literal["push", "pull_request", "tag", "promote", "rollback", "cron", "custom"]


@dataclass(frozen=True)
class Author:
    """Who made the commit, or the pull request. `login` is empty where only Git knows them."""

    login: str = ""
    name: str = ""
    email: str = ""
    avatar: str = ""


@dataclass(frozen=True)
class Repository:
    """Where the code is. `slug` is `namespace/name`; for the cluster's own remote, the namespace is
    the cluster's name and the name is the application's."""

    namespace: str
    name: str
    clone_url: str = ""
    ssh_url: str = ""
    link: str = ""
    default_branch: str = "main"
    private: bool = True
    visibility: Literal["public", "private", "internal"] = "private"

    @property
    def slug(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Event:
    """One event of a repository.

    ref      such as `refs/heads/main`, `refs/tags/v1`, `refs/pull/7/head`
    commit   the commit it is about (40 hex digits); `before`: the one that the branch was at
    branch   the branch pushed to, and of a pull request the one that it wants to be merged into
             (docs.drone.io, "Conditions": `branch` is the target)
    source   of a pull request, the branch that it comes from; `fork`: from another repository
    action   of a pull request: `opened` or `synchronize`; of a branch or tag: `created`
    target   what a promotion or rollback goes to, such as `production`
    cron     the name of the schedule
    parameters  given by whoever asked for it (`custom`, `promote`): they become variables
    """

    kind: EventKind
    repository: Repository
    ref: str
    commit: str
    branch: str
    before: str = ""
    source: str = ""
    fork: bool = False
    action: str = ""
    number: int = 0
    title: str = ""
    message: str = ""
    link: str = ""
    target: str = ""
    cron: str = ""
    author: Author = Author()
    sender: str = ""
    at: datetime | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The tag's name, of a tag; else empty."""
        return self.ref.removeprefix("refs/tags/") if self.ref.startswith("refs/tags/") else ""
