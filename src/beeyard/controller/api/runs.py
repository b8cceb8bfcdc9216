"""Runs: seen, begun, cancelled, run again; and their logs, also while they grow."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from sse_starlette.sse import EventSourceResponse

from beeyard.controller.api.audited import audited
from beeyard.controller.api.callers import Caller, Operator, Viewer
from beeyard.controller.core import Core, now
from beeyard.controller.logs import Logs
from beeyard.controller.records import ENDED
from beeyard.controller.runs import Run
from beeyard.errors import PipelineError

router = APIRouter(prefix="/api/runs", tags=["runs"])

#: Seconds between two signs of life to somebody who follows.
_ALIVE = 15.0


class Wanted(BaseModel):
    """A run that somebody wants."""

    model_config = ConfigDict(extra="forbid")

    application: str
    branch: str = ""
    event: Literal["custom", "promote", "rollback"] = "custom"
    target: str = ""
    parameters: Mapping[str, str] = {}


#: Begins a run for what somebody wants, or again for an old one.
Begin = Callable[[Wanted, str], Awaitable[Run]]
Again = Callable[[Run, str], Awaitable[Run]]


@router.get("")
async def runs(
    request: Request,
    caller: Viewer,
    application: str | None = None,
    branch: str | None = None,
    before: int | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 25,
) -> list[dict[str, Any]]:
    """The newest runs first. `before`: only those with a smaller number."""
    core: Core = request.app.state.core
    wanted = caller.application or application
    found = (
        run
        for run in sorted(core.runs, key=lambda run: -run.number)
        if (wanted is None or run.application == wanted)
        and (branch is None or run.event.get("branch") == branch)
        and (before is None or run.number < before)
    )
    return [run.as_dict() for run, _ in zip(found, range(limit), strict=False)]


@router.post("", status_code=201)
async def begin(request: Request, caller: Operator, wanted: Wanted) -> dict[str, Any]:
    """Run the pipelines of a branch, at its head, as an event of its own."""
    _mine(caller, wanted.application)
    begin_run: Begin = request.app.state.begin
    async with audited(
        request,
        caller,
        "run.begin",
        wanted.application,
        event=wanted.event,
        branch=wanted.branch or None,
        target=wanted.target or None,
    ) as details:
        made = await begin_run(wanted, caller.name)
        details["run"] = made.number
    return made.as_dict()


@router.get("/{number}")
async def run(request: Request, caller: Viewer, number: int) -> dict[str, Any]:
    """A run with its stages and steps."""
    return _run(request, caller, number).as_dict()


@router.post("/{number}/cancel")
async def cancel(request: Request, caller: Operator, number: int) -> dict[str, Any]:
    """Stop what runs, and begin nothing more."""
    core: Core = request.app.state.core
    async with audited(request, caller, "run.cancel", _run(request, caller, number).title):
        return (await core.cancel(number, caller.name)).as_dict()


@router.post("/{number}/retry", status_code=201)
async def retry(request: Request, caller: Operator, number: int) -> dict[str, Any]:
    """Run the same event again, as a new run."""
    again: Again = request.app.state.again
    old = _run(request, caller, number)
    async with audited(request, caller, "run.retry", old.title) as details:
        made = await again(old, caller.name)
        details["run"] = made.number
    return made.as_dict()


@router.get("/{number}/events")
async def events(request: Request, caller: Viewer, number: int) -> EventSourceResponse:
    """The run as it changes, as server-sent events (`run`), until it ends."""
    core: Core = request.app.state.core
    found = _run(request, caller, number)

    async def changes() -> AsyncIterator[dict[str, str]]:
        said = ""
        while True:
            since = core.version
            text = json.dumps(found.as_dict())
            if text != said:
                said = text
                yield {"event": "run", "data": text}
            if found.ended:
                return
            await core.changed(since, _ALIVE)

    return EventSourceResponse(changes(), ping=int(_ALIVE))


@router.get("/{number}/log")
async def log(
    request: Request,
    caller: Viewer,
    number: int,
    stage: str,
    step: str,
    offset: Annotated[int, Query(ge=0)] = 0,
    *,
    follow: bool = False,
) -> StreamingResponse:
    """A step's log as it was written, from `offset` on; with `follow` until the step has ended."""
    core: Core = request.app.state.core
    logs: Logs = request.app.state.logs
    found = _run(request, caller, number)
    path = logs.path(found, stage, step)
    if logs.is_over(found, now()):
        raise HTTPException(410, f"logs are kept for {logs.days} days after a run's end")

    async def pieces() -> AsyncIterator[bytes]:
        at = offset
        while True:
            since = core.version
            state = found.stages[stage]
            over = state.steps[step].status in ENDED or state.ended or found.ended
            while piece := await asyncio.to_thread(logs.read, path, at):
                at += len(piece)
                yield piece
            if over or not follow:
                return
            await core.changed(since, _ALIVE)

    return StreamingResponse(pieces(), media_type="text/plain; charset=utf-8")


def _run(request: Request, caller: Caller, number: int) -> Run:
    core: Core = request.app.state.core
    try:
        found = core.run(number)
    except PipelineError as error:
        raise HTTPException(404, error.what) from None
    _mine(caller, found.application)
    return found


def _mine(caller: Caller, application: str) -> None:
    if caller.application not in (None, application):
        raise HTTPException(403, f"{caller.name} may see {caller.application} only")
