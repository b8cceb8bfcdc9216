"""Jobs as tests write them, and what was heard of one that ran."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.engine import Engine
from beeyard.pipelines.execute import Outlets, execute
from beeyard.pipelines.outcome import Result, StepEvent
from beeyard.pipelines.plan import Job, JobStep, shell
from beeyard.pipelines.source import Source


def step(name: str, *commands: str, image: str = "tiny", **options: Any) -> JobStep:
    """A step that runs commands."""
    sh = shell(commands)
    environment = {**sh.environment, **options.pop("environment", {})}
    options = {"working_dir": "/drone/src", "init": True, **options}
    return JobStep(
        name,
        image,
        entrypoint=sh.entrypoint,
        command=sh.command,
        environment=environment,
        **options,
    )


def job(*steps: JobStep, **options: Any) -> Job:
    """A job of which there is no other."""
    return Job(f"t{secrets.token_hex(4)}", "default", steps, **options)


def on(image: str, one: Job, labels: dict[str, str]) -> Job:
    """The same with an image that is there, and labels by which it is found again."""

    def with_image(step: JobStep) -> JobStep:
        return replace(step, image=image) if step.image == "tiny" else step

    return replace(
        one,
        steps=tuple(map(with_image, one.steps)),
        services=tuple(map(with_image, one.services)),
        labels=labels,
    )


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.data = b""
        self.closed = False

    def write(self, chunk: bytes) -> None:
        self.data += chunk

    def close(self) -> None:
        self.closed = True


@dataclass
class Heard:
    """What a run told. `when` does something as soon as an event comes."""

    events: list[StepEvent] = field(default_factory=list)
    logs: dict[str, Kept] = field(default_factory=dict)
    when: Callable[[StepEvent], object] = lambda _: None
    result: Result | None = None

    def listener(self, event: StepEvent) -> None:
        self.events.append(event)
        self.when(event)

    def open_log(self, name: str) -> Kept:
        assert name not in self.logs
        self.logs[name] = Kept()
        return self.logs[name]

    @property
    def outlets(self) -> Outlets:
        return Outlets(self.listener, self.open_log)

    def run(
        self,
        engine: Engine,
        one: Job,
        *,
        source: Source | None = None,
        cancel: Cancel | None = None,
    ) -> Result:
        self.result = execute(one, engine, self.outlets, source=source, cancel=cancel)
        return self.result

    def last(self, name: str) -> StepEvent:
        """The state in which a step was left."""
        return [event for event in self.events if event.step == name][-1]

    def states(self) -> dict[str, str]:
        return {event.step: event.state for event in self.events}

    def order(self, state: str = "running") -> list[str]:
        """In which order steps came into a state."""
        return [event.step for event in self.events if event.state == state]

    def log(self, name: str) -> str:
        return self.logs[name].data.decode()
