"""The payloads of GitHub, which Gitea and Forgejo took over with few differences.

Sources: docs.github.com "Webhook events and payloads" (push, pull_request); docs.gitea.com and
forgejo.org/docs "Webhooks".
"""

from typing import Literal

from pydantic import AliasChoices, Field

from beeyard.controller.forges.hook import BRANCHES, TAGS, Hook, Move, is_nothing, of_pull, of_push
from beeyard.controller.forges.payload import (
    Id,
    Link,
    Moment,
    Name,
    Number,
    Part,
    Ref,
    Sha,
    Slug,
    SshUrl,
    Text,
    is_name,
)
from beeyard.pipelines.event import Author, Event, Repository


class _Person(Part):
    name: Text = ""
    email: Text = ""
    username: Text = ""


class _User(Part):
    login: Text = ""
    avatar_url: Link = ""


class _Commit(Part):
    id: Sha
    message: Text = ""
    url: Link = ""
    timestamp: Moment = None
    author: _Person | None = None


class _Repository(Part):
    id: Id = 0
    full_name: Slug
    clone_url: Link = ""
    ssh_url: SshUrl = ""
    html_url: Link = ""
    default_branch: Text = ""
    private: bool = True
    internal: bool = False
    visibility: Text = ""


class Push(Part):
    """A push of a branch or tag; also that it was deleted."""

    ref: Ref
    before: Sha
    after: Sha
    compare: Link = Field("", validation_alias=AliasChoices("compare", "compare_url"))
    head_commit: _Commit | None = None
    commits: tuple[_Commit, ...] | None = None
    repository: _Repository
    sender: _User | None = None


class _End(Part):
    ref: Name
    sha: Sha
    repo: _Repository | None = None


class _Pull(Part):
    number: Number
    title: Text = ""
    body: Text = ""
    html_url: Link = ""
    user: _User | None = None
    head: _End
    base: _End


class Pull(Part):
    """Something of a pull request."""

    action: Text
    before: Sha | None = None
    pull_request: _Pull
    repository: _Repository
    sender: _User | None = None


# Gitea's word for new commits is another one.
_ACTIONS = {
    "opened": "opened",
    "reopened": "reopened",
    "synchronize": "synchronize",
    "synchronized": "synchronize",
}


def push_hook(names: tuple[str, ...], push: Push) -> Hook:
    """The hook of a push."""
    move = Move(push.ref, push.before, push.after)
    return of_push(names, push.repository.full_name, move, lambda: _pushed(push))


def pull_hook(names: tuple[str, ...], pull: Pull) -> Hook:
    """The hook of something that happened to a pull request."""
    action = _ACTIONS.get(pull.action)
    if action is None:
        return Hook(names, why=f"nothing runs when a pull request is {pull.action[:40]}")
    one = pull.pull_request
    author = one.user or _User()
    event = Event(
        kind="pull_request",
        repository=_repository(pull.repository),
        ref=f"refs/pull/{one.number}/head",
        commit=one.head.sha,
        branch=one.base.ref,
        before=(pull.before or "") if action == "synchronize" else "",
        source=one.head.ref,
        fork=_is_fork(one.head, one.base),
        action=action,
        number=one.number,
        title=one.title,
        message=one.body,
        link=one.html_url,
        author=Author(login=author.login, avatar=author.avatar_url),
        sender=(pull.sender or author).login,
    )
    return of_pull(names, event.before, event)


def _pushed(push: Push) -> Event:
    tag = push.ref.startswith(TAGS)
    head = push.head_commit or next((c for c in push.commits or () if c.id == push.after), None)
    person = (head.author if head else None) or _Person()
    sender = push.sender or _User()
    repository = _repository(push.repository)
    message = head.message if head else ""
    created = is_nothing(push.before)
    return Event(
        kind="tag" if tag else "push",
        repository=repository,
        ref=push.ref,
        # Of an annotated tag, `after` is the tag's own id.
        commit=head.id if tag and head else push.after,
        branch=repository.default_branch if tag else push.ref.removeprefix(BRANCHES),
        before="" if created else push.before,
        action="created" if created else "",
        title=message.partition("\n")[0],
        message=message,
        link=push.compare or (head.url if head else ""),
        author=Author(person.username, person.name, person.email, sender.avatar_url),
        sender=sender.login,
        at=head.timestamp if head else None,
    )


def _is_fork(head: _End, base: _End) -> bool:
    """Whether it comes from another repository; also where that is gone, or nobody knows."""
    if head.repo is None or base.repo is None:
        return True
    return head.repo.id != base.repo.id or head.repo.full_name != base.repo.full_name


def _repository(found: _Repository) -> Repository:
    namespace, _, name = found.full_name.rpartition("/")
    return Repository(
        namespace,
        name,
        clone_url=found.clone_url,
        ssh_url=found.ssh_url,
        link=found.html_url,
        default_branch=found.default_branch if is_name(found.default_branch) else "main",
        private=found.private,
        visibility=_visibility(found),
    )


def _visibility(found: _Repository) -> Literal["public", "private", "internal"]:
    if found.internal or found.visibility == "internal":
        return "internal"
    return "private" if found.private else "public"
