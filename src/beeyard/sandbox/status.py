"""What there is of a sandbox, whether its supervisor lives or not."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from docker import DockerClient
from docker.models.containers import Container as DockerContainer

from beeyard.sandbox import engine
from beeyard.sandbox.spec import KIND_LABEL, LABEL, resource_name
from beeyard.sandbox.state import Problem, StateFolder, all_folders


@dataclass(frozen=True)
class ContainerStatus:
    """One container. `memory` is what its processes use, in bytes, without the page cache."""

    name: str
    thing: str
    kind: str
    hostname: str
    state: str
    address: str | None
    memory: int | None


@dataclass(frozen=True)
class SandboxStatus:
    """`running`: the supervisor lives. Without it the API is gone, though containers may run on."""

    name: str
    running: bool
    endpoint: str | None
    http_port: int | None
    https_port: int | None
    containers: tuple[ContainerStatus, ...]
    problems: tuple[Problem, ...]

    @property
    def exists(self) -> bool:
        return self.running or bool(self.containers) or self.http_port is not None

    @property
    def memory(self) -> int:
        """Bytes that all of its containers use together."""
        return sum(container.memory or 0 for container in self.containers)


def status(name: str) -> SandboxStatus:
    """Ask Docker, and read what the supervisor wrote. Raises ToolError if Docker doesn't answer."""
    docker = engine.connect()
    folder = StateFolder.of(name)
    request, report = folder.request(), folder.report()
    running = report is not None and report.process.is_alive()
    containers = _containers(docker, name)
    return SandboxStatus(
        name=name,
        running=running,
        endpoint=report.endpoint if report and running else None,
        http_port=request.http_port if request else None,
        https_port=request.https_port if request else None,
        containers=containers,
        problems=(
            *(report.problems if report and running else ()),
            *_supervision(name, running, request is not None or bool(containers)),
            *_unreachable(containers, running),
        ),
    )


def all_names() -> tuple[str, ...]:
    """Names of all sandboxes that left anything: files, or containers, networks, volumes."""
    docker = engine.connect()
    labelled = [
        *(one.labels for one in docker.containers.list(all=True, filters={"label": LABEL})),
        *(one.attrs.get("Labels") or {} for one in docker.networks.list(filters={"label": LABEL})),
        *(one.attrs.get("Labels") or {} for one in docker.volumes.list(filters={"label": LABEL})),
    ]
    return tuple(sorted({labels[LABEL] for labels in labelled} | set(all_folders())))


def _supervision(name: str, running: bool, exists: bool) -> tuple[Problem, ...]:
    if running or not exists:
        return ()
    return (
        Problem(
            "the supervisor is gone, and with it what the AWS API held",
            f"the machine was started anew, or the process was ended; "
            f"see {StateFolder.of(name).log}; `beeyard sandbox down` cleans up",
        ),
    )


def _unreachable(containers: tuple[ContainerStatus, ...], running: bool) -> tuple[Problem, ...]:
    """Nodes that ended by themselves: the API calls them running all the same, as EC2 would."""
    return tuple(
        Problem(
            f"the container of {one.thing} ({one.hostname}) is {one.state}",
            "it was stopped by the API, or ended by itself",
        )
        for one in containers
        if running and one.kind == "instance" and one.state in {"exited", "dead"}
    )


def _containers(docker: DockerClient, name: str) -> tuple[ContainerStatus, ...]:
    found = docker.containers.list(all=True, filters={"label": f"{LABEL}={name}"})
    with ThreadPoolExecutor(8) as pool:
        statuses = pool.map(lambda one: _container(docker, name, one), found)
        return tuple(sorted(statuses, key=lambda one: (one.kind, one.thing)))


def _container(docker: DockerClient, sandbox: str, one: DockerContainer) -> ContainerStatus:
    networks = one.attrs["NetworkSettings"]["Networks"].values()
    return ContainerStatus(
        name=str(one.name),
        thing=str(one.name).removeprefix(resource_name(sandbox, "")),
        kind=one.labels[KIND_LABEL],
        hostname=one.attrs["Config"]["Hostname"],
        state=one.status,
        address=next((each["IPAddress"] for each in networks if each["IPAddress"]), None),
        memory=_memory(docker, one) if one.status == "running" else None,
    )


def _memory(docker: DockerClient, container: DockerContainer) -> int | None:
    figures: dict[str, Any] = docker.api.stats(str(container.id), stream=False, one_shot=True)
    memory = figures.get("memory_stats") or {}
    if "usage" not in memory:
        return None
    details = memory.get("stats") or {}
    # cgroup v1 and v2 call it differently: pages of files that can be dropped at any moment.
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return int(memory["usage"] - cache)
