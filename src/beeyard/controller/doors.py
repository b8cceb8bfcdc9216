"""Who comes in by which door: the API, and the git remote. Both know the same users and tokens."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from beeyard.controller import git
from beeyard.controller.accounts import PREFIX, Accounts, Identity
from beeyard.controller.api.callers import Caller
from beeyard.controller.git.errors import Refusal
from beeyard.controller.passwords import Busy, PasswordThreads
from beeyard.controller.sessions import Sessions
from beeyard.controller.throttle import Throttle, TooManyTries
from beeyard.secret import Secret

#: As whom a run's own token is known.
RUN = "run"


@dataclass(frozen=True)
class Doors:
    """Recognises callers. `running` gives the application of a run's attempt; None: of none."""

    accounts: Accounts
    sessions: Sessions
    throttle: Throttle
    running: Callable[[str], str | None]
    threads: PasswordThreads

    async def by_token(self, token: Secret, address: str) -> Caller | None:  # noqa: ARG002
        """Whom a token of the API stands for. Tokens can't be guessed, so that what is none costs
        nothing but the look."""
        found = await asyncio.to_thread(self.accounts.by_token, token)
        if found is None:
            return None
        kept = next((one for one in self.accounts.tokens() if one.id == found.token), None)
        return _caller(found, expires=kept.expires if kept else None)

    async def by_session(self, cookie: str, csrf: str | None, address: str) -> Caller | None:  # noqa: ARG002
        """Whom a page's cookie stands for; `csrf` is None where nothing is changed."""
        word = Secret(cookie)
        if csrf is not None and not self.sessions.csrf_matches(word, Secret(csrf)):
            return None
        found = self.sessions.identity(word)
        return _caller(found, session=True) if found else None


@dataclass(frozen=True)
class Pusher(git.Identity):
    """Somebody at the git remote. `application`: the only one that they may touch; empty: all."""

    role: str
    application: str


@dataclass(frozen=True)
class GitDoor:
    """The git remote's door: a token, or a user's password; and a run's token, to clone by."""

    doors: Doors

    async def identify(self, username: str, password: Secret, address: str) -> git.Identity | None:
        """Who that is. Raises Refusal (429) for who failed too often."""
        if username == RUN:
            application = self.doors.running(password.reveal())
            return Pusher(RUN, "viewer", application) if application else None
        found = await asyncio.to_thread(self.doors.accounts.by_token, password)
        if found is None and not password.reveal().startswith(PREFIX):
            found = await self._by_password(username, password, address)
        return Pusher(found.user, found.role, found.application) if found else None

    def may(self, identity: git.Identity, action: git.Action, application: str) -> bool:
        """Viewers read, operators push; a run reads its own application."""
        if not isinstance(identity, Pusher) or identity.application not in ("", application):
            return False
        return action == "read" or identity.role in {"operator", "admin"}

    async def _by_password(self, username: str, password: Secret, address: str) -> Identity | None:
        accounts = self.doors.accounts
        try:
            self.doors.throttle.begin(username, address)
            user = await self.doors.threads.run(lambda: accounts.by_password(username, password))
        except TooManyTries as error:
            raise Refusal(429, f"{error.what}; {error.fix}\n") from error
        except Busy as error:
            raise Refusal(429, f"{error.what}\n") from error
        if user is None:
            return None
        self.doors.throttle.succeeded(username, address)
        return Identity(user.name, user.role)


def _caller(found: Identity, **more: Any) -> Caller:
    return Caller(found.user, found.role, found.application or None, **more)
