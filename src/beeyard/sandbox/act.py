"""Makes Docker follow a plan, and remembers what it did where Docker can't be asked."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container as DockerContainer

from beeyard.errors import SandboxError
from beeyard.process import Command, ContainerRunner, LocalRunner
from beeyard.sandbox import database, edge, firewall, metadata, names, ports
from beeyard.sandbox.container import Container, create_body
from beeyard.sandbox.plan import (
    Action,
    Actual,
    Create,
    Observed,
    Remove,
    RemoveVolume,
    SetBinds,
    SetFirewall,
    SetMetadata,
    SetNames,
    SetPassword,
    Start,
    Stop,
    Telling,
)
from beeyard.sandbox.spec import FINGERPRINT_LABEL, KIND_LABEL, LABEL, resource_name
from beeyard.sandbox.state import Problem, write_file
from beeyard.sandbox.world import DatabaseInstance

_PARALLEL = 4
#: Seconds for a node's systemd to end what runs on it.
_STOP_GRACE = 30
_EXEC_DEADLINE = 30.0
#: Seconds for HAProxy to listen as a new configuration says.
_RELOAD_DEADLINE = 10


class Hands:
    """Acts on one sandbox's part of Docker."""

    def __init__(self, client: DockerClient, sandbox: str, folder: Path) -> None:
        self._docker = client
        self._sandbox = sandbox
        self._folder = folder
        self._stopped: frozenset[str] = frozenset()
        self._passwords: dict[str, str] = {}
        self._binds: tuple[edge.Bind, ...] | None = None
        self._listening: tuple[edge.Bind, ...] = ()
        self._names: names.Names | None = None
        self._metadata: metadata.Metadata | None = None
        self._firewall: firewall.Firewall | None = None
        self.firewall_problems: tuple[Problem, ...] = ()
        self.bind_problems: tuple[Problem, ...] = ()

    def look(self) -> Actual:
        """What is now."""
        ours = {"label": f"{LABEL}={self._sandbox}"}
        containers = {
            one.thing: one
            for one in map(self._observed, self._docker.api.containers(all=True, filters=ours))
        }
        volumes = self._docker.api.volumes(filters=ours)["Volumes"] or ()
        return Actual(
            containers=containers,
            volumes=frozenset(volume["Name"] for volume in volumes),
            stopped=self._stopped,
            passwords=dict(self._passwords),
            binds=self._binds,
            names=self._names,
            metadata=self._metadata,
            # Rules go with the process that holds them.
            firewall=self._firewall if firewall.THING in containers else None,
        )

    def do(
        self, actions: Sequence[Action], report: Callable[[Action, Exception | None], None]
    ) -> None:
        """Do the actions of one round side by side; `report` is told how each of them ended."""
        with ThreadPoolExecutor(min(_PARALLEL, len(actions))) as pool:
            futures = [(action, pool.submit(self._do, action)) for action in actions]
            for action, future in futures:
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                report(action, error)

    def _do(self, action: Action) -> None:
        match action:
            case Create(container):
                self._create(container)
            case Start(thing):
                self._container(thing).start()
                self._stopped -= {thing}
            case Stop(thing):
                self._container(thing).stop(timeout=_STOP_GRACE)
                self._stopped |= {thing}
            case Remove(thing):
                self._container(thing).remove(force=True, v=True)
                self._forget(thing)
            case RemoveVolume(name):
                self._docker.volumes.get(name).remove()
            case _:
                self._tell(action)

    def _tell(self, action: Telling) -> None:
        match action:
            case SetPassword(thing, instance):
                self._set_password(thing, instance)
            case SetNames(names_wanted):
                self._set_names(names_wanted)
            case SetBinds(binds_wanted):
                self._set_binds(binds_wanted)
            case SetMetadata(known):
                # The server reads it for each request.
                write_file(self._folder / metadata.FOLDER / metadata.TOLD, known.render())
                self._metadata = known
            case SetFirewall(rules):
                name = resource_name(self._sandbox, firewall.THING)
                runner = ContainerRunner(LocalRunner(), name)
                self.firewall_problems = firewall.apply(runner, self._sandbox, rules)
                self._firewall = rules

    def _create(self, container: Container) -> None:
        for volume in container.volumes:
            self._docker.volumes.create(volume, labels={LABEL: self._sandbox})
        body = create_body(
            container, container.labels(self._sandbox), resource_name(self._sandbox, "vpc")
        )
        name = resource_name(self._sandbox, container.thing)
        made = self._docker.api.create_container_from_config(body, name)  # type: ignore[no-untyped-call]
        if container.running:
            self._docker.api.start(made["Id"])
        else:
            self._stopped |= {container.thing}

    def _set_password(self, thing: str, instance: DatabaseInstance) -> None:
        name = resource_name(self._sandbox, thing)
        database.set_password(ContainerRunner(LocalRunner(), name), instance)
        self._passwords[str(self._container(thing).id)] = database.credentials(instance)

    def _set_names(self, wanted: names.Names) -> None:
        folder = self._folder / names.FOLDER
        running = self._running(names.THING)
        if running:
            write_file(folder / "candidate.conf", wanted.config)
            self._exec(names.THING, names.check_argv("candidate.conf"))
        write_file(folder / "hosts", wanted.hosts, mode=0o644)
        write_file(folder / "dnsmasq.conf", wanted.config, mode=0o644)
        if running:
            restart = self._names is None or self._names.config != wanted.config
            self._exec(names.THING, names.reload_argv(restart=restart))
        self._names = wanted

    def _set_binds(self, wanted: tuple[edge.Bind, ...]) -> None:
        folder = self._folder / edge.FOLDER
        running = self._running(edge.THING)
        own = {bind.place for bind in self._listening} if running else set()
        fresh = [bind for bind in wanted if bind.place not in own]
        possible, self.bind_problems = edge.split(fresh, ports.listeners())
        listening = tuple(bind for bind in wanted if bind.place in own or bind in possible)
        write_file(folder / "candidate.cfg", edge.render(listening))
        if running:
            self._exec(edge.THING, edge.check_argv("candidate.cfg"))
        (folder / "candidate.cfg").replace(folder / edge.CONFIG)
        if running:
            running.kill("SIGUSR2")
            self._await_listeners(listening)
        self._binds, self._listening = wanted, listening

    def _await_listeners(self, wanted: Sequence[edge.Bind]) -> None:
        """If HAProxy can't use a configuration, it keeps the old one; only its log says so."""
        deadline = time.monotonic() + _RELOAD_DEADLINE
        missing = list(wanted)
        while missing and time.monotonic() < deadline:
            heard = {(str(one.address), one.port) for one in ports.listeners()}
            missing = [bind for bind in missing if (bind.address, bind.ports.first) not in heard]
            if missing:
                time.sleep(0.05)
        if missing:
            raise SandboxError(
                f"the edge does not listen on {missing[0].place}",
                why=f"`docker logs {resource_name(self._sandbox, edge.THING)}` tells its reasons",
            )

    def _exec(self, thing: str, argv: list[str]) -> None:
        name = resource_name(self._sandbox, thing)
        ContainerRunner(LocalRunner(), name).run(Command(argv, timeout=_EXEC_DEADLINE))

    def _running(self, thing: str) -> DockerContainer | None:
        try:
            container = self._container(thing)
        except NotFound:
            return None
        return container if container.status == "running" else None

    def _container(self, thing: str) -> DockerContainer:
        return self._docker.containers.get(resource_name(self._sandbox, thing))

    def _forget(self, thing: str) -> None:
        self._stopped -= {thing}
        # A new edge or resolver must be seen to have what the old one was told.
        if thing == edge.THING:
            self._binds = None
        if thing == names.THING:
            self._names = None

    def _observed(self, summary: dict[str, Any]) -> Observed:
        labels = summary["Labels"]
        prefix = "/" + resource_name(self._sandbox, "")
        return Observed(
            thing=summary["Names"][0].removeprefix(prefix),
            kind=labels[KIND_LABEL],
            state=summary["State"],
            fingerprint=labels[FINGERPRINT_LABEL],
            container_id=summary["Id"],
        )
