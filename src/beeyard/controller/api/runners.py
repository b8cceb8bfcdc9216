"""What runners ask and say. Each message may come twice."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from beeyard.controller.api.callers import runner
from beeyard.controller.assignment import Assignment, Poll, Work
from beeyard.controller.core import Core, now
from beeyard.controller.logs import Ahead, Logs
from beeyard.controller.records import Status, StepChanged
from beeyard.controller.runs import Run, Stage
from beeyard.errors import BeeyardError, render

router = APIRouter(
    prefix="/runner", dependencies=[Depends(runner)], tags=["runner"], include_in_schema=False
)

#: The most that one piece of a log may have (bytes).
MOST = 1024 * 1024
#: Seconds for which an answer about a deploy is waited for; the runner asks again.
_WAIT = 20.0

#: Makes what a runner is handed of a stage.
Assign = Callable[[Run, Stage], Assignment]
#: Begins a deploy for a step of an attempt, which goes on by itself.
BeginDeploy = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]


class StepSaid(BaseModel):
    """A step began or ended."""

    model_config = ConfigDict(extra="forbid")

    step: str
    status: Status
    exit_code: int | None = None
    reason: str = Field(default="", max_length=4000)


class EndSaid(BaseModel):
    """An attempt ended."""

    model_config = ConfigDict(extra="forbid")

    status: Status
    reason: str = Field(default="", max_length=4000)


class DeployAsked(BaseModel):
    """A step wants something deployed."""

    model_config = ConfigDict(extra="forbid")

    step: str
    settings: Mapping[str, Any] = {}


@router.post("/poll")
async def poll(request: Request, said: Poll) -> Work:
    """The next stage for a runner, and what it should stop. Waits until there is something."""
    core: Core = request.app.state.core
    end = time.monotonic() + min(said.wait, 60.0)
    mark = core.polling(said.runner)
    while core.is_current(said.runner, mark):
        since = core.version
        stop = core.to_stop(said.running)
        taken = await core.take(said)
        left = end - time.monotonic()
        if taken is not None or stop or left <= 0:
            stage = await _assigned(request, *taken) if taken else None
            return Work(stage=stage, stop=stop)
        await core.changed(since, left)
    return Work()


async def _assigned(request: Request, run: Run, stage: Stage) -> Assignment | None:
    """What the runner gets of a stage; None where that can't be made, which ends the stage."""
    assign: Assign = request.app.state.assign
    core: Core = request.app.state.core
    try:
        return await asyncio.to_thread(assign, run, stage)
    except BeeyardError as error:
        why = render(error).removeprefix("error: ")[:4000]
    except Exception as error:  # noqa: BLE001 (else it would be handed over for ever)
        why = f"it can't be handed over: {type(error).__name__}: {error}"
    await core.end_stage(stage.attempt, "error", why)
    return None


@router.post("/attempts/{attempt}/steps", status_code=204)
async def step(request: Request, attempt: str, said: StepSaid) -> None:
    core: Core = request.app.state.core
    run, stage = core.attempt(attempt)
    change = StepChanged(
        at=now(),
        run=run.number,
        stage=stage.name,
        step=said.step,
        status=said.status,
        exit_code=said.exit_code,
        reason=said.reason,
    )
    await core.step(attempt, said.step, change)


@router.post("/attempts/{attempt}/log")
async def log(
    request: Request, attempt: str, step: str, offset: Annotated[int, Query(ge=0)]
) -> Mapping[str, int]:
    """A piece of a step's log, from `offset` on. Gives where the next one should begin."""
    core: Core = request.app.state.core
    logs: Logs = request.app.state.logs
    run, stage = core.attempt(attempt)
    path = logs.path(run, stage.name, step)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST:
            return {"size": logs.size(path)}
    try:
        size = await asyncio.to_thread(logs.append, path, offset, bytes(data))
    except Ahead as ahead:
        size = ahead.size
    await core.ring()
    # What is above the most that is kept counts as taken: else it would be sent for ever.
    return {"size": max(size, offset + len(data))} if size >= logs.most else {"size": size}


@router.post("/attempts/{attempt}/end", status_code=204)
async def end(request: Request, attempt: str, said: EndSaid) -> None:
    core: Core = request.app.state.core
    await core.end_stage(attempt, said.status, said.reason)


@router.post("/attempts/{attempt}/deploy", status_code=202)
async def deploy(request: Request, attempt: str, said: DeployAsked) -> Response:
    """Begin a deploy for a step; asked for again, it goes on as it does."""
    begin: BeginDeploy = request.app.state.begin_deploy
    await begin(attempt, said.step, said.settings)
    return Response(status_code=202)


@router.get("/attempts/{attempt}/deploy")
async def deployed(request: Request, attempt: str, step: str) -> Mapping[str, Any]:
    """What became of a step's deploy. Waits for its end, for a while."""
    core: Core = request.app.state.core
    end = time.monotonic() + _WAIT
    while True:
        since = core.version
        run, stage = core.attempt(attempt)
        found = run.deploys.get((stage.name, step))
        if found is not None and found.ended is not None:
            return {
                "ended": True,
                "release": found.ended.release,
                "problem": found.ended.problem,
            }
        left = end - time.monotonic()
        if left <= 0 or not await core.changed(since, left):
            return {"ended": False}
