"""`run`: a one-off task like a container of the release that runs."""

import math
from collections.abc import Callable, Sequence

from beeyard.apps import Ended, Hook, current, run_once
from beeyard.errors import AppError
from beeyard.swarm.logs import Entry
from beeyard.workflows.deploy import Deployer


def run_task(
    deployer: Deployer,
    service: str,
    command: Sequence[str],
    hear: Callable[[Entry], None],
    *,
    timeout: float | None = None,
    entrypoint: str | None = None,
) -> Ended:
    """Run `command` once, in a container of its own, and wait for its end; `hear` gets its log.

    It has the image, environment, networks, secrets and configs of `service` in the release that
    runs, and is gone afterwards.

    timeout     seconds; None: as long as it takes
    entrypoint  a program instead of the image's entry point

    Raises AppError if it never started, was stopped, or took too long.
    """
    now = current(deployer.store.all())
    if now is None:
        raise AppError(
            f"{deployer.name} has no release that runs", fix=f"beeyard deploy {deployer.name}"
        )
    hook = Hook(service, tuple(command), math.inf if timeout is None else timeout)
    bundle = now.release.bundle
    ended = run_once(deployer.site, deployer.name, bundle, hook, hear, "run", entrypoint)
    if ended.code is None:
        raise AppError(
            f"`{' '.join(command)}` did not run to its end",
            where=f"service {service}, node {ended.node}",
            why="\n".join([ended.error, *ended.log[-12:]]),
            fix="is it a program of the image? Is the node up, and the image there?",
        )
    return ended
