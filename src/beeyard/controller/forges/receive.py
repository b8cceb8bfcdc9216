"""From the bytes of a delivery to what it says: checked first, read afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from beeyard.controller.forges import gitea, github, gitlab
from beeyard.controller.forges.hook import Hook
from beeyard.controller.forges.refusal import NotGenuine, Unreadable, Unusable
from beeyard.controller.forges.settings import Kind, Settings
from beeyard.controller.forges.signature import Headers
from beeyard.secret import Secret


class _IsGenuine(Protocol):
    def __call__(self, headers: Headers, body: bytes, secret: Secret, now: float) -> bool: ...


class _Read(Protocol):
    def __call__(self, headers: Headers, body: bytes) -> Hook: ...


@dataclass(frozen=True)
class _Forge:
    is_genuine: _IsGenuine
    read: _Read


_FORGES: Mapping[Kind, _Forge] = {
    "github": _Forge(github.is_genuine, github.read),
    "gitea": _Forge(gitea.is_genuine, gitea.read),
    "gitlab": _Forge(gitlab.is_genuine, gitlab.read),
}


def receive(settings: Settings, headers: Mapping[str, str], body: bytes, now: float) -> Hook:
    """What a delivery says.

    headers  by their names in lower case
    now      seconds since 1970

    Raises HookError, and nothing else, whatever headers and body are. Nothing is read before the
    signature was found right. The event's clone URL is that of the settings: a delivery can't have
    a token sent elsewhere.
    """
    forge = _FORGES[settings.kind]
    if not forge.is_genuine(headers, body, settings.secret, now):
        raise NotGenuine
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Unreadable(
            "the delivery is not sent as JSON",
            why=f"its content type is `{kind[:60]}`",
            fix="set the webhook's content type to application/json",
        )
    hook = forge.read(headers, body)
    # GitHub and Gitea take names in any case.
    if hook.slug and hook.slug.lower() != settings.repository.lower():
        raise Unusable(
            f"the delivery is about {hook.slug}",
            why=f"the application is that of {settings.repository}",
            fix="see the webhook's URL, and `forge.repository` in beeyard.yml",
        )
    if hook.event is None:
        return hook
    repository = replace(hook.event.repository, clone_url=settings.clone_url)
    return replace(hook, event=replace(hook.event, repository=repository))
