"""Who calls the API, and what they may."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import Depends, HTTPException, Request

from beeyard.controller.account_records import Role, covers
from beeyard.secret import Secret


@dataclass(frozen=True)
class Caller:
    """Somebody who was recognised. `application`: the only one that they may see; None: all.

    `session`: they came by a browser's cookie, so what changes anything needs its CSRF token.
    `expires`: until when the token is good that they showed; None: for ever, or it was none.
    """

    name: str
    role: Role
    application: str | None = None
    session: bool = False
    expires: datetime | None = None

    def may(self, role: Role, application: str | None = None) -> bool:
        """Whether they have at least that role, for that application."""
        mine = self.application is None or self.application == application
        return mine and covers(self.role, role)


class Doorman(Protocol):
    """What the controller knows of users and tokens."""

    async def by_token(self, token: Secret, address: str) -> Caller | None: ...

    async def by_session(self, cookie: str, csrf: str | None, address: str) -> Caller | None: ...


COOKIE = "beeyard_session"
CSRF = "x-csrf-token"
_SAFE = {"GET", "HEAD", "OPTIONS"}


def wants(role: Role) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency: the caller, if they have that role (for the application in the path)."""

    async def recognised(request: Request) -> Caller:
        caller = await _recognise(request)
        application = request.path_params.get("application")
        global_ = application is None and role == "admin" and caller.application is not None
        if global_ or not caller.may(role, application or caller.application):
            raise HTTPException(403, f"{caller.name} may not do that: it takes the role {role}")
        return caller

    return recognised


async def _recognise(request: Request) -> Caller:
    doorman: Doorman = request.app.state.doorman
    address = address_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    caller: Caller | None = None
    if scheme.lower() == "bearer":
        caller = await doorman.by_token(Secret(token.strip()), address)
    elif cookie := request.cookies.get(COOKIE):
        csrf = None if request.method in _SAFE else request.headers.get(CSRF, "")
        caller = await doorman.by_session(cookie, csrf, address)
    if caller is None:
        raise HTTPException(
            401, "sign in, or send a token of yours", {"WWW-Authenticate": 'Bearer realm="beeyard"'}
        )
    return caller


async def runner(request: Request) -> None:
    """A dependency: lets runners in, by the token that they share."""
    expected: Secret = request.app.state.runner_token
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    good = hmac.compare_digest(token.strip().encode(), expected.reveal().encode())
    if scheme.lower() != "bearer" or not good:
        raise HTTPException(401, "only runners may ask for that")


def address_of(request: Request) -> str:
    """Where a request is from. Traefik puts the client's address first; nobody else reaches us."""
    forwarded = request.headers.get("x-forwarded-for", "").split(",")[0].strip()
    return forwarded or (request.client.host if request.client else "")


Viewer = Annotated[Caller, Depends(wants("viewer"))]
Operator = Annotated[Caller, Depends(wants("operator"))]
Admin = Annotated[Caller, Depends(wants("admin"))]
