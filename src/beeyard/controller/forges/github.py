"""Webhooks of GitHub.

Sources: docs.github.com "Webhook events and payloads", "Validating webhook deliveries".
"""

from beeyard.controller.forges.hook import Hook, delivery_id, digest
from beeyard.controller.forges.hub import Pull, Push, pull_hook, push_hook
from beeyard.controller.forges.payload import parsed
from beeyard.controller.forges.signature import Headers, hex_signed
from beeyard.secret import Secret

_PREFIX = "sha256="


def is_genuine(headers: Headers, body: bytes, secret: Secret, now: float) -> bool:  # noqa: ARG001
    """Whether `X-Hub-Signature-256` is of these bytes. The older one, of SHA-1, does not count."""
    given = headers.get("x-hub-signature-256", "")
    return given.startswith(_PREFIX) and hex_signed(given.removeprefix(_PREFIX), body, secret)


def read(headers: Headers, body: bytes) -> Hook:
    """What a genuine delivery says. Raises HookError.

    The id is not signed, so the body's digest is a name beside it: the same bytes under another id
    are a replay as well.
    """
    kind = headers.get("x-github-event", "")
    found = delivery_id(headers, "x-github-delivery")
    names = (*([f"id:{found}"] if found else []), digest(body))
    match kind:
        case "ping":
            return Hook(names, why="pong: the webhook works")
        case "push":
            return push_hook(names, parsed(Push, body))
        case "pull_request":
            return pull_hook(names, parsed(Pull, body))
    return Hook(names, why=f"nothing runs for the event `{kind[:40]}`")
