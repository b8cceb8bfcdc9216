"""Steps that deploy: `beeyard/deploy` is no image, but the controller's own work.

For the executor it is a container like the others: it is started, ends with a code, and can be
stopped being waited for. Its log is written by the controller.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from beeyard.controller.runner.link import Link
from beeyard.errors import BeeyardError, PipelineError
from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.engine import Ended, Engine, Started, StepError, Usage, Write
from beeyard.pipelines.plan import Job, JobStep
from beeyard.secret import Secret

#: The image by whose name a step deploys.
IMAGE = "beeyard/deploy"
_SETTING = "PLUGIN_"


def deploys(image: str) -> bool:
    """Whether a step with this image deploys."""
    name = image.removeprefix("docker.io/").partition("@")[0]
    return name.partition(":")[0] == IMAGE


@dataclass(frozen=True)
class WithDeploys:
    """An engine on which steps can deploy as well, by `link`, for an attempt."""

    engine: Engine
    link: Link
    attempt: str

    def set_up(self, job: Job) -> None:
        self.engine.set_up(job)

    def fill(self, job: Job, archive: Iterable[bytes]) -> None:
        self.engine.fill(job, archive)

    def fetch(self, job: Job, step: JobStep, say: Callable[[str], None], cancel: Cancel) -> None:
        if not deploys(step.image):
            self.engine.fetch(job, step, say, cancel)

    def start(self, job: Job, step: JobStep, write: Write) -> Started:
        if not deploys(step.image):
            return self.engine.start(job, step, write)
        if step.entrypoint or step.command:
            raise StepError(
                f"step {step.name} can't run commands",
                why=f"{IMAGE} is no image: it has settings only",
                fix="move the commands into a step of their own",
            )
        try:
            self.link.begin_deploy(self.attempt, step.name, settings(step.environment))
        except PipelineError as error:
            why = error.why or error.what
            raise StepError(f"step {step.name} can't deploy", why=why, fix=error.fix) from error
        return _Deploy(self.link, self.attempt, step.name)

    def usage(self, job: Job) -> Usage | None:
        return self.engine.usage(job)

    def tear_down(self, job: Job) -> None:
        self.engine.tear_down(job)

    def sweep(
        self,
        labels: Mapping[str, str],
        spare: Callable[[Mapping[str, str]], bool] = lambda _: False,
    ) -> int:
        return self.engine.sweep(labels, spare)


def settings(environment: Mapping[str, str | Secret]) -> dict[str, str]:
    """The settings of a step, from the variables that they became."""
    return {
        name.removeprefix(_SETTING).lower(): value.reveal() if isinstance(value, Secret) else value
        for name, value in environment.items()
        if name.startswith(_SETTING)
    }


class _Deploy:
    """A deploy that goes on at the controller. Whoever stops it only waits for it no more: a
    release that is on its way is finished or undone as a whole."""

    def __init__(self, link: Link, attempt: str, step: str) -> None:
        self._over = threading.Event()
        self._ended = Ended(1)
        work = (link, attempt, step)
        self._thread = threading.Thread(target=self._run, args=work, name="deploy", daemon=True)
        self._thread.start()

    def _run(self, link: Link, attempt: str, step: str) -> None:
        try:
            done = link.deployed(attempt, step)
            self._ended = Ended(1 if done["problem"] else 0)
        except BeeyardError:
            self._ended = Ended(1)
        finally:
            self._over.set()

    def wait(self) -> Ended:
        self._over.wait()
        return self._ended

    def stop(self, grace: float) -> None:
        del grace
        self._ended = Ended(137)
        self._over.set()

    def remove(self) -> None:
        self.stop(0.0)
