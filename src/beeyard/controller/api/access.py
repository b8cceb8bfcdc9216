"""Users, tokens, and signing in."""

import asyncio
from datetime import datetime
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from beeyard.controller.account_records import Role, TokenMade, UserSet
from beeyard.controller.accounts import Accounts
from beeyard.controller.api.audited import audited
from beeyard.controller.api.callers import COOKIE, Admin, Caller, Viewer, address_of
from beeyard.controller.passwords import PasswordThreads
from beeyard.controller.sessions import Sessions
from beeyard.secret import Secret

router = APIRouter(prefix="/api", tags=["access"])


class NewUser(BaseModel):
    """A user, as somebody wants them. Without a password they sign in by token only."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    password: SecretStr | None = None


class NewToken(BaseModel):
    """A token, as somebody wants it. `user` None: one of their own."""

    model_config = ConfigDict(extra="forbid")

    name: str
    role: Role = "operator"
    user: str | None = None
    application: str = ""
    expires: datetime | None = None


class SignIn(BaseModel):
    """A user's name and password."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(max_length=200)
    password: SecretStr


@router.get("/me")
async def me(caller: Viewer) -> dict[str, Any]:
    """Who you are, for the API."""
    return {"user": caller.name, "role": caller.role, "application": caller.application}


@router.post("/session", status_code=201)
async def sign_in(request: Request, response: Response, said: SignIn) -> dict[str, str]:
    """Sign in; the cookie is set, and the CSRF token goes into `X-CSRF-Token` of what changes
    anything."""
    sessions: Sessions = request.app.state.sessions
    password = Secret(said.password.get_secret_value())
    threads: PasswordThreads = request.app.state.password_threads
    made = await threads.run(lambda: sessions.sign_in(said.user, password, address_of(request)))
    response.set_cookie(
        COOKIE, made.word.reveal(), httponly=True, secure=True, samesite="lax", path="/"
    )
    return {"user": made.user.name, "role": made.user.role, "csrf": made.csrf.reveal()}


@router.delete("/session", status_code=204)
async def sign_out(request: Request, response: Response, caller: Viewer) -> None:
    """End this session."""
    sessions: Sessions = request.app.state.sessions
    if caller.session:
        sessions.end(Secret(request.cookies.get(COOKIE, "")))
    response.delete_cookie(COOKIE, path="/")


@router.get("/users")
async def users(request: Request, _: Admin) -> list[dict[str, Any]]:
    """All users, by name."""
    accounts: Accounts = request.app.state.accounts
    return [_user(one) for one in accounts.users()]


@router.put("/users/{name}")
async def set_user(request: Request, caller: Admin, name: str, said: NewUser) -> dict[str, Any]:
    """Add a user, or give one another role or password."""
    accounts: Accounts = request.app.state.accounts
    threads: PasswordThreads = request.app.state.password_threads
    password = Secret(said.password.get_secret_value()) if said.password else None
    async with audited(request, caller, "user.set", name, role=said.role, password=password):
        if accounts.user(name) is None:
            made = await threads.run(lambda: accounts.add_user(name, said.role, password))
        else:
            made = await threads.run(
                lambda: accounts.change_user(name, role=said.role, password=password)
            )
    return _user(made)


@router.delete("/users/{name}", status_code=204)
async def remove_user(request: Request, caller: Admin, name: str) -> None:
    """Remove a user, with their tokens and sessions."""
    accounts: Accounts = request.app.state.accounts
    async with audited(request, caller, "user.rm", name):
        await asyncio.to_thread(accounts.remove_user, name)


@router.get("/tokens")
async def tokens(request: Request, caller: Viewer) -> list[dict[str, Any]]:
    """Your tokens; for an admin, everybody's."""
    accounts: Accounts = request.app.state.accounts
    everybody = caller.may("admin")
    return [_token(one) for one in accounts.tokens() if everybody or one.user == caller.name]


@router.post("/tokens", status_code=201)
async def make_token(request: Request, caller: Viewer, said: NewToken) -> dict[str, Any]:
    """Make a token. Its value is in this answer, and nowhere else."""
    accounts: Accounts = request.app.state.accounts
    owner = said.user or caller.name
    if owner != caller.name and not caller.may("admin"):
        raise HTTPException(403, "only an admin makes tokens for others")
    if caller.application is not None:
        raise HTTPException(403, "a token for one application makes no others")
    if not caller.may(said.role):
        raise HTTPException(403, f"whoever is {caller.role} makes no token that is {said.role}")
    if caller.expires is not None and (said.expires is None or said.expires > caller.expires):
        raise HTTPException(403, f"your own token ends at {caller.expires}: no other ends later")
    if said.application and said.application not in request.app.state.applications:
        raise HTTPException(404, f"there is no application {said.application}")
    async with audited(
        request, caller, "token.made", owner, name=said.name, role=said.role, value=None
    ):
        made, value = await asyncio.to_thread(
            lambda: accounts.make_token(
                owner, said.name, said.role, application=said.application, expires=said.expires
            )
        )
    return {**_token(made), "token": value.reveal()}


@router.delete("/tokens/{token}", status_code=204)
async def remove_token(request: Request, caller: Viewer, token: str) -> None:
    """Make a token good no more."""
    accounts: Accounts = request.app.state.accounts
    found = next((one for one in accounts.tokens() if one.id == token), None)
    if found is None or not _owns(caller, found):
        raise HTTPException(404, f"you have no token {token}")
    async with audited(request, caller, "token.rm", found.user, name=found.name):
        await asyncio.to_thread(accounts.remove_token, token)


def _owns(caller: Caller, token: TokenMade) -> bool:
    return caller.may("admin") or caller.name == token.user


def _user(user: UserSet) -> dict[str, Any]:
    return {"name": user.name, "role": user.role, "signs_in": bool(user.password)}


def _token(token: TokenMade) -> dict[str, Any]:
    return {
        "id": token.id,
        "user": token.user,
        "name": token.name,
        "role": token.role,
        "application": token.application,
        "made": token.at.isoformat(),
        "expires": token.expires.isoformat() if token.expires else None,
    }
