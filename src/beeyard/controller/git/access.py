"""Who asks, and what they may: the seam to the controller's users and tokens."""

import base64
import binascii
from dataclasses import dataclass
from typing import Literal, Protocol

from beeyard.controller.git.errors import Refusal
from beeyard.secret import Secret

Action = Literal["read", "push"]

_CHALLENGE = (b"www-authenticate", b'Basic realm="beeyard", charset="UTF-8"')
_SIGN_IN = "sign in with a token of beeyard as the password (any user name), or as a user\n"


@dataclass(frozen=True)
class Identity:
    """Somebody who was recognised, or a run. `name` goes into records and reflogs."""

    name: str


class Authenticate(Protocol):
    """What the controller knows of users and tokens. A run's token is one as any other."""

    async def identify(self, username: str, password: Secret, address: str) -> Identity | None:
        """Who that is; None if the password, or token, is not right.

        `username` may be anything where the password is a token. `address` is the client's: whoever
        implements this counts failures by it. To raise Refusal(429, …) puts a client off.
        """
        ...

    def may(self, identity: Identity, action: Action, application: str) -> bool:
        """Whether they may: viewers read, operators push."""
        ...


async def identify(
    authenticate: Authenticate, authorization: bytes | None, address: str
) -> Identity:
    """Who sent a request with that header. Raises Refusal (401) if nobody knows."""
    given = _basic(authorization) if authorization else None
    found = None
    if given is not None:
        username, password = given
        found = await authenticate.identify(username, Secret(password), address)
    if found is None:
        raise Refusal(401, _SIGN_IN, _CHALLENGE)
    return found


def _basic(header: bytes) -> tuple[str, str] | None:
    """User and password of a header; None if it has none. Source: RFC 7617."""
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    username, colon, password = text.partition(":")
    return (username, password) if colon else None
