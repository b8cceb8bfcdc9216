"""What somebody who pushed sees of their run: its steps as they begin and end, with their logs."""

import asyncio
from collections.abc import AsyncIterator

from beeyard.controller.core import Core
from beeyard.controller.logs import Logs
from beeyard.controller.records import ENDED
from beeyard.controller.runs import Run, Stage, Step

#: Seconds without any change after which is looked again.
_AGAIN = 15.0
# What is longer than this without an end of line is shown as a line (bytes).
_LONGEST = 16 * 1024
_MARKS = {"success": "✓", "failure": "✗", "error": "✗", "killed": "✗", "skipped": "-"}


async def lines_of(core: Core, logs: Logs, run: Run, link: str) -> AsyncIterator[str]:
    """A run from its beginning to its end, in texts of a line or more."""
    if run.problem:
        yield f"run {run.number} can't begin:"
        for line in run.problem.splitlines():
            yield f"  {line}"
        return
    yield f"run {run.number}: {link}"
    for stage in run.stages.values():
        if stage.plan.skipped:
            continue
        async for line in _stage(core, logs, run, stage):
            yield line
    yield _verdict(run)


async def _stage(core: Core, logs: Logs, run: Run, stage: Stage) -> AsyncIterator[str]:
    if not run.ended and stage.status == "pending":
        yield f"{stage.name}: waits for a runner"
    for step in stage.steps.values():
        while step.status == "pending" and not (stage.ended or run.ended):
            await _change(core)
        if step.started is None:
            continue
        yield f"== {stage.name}/{step.name}"
        async for line in _log(core, logs, run, stage, step):
            yield line
        yield _ended(step)
    while not (stage.ended or run.ended):
        await _change(core)
    if stage.reason:
        yield f"{stage.name}: {stage.status}: {stage.reason}"


async def _log(core: Core, logs: Logs, run: Run, stage: Stage, step: Step) -> AsyncIterator[str]:
    """A step's log by whole lines, as many at once as there are, while it grows. A service's is
    shown as far as it is."""
    path = logs.path(run, stage.name, step.name)
    offset, rest = 0, b""
    while True:
        since = core.version
        over = step.status in ENDED or stage.ended or step.plan.detach
        while piece := await asyncio.to_thread(logs.read, path, offset):
            offset += len(piece)
            whole, end, rest = (rest + piece).rpartition(b"\n")
            if end:
                yield whole.decode(errors="replace")
            if len(rest) > _LONGEST:
                yield rest.decode(errors="replace")
                rest = b""
        if over:
            break
        await core.changed(since, _AGAIN)
    if rest:
        yield rest.decode(errors="replace")


async def _change(core: Core) -> None:
    await core.changed(core.version, _AGAIN)


def _ended(step: Step) -> str:
    if step.status not in ENDED:
        return f"   {step.name} goes on beside the rest"
    took = ""
    if step.started and step.stopped:
        took = f" ({(step.stopped - step.started).total_seconds():.1f} s)"
    why = f": {step.reason}" if step.reason else ""
    code = f", exit code {step.exit_code}" if step.exit_code else ""
    return f"{_MARKS.get(step.status, ' ')} {step.name} {step.status}{code}{took}{why}"


def _verdict(run: Run) -> str:
    if run.superseded_by:
        return f"run {run.number}: superseded by run {run.superseded_by}, a newer push"
    took = ""
    if run.started and run.stopped:
        took = f" after {(run.stopped - run.started).total_seconds():.1f} s"
    return f"run {run.number}: {run.status}{took}"
