"""A pipeline on the Docker engine of whoever runs beeyard: no cluster, no controller."""

import json
import platform
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import docker
from docker import DockerClient
from docker.errors import DockerException
from rich.markup import escape

import beeyard
from beeyard.cli.steps import Screen, coloured
from beeyard.cli.view import err
from beeyard.errors import ConfigError, PipelineError, ToolError
from beeyard.holder import Holder
from beeyard.pipelines.assemble import Assembled, Given, assemble
from beeyard.pipelines.conditions import decide
from beeyard.pipelines.docker_engine import DockerEngine
from beeyard.pipelines.environment import Build, Stage, System, substitutions
from beeyard.pipelines.event import Event
from beeyard.pipelines.execute import Outlets, execute
from beeyard.pipelines.log import Masked
from beeyard.pipelines.masking import Masks
from beeyard.pipelines.outcome import Result
from beeyard.pipelines.parse import decode, parse
from beeyard.pipelines.source import FolderSource
from beeyard.secret import Secret

_LABEL = "beeyard.exec"
_DEFAULT = "default"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


@dataclass(frozen=True)
class Wish:
    """What somebody wants run.

    file     the `.drone.yml`
    pipeline  its name; None: the one named `default`, or the only one
    folder   whose files become the workspace; `mount`: it is the workspace itself
    """

    file: Path
    event: Event
    pipeline: str | None
    folder: Path
    mount: bool
    trusted: bool
    secrets: Mapping[str, str]
    variables: Mapping[str, str]
    include: frozenset[str]
    exclude: frozenset[str]
    timeout: float


def run_here(wish: Wish, screen: Screen) -> tuple[str, Result]:
    """Run it to its end, and give the pipeline's name and how it ended.

    Raises ConfigError for a file with mistakes, PipelineError for what can't be run, ToolError
    without an engine.
    """
    text = _text(wish.file)
    build = _build()
    name = _chosen(text, wish, build)
    assembled = assemble(text, name, _given(wish, build), wish.file)
    job = replace(assembled.job, folder=str(wish.folder) if wish.mount else "")
    masks = Masks(wish.secrets.values())
    outlets = Outlets(lambda _: None, lambda step: Masked(screen.open_log(step), masks))
    with _engine() as engine:
        engine.sweep({_LABEL: ""}, _is_alive)
        return name, execute(job, engine, outlets, source=_source(wish, assembled))


def _text(path: Path) -> str:
    try:
        return decode(path.read_bytes(), path)
    except OSError as error:
        raise ConfigError(
            f"{path} can't be read", why=error.strerror, fix="name the file: pipeline exec FILE"
        ) from error


def _build() -> Build:
    now = int(time.time())
    system = System("localhost", "http", beeyard.__version__)
    return Build(1, system, created=now, started=now, trigger="@cli")


def _chosen(text: str, wish: Wish, build: Build) -> str:
    """The pipeline's name. One that its trigger would leave out is run all the same."""
    pipelines = parse(text, substitutions(wish.event, build), wish.file)
    names = [one.name for one in pipelines]
    if wish.pipeline is None and len(names) > 1 and _DEFAULT not in names:
        raise PipelineError(
            "the file has several pipelines",
            where=str(wish.file),
            fix=f"say which: --pipeline {' | '.join(names)}",
        )
    name = wish.pipeline or (_DEFAULT if _DEFAULT in names else names[0])
    verdict = decide(pipelines, wish.event, build.system.host).get(name)
    if verdict is not None and not verdict.runs:
        why = escape(verdict.why)
        err().print(f"[yellow]note:[/yellow] a cluster would not run {escape(name)}: {why}")
    return name


def _given(wish: Wish, build: Build) -> Given:
    return Given(
        id=f"exec-{secrets.token_hex(6)}",
        event=wish.event,
        build=build,
        stage=Stage(
            1,
            machine=platform.node(),
            arch=_ARCHITECTURES.get(platform.machine(), platform.machine()),
            started=build.started,
        ),
        secrets={name: Secret(value) for name, value in wish.secrets.items()},
        trusted=wish.trusted,
        variables=wish.variables,
        include=wish.include,
        exclude=wish.exclude,
        labels={_LABEL: json.dumps(asdict(Holder.me("pipeline exec")))},
        timeout=wish.timeout,
    )


def _source(wish: Wish, assembled: Assembled) -> FolderSource | None:
    """Nothing comes into the workspace where a step of the pipeline's own is to clone."""
    return None if wish.mount or assembled.clone.disable else FolderSource(wish.folder)


@contextmanager
def _engine() -> Iterator[DockerEngine]:
    try:
        client: DockerClient = docker.from_env(timeout=120)
        client.ping()
    except DockerException as error:
        raise ToolError(
            "there is no Docker engine that could run the pipeline",
            why=str(error),
            fix="start Docker, or set DOCKER_HOST; `docker info` has to work for this user",
        ) from error
    try:
        yield DockerEngine(client)
    finally:
        client.close()


def _is_alive(labels: Mapping[str, str]) -> bool:
    """Whether what is there belongs to a beeyard that may still be at it."""
    return not Holder(**json.loads(labels[_LABEL])).is_gone()


def screen_for(*, as_json: bool) -> Screen:
    """Where output is shown: with --json, standard output has the result alone."""
    stream = sys.stderr if as_json else sys.stdout
    return Screen(stream, coloured=coloured(stream))
