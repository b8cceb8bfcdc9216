"""`start`: a sandbox that runs, and what the stages need to know of it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from docker import DockerClient

from beeyard.cloud.target import Target
from beeyard.errors import SandboxError
from beeyard.process import Command, LocalRunner
from beeyard.sandbox import (
    acme,
    api_gate,
    engine,
    environment,
    files,
    hub,
    network,
    operator_rights,
    ports,
    provider_mirror,
    removal,
)
from beeyard.sandbox.spec import LABEL, Addresses, SandboxSpec
from beeyard.sandbox.state import (
    ImageNames,
    Request,
    StateFolder,
    all_folders,
    exclusive,
)

Progress = Callable[[str], None]

#: Seconds for the sandbox's own services to answer.
_DEADLINE = 120.0


class Images(Protocol):
    """References of the images that a sandbox is made from."""

    @property
    def node(self) -> str: ...
    @property
    def services(self) -> str: ...
    @property
    def mariadb(self) -> str: ...
    @property
    def hub(self) -> str: ...


def start(
    spec: SandboxSpec,
    images: Images,
    *,
    http_port: int | None = None,
    https_port: int | None = None,
    policies: Sequence[Mapping[str, Any]] = operator_rights.EVERYTHING,
    progress: Progress,
) -> Target:
    """Start the sandbox, unless it runs already, and wait until its services answer.

    `http_port` and `https_port` are those of 127.0.0.1; None chooses 80 and 443, or the next pair
    that is free. `policies` are what IAM grants to the operator. `progress` is told what is being
    waited for. Raises ToolError if Docker or Terraform's provider can't be used, SandboxError if
    the sandbox can't be made.
    """
    docker = engine.connect()
    folder = StateFolder.of(spec.name)
    with exclusive():
        request, report = folder.request(), folder.report()
        if request and report and report.process.is_alive() and report.ready:
            _refuse_other(request, spec, http_port, https_port)
        else:
            if request is None or (report and report.ready):
                _refuse_leftovers(docker, spec)
            # What was begun, and never ready, is not worth keeping.
            removal.remove(docker, spec.name, progress)
            request = _request(docker, spec, images, http_port, https_port)
            folder.write_request(request)
            _launch(folder, spec.region, progress)
    found = target(folder)
    operator_rights.grant(found, spec.region, folder.path, policies)
    return found


def target(folder: StateFolder) -> Target:
    """The world that the sandbox in `folder` is, as data."""
    request, report = folder.request(), folder.report()
    if request is None or report is None:
        raise SandboxError("the sandbox does not run", fix="start it with `beeyard --sandbox up`")
    spec = request.spec
    addresses = Addresses.of(spec)
    return Target(
        world="sandbox",
        endpoint=report.endpoint,
        file_system=files.STYLE,
        acme=acme.signer(folder.ca_certificate),
        engine=hub.engine_source(addresses),
        ssh="private",
        http_port=request.http_port,
        https_port=request.https_port,
        resolver=addresses.resolver,
        operator=f"{addresses.gateway}/32",
        api_within=api_gate.url(addresses),
        provider_mirror=provider_mirror.find(),
        environment=environment.variables(folder.path, spec.region, environment.OPERATOR),
    )


def _refuse_other(
    running: Request, spec: SandboxSpec, http_port: int | None, https_port: int | None
) -> None:
    ports_differ = (http_port or running.http_port, https_port or running.https_port) != (
        running.http_port,
        running.https_port,
    )
    if running.spec == spec and not ports_differ:
        return
    raise SandboxError(
        f"the sandbox `{spec.name}` runs already, with other settings",
        why=f"it has {running.spec}, and ports {running.http_port} and {running.https_port}",
        fix="take it down first (`beeyard sandbox down`), or change the file back",
    )


def _refuse_leftovers(docker: DockerClient, spec: SandboxSpec) -> None:
    if docker.containers.list(all=True, filters={"label": f"{LABEL}={spec.name}"}):
        raise SandboxError(
            f"the sandbox `{spec.name}` was interrupted",
            why="its supervisor is gone, and with it what the AWS API held; containers are left",
            fix="remove them with `beeyard sandbox down`, then run `beeyard --sandbox up` again",
        )


def _request(
    docker: DockerClient,
    spec: SandboxSpec,
    images: Images,
    http_port: int | None,
    https_port: int | None,
) -> Request:
    """All that can be refused is refused here, before anything is made."""
    addresses = Addresses.of(spec)
    references = ImageNames(images.node, images.services, images.mariadb, images.hub)
    engine.require_images(
        docker, (references.node, references.services, references.mariadb, references.hub)
    )
    if not docker.networks.list(filters={"label": f"{LABEL}={spec.name}"}):
        blocks = [*network.docker_blocks(docker), *network.routed_blocks()]
        network.refuse_overlap(addresses.network, blocks)
    chosen = ports.choose(http_port, https_port, ports.listeners(), _reserved(spec.name))
    return Request(spec, references, *chosen, engine.node_form(docker, references.services))


def _reserved(name: str) -> set[int]:
    """The ports of the other sandboxes, which may be starting just now."""
    others = [StateFolder.of(other) for other in all_folders() if other != name]
    running = [
        one.request() for one in others if (report := one.report()) and report.process.is_alive()
    ]
    return {port for one in running if one for port in (one.http_port, one.https_port)}


def _launch(folder: StateFolder, region: str, progress: Progress) -> None:
    """Start the supervisor, and pass on what it says until it is ready."""
    name = folder.path.name
    argv = [sys.executable, "-m", "beeyard.sandbox.daemon", name]
    # moto, too, looks for the profile that the environment names, if only to list the regions.
    variables = environment.variables(folder.path, region)
    command = Command(argv, env=variables, timeout=_DEADLINE)
    done = LocalRunner().run(command, check=False, on_line=progress)
    if done.code != 0:
        raise SandboxError(
            f"the sandbox `{name}` did not start",
            why=done.stderr.strip() or _log_tail(folder),
            fix=f"its log is {folder.log}; `beeyard sandbox down` removes what was made",
        )


def _log_tail(folder: StateFolder) -> str:
    return "\n".join(folder.log.read_text(errors="replace").splitlines()[-12:])
