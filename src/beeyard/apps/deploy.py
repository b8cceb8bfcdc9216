"""`docker stack deploy` on a manager."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from beeyard.apps.bundle import Bundle
from beeyard.apps.compose import write
from beeyard.apps.registry import Credentials, docker_config
from beeyard.apps.site import Site
from beeyard.errors import AppError, BeeyardError, SwarmError
from beeyard.process import Command, CommandFailed, CommandTimeout, Completed, Runner
from beeyard.swarm import AWAY

_COMMAND_TIMEOUT = 180.0
# ssh's own exit code; every other is the command's. Source: ssh(1), "Exit status".
_NOT_REACHED = 255
# Where Docker's command line finds sign-ins that it is handed. Source: docs.docker.com, "docker",
# "Environment variables".
_CONFIG = ".docker"


def deploy_to(site: Site, name: str, bundle: Bundle) -> None:
    """Tell the Swarm of `site` that the stack `name` is to be what `bundle` says: `stack_deploy`
    with the sign-ins that its images need."""
    sign_ins = site.handed(bundle.images) if site.unkept else {}
    stack_deploy(name, bundle, site.runner, sign_ins)


def stack_deploy(
    name: str, bundle: Bundle, runner: Runner, sign_ins: Mapping[str, Credentials] = {}
) -> None:
    """Tell the Swarm that the stack `name` is to be what `bundle` says. Waits for nothing, and
    removes no service.

    `runner` runs on a manager, as a user who may use Docker. `sign_ins`, by registry, are used
    instead of those that the user has there, and are there no longer than the command. Raises
    AppError if Docker refuses it, SwarmError if the manager is not reached, or has no leader.
    """
    argv = [
        *("docker", "stack", "deploy", "--with-registry-auth"),
        # Images are named by digest: there is nothing to ask a registry.
        *("--resolve-image", "never", "--compose-file", "-", name),
    ]
    config = {f"{_CONFIG}/config.json": docker_config(sign_ins)} if sign_ins else {}
    with _files_on(runner, name, {**bundle.files, **config}) as folder:
        own = {"DOCKER_CONFIG": f"{folder}/{_CONFIG}"} if config else {}
        command = Command(
            argv,
            input=bundle.text.encode(),
            env={**bundle.environment, **own},
            cwd=folder,
            timeout=_COMMAND_TIMEOUT,
        )
        try:
            runner.run(command)
        except CommandTimeout:
            # Not its own words: they hold the command line, and that the variables' values.
            raise SwarmError(
                f"the manager did not take the stack {name} within {_COMMAND_TIMEOUT:g} s",
                fix="see whether the manager is up and well, then run the command again",
            ) from None
        except CommandFailed as error:
            if _is_away(error.completed):
                raise _not_told(name, error) from error
            raise AppError(
                f"Docker refused the stack {name}",
                why=error.completed.tail(),
                fix="mend the stack file; `docker stack deploy` must take it",
            ) from error


def with_replicas(bundle: Bundle, replicas: Mapping[str, int]) -> Bundle:
    """The bundle with other numbers of replicas, by service."""
    document = bundle.document
    for name, entry in document["services"].items():
        if name in replicas:
            deploy: Any = entry.setdefault("deploy", CommentedMap())
            deploy["replicas"] = replicas[name]
    return Bundle(write(document), bundle.environment, bundle.files)


def _is_away(completed: Completed) -> bool:
    said = completed.stderr
    return completed.code == _NOT_REACHED or any(sign in said for sign in AWAY)


def _not_told(name: str, error: BeeyardError) -> SwarmError:
    return SwarmError(
        f"the manager could not be told what the stack {name} is to be",
        why=error.why,
        fix="see whether the manager is up and reachable, then run the command again",
    )


@contextmanager
def _files_on(runner: Runner, name: str, files: Mapping[str, str]) -> Iterator[Path | None]:
    """The environment files, in a folder on the manager for as long as it takes."""
    if not files:
        yield None
        return
    try:
        folder = runner.run(Command(["mktemp", "-d"], timeout=30)).stdout.strip()
        runner.run(Command(["tar", "-x", "-C", folder], input=_tar(files), timeout=60))
    except (CommandFailed, CommandTimeout) as error:
        raise _not_told(name, error) from error
    try:
        yield Path(folder)
    finally:
        # What it was for has been done, or has failed, and that is to be told.
        with suppress(CommandFailed, CommandTimeout):
            runner.run(Command(["rm", "-rf", "--", folder], timeout=30))


def _tar(files: Mapping[str, str]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, text in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            entry.mode = 0o600
            archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()
