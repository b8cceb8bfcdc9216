"""Who may do what: users, their roles, and tokens that stand for them."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from beeyard.controller.account_records import (
    Role,
    TokenMade,
    TokenRemoved,
    UserRemoved,
    UserSet,
    covers,
)
from beeyard.controller.part import Part
from beeyard.controller.passwords import LONGEST, SHORTEST, Passwords
from beeyard.controller.records import Record
from beeyard.errors import BeeyardError, ConfigError
from beeyard.secret import Secret

#: As whom operators' commands act who have the cluster's own token.
OPERATOR = "operator-cli"
PREFIX = "by_"
#: How many tokens a user may have.
MOST_TOKENS = 100
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_LONGEST_TOKEN = 200


class AccountError(BeeyardError):
    """What was asked of users or tokens can't be."""


class NotAllowed(BeeyardError):
    """Whoever asks is known, and may not."""


@dataclass(frozen=True)
class Identity:
    """Whoever asks. `application`: the only one that they may touch; empty: all. `token` is the ID
    of the one that they showed; empty: they signed in with a password, or are `OPERATOR`."""

    user: str
    role: Role
    application: str = ""
    token: str = ""

    def may(self, role: Role, application: str = "") -> bool:
        """Whether they may do what takes `role`: to `application`, or (empty) to the cluster."""
        return covers(self.role, role) and self.application in ("", application)

    def require(self, role: Role, application: str = "") -> None:
        """Raises NotAllowed unless they may."""
        if self.may(role, application):
            return
        if covers(self.role, role):
            why = f"their token is for {self.application} only"
        else:
            why = f"their role is {self.role}, and this takes {role}"
        raise NotAllowed(f"{self.user} may not do this", why=why, fix="ask an admin")


class Accounts(Part):
    """Users and tokens. Safe for use by several threads; what writes or hashes takes its time.

    `bootstrap` is a token that stands for `OPERATOR`, with the role admin.
    """

    def __init__(
        self,
        passwords: Passwords,
        bootstrap: Secret | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        self._passwords = passwords
        self._bootstrap = _digest(bootstrap) if bootstrap else ""
        self._now = now
        self._users: dict[str, UserSet] = {}
        self._tokens: dict[str, TokenMade] = {}
        self._by_digest: dict[str, TokenMade] = {}

    def apply(self, record: Record) -> None:
        match record:
            case UserSet():
                self._users[record.name] = record
            case UserRemoved():
                self._users.pop(record.name, None)
                for token in [one for one in self.tokens() if one.user == record.name]:
                    self._forget(token)
            case TokenMade():
                self._tokens[record.id] = self._by_digest[record.digest] = record
            case TokenRemoved() if record.id in self._tokens:
                self._forget(self._tokens[record.id])

    def records(self) -> Iterator[Record]:
        yield from self._users.values()
        yield from self._tokens.values()

    def users(self) -> list[UserSet]:
        """By name."""
        return sorted(self._users.copy().values(), key=lambda user: user.name)

    def user(self, name: str) -> UserSet | None:
        return self._users.get(name)

    def tokens(self) -> list[TokenMade]:
        """Of all users, the oldest first; also those that have expired."""
        return list(self._tokens.copy().values())

    def add_user(self, name: str, role: Role, password: Secret | None = None) -> UserSet:
        """A new user; without a password they sign in by token only. Raises AccountError, Busy."""
        if not _NAME.fullmatch(name) or name == OPERATOR:
            raise AccountError(
                f"`{name}` can't name a user",
                fix="use up to 63 of a-z, 0-9, `.`, `_` and `-`, with a letter or digit first; "
                f"`{OPERATOR}` is taken",
            )
        kept = self._hash(password) if password else ""
        with self.still():
            if name in self._users:
                raise AccountError(f"there is a user {name} already")
            at = self._now()
            self._write(UserSet(at=at, name=name, role=role, password=kept, changed=at))
            return self._users[name]

    def change_user(
        self, name: str, *, role: Role | None = None, password: Secret | None = None
    ) -> UserSet:
        """Another role, or another password, which ends their sessions. Raises AccountError, Busy.

        A token never may more than its owner: one of a higher role is good for the lower one.
        """
        kept = self._hash(password) if password else None
        with self.still():
            user, at = self._known(name), self._now()
            more = {"password": kept, "changed": at} if kept else {}
            self._write(user.model_copy(update={"at": at, "role": role or user.role} | more))
            return self._users[name]

    def remove_user(self, name: str) -> None:
        """With their tokens; their sessions end. Raises AccountError."""
        with self.still():
            self._known(name)
            self._write(UserRemoved(at=self._now(), name=name))

    def make_token(
        self,
        user: str,
        name: str,
        role: Role,
        *,
        application: str = "",
        expires: datetime | None = None,
    ) -> tuple[TokenMade, Secret]:
        """A token of a user's, and its value, which is known this once only. Raises AccountError.

        user         its owner, whose role must cover the token's
        name         what it is for, in words
        application  the only one that it is good for; empty: all
        """
        value = Secret(PREFIX + secrets.token_urlsafe(32))
        with self.still():
            owner, at = self._known(user), self._now()
            if not covers(owner.role, role):
                raise AccountError(f"{user} is {owner.role}: no token of theirs can be {role}")
            if not 0 < len(name.strip()) <= 100:
                raise AccountError("a token needs a name of 1 to 100 characters")
            if expires is not None and expires <= at:
                raise AccountError("this token would have expired already")
            if sum(one.user == user for one in self._tokens.values()) >= MOST_TOKENS:
                raise AccountError(f"{user} has {MOST_TOKENS} tokens", fix="remove one first")
            made = TokenMade(
                at=at,
                id=secrets.token_hex(6),
                digest=_digest(value),
                user=user,
                name=name.strip(),
                role=role,
                application=application,
                expires=expires,
            )
            self._write(made)
        return made, value

    def remove_token(self, id_: str) -> TokenMade:
        """Gives the one that is good no more. Raises AccountError."""
        with self.still():
            token = self._tokens.get(id_)
            if token is None:
                raise AccountError(f"there is no token {id_}")
            self._write(TokenRemoved(at=self._now(), id=id_))
            return token

    def by_token(self, shown: Secret) -> Identity | None:
        """Whom a token stands for; None if it is no good (any more)."""
        if len(shown.reveal()) > _LONGEST_TOKEN:
            return None
        digest = _digest(shown)
        if self._bootstrap and hmac.compare_digest(digest, self._bootstrap):
            return Identity(OPERATOR, "admin")
        token = self._by_digest.get(digest)
        if token is None or not hmac.compare_digest(digest, token.digest):
            return None
        owner = self._users.get(token.user)
        if owner is None or (token.expires is not None and token.expires <= self._now()):
            return None
        role = token.role if covers(owner.role, token.role) else owner.role
        return Identity(owner.name, role, token.application, token.id)

    def by_password(self, name: str, password: Secret) -> UserSet | None:
        """The user of this name and password; None where there is none, after as long a time.

        A hash of older parameters is made anew. Raises Busy, and what writing raises.
        """
        user = self._users.get(name)
        kept = user.password if user else ""
        if len(password.reveal()) > LONGEST:
            password, kept = Secret(""), ""
        if not self._passwords.matches(password, kept) or user is None:
            return None
        if self._passwords.is_outdated(kept):
            self._hash_anew(user, password)
        return user

    def _hash_anew(self, user: UserSet, password: Secret) -> None:
        kept = self._passwords.hash(password)
        with self.still():
            # They may have been changed meanwhile.
            if self._users.get(user.name) == user:
                self._write(user.model_copy(update={"password": kept}))

    def _hash(self, password: Secret) -> str:
        if not SHORTEST <= len(password.reveal()) <= LONGEST:
            raise AccountError(f"a password has {SHORTEST} to {LONGEST} characters")
        return self._passwords.hash(password)

    def _known(self, name: str) -> UserSet:
        user = self._users.get(name)
        if user is None:
            raise AccountError(f"there is no user {name}")
        return user

    def _forget(self, token: TokenMade) -> None:
        self._tokens.pop(token.id, None)
        self._by_digest.pop(token.digest, None)


def bootstrap_token(path: Path) -> Secret:
    """The cluster's own token, from the file that a Swarm secret is. Raises ConfigError."""
    try:
        value = path.read_text().strip()
    except (OSError, ValueError) as error:
        raise ConfigError(
            "the token of the operators' commands can't be read", where=str(path), why=str(error)
        ) from error
    if not 32 <= len(value) <= _LONGEST_TOKEN:
        raise ConfigError(
            "the token of the operators' commands is none",
            where=str(path),
            why=f"it has {len(value)} characters; 32 to {_LONGEST_TOKEN} can't be guessed",
        )
    return Secret(value)


def _digest(value: Secret) -> str:
    # No salt and no slow hash: there is nothing to guess in 256 random bits.
    return hashlib.sha256(value.reveal().encode(errors="surrogatepass")).hexdigest()
