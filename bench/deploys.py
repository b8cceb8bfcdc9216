"""What a deploy by beeyard costs: beside one by hand, and with many services beside few."""

import io
import json
import shlex
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ruamel.yaml import YAML

from beeyard.config import load
from beeyard.process import Command, Runner
from beeyard.workflows import hosts_of
from bench.load.application import FOLDER, NAME, REPLICAS, Application, rewritten
from bench.table import Row
from bench.yard import Yard, say

BY_HAND_RATIO = 1.15
MANY_RATIO = 3.0
_FEW, _MANY = 2, 20
_ROUNDS = 3
_SERVICE = f"{NAME}_web"
_TIMEOUT = 600.0


def by_hand(yard: Yard) -> Sequence[Row]:
    """A rolling update of three replicas, without load: by hand and by beeyard, in turns."""
    application = Application.on(yard)
    with manager_of(yard) as manager:
        hand = _Hand(manager, load(yard.file).domain, _image(manager))
        pairs = [(hand.deploy(number), _timed(application)) for number in range(_ROUNDS)]
    slow, fast = (statistics.median(taken) for taken in zip(*pairs, strict=True))
    each = "; ".join(f"{ours:.1f} and {theirs:.1f}" for theirs, ours in pairs)
    return [
        Row("`docker stack deploy` and waiting, by hand", slow, "s", note="same update_config"),
        Row("`beeyard deploy`, in turns with it", fast, "s", note=f"beeyard and hand: {each}"),
        Row("`beeyard deploy`, of by hand", fast / slow, "times", BY_HAND_RATIO),
    ]


def services(yard: Yard) -> Sequence[Row]:
    """A release that changes all services of an application: of one with 20, of one with 2."""
    Application.on(yard)
    with manager_of(yard) as manager:
        image = _image(manager)
        crowds = [_Crowd(yard, count, image) for count in (_FEW, _MANY)]
        try:
            # The first release of each makes its services; it is not counted.
            releases = [[crowd.deploy(number) for crowd in crowds] for number in range(_ROUNDS + 1)]
        finally:
            for crowd in crowds:
                crowd.remove(manager)
    pairs = releases[1:]
    few, many = (statistics.median(taken) for taken in zip(*pairs, strict=True))
    return [
        Row(f"`beeyard deploy`, {_FEW} services", few, "s", note="one replica each, all changed"),
        Row(f"`beeyard deploy`, {_MANY} services", many, "s", note="in turns with it"),
        Row(f"{_MANY} services, of {_FEW}", many / few, "times", MANY_RATIO),
    ]


@dataclass(frozen=True)
class _Hand:
    """Deploying as one would without beeyard."""

    manager: Runner
    domain: str
    image: str

    def deploy(self, number: int) -> float:
        """Seconds until every replica of a new release is healthy."""
        say(f"by hand {number + 1}")
        document = YAML().load(FOLDER / "stack.yml")
        service = document["services"]["web"]
        del service["build"]
        service["image"] = self.image
        started = time.monotonic()
        argv = [
            *("docker", "stack", "deploy", "--with-registry-auth"),
            *("--compose-file", "-", NAME),
        ]
        environment = {"DOMAIN": self.domain, "VERSION": f"hand-{number}"}
        given = Command(argv, input=_yaml(document).encode(), env=environment, timeout=_TIMEOUT)
        self.manager.run(given)
        self._await_health()
        return time.monotonic() - started

    def _await_health(self) -> None:
        """A task with a health check runs only once it is healthy."""
        state = "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}"
        running = (
            f"docker service ps {_SERVICE} --filter desired-state=running "
            "--format '{{.CurrentState}}' | grep -c ^Running"
        )
        updated = f"docker service inspect {_SERVICE} --format {shlex.quote(state)}"
        loop = (
            f'until [ "$({updated})" = completed ] && [ "$({running})" = {REPLICAS} ]; '
            "do sleep 0.5; done"
        )
        self.manager.run(Command(["sh", "-c", loop], timeout=_TIMEOUT))


@dataclass(frozen=True)
class _Crowd:
    """An application of many small services."""

    yard: Yard
    count: int
    image: str

    @property
    def name(self) -> str:
        return f"crowd{self.count}"

    def deploy(self, number: int) -> float:
        """Seconds of `beeyard deploy` of a release in which all of them are changed."""
        say(f"{self.count} services, release {number}")
        folder = self.yard.folder / self.name
        folder.mkdir(exist_ok=True)
        (folder / "stack.yml").write_text(_yaml(self._stack(number)), encoding="utf-8")
        with rewritten(self.yard.file) as document:
            document["applications"][self.name] = {"path": str(folder)}
        started = time.monotonic()
        self.yard.run("deploy", self.name)
        return time.monotonic() - started

    def remove(self, manager: Runner) -> None:
        """Take it off the cluster: its health checks alone are felt by what is measured next."""
        with rewritten(self.yard.file) as document:
            document["applications"].pop(self.name, None)
        manager.run(Command(["docker", "stack", "rm", self.name], timeout=_TIMEOUT))

    def _stack(self, number: int) -> object:
        # Ends when told to; Python as process 1 would not.
        sleeper = "import signal, sys; signal.signal(15, lambda *_: sys.exit()); signal.pause()"
        service = {
            "image": self.image,
            "entrypoint": ["python", "-S", "-E", "-c", sleeper],
            "environment": {"RELEASE": str(number)},
            "networks": ["traefik_proxy"],
            "healthcheck": {"test": ["CMD", "true"], "interval": "2s", "start_period": "20s"},
            "deploy": {
                "endpoint_mode": "dnsrr",
                "update_config": {"order": "start-first", "monitor": "5s"},
            },
        }
        return {
            "version": "3.8",
            "services": {f"s{index}": service for index in range(self.count)},
            "networks": {"traefik_proxy": {"external": True}},
        }


def _timed(application: Application) -> float:
    application.change()
    started = time.monotonic()
    application.deploy()
    return time.monotonic() - started


@contextmanager
def manager_of(yard: Yard) -> Iterator[Runner]:
    """Runs commands on the first manager, as somebody does who has signed in there."""
    with yard.cluster() as cluster:
        yield hosts_of(cluster).manager


def _image(manager: Runner) -> str:
    """The image that runs, by its digest: both ways deploy the same."""
    argv = ["docker", "service", "inspect", _SERVICE]
    spec = json.loads(manager.run(Command(argv, timeout=60)).stdout)[0]["Spec"]
    return str(spec["TaskTemplate"]["ContainerSpec"]["Image"])


def _yaml(document: object) -> str:
    stream, yaml = io.StringIO(), YAML()
    yaml.representer.ignore_aliases = lambda _: True
    yaml.dump(document, stream)
    return stream.getvalue()
