"""Deliveries of our own, in the shapes that forges document, with what they are signed with.

Sources: docs.github.com "Webhook events and payloads"; docs.gitea.com and forgejo.org/docs
"Webhooks"; docs.gitlab.com "Webhook events"; gitlab-org/gitlab!230944 for signing tokens.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

import hypothesis

from beeyard.controller.forges.hook import Hook
from beeyard.controller.forges.receive import receive
from beeyard.controller.forges.settings import Kind, Settings
from beeyard.secret import Secret

#: For tests of many examples: on a machine that does other things, too, one may take its time.
UNHURRIED = hypothesis.settings(deadline=None, database=None)

NOW = 1_700_000_000.0
NOTHING = "0" * 40
A, B, C, D = (letter * 40 for letter in "abcd")
SECRET = Secret("a-secret-of-the-webhook")
SIGNING = Secret(f"whsec_{base64.b64encode(b'k' * 32).decode()}")
TOKEN = Secret("token-for-statuses")
_HOSTS = {"github": "github.example.com", "gitea": "gitea.example.com", "gitlab": "lab.example.com"}


def settings(kind: Kind, secret: Secret = SECRET, **more: Any) -> Settings:
    host = _HOSTS[kind]
    known: dict[str, Any] = {
        "repository": "acme/shop",
        "clone_url": f"https://{host}/acme/shop.git",
        "api": f"https://{host}/api",
    }
    return Settings(kind, secret, **known | more)


@dataclass
class Delivery:
    """What a forge sends. `form`: as which of the header families."""

    form: str
    event: str
    payload: Any
    id: str = "11111111-2222-3333-4444-555555555555"
    secret: Secret = SECRET
    at: float = NOW
    more: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        kinds: dict[str, Kind] = {"forgejo": "gitea", "gitlab-signed": "gitlab"}
        return kinds.get(self.form) or self.form  # type: ignore[return-value]

    @property
    def body(self) -> bytes:
        payload = self.payload
        return payload if isinstance(payload, bytes) else json.dumps(payload).encode()

    @property
    def headers(self) -> dict[str, str]:
        body, secret = self.body, self.secret.reveal()
        signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        found = {"content-type": "application/json; charset=utf-8"}
        match self.form:
            case "github":
                found |= {
                    "x-github-event": self.event,
                    "x-github-delivery": self.id,
                    "x-hub-signature-256": f"sha256={signed}",
                }
            case "gitea" | "forgejo":
                for name in ("gitea",) if self.form == "gitea" else ("gitea", "forgejo"):
                    found[f"x-{name}-event"] = self.event
                    found[f"x-{name}-delivery"] = self.id
                    found[f"x-{name}-signature"] = signed
            case "gitlab":
                found |= {
                    "x-gitlab-event": self.event,
                    "x-gitlab-event-uuid": self.id,
                    "x-gitlab-token": secret,
                }
            case "gitlab-signed":
                found |= {"x-gitlab-event": self.event, **self._standard()}
        return found | self.more

    def _standard(self) -> dict[str, str]:
        key = base64.b64decode(self.secret.reveal().removeprefix("whsec_"))
        moment = str(int(self.at))
        content = f"{self.id}.{moment}.".encode() + self.body
        signed = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return {
            "webhook-id": self.id,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{signed}",
        }

    def received(self, known: Settings | None = None) -> Hook:
        known = known or settings(self.kind, self.secret)
        return receive(known, self.headers, self.body, NOW)


FORMS = ("github", "gitea", "forgejo", "gitlab", "gitlab-signed")


def push(form: str, before: str = A, after: str = B, **more: Any) -> Delivery:
    """A push of `ref` (main), with a message."""
    ref = more.pop("ref", "refs/heads/main")
    message = more.pop("message", "Sell more\n\nMuch more.")
    event, payload = _push(form, ref, before, after, message)
    return _delivery(form, event, payload, more)


def pull(form: str, action: str = "opened", head: str = B, **more: Any) -> Delivery:
    """A pull or merge request, number 7, from `fix` into `main`; `fork`: from another repository.

    `action` is GitHub's word, `before` the head before, where the forge says it.
    """
    fork = more.pop("fork", False)
    before = more.pop("before", None)
    title = more.pop("title", "Fix the till")
    if form.startswith("gitlab"):
        payload = _merge_request(action, head, before, fork=fork, title=title)
        return _delivery(form, "Merge Request Hook", payload, more)
    payload = _pull_request(form, action, head, before, fork=fork, title=title)
    return _delivery(form, "pull_request", payload, more)


def _delivery(form: str, event: str, payload: Any, more: dict[str, Any]) -> Delivery:
    known = {"secret": SIGNING} if form == "gitlab-signed" else {}
    return Delivery(form, event, payload, **known | more)


def _push(form: str, ref: str, before: str, after: str, message: str) -> tuple[str, Any]:
    tag = ref.startswith("refs/tags/")
    gone = after == NOTHING
    commit = {
        "id": C if tag else after,
        "message": message,
        "timestamp": "2026-01-02T03:04:05+01:00",
        "url": f"https://forge.example.com/acme/shop/commit/{after}",
        "author": {"name": "Ada", "email": "ada@example.com", "username": "ada"},
    }
    if form.startswith("gitlab"):
        return "Tag Push Hook" if tag else "Push Hook", {
            "object_kind": "tag_push" if tag else "push",
            "ref": ref,
            "before": before,
            "after": after,
            "checkout_sha": None if gone else commit["id"],
            "user_username": "ada",
            "user_avatar": "https://lab.example.com/ada.png",
            "project": _project("acme/shop"),
            "commits": [] if gone or tag else [commit],
            "total_commits_count": 1,
        }
    return "push", {
        "ref": ref,
        "before": before,
        "after": after,
        "deleted": gone,
        "compare" if form == "github" else "compare_url": "https://forge.example.com/acme/compare",
        "commits": [] if gone else [commit],
        "head_commit": None if gone else commit,
        "repository": _repository("acme/shop", 1),
        "sender": {"login": "ada", "avatar_url": "https://forge.example.com/ada.png"},
    }


def _repository(name: str, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "full_name": name,
        "clone_url": f"https://elsewhere.example.com/{name}.git",
        "ssh_url": f"git@forge.example.com:{name}.git",
        "html_url": f"https://forge.example.com/{name}",
        "default_branch": "main",
        "private": False,
    }


def _project(name: str) -> dict[str, Any]:
    return {
        "path_with_namespace": name,
        "git_http_url": f"https://elsewhere.example.com/{name}.git",
        "git_ssh_url": f"git@forge.example.com:{name}.git",
        "web_url": f"https://lab.example.com/{name}",
        "default_branch": "main",
        "visibility_level": 20,
    }


def _pull_request(
    form: str, action: str, head: str, before: str | None, *, fork: bool, title: str
) -> Any:
    if form != "github" and action == "synchronize":
        action = "synchronized"
    origin = _repository("stranger/shop", 2) if fork else _repository("acme/shop", 1)
    found = {
        "action": action,
        "number": 7,
        "pull_request": {
            "number": 7,
            "title": title,
            "body": None,
            "html_url": "https://forge.example.com/acme/shop/pulls/7",
            "user": {"login": "ada", "avatar_url": ""},
            "head": {"ref": "fix", "sha": head, "repo": origin},
            "base": {"ref": "main", "sha": A, "repo": _repository("acme/shop", 1)},
        },
        "repository": _repository("acme/shop", 1),
        "sender": {"login": "bob"},
    }
    return found | ({"before": before, "after": head} if before else {})


def _merge_request(action: str, head: str, before: str | None, *, fork: bool, title: str) -> Any:
    words = {"opened": "open", "reopened": "reopen", "synchronize": "update", "closed": "close"}
    origin = "stranger/shop" if fork else "acme/shop"
    return {
        "object_kind": "merge_request",
        "user": {"username": "bob"},
        "project": _project("acme/shop"),
        "object_attributes": {
            "iid": 7,
            "action": words.get(action, action),
            "title": title,
            "url": "https://lab.example.com/acme/shop/-/merge_requests/7",
            "source_branch": "fix",
            "target_branch": "main",
            "source_project_id": 2 if fork else 1,
            "target_project_id": 1,
            "source": _project(origin),
            "target": _project("acme/shop"),
            "last_commit": {
                "id": head,
                "message": "fix",
                "timestamp": "2026-01-02 03:04:05 UTC",
                "author": {"name": "Ada", "email": "[REDACTED]"},
            },
            **({"oldrev": before} if before else {}),
        },
    }
