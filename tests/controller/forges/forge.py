"""A server that plays the three forges' APIs for statuses, and records what comes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from beeyard.controller.forges.reporter import new_client
from beeyard.controller.forges.settings import Kind, Settings
from beeyard.controller.forges.status import (
    Answer,
    Report,
    send,
)
from beeyard.controller.records import Status
from controller.forges.payloads import TOKEN, B, settings

KINDS: tuple[Kind, ...] = ("github", "gitea", "gitlab")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Received:
    """A request that a forge got."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float

    @property
    def state(self) -> str:
        return str(self.body["state"])


Says = Callable[[], Awaitable[Response]]


@dataclass
class Forge:
    """Plays the three APIs as they are documented: it knows their paths, tokens, states and limits.

    answers  said instead, one after another, before it does its own
    """

    received: list[Received] = field(default_factory=list)
    answers: list[Says] = field(default_factory=list)

    @property
    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/github/repos/{owner}/{name}/statuses/{sha}", self.github, methods=["POST"]),
                Route("/gitea/repos/{owner}/{name}/statuses/{sha}", self.gitea, methods=["POST"]),
                Route(
                    "/gitlab/projects/{project:path}/statuses/{sha}", self.gitlab, methods=["POST"]
                ),
            ]
        )

    async def github(self, request: Request) -> Response:
        allowed = ("error", "failure", "pending", "success")
        authorised = request.headers.get("authorization") == f"Bearer {TOKEN.reveal()}"
        versioned = request.headers.get("x-github-api-version") == "2022-11-28"
        return await self._hub(request, allowed, 140, authorised and versioned)

    async def gitea(self, request: Request) -> Response:
        allowed = ("pending", "success", "error", "failure")
        authorised = request.headers.get("authorization") == f"token {TOKEN.reveal()}"
        return await self._hub(request, allowed, 10_000, authorised)

    async def gitlab(self, request: Request) -> Response:
        body = await self._take(request)
        if self.answers:
            return await self.answers.pop(0)()
        if request.headers.get("private-token") != TOKEN.reveal():
            return JSONResponse({"message": "401 Unauthorized"}, 401)
        # A project's path is one part of the URL: its slashes are encoded.
        if b"/projects/acme%2Fshop/statuses/" not in request.scope["raw_path"]:
            return JSONResponse({"message": "404 Project Not Found"}, 404)
        if body["state"] not in ("pending", "running", "success", "failed", "canceled"):
            return JSONResponse({"error": "state does not have a valid value"}, 400)
        if not body["name"] or len(body["description"]) > 255:
            return JSONResponse({"message": "400 Bad request"}, 400)
        return JSONResponse({"id": 1}, 201)

    async def _hub(
        self, request: Request, allowed: tuple[str, ...], longest: int, authorised: bool
    ) -> Response:
        body = await self._take(request)
        if self.answers:
            return await self.answers.pop(0)()
        if not authorised:
            return JSONResponse({"message": "Bad credentials"}, 401)
        if (request.path_params["owner"], request.path_params["name"]) != ("acme", "shop"):
            return JSONResponse({"message": "Not Found"}, 404)
        if body["state"] not in allowed or len(body["description"]) > longest:
            return JSONResponse({"message": "Validation Failed"}, 422)
        return JSONResponse({"id": 1, "context": body["context"]}, 201)

    async def _take(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(await request.body())
        at = asyncio.get_running_loop().time()
        self.received.append(Received(request.url.path, dict(request.headers), body, at))
        return body


def says(code: int, body: Any = None, **headers: str) -> Says:
    """An answer, with headers whose names have hyphens where these have underscores."""

    async def answer() -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return JSONResponse(body or {"message": "as you like"}, code, named)

    return answer


@dataclass
class Apis:
    """A forge, and what leads to it."""

    forge: Forge
    url: str

    def settings(self, kind: Kind, **more: Any) -> Settings:
        known: dict[str, Any] = {"api": f"{self.url}/{kind}", "token": TOKEN}
        return settings(kind, **known | more)

    def send(self, report: Report, kind: Kind = "github", **more: Any) -> Answer:
        async def scene() -> Answer:
            async with new_client() as client:
                return await send(client, self.settings(kind, **more), report, NOW)

        return asyncio.run(scene())


def report(status: Status = "success", pipeline: str = "test", **more: Any) -> Report:
    known: dict[str, Any] = {
        "application": "shop",
        "repository": "acme/shop",
        "commit": B,
        "description": "passed",
        "link": "https://ci.example.com/runs/7",
        "branch": "main",
    }
    return Report(pipeline=pipeline, status=status, **known | more)
