"""A team with an application on the real Swarm, and its releases rolled out as `deploy` does.

Run as a program, it rolls out in a process of its own, which a test may kill.
"""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from docker import DockerClient

from beeyard.apps import (
    Credentials,
    Entry,
    Hook,
    Lock,
    Origin,
    Prober,
    Release,
    Releases,
    Rollout,
    Say,
    Site,
    Terms,
    Verdict,
    chosen,
    current,
    left_behind,
    load_stack,
    next_number,
    planned,
    recover,
    registry_login,
    render,
)
from beeyard.apps.contents import SECTIONS, contents, ensure, external
from beeyard.apps.images import pinned
from beeyard.apps.references import registry_of
from beeyard.config.interpolation import interpolate
from beeyard.errors import BeeyardError
from beeyard.errors import render as in_words
from beeyard.process import Command, LocalRunner, SshRunner
from beeyard.swarm import Manager, Service, Tunnel
from beeyard.waiting import SystemClock, wait_until

LOCAL = LocalRunner()
MANAGER = "manager-1"
SERVES = "echo serving; trap 'exit 0' TERM; while :; do sleep 0.2; done"
QUICK = Terms(deadline=40, settle=1, homeless=2)
#: Healthy half a second after its start.
HEALTHY = {"test": ["CMD", "/bin/sh", "-c", "exit 0"], "interval": "500ms", "timeout": "10s"}


@dataclass(frozen=True)
class Place:
    """Where the nodes are, as another process can be told."""

    ssh_config: str
    registry: str

    def on(self, node: str) -> SshRunner:
        return SshRunner(LOCAL, Path(self.ssh_config), node, sudo=True)

    def site(self, manager: Manager) -> Site:
        @contextmanager
        def engine(node: str) -> Iterator[DockerClient]:
            with Tunnel(LOCAL, Path(self.ssh_config), node) as tunnel:
                yield tunnel.client

        @cache
        def credentials(registry: str) -> Credentials | None:
            return registry_login(self.on(MANAGER), registry, ["admin"])

        return Site(manager, self.on(MANAGER), self.on, engine, credentials)


@dataclass
class Team:
    """An application: its folder, where it runs, and what was said while it was changed."""

    name: str
    folder: Path
    place: Place
    manager: Manager
    variables: dict[str, str] = field(default_factory=dict)
    pre_deploy: Hook | None = None
    post_deploy: Hook | None = None
    terms: Terms = QUICK
    prober: Prober | None = None
    said: list[str] = field(default_factory=list)
    halt: str = ""

    @property
    def site(self) -> Site:
        return self.place.site(self.manager)

    @property
    def store(self) -> Releases:
        return Releases(self.manager.client, self.name)

    def write(self, services: Mapping[str, Any], **more: Any) -> None:
        """The stack file. JSON is YAML."""
        self.folder.mkdir(exist_ok=True)
        text = json.dumps({"version": "3.8", "services": services, **more}, indent=1)
        (self.folder / "stack.yml").write_text(text)

    def deploy(self) -> Verdict:
        """What the folder holds, rolled out; whatever was cut short before undone or finished."""
        with self.locked("deploy") as (lock, entries):
            return self.roll_out(self.candidate(entries), lock, entries)

    def rollback(self, number: int | None = None) -> Verdict:
        with self.locked("rollback") as (lock, entries):
            target = chosen(entries, number, self.name).release
            release = replace(target, number=next_number(entries), origin=_origin("rollback"))
            return self.roll_out(release, lock, entries)

    def undo(self) -> None:
        """What any command does first."""
        with self.locked("look"):
            pass

    @contextmanager
    def locked(self, doing: str) -> Iterator[tuple[Lock, list[Entry]]]:
        with Lock(self.manager.client, self.name, doing, say=self.said.append) as lock:
            entries = self.store.all()
            if any(entry.verdict is None for entry in entries):
                recover(self.site, self.store, entries, self.said.append)
                entries = self.store.all()
            yield lock, entries

    def candidate(self, entries: list[Entry]) -> Release:
        stack = load_stack(self.folder / "stack.yml")
        client = self.manager.client
        images = {}
        for name, entry in stack.services.items():
            reference = interpolate(str(entry["image"]), self.variables)
            known = self.site.credentials(registry_of(reference))
            images[name] = pinned(client, reference, known)
        own = contents(stack, self.name)
        named: dict[tuple[str, str], str] = {
            **{(one.section, one.key): one.name for one in own},
            **external(stack, self.name, self.variables, client),
        }
        ensure(client, self.name, own)
        rendered = render(
            stack,
            environment=self.variables,
            image_for=images,
            named=named,
            capabilities=self.manager.snapshot().capabilities,
        )
        secrets, configs = (
            tuple(sorted(name for (kind, _), name in named.items() if kind == section))
            for section in SECTIONS
        )
        return Release(
            application=self.name,
            number=next_number(entries),
            bundle=rendered.bundle,
            images=images,
            secrets=secrets,
            configs=configs,
            origin=_origin("deploy"),
            pre_deploy=self.pre_deploy,
            post_deploy=self.post_deploy,
        )

    def roll_out(self, release: Release, lock: Lock, entries: list[Entry]) -> Verdict:
        before = current(entries)
        definitions = before.verdict.definitions if before and before.verdict else {}
        previous = before.release if before else None
        snapshot, left = self.manager.snapshot(), left_behind(entries)
        plan = planned(release, previous, snapshot, definitions, left)
        self.said.extend(plan.lines())
        return Rollout(
            site=self.site,
            store=self.store,
            lock=lock,
            stage=self.stage,
            release=release,
            previous=previous,
            plan=plan,
            terms=self.terms,
            prober=self.prober,
        ).run()

    @contextmanager
    def stage(self, name: str) -> Iterator[Say]:
        """Notes what is said. Where it is to halt, it waits for a line from outside: before the
        phase, or (`NAME+`) when the first thing is said in it."""
        self.said.append(f"[{name}]")
        if self.halt == name:
            _halt(name)

        def say(text: str) -> None:
            self.said.append(text)
            if self.halt == f"{name}+":
                self.halt = ""
                _halt(name)

        yield say

    @property
    def services(self) -> dict[str, Service]:
        return {
            service.name.removeprefix(f"{self.name}_"): service
            for service in self.manager.snapshot().stack(self.name)
        }

    @property
    def tasks(self) -> dict[str, list[str]]:
        """The IDs of the tasks that run, by service."""
        return {
            name: sorted(task.id for task in service.running)
            for name, service in self.services.items()
        }

    @property
    def verdicts(self) -> dict[int, str]:
        return {e.number: e.verdict.word if e.verdict else "" for e in self.store.all()}

    def written(self, service: str) -> list[str]:
        """What a running task of a service has written."""
        return self.manager.task_log(self.services[service].running[0].id)

    def saved(self) -> list[str]:
        """The argv that rolls out this very application in a process of its own."""
        keys = ("name", "variables", "halt")
        known = {key: getattr(self, key) for key in keys} | {
            "folder": str(self.folder),
            "place": asdict(self.place),
            "terms": asdict(self.terms),
            "pre_deploy": asdict(self.pre_deploy) if self.pre_deploy else None,
            "post_deploy": asdict(self.post_deploy) if self.post_deploy else None,
        }
        path = self.folder / "team.json"
        path.write_text(json.dumps(known))
        return [sys.executable, "-m", "apps.rollouts", str(path)]


@contextmanager
def team(swarm: Any, manager: Manager, folder: Path, name: str) -> Iterator[Team]:
    """A team with an application that is gone afterwards, with its releases and contents."""
    place = Place(str(swarm.ssh_config), swarm.registry)
    try:
        yield Team(name, folder, place, manager)
    finally:
        remove_application(place, manager, name)


def remove_application(place: Place, manager: Manager, name: str) -> None:
    place.on(MANAGER).run(Command(["docker", "stack", "rm", name]), check=False)
    api: Any = manager.client.api
    mine = {"label": [f"beeyard.application={name}"]}
    for config in api.configs(filters=mine):
        api.remove_config(config["ID"])
    for secret in api.secrets(filters=mine):
        api.remove_secret(secret["ID"])

    def is_gone() -> bool:
        # Tasks outlive their service for as long as their containers stop.
        tasks = api.tasks(filters={"label": [f"com.docker.stack.namespace={name}"]})
        networks = manager.snapshot().networks
        return not tasks and f"{name}_default" not in {network.name for network in networks}

    wait_until(is_gone, clock=SystemClock(), deadline=180, interval=0.3)


@dataclass
class Child:
    """A deploy in a process of its own, which waits in the midst of it for a line from us."""

    process: "subprocess.Popen[str]"

    @property
    def tunnel(self) -> psutil.Process:
        """The ssh that forwards the manager's socket to it."""
        (found,) = psutil.Process(self.process.pid).children()
        return found

    def kill(self) -> None:
        """As `kill -9` does; what it has started ends with it."""
        links = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        _, left = psutil.wait_procs(links, timeout=10)
        for link in left:
            link.kill()
        assert not left

    def stop(self) -> str:
        """As Ctrl-C does; gives what it says until its end."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=90)[1]

    def go_on(self) -> tuple[int, str]:
        """Let it go on to its end: its exit code, and what it says."""
        _, said = self.process.communicate("\n", timeout=90)
        return self.process.returncode, said


@contextmanager
def halted(team: Team, halt: str) -> Iterator[Child]:
    """A deploy of what the folder holds that has come to `halt`."""
    folder = Path(__file__).parent.parent
    process = subprocess.Popen(
        replace(team, halt=halt).saved(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    child = Child(process)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == f"halted {halt.rstrip('+')}\n", process.communicate()[1]
        yield child
    finally:
        if process.poll() is None:
            child.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def web(image: str, command: str = SERVES, *, replicas: int = 2, **more: Any) -> dict[str, Any]:
    """A service with a health check that is updated without a gap, and quickly."""
    deploy = {
        "replicas": replicas,
        "update_config": {"order": "start-first", "parallelism": 1, "monitor": "1s"},
        "restart_policy": {"delay": "100ms"},
    }
    return {
        "image": image,
        "command": ["/bin/sh", "-c", command],
        "healthcheck": HEALTHY,
        "stop_grace_period": "2s",
        **more,
        "deploy": deploy | more.get("deploy", {}),
    }


def push_image(swarm: Any, name: str, *, size: int = 8) -> str:
    """A variant of the tiny image in the registry, `size` random bytes larger; its reference."""
    reference = f"{swarm.registry}/{name}"
    script = (
        f'd=$(mktemp -d); head -c {size} /dev/urandom > "$d/blob"; '
        f'printf "FROM {swarm.tiny}\\nCOPY blob /blob\\n" > "$d/Dockerfile"; '
        f'docker build -q -t {shlex.quote(reference)} "$d" && '
        f'docker push -q {shlex.quote(reference)}; rm -r "$d"'
    )
    swarm.on(MANAGER).run(Command(["sh", "-ec", script], timeout=120))
    return reference


def _origin(cause: str) -> Origin:
    return Origin("tests", datetime.now(UTC), None, cause)


def _halt(name: str) -> None:
    print(f"halted {name}", flush=True)  # noqa: T201
    sys.stdin.readline()


def _hook(known: Mapping[str, Any] | None) -> Hook | None:
    if known is None:
        return None
    return Hook(known["service"], tuple(known["command"]), known["timeout"])


def main(path: Path) -> int:
    # Whoever starts tests in the background has Ctrl-C ignored, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    known = json.loads(path.read_text())
    place = Place(**known["place"])
    with ExitStack() as open_:
        tunnel = open_.enter_context(Tunnel(LOCAL, Path(place.ssh_config), MANAGER))
        made = Team(
            name=known["name"],
            folder=Path(known["folder"]),
            place=place,
            manager=Manager(tunnel.client),
            variables=known["variables"],
            pre_deploy=_hook(known["pre_deploy"]),
            post_deploy=_hook(known["post_deploy"]),
            terms=Terms(**known["terms"]),
            halt=known["halt"],
        )
        try:
            made.deploy()
        except BeeyardError as error:
            print(in_words(error), file=sys.stderr, flush=True)  # noqa: T201
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
