"""From the options to a `Cluster`: the one place that knows of AWS and of the rehearsal."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from rich.markup import escape

from beeyard import sandbox
from beeyard.cli.files import show_warnings
from beeyard.cli.options import Options
from beeyard.cli.signals import StoppableRunner, Stopped, pass_on
from beeyard.cli.view import aside, can_redraw, err, listening
from beeyard.cloud import AWS, Target
from beeyard.cloud.iam_policy import documents
from beeyard.config import ClusterSpec, check, find, load, require
from beeyard.errors import ConfigError
from beeyard.private import private_folder
from beeyard.provision import mitogen_wanted
from beeyard.waiting import SystemClock
from beeyard.workflows import Cluster, Listener, Progress
from beeyard.workflows.audit import Change, noted

#: Gives the world a cluster lives in; may take its time, and tells of it.
FindTarget = Callable[[ClusterSpec, Progress], Target]


@contextmanager
def open_cluster(
    options: Options, *, start: bool = False, noting: Change | None = None
) -> Iterator[Cluster]:
    """The cluster of `beeyard.yml`. With `start`, a rehearsal's cloud is brought up first. What is
    `noting` comes into the audit log, with what came of it."""
    path = file_of(options)
    spec = load(path)
    if start:
        findings = check(spec, path, environ=os.environ)
        show_warnings(findings)
        require(findings, path)
    runner = StoppableRunner()
    pass_on(runner)
    with (
        _ended(runner),
        listening(live=can_redraw() and not options.json and not options.debug) as listener,
    ):
        progress = Progress(listener)
        target = _target(options, spec, progress, start=start)
        cluster = Cluster(
            spec=spec,
            base=path.parent,
            target=target,
            folder=private_folder(folder_of(spec.name, target.world)),
            sockets=sockets_of(spec.name, target.world),
            runner=runner,
            clock=SystemClock(),
            progress=progress,
            mitogen=mitogen_wanted(),
            given_key=_given_key(),
        )
        with noted(cluster, noting, _warner(listener)):
            yield cluster


def _given_key() -> Path | None:
    """The SSH key of whoever runs this, where it is not where beeyard.yml says."""
    named = os.environ.get("BEEYARD_SSH_KEY")
    return Path(named).expanduser().absolute() if named else None


def _warner(listener: Listener) -> Callable[[str], None]:
    def warn(text: str) -> None:
        with aside(listener):
            err().print(f"[yellow]warning:[/yellow] {escape(text)}")

    return warn


@contextmanager
def _ended(runner: StoppableRunner) -> Iterator[None]:
    """Once stopped, leave when nothing runs any more."""
    try:
        yield
    except Stopped:
        runner.await_end()
        raise


def file_of(options: Options) -> Path:
    """The file that was named, or the nearest beeyard.yml."""
    return (options.file or find(Path.cwd())).absolute()


def folder_of(name: str, world: str) -> Path:
    """Where beeyard keeps what belongs to a cluster on this machine."""
    return platformdirs.user_state_path("beeyard") / "clusters" / f"{name}@{world}"


def sandbox_spec(spec: ClusterSpec) -> sandbox.SandboxSpec:
    """The part of the file that the rehearsal cloud needs."""
    return sandbox.SandboxSpec(
        name=spec.name,
        domain=spec.domain,
        region=spec.region,
        vpc_cidr=spec.vpc_cidr,
        zone=spec.dns.zone if spec.dns else None,
    )


def _target(options: Options, spec: ClusterSpec, progress: Progress, *, start: bool) -> Target:
    if not options.sandbox:
        return AWS
    if not start:
        return sandbox.attach(spec.name)
    http_port, https_port = _ports()
    with progress.phase("images") as phase:
        images = sandbox.build_images(phase.say)
        phase.result = "ready"
    with progress.phase("rehearsal cloud") as phase:
        target = sandbox.start(
            sandbox_spec(spec),
            images,
            http_port=http_port,
            https_port=https_port,
            policies=documents(spec),
            progress=phase.say,
        )
        phase.result = f"{target.endpoint}"
    return target


def _ports() -> tuple[int | None, int | None]:
    """Ports that were asked for, as BEEYARD_SANDBOX_PORTS=8080,8443; else the sandbox chooses."""
    wanted = os.environ.get("BEEYARD_SANDBOX_PORTS")
    if not wanted:
        return None, None
    http, _, https = wanted.partition(",")
    if not (http.isdigit() and https.isdigit()):
        raise ConfigError(
            f"BEEYARD_SANDBOX_PORTS is `{wanted}`",
            fix="name two ports: BEEYARD_SANDBOX_PORTS=8080,8443",
        )
    return int(http), int(https)


def sockets_of(name: str, world: str) -> Path:
    """A short folder for SSH's control sockets, whose paths have room for about 100 bytes."""
    mark = hashlib.sha256(f"{folder_of(name, world)}".encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"beeyard-{os.getuid()}-{mark}"
