"""The variables of steps, with the secrets that they name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from beeyard.pipelines.conditions import Status
from beeyard.pipelines.environment import Build, Stage, step_variables, variables
from beeyard.pipelines.event import Event
from beeyard.pipelines.model import FromSecret, Pipeline, Step, Value
from beeyard.pipelines.secrets import key
from beeyard.pipelines.settings import encoded, variable
from beeyard.secret import Secret

Environment = dict[str, str | Secret]


@dataclass
class Held:
    """Secrets by name, in which capitals don't matter. `missing`: those asked for in vain."""

    secrets: Mapping[str, Secret]
    missing: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._by_key = {key(name): value for name, value in self.secrets.items()}

    def get(self, name: str) -> Secret:
        """One of them; an empty one where it is missing, which nobody is to use."""
        if key(name) not in self._by_key:
            self.missing.add(name)
        return self._by_key.get(key(name), Secret(""))

    def value(self, value: Value) -> str | Secret:
        """A variable's value."""
        return self.get(value.name) if isinstance(value, FromSecret) else value

    def setting(self, value: Any) -> str | Secret:
        """A setting's value as its plugin gets it: a secret, if one is in it at any depth."""
        used: list[str] = []

        def reveal(name: str) -> str:
            used.append(name)
            return self.get(name).reveal()

        text = encoded(value, reveal)
        return Secret(text) if used else text


@dataclass(frozen=True)
class Circumstances:
    """What the variables of a pipeline tell of."""

    event: Event
    build: Build
    stage: Stage
    pipeline: Pipeline

    def variables(self, failed: tuple[str, ...], now: int) -> dict[str, str]:
        """Those of every step, once the named ones have failed; `now` in seconds since 1970."""
        status: Status = "failure" if failed else "success"
        return variables(
            self.event,
            replace(self.build, status=status) if failed else self.build,
            self.pipeline,
            replace(self.stage, status=status, failed_steps=failed),
            now,
        )

    def late(self) -> Callable[[tuple[str, ...], int], Mapping[str, str]]:
        """Gives those that have changed by the time at which a step starts."""
        before = self.variables((), self.stage.started)

        def changed(failed: tuple[str, ...], now: int) -> Mapping[str, str]:
            then = self.variables(failed, now)
            return {name: value for name, value in then.items() if value != before[name]}

        return changed


def step_environment(
    step: Step, number: int, of: Circumstances, more: Mapping[str, str], held: Held
) -> Environment:
    """The variables of a step; `number` is its own, from 1, and `more` go to every step.

    What stands further down in the file counts more. Source: docs.drone.io, "Environment",
    "Per Pipeline", "Per Step"; for settings, `settings.variables`.
    """
    return {
        **of.variables((), of.stage.started),
        **more,
        **step_variables(step.name, number),
        **{name: held.value(value) for name, value in of.pipeline.environment.items()},
        **{name: held.value(value) for name, value in step.environment.items()},
        **{variable(name): held.setting(value) for name, value in step.settings.items()},
    }
