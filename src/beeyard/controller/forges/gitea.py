"""Webhooks of Gitea and Forgejo. Forgejo sends Gitea's headers, and the same under its own name.

Sources: docs.gitea.com "Webhooks"; forgejo.org/docs "Webhooks".
"""

from beeyard.controller.forges.hook import Hook, delivery_id, digest
from beeyard.controller.forges.hub import Pull, Push, pull_hook, push_hook
from beeyard.controller.forges.payload import parsed
from beeyard.controller.forges.signature import Headers, hex_signed
from beeyard.secret import Secret


def is_genuine(headers: Headers, body: bytes, secret: Secret, now: float) -> bool:  # noqa: ARG001
    """Whether the signature is of these bytes: Forgejo's header where it is there, else Gitea's."""
    given = headers.get("x-forgejo-signature") or headers.get("x-gitea-signature", "")
    return hex_signed(given, body, secret)


def read(headers: Headers, body: bytes) -> Hook:
    """What a genuine delivery says. Raises HookError. As for GitHub, the id is not signed.

    A new branch or tag comes as `push` and as `create`; the first of them says all.
    """
    kind = headers.get("x-forgejo-event") or headers.get("x-gitea-event", "")
    found = delivery_id(headers, "x-forgejo-delivery", "x-gitea-delivery")
    names = (*([f"id:{found}"] if found else []), digest(body))
    match kind:
        case "push":
            return push_hook(names, parsed(Push, body))
        case "pull_request":
            return pull_hook(names, parsed(Pull, body))
    return Hook(names, why=f"nothing runs for the event `{kind[:40]}`")
