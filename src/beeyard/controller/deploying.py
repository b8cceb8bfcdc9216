"""Deploys that steps ask for: each once, whoever asks how often, whatever is killed meanwhile."""

import asyncio
import logging
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from beeyard.apps.canary import parse_share
from beeyard.audit.entry import Entry, Who
from beeyard.controller.audit import Audit
from beeyard.controller.core import Core, now
from beeyard.controller.deploys import Deployed, Deploys, Say
from beeyard.controller.git import archive
from beeyard.controller.logs import Logs
from beeyard.controller.planning import from_json
from beeyard.controller.records import DeployEnded
from beeyard.controller.runs import Run
from beeyard.controller.starts import Starts
from beeyard.errors import BeeyardError, PipelineError, render
from beeyard.workflows.deploy import Request

_log = logging.getLogger(__name__)
#: How many deploys go on at once, of different applications.
_AT_ONCE = 8
#: How often what became of a deploy is looked at, and how long between (seconds).
_LOOKS, _AGAIN = 20, 15.0
_LONGEST_WATCH = 86_400.0
_SETTINGS = {"image", "max_failed", "canary", "watch"}


@dataclass
class Deploying:
    """Deploys for steps, each in a thread of its own. Each is in the audit log before its step is
    told of its end."""

    core: Core
    deploys: Deploys
    starts: Starts
    logs: Logs
    audit: Audit
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="deploy")
    )
    _turns: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _tasks: dict[tuple[int, str, str], asyncio.Task[None]] = field(default_factory=dict)

    async def begin(self, attempt: str, step: str, settings: Mapping[str, Any]) -> None:
        """Begin, unless it was begun before. Raises PipelineError for settings that are none."""
        run, stage = self.core.attempt(attempt)
        request = _request(run, stage.name, step, settings)
        if await self.core.begin_deploy(attempt, step):
            self._go(run, stage.name, step, partial(self._deploy, request=request))

    def resume(self) -> None:
        """Look after deploys that another copy had begun, and did not see to their end."""
        for run in self.core.runs:
            for (stage, step), deploy in run.deploys.items():
                if deploy.ended is None:
                    self._go(run, stage, step, self._look)

    async def wait(self) -> None:
        """Wait until none goes on: before the controller ends, as long as it may."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    def _go(self, run: Run, stage: str, step: str, act: Any) -> None:
        key = (run.number, stage, step)
        task = asyncio.create_task(self._see_to_it(run, stage, step, act))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _see_to_it(self, run: Run, stage: str, step: str, act: Any) -> None:
        path = self.logs.path(run, stage, step)
        say = _Say(self.logs, path, self.core, asyncio.get_running_loop())
        try:
            # One after another of an application, in the order in which they were asked for.
            async with self._turns[run.application]:
                with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
                    done: Deployed = await act(run, stage, step, Path(folder), say)
        except BeeyardError as error:
            say(render(error))
            done = Deployed(None, error.what)
        except Exception as error:  # noqa: BLE001 (the step hears of it, and the log)
            _log.exception("the deploy of run %s failed", run.number)
            done = Deployed(None, f"the controller itself failed: {type(error).__name__}: {error}")
        who = Who(run.by or "webhook", "operator", "pipeline")
        entry = Entry(
            who,
            "deploy",
            run.application,
            "failed" if done.problem else "done",
            f"run {run.number}",
            {"release": done.release, "why": done.problem or None},
        )
        await asyncio.to_thread(self.audit.append, entry)
        await self.core.end_deploy(
            DeployEnded(
                at=now(),
                run=run.number,
                stage=stage,
                step=step,
                release=done.release,
                problem=done.problem,
            )
        )

    async def _deploy(
        self, run: Run, _stage: str, _step: str, folder: Path, say: Say, *, request: Request
    ) -> Deployed:
        if newer := self._newer(run):
            say(f"run {newer} of the same branch has deployed meanwhile: nothing is done")
            return Deployed(None, f"run {newer}, which is newer, has deployed meanwhile")
        await self._check_out(run, folder)
        return await self._in_thread(self.deploys.deploy, run.application, folder, request, say)

    async def _look(self, run: Run, stage: str, step: str, folder: Path, say: Say) -> Deployed:
        say("the controller was started anew in the midst of it: looking what became of it")
        await self._check_out(run, folder)
        look = partial(self.deploys.look, run.application, folder, _cause(run, stage, step), say)
        for _ in range(_LOOKS):
            try:
                return await self._in_thread(look)
            except BeeyardError as error:
                # Somebody else deploys just now, or the manager is away.
                say(f"{error.what}: looking again")
                await asyncio.sleep(_AGAIN)
        return await self._in_thread(look)

    async def _in_thread(self, act: Callable[..., Deployed], *arguments: Any) -> Deployed:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(act, *arguments))

    def _newer(self, run: Run) -> int | None:
        """A newer run of the same branch that deploys, or has."""
        return next(
            (
                other.number
                for other in self.core.runs
                if other.number > run.number
                and other.application == run.application
                and other.event.get("ref") == run.event.get("ref")
                and other.retry_of is None
                and other.deploys
            ),
            None,
        )

    async def _check_out(self, run: Run, folder: Path) -> None:
        repository = await self.starts.repository(run.application)
        await archive(repository, from_json(run.event).commit, folder)


@dataclass(frozen=True)
class _Say:
    """Lines into a step's log, from a thread."""

    logs: Logs
    path: Path
    core: Core
    loop: asyncio.AbstractEventLoop

    def __call__(self, line: str) -> None:
        self.logs.append(self.path, self.logs.size(self.path), f"{line}\n".encode())
        asyncio.run_coroutine_threadsafe(self.core.ring(), self.loop)


def _cause(run: Run, stage: str, step: str) -> str:
    return f"pipeline run {run.number}: {stage}/{step}"


def _request(run: Run, stage: str, step: str, settings: Mapping[str, Any]) -> Request:
    """What the settings of `beeyard/deploy` ask for. Raises PipelineError."""
    event = from_json(run.event)
    if event.kind == "pull_request":
        raise PipelineError(
            "a pull request deploys nothing",
            fix="give the step `when: {event: [push]}`",
        )
    unknown = sorted(set(settings) - _SETTINGS)
    if unknown:
        raise PipelineError(
            f"beeyard/deploy has no setting {', '.join(unknown)}",
            fix=f"its settings are {', '.join(sorted(_SETTINGS))}",
        )
    try:
        failed = settings.get("max_failed")
        watched = float(settings.get("watch", 60))
        if not 0 <= watched <= _LONGEST_WATCH:
            raise ValueError(f"watch: {watched:g} is not between 0 and {_LONGEST_WATCH:g} seconds")
        canary = settings.get("canary")
        return Request(
            image=settings.get("image"),
            max_failed=None if failed is None else int(failed),
            canary=None if canary is None else parse_share(str(canary)),
            watched=watched,
            commit=event.commit,
            author=run.by or event.sender or event.author.name,
            cause=_cause(run, stage, step),
        )
    except (TypeError, ValueError) as error:
        raise PipelineError("a setting of beeyard/deploy is wrong", why=str(error)) from error
