"""The HTTP application: the API by FastAPI, the git remote beside it, chosen by host and path."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

import beeyard
from beeyard.controller.accounts import AccountError, NotAllowed
from beeyard.controller.api import access, applications, audit, runners, runs
from beeyard.controller.epochs import LeaseLost
from beeyard.controller.passwords import Busy
from beeyard.controller.sessions import SignInFailed
from beeyard.controller.throttle import TooManyTries
from beeyard.errors import BeeyardError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_REPOSITORY = re.compile(r"/[^/]+\.git/")
_STATUS: tuple[tuple[type[BeeyardError], int], ...] = (
    (SignInFailed, 401),
    (NotAllowed, 403),
    (AccountError, 409),
    (TooManyTries, 429),
    (Busy, 503),
    (LeaseLost, 503),
)


def make_app() -> FastAPI:
    """The API. What its routes work with has to be put into its `state` (`service`)."""
    app = FastAPI(
        title="beeyard",
        version=beeyard.__version__,
        description="Pipelines of a cluster: runs, logs, secrets, users, audit.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    for part in (runs, applications, access, audit, runners):
        app.include_router(part.router)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "active"}

    app.add_exception_handler(BeeyardError, _in_words)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    return app


def with_git(app: Asgi, remote: Asgi) -> Asgi:
    """Both behind one door: `/<application>.git/…` is the remote's, all else the API's."""

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        is_git = scope["type"] == "http" and _REPOSITORY.match(scope["path"])
        await (remote if is_git else app)(scope, receive, send)

    return front


async def _in_words(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BeeyardError)  # noqa: S101 (what it was registered for)
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 409)
    return JSONResponse(error.as_dict(), status)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    body = {"error": "Refused", "what": str(error.detail)}
    return JSONResponse(body, error.status_code, error.headers)


async def _misunderstood(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    # Not the input: it may be a secret.
    body = {"error": "Misunderstood", "what": str(first["msg"]), "where": where}
    return JSONResponse(body, 422)
