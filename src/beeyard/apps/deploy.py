"""`docker stack deploy` on a manager, and the wait until what it asked for runs."""

import io
import shlex
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from beeyard.apps.stack import Rendered
from beeyard.errors import AppError
from beeyard.process import Command, CommandFailed, Runner
from beeyard.swarm import USUAL, Manager, Patience, Progress, Service, Snapshot, await_converged

_COMMAND_TIMEOUT = 180.0


@dataclass(frozen=True)
class ServiceChange:
    """What a deploy did to one service."""

    service: str
    kind: Literal["created", "updated", "removed"]


@dataclass(frozen=True)
class Deployment:
    """What a deploy did. `changes` is empty if all was as it should be before."""

    stack: str
    changes: tuple[ServiceChange, ...]
    snapshot: Snapshot
    seconds: float


def deploy(
    name: str,
    rendered: Rendered,
    *,
    runner: Runner,
    manager: Manager,
    env: Mapping[str, str],
    patience: Patience = USUAL,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Deployment:
    """Make the stack `name` what `rendered` says, and wait until it is.

    `runner` runs on the manager whose API `manager` is, as a user who may use Docker; `env` fills
    `${VAR}`. Raises AppError if Docker refuses the stack, SwarmError if it does not converge.
    """
    started = time.monotonic()
    before = manager.snapshot()
    _stack_deploy(name, rendered, runner, env)
    after = await_converged(
        manager,
        [f"{name}_{service}" for service in rendered.services],
        patience=patience,
        progress=progress,
    )
    changes = _changes(before.stack(name), after.stack(name))
    return Deployment(name, changes, after, time.monotonic() - started)


def _stack_deploy(name: str, rendered: Rendered, runner: Runner, env: Mapping[str, str]) -> None:
    argv = [
        *("docker", "stack", "deploy", "--with-registry-auth", "--prune"),
        # A tag is looked up when it changes, not at each deploy: else the same file deployed
        # again could be another image, and would need the registry to be up.
        *("--resolve-image", "changed", "--compose-file", "-", name),
    ]
    with _files_on(runner, rendered) as folder:
        try:
            runner.run(
                Command(
                    argv,
                    input=rendered.text.encode(),
                    env=env,
                    cwd=folder,
                    timeout=_COMMAND_TIMEOUT,
                )
            )
        except CommandFailed as error:
            raise AppError(
                f"Docker refused the stack {name}",
                where=str(rendered.folder),
                why=error.completed.tail(),
                fix="mend the stack file; `docker stack deploy` must take it",
            ) from error


@contextmanager
def _files_on(runner: Runner, rendered: Rendered) -> Iterator[Path | None]:
    """The files that the stack file names, in a folder on the manager for as long as it takes."""
    if not rendered.files:
        yield None
        return
    archive = _tar(rendered)
    folder = runner.run(Command(["mktemp", "-d"], timeout=30)).stdout.strip()
    try:
        runner.run(Command(["tar", "-x", "-C", folder], input=archive, timeout=60))
        yield Path(folder)
    finally:
        runner.run(Command(["rm", "-rf", "--", folder], timeout=30))


def _tar(rendered: Rendered) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name in rendered.files:
            path = rendered.folder / name
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise AppError(
                    f"the stack file names {shlex.quote(name)}, which is not below its folder",
                    where=str(rendered.folder),
                    fix="put the file beside the stack file",
                )
            if not path.is_file():
                raise AppError("the stack file names a file that does not exist", where=str(path))
            archive.add(path, arcname=name)
    return data.getvalue()


def _changes(before: tuple[Service, ...], after: tuple[Service, ...]) -> tuple[ServiceChange, ...]:
    old = {service.name: service for service in before}
    new = {service.name: service for service in after}
    kinds: dict[str, Literal["created", "updated", "removed"]] = {}
    for name in sorted(old.keys() | new.keys()):
        if name not in old or (name in new and old[name].id != new[name].id):
            kinds[name] = "created"
        elif name not in new:
            kinds[name] = "removed"
        elif old[name].definition != new[name].definition:
            kinds[name] = "updated"
    return tuple(ServiceChange(name, kind) for name, kind in kinds.items())
