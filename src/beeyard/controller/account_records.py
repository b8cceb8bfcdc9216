"""What is written down of users and tokens; and the roles that they have."""

from datetime import datetime
from typing import Literal

from beeyard.controller.records import Record

Role = Literal["viewer", "operator", "admin"]
#: From the one that may least to the one that may all.
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")


def covers(role: Role, wanted: Role) -> bool:
    """Whether who has `role` may do what `wanted` may."""
    return ROLES.index(role) >= ROLES.index(wanted)


class UserSet(Record):
    """A user as they are from now on. `password` is a hash; empty: they sign in by token only.
    `changed` is when they were given that password; one that is only hashed anew leaves it."""

    kind: Literal["user.set"] = "user.set"
    name: str
    role: Role
    password: str = ""
    changed: datetime


class UserRemoved(Record):
    """A user is gone, and so are their tokens."""

    kind: Literal["user.removed"] = "user.removed"
    name: str


class TokenMade(Record):
    """A token. `digest` is its SHA-256 in hex, all that is kept of it. `application`: the one that
    it is good for; empty: all. `expires` None: never."""

    kind: Literal["token.made"] = "token.made"
    id: str
    digest: str
    user: str
    name: str
    role: Role
    application: str = ""
    expires: datetime | None = None


class TokenRemoved(Record):
    """A token is no longer good."""

    kind: Literal["token.removed"] = "token.removed"
    id: str


ACCOUNT_RECORDS = (UserSet, UserRemoved, TokenMade, TokenRemoved)
