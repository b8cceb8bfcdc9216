"""Webhooks of GitLab.

Sources: docs.gitlab.com "Webhooks", "Webhook events"; signing tokens: gitlab-org/gitlab!230944.
"""

from typing import Literal

from beeyard.controller.forges.hook import (
    BRANCHES,
    TAGS,
    Hook,
    Move,
    delivery_id,
    digest,
    is_nothing,
    of_pull,
    of_push,
)
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
    parsed,
)
from beeyard.controller.forges.signature import Headers, same, signing_key, standard_signed
from beeyard.pipelines.event import Author, Event, Repository
from beeyard.secret import Secret


class _Person(Part):
    name: Text = ""
    email: Text = ""


class _User(Part):
    username: Text = ""
    avatar_url: Link = ""


class _Commit(Part):
    id: Sha
    message: Text = ""
    url: Link = ""
    timestamp: Moment = None
    author: _Person | None = None


class _Project(Part):
    path_with_namespace: Slug
    git_http_url: Link = ""
    git_ssh_url: SshUrl = ""
    web_url: Link = ""
    default_branch: Text = ""
    visibility_level: int = 0


class _Push(Part):
    ref: Ref
    before: Sha
    after: Sha
    checkout_sha: Sha | None = None
    user_username: Text = ""
    user_avatar: Link = ""
    project: _Project
    commits: tuple[_Commit, ...] = ()


class _Side(Part):
    path_with_namespace: Text = ""


class _Merge(Part):
    iid: Number
    action: Text = ""
    oldrev: Sha | None = None
    title: Text = ""
    url: Link = ""
    source_branch: Name
    target_branch: Name
    source_project_id: Id | None = None
    target_project_id: Id | None = None
    source: _Side | None = None
    target: _Side | None = None
    last_commit: _Commit


class _MergeRequest(Part):
    user: _User | None = None
    project: _Project
    object_attributes: _Merge


def is_genuine(headers: Headers, body: bytes, secret: Secret, now: float) -> bool:
    """Whether it was sent by who knows the secret. Which scheme holds is the secret's to say, never
    the delivery's: a signing token (`whsec_…`) is checked as a signature of these bytes, any other
    is compared with `X-Gitlab-Token`, which says nothing of the bytes."""
    if signing_key(secret.reveal()) is not None:
        return standard_signed(headers, body, secret, now)
    return same(headers.get("x-gitlab-token", ""), secret.reveal())


def read(headers: Headers, body: bytes) -> Hook:
    """What a genuine delivery says. Raises HookError."""
    kind = headers.get("x-gitlab-event", "")
    names = _names(headers, body)
    match kind:
        case "Push Hook" | "Tag Push Hook":
            return _push_hook(names, parsed(_Push, body))
        case "Merge Request Hook":
            return _merge_hook(names, parsed(_MergeRequest, body))
    return Hook(names, why=f"nothing runs for the event `{kind[:40]}`")


def _names(headers: Headers, body: bytes) -> tuple[str, ...]:
    """`Idempotency-Key` is one delivery's, and with a signing token the signed `webhook-id` is the
    same; older versions have only `X-Gitlab-Event-UUID`, which all that one push brings about
    shares. Whoever knows a secret token can make up new ids, and new bytes as well."""
    if found := delivery_id(headers, "webhook-id", "idempotency-key"):
        return (f"id:{found}",)
    shared = delivery_id(headers, "x-gitlab-event-uuid")
    return (f"event:{shared}:{digest(body)}",) if shared else (digest(body),)


def _push_hook(names: tuple[str, ...], push: _Push) -> Hook:
    move = Move(push.ref, push.before, push.after)
    return of_push(names, push.project.path_with_namespace, move, lambda: _pushed(push))


def _pushed(push: _Push) -> Event:
    tag = push.ref.startswith(TAGS)
    # Of an annotated tag, `after` is the tag's own id.
    commit = (push.checkout_sha if tag else None) or push.after
    head = next((one for one in push.commits if one.id == commit), None)
    repository = _repository(push.project)
    message = head.message if head else ""
    created = is_nothing(push.before)
    return Event(
        kind="tag" if tag else "push",
        repository=repository,
        ref=push.ref,
        commit=commit,
        branch=repository.default_branch if tag else push.ref.removeprefix(BRANCHES),
        before="" if created else push.before,
        action="created" if created else "",
        title=message.partition("\n")[0],
        message=message,
        link=head.url if head else "",
        author=_author(head, _User(username=push.user_username, avatar_url=push.user_avatar)),
        sender=push.user_username,
        at=head.timestamp if head else None,
    )


def _merge_hook(names: tuple[str, ...], request: _MergeRequest) -> Hook:
    merge = request.object_attributes
    action = {"open": "opened", "reopen": "reopened"}.get(merge.action)
    # Source: "Webhook events": `oldrev` is there only when code has changed.
    if merge.action == "update" and merge.oldrev:
        action = "synchronize"
    if action is None:
        doing = merge.action[:40] or "not told about"
        return Hook(names, why=f"nothing runs when a merge request's action is `{doing}`")
    user = request.user or _User()
    event = Event(
        kind="pull_request",
        repository=_repository(request.project),
        ref=f"refs/merge-requests/{merge.iid}/head",
        commit=merge.last_commit.id,
        branch=merge.target_branch,
        before=(merge.oldrev or "") if action == "synchronize" else "",
        source=merge.source_branch,
        fork=_is_fork(merge),
        action=action,
        number=merge.iid,
        title=merge.title,
        message=merge.last_commit.message,
        link=merge.url,
        author=_author(merge.last_commit, user),
        sender=user.username,
        at=merge.last_commit.timestamp,
    )
    return of_pull(names, event.before, event)


def _is_fork(merge: _Merge) -> bool:
    """Whether it comes from another project; also where nobody knows."""
    if merge.source_project_id is None or merge.target_project_id is None:
        return True
    if merge.source_project_id != merge.target_project_id:
        return True
    source, target = merge.source or _Side(), merge.target or _Side()
    return source.path_with_namespace != target.path_with_namespace


def _author(commit: _Commit | None, user: _User) -> Author:
    person = (commit.author if commit else None) or _Person()
    # Source: "Webhook events": what is there instead of an address that is not public.
    email = "" if person.email == "[REDACTED]" else person.email
    return Author(user.username, person.name, email, user.avatar_url)


def _repository(project: _Project) -> Repository:
    namespace, _, name = project.path_with_namespace.rpartition("/")
    visibility = _VISIBILITY.get(project.visibility_level, "private")
    return Repository(
        namespace,
        name,
        clone_url=project.git_http_url,
        ssh_url=project.git_ssh_url,
        link=project.web_url,
        default_branch=project.default_branch if is_name(project.default_branch) else "main",
        private=visibility != "public",
        visibility=visibility,
    )


# Source: docs.gitlab.com "Projects API", "Project visibility level".
_VISIBILITY: dict[int, Literal["public", "private", "internal"]] = {
    0: "private",
    10: "internal",
    20: "public",
}
