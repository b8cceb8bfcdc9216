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
from beeyard.controller.core import AttemptOver
from beeyard.controller.epochs import LeaseLost
from beeyard.controller.passwords import Busy
from beeyard.controller.sessions import SignInFailed
from beeyard.controller.throttle import TooManyTries
from beeyard.errors import BeeyardError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The most that a request of the API may have (bytes): a delivery of a forge.
MOST = 8 << 20
_REPOSITORY = re.compile(r"/[^/]+\.git/")
_STATUS: tuple[tuple[type[BeeyardError], int], ...] = (
    (AttemptOver, 410),
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
    """Both behind one door: `/<application>.git/…` is the remote's, all else the API's, whose
    requests are small."""

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _REPOSITORY.match(scope["path"]):
            await remote(scope, receive, send)
        elif scope["type"] == "http" and _announced(scope) > MOST:
            await JSONResponse(
                {"error": "TooLarge", "what": f"{MOST >> 20} MiB is the most that is taken"}, 413
            )(scope, receive, send)
        else:
            await app(scope, _Bounded(receive), send)

    return front


class _Bounded:
    """A request's body, which is cut off where it is more than is taken: as if its sender had hung
    up. It is read before anybody knows who sends it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = MOST

    async def __call__(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        return message if self._left >= 0 else {"type": "http.disconnect"}


def _announced(scope: Scope) -> int:
    found = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(found[:20]) if found.isdigit() else 0


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
