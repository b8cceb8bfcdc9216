"""Deploys for pipelines: by the engine that the command line has, told line by line."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from beeyard.apps import current
from beeyard.controller.inside import Inside
from beeyard.errors import BeeyardError, ConfigError, render
from beeyard.workflows import Event
from beeyard.workflows.deploy import Deployer, Outcome, Request
from beeyard.workflows.hosts import open_hosts
from beeyard.workflows.progress import in_a_line

Say = Callable[[str], None]


@dataclass(frozen=True)
class Deployed:
    """What became of it. `release` is the one that serves, if one does; `problem` empty: well."""

    release: int | None
    problem: str = ""


@dataclass(frozen=True)
class Deploys:
    """Deploys applications of the cluster that it is in."""

    inside: Inside

    def deploy(self, application: str, checkout: Path, request: Request, say: Say) -> Deployed:
        """Deploy what a checkout holds; never raises for what a deploy can fail of."""
        return self._done(
            application, checkout, say, lambda deployer: _told(deployer.deploy(request), say)
        )

    def look(self, application: str, checkout: Path, cause: str, say: Say) -> Deployed:
        """What became of a deploy with that cause, that was cut short with the controller: whatever
        is unfinished is finished or undone first. Raises BeeyardError where that can't be told
        now."""

        def settle(deployer: Deployer) -> Deployed:
            with deployer.locked(f"look after {cause}") as (_, entries):
                of_it = [entry for entry in entries if entry.release.origin.cause == cause]
                now = current(entries)
            serves = now.number if now else None
            if not of_it:
                return Deployed(serves, "it was cut short before it made a release")
            found = of_it[-1]
            if found.succeeded:
                return Deployed(found.number)
            reason = found.verdict.reason if found.verdict else ""
            return Deployed(serves, f"release {found.number} failed: {reason}")

        return self._with(application, checkout, say, settle)

    def _done(
        self, application: str, checkout: Path, say: Say, act: Callable[[Deployer], Deployed]
    ) -> Deployed:
        try:
            return self._with(application, checkout, say, act)
        except BeeyardError as error:
            say(render(error))
            return Deployed(None, error.what)

    def _with(
        self, application: str, checkout: Path, say: Say, act: Callable[[Deployer], Deployed]
    ) -> Deployed:
        if application not in self.inside.spec.applications:
            raise ConfigError(f"beeyard.yml names no application {application}")
        cluster = self.inside.cluster(application, checkout, _Lines(say))
        hosts = open_hosts(cluster, self.inside.outputs)
        with hosts.swarm() as manager:
            return act(Deployer(hosts, manager, application))


def _told(outcome: Outcome, say: Say) -> Deployed:
    number = outcome.release.number
    if outcome.verdict is None:
        say(f"release {number} runs already: nothing to do")
    else:
        during = outcome.verdict.receipt.during
        say(
            f"release {number} serves; while it was switched, "
            f"{during.requests} requests were sent and {during.failed} of them failed"
        )
    return Deployed(number)


@dataclass
class _Lines:
    """A line for each event, with the seconds since the start."""

    say: Say
    started: float = field(default_factory=time.monotonic)

    def __call__(self, event: Event) -> None:
        self.say(f"{time.monotonic() - self.started:6.1f}s  {in_a_line(event)}")
