"""One stage, from what the controller handed over to its end."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beeyard.controller.assignment import PLAIN, Assignment
from beeyard.controller.planning import from_json
from beeyard.controller.runner.deploy_step import WithDeploys, deploys
from beeyard.controller.runner.link import Link, Over
from beeyard.controller.runner.own_images import require_own_images
from beeyard.controller.runner.spool import Spool
from beeyard.errors import BeeyardError, render
from beeyard.pipelines.assemble import Assembled, Given, assemble
from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.engine import Engine
from beeyard.pipelines.environment import Build, Stage, System
from beeyard.pipelines.execute import Outlets, execute
from beeyard.pipelines.git_source import GitSource
from beeyard.pipelines.log import Masked, Sink
from beeyard.pipelines.masking import Masks
from beeyard.pipelines.outcome import FINAL, StepEvent
from beeyard.pipelines.plan import Bind, Credentials, StepLimits
from beeyard.pipelines.trust import PRIVILEGED, Plugin
from beeyard.secret import Secret

_log = logging.getLogger(__name__)
#: As whom a run clones (`controller.doors.RUN`).
_CLONES_AS = "run"
#: The label of all that a runner's jobs make, with its node for a value.
RUNNER_LABEL = "beeyard.runner"
_SOCKET = "/var/run/docker.sock"
#: Seconds for what was logged to arrive, once all steps have ended.
_PATIENCE = 120.0


@dataclass(frozen=True)
class Means:
    """What a runner has to run stages with.

    git_settings  of git's own, for the clone
    timeout       seconds for a stage
    """

    node: str
    engine: Engine
    link: Link
    spool: Path
    limits: StepLimits
    timeout: float
    git_settings: tuple[str, ...] = ()
    arch: str = "amd64"


@dataclass
class Work:
    """A stage at work. `cancel` stops it."""

    means: Means
    handed: Assignment
    cancel: Cancel = field(default_factory=Cancel)
    _spools: dict[str, Spool] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """For its logs on their way. An attempt's word is made of letters, digits, `-` and `_`."""
        return self.means.spool / self.handed.attempt

    def run(self) -> None:
        """Run it to its end and tell of it; never raises for what a stage can fail of."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            status, reason = self._execute()
        except Over:
            # Nobody waits for it any more.
            return
        except BeeyardError as error:
            status, reason = "error", render(error).removeprefix("error: ")
        except Exception as error:  # noqa: BLE001 (the run says it, and the log)
            _log.exception("run %s, stage %s", self.handed.run, self.handed.stage)
            status, reason = "error", f"the runner itself failed: {type(error).__name__}: {error}"
        finally:
            for spool in self._spools.values():
                spool.close()
                spool.join(_PATIENCE)
            shutil.rmtree(self.folder, ignore_errors=True)
        self._end(status, reason[:4000])

    def _execute(self) -> tuple[str, str]:
        handed, means = self.handed, self.means
        assembled = assemble(handed.config, handed.stage, self._given())
        if not handed.trusted:
            require_own_images(handed.application, handed.registries, assembled.job.steps)
        engine = WithDeploys(means.engine, means.link, handed.attempt)
        silent = frozenset(step.name for step in assembled.job.steps if deploys(step.image))
        outlets = Outlets(self._tell, lambda name: self._sink(name, silent))
        source = self._source(assembled)
        done = execute(assembled.job, engine, outlets, source=source, cancel=self.cancel)
        return done.state, done.reason

    def _given(self) -> Given:
        handed, facts = self.handed, self.handed.facts
        event = from_json(handed.event)
        return Given(
            id=f"{handed.run}-{handed.attempt[:8].lstrip('-_') or 'x'}",
            event=event,
            build=Build(
                number=handed.run,
                system=System(str(facts["host"]), version=str(facts["version"])),
                created=int(facts["created"]),
                started=int(facts["started"]),
                parent=int(facts["parent"]),
                trigger=str(facts["trigger"]),
                failed_stages=tuple(facts["failed_stages"]),
                status="failure" if facts["failed_stages"] else "success",
            ),
            stage=Stage(int(facts["stage_number"]), machine=self.means.node, arch=self.means.arch),
            secrets={name: Secret(value) for name, value in handed.secrets.items()},
            trusted=handed.trusted,
            limits=self.means.limits,
            plugins=_plugins(),
            credentials=self._registry(),
            labels={RUNNER_LABEL: self.means.node},
            timeout=self.means.timeout,
        )

    def _registry(self) -> dict[str, Credentials]:
        """How images of the registry that they are pushed to are pulled by steps."""
        held = self.handed.registry
        if held is None:
            return {}
        return {held["host"]: Credentials(held["username"], Secret(held["password"]))}

    def _source(self, assembled: Assembled) -> GitSource | None:
        if assembled.clone.disable:
            return None
        event = from_json(self.handed.event)
        return GitSource(
            url=self.handed.clone_url,
            ref=event.ref,
            commit=event.commit,
            depth=assembled.clone.depth,
            # The controller may be on its way to another node.
            retries=max(assembled.clone.retries, 4),
            credentials=Credentials(_CLONES_AS, Secret(self.handed.clone_token)),
            settings=self.means.git_settings,
        )

    def _tell(self, event: StepEvent) -> None:
        if event.state == "pending":
            return
        if event.state in FINAL and (spool := self._spools.get(event.step)) is not None:
            spool.close()
            spool.join(_PATIENCE)
        said: dict[str, Any] = {
            "step": event.step,
            "status": event.state,
            "exit_code": event.exit_code,
            "reason": event.reason[:4000],
        }
        self.means.link.step(self.handed.attempt, said)

    def _sink(self, step: str, silent: frozenset[str]) -> Sink:
        if step in silent:
            return _Nothing()
        path = self.folder / f"{len(self._spools)}.log"

        def send(offset: int, data: bytes) -> int:
            return self.means.link.log(self.handed.attempt, step, offset, data)

        spool = self._spools[step] = Spool(path, send)
        return Masked(spool, self._masks())

    def _masks(self) -> Masks:
        secrets = self.handed.secrets.items()
        values = [value for name, value in secrets if name not in PLAIN]
        values.append(self.handed.clone_token)
        if self.handed.registry is not None:
            values.append(self.handed.registry["password"])
        return Masks(values)

    def _end(self, status: str, reason: str) -> None:
        try:
            self.means.link.end(self.handed.attempt, status, reason)
        except BeeyardError as error:
            _log.error("run %s: its end could not be told: %s", self.handed.run, error.what)


class _Nothing:
    """For a step whose log is written elsewhere."""

    def write(self, chunk: bytes) -> None:
        pass

    def close(self) -> None:
        pass


def _plugins() -> Mapping[str, Plugin]:
    """Those that build images do it on the node's own engine, and keep its cache."""
    # The published one starts an engine of its own unless it is told not to
    # (plugins.drone.io, "Docker", `daemon_off`).
    socket = Plugin(binds=(Bind(_SOCKET, _SOCKET),), environment={"PLUGIN_DAEMON_OFF": "true"})
    return {**PRIVILEGED, "plugins/docker": socket}
