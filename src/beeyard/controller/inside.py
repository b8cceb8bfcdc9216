"""The cluster as the controller sees it, from within: another operator's machine, so to speak.

`beeyard up` leaves it a description, and a key that lets it in to the nodes. With them it works by
the same workflows as the command line.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from beeyard.apps.registry_auth import RegistryAuth
from beeyard.cloud import AWS, Outputs
from beeyard.cloud.api import Aws
from beeyard.cloud.instance_role import role_credentials
from beeyard.config import ClusterSpec
from beeyard.errors import BeeyardError, ConfigError
from beeyard.private import private_folder, write_private
from beeyard.process import LocalRunner
from beeyard.swarm import Manager
from beeyard.waiting import SystemClock
from beeyard.workflows import Cluster, Listener, Progress
from beeyard.workflows.ecr import ecr_auth
from beeyard.workflows.hosts import Hosts, open_hosts

T = TypeVar("T")


@dataclass(frozen=True)
class Inside:
    """What the controller was told of its cluster.

    outputs     the addresses that hold within: every node's private one, the managers' own ports
    users_port  where users reach HTTPS
    key         the private key
    folder      the controller's own, for what can be made again
    """

    spec: ClusterSpec
    outputs: Outputs
    users_port: int
    known_hosts: tuple[str, ...]
    key: Path
    folder: Path

    @classmethod
    def read(cls, told: Path, key: Path, folder: Path) -> "Inside":
        """What `beeyard up` left in the file `told`. Raises ConfigError where it is not that."""
        try:
            found = json.loads(told.read_bytes())
            spec = ClusterSpec.model_validate(found["spec"])
            outputs = TypeAdapter(Outputs).validate_python(found["outputs"])
            port = outputs.ingress.https_port
            known = tuple(found["known_hosts"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                "the controller was not told of its cluster",
                where=str(told),
                why=f"{type(error).__name__}: {error}",
                fix="run `beeyard up`",
            ) from error
        return cls(spec, _within(outputs), port, known, key, folder)

    def cluster(self, application: str, checkout: Path, listener: Listener) -> Cluster:
        """The cluster as workflows want it, with an application's folder at `checkout`."""
        return self._cluster(self._with(application, checkout), checkout, listener)

    @cached_property
    def auth(self) -> RegistryAuth | None:
        """What signs in to a registry outside whose sign-ins end; None where there is none. One for
        all who need it here: it asks AWS with the managers' rights."""
        return ecr_auth(self.spec, self._aws, SystemClock())

    @contextmanager
    def swarm(self) -> Iterator[Manager]:
        """The Engine API of the first manager that answers. Raises what the last one fails of."""
        with ExitStack() as held:
            yield self._of_a_manager(lambda hosts, name: held.enter_context(hosts.swarm_of(name)))

    def _aws(self, region: str) -> Aws:
        lent = self._of_a_manager(lambda hosts, name: role_credentials(hosts.run_on(name)))
        return Aws(replace(AWS, endpoint=self.outputs.aws_api, environment=lent), region)

    def _of_a_manager(self, ask: Callable[[Hosts, str], T]) -> T:
        hosts = open_hosts(self._cluster(self._keyed(), self.folder, lambda _: None), self.outputs)
        *others, last = (node.name for node in self.outputs.managers)
        for name in others:
            with suppress(BeeyardError):
                return ask(hosts, name)
        return ask(hosts, last)

    def _cluster(self, spec: ClusterSpec, base: Path, listener: Listener) -> Cluster:
        private_folder(self.folder)
        known_hosts = self.folder / "known_hosts"
        write_private(known_hosts, "".join(f"{line}\n" for line in self.known_hosts).encode())
        return Cluster(
            spec=spec,
            base=base,
            target=AWS,
            folder=self.folder,
            sockets=self.folder / "ssh",
            runner=LocalRunner(),
            clock=SystemClock(),
            progress=Progress(listener),
            given_auth=self.auth,
        )

    def _keyed(self) -> ClusterSpec:
        ssh = self.spec.ssh.model_copy(update={"key": str(self.key)})
        return self.spec.model_copy(update={"ssh": ssh})

    def _with(self, application: str, checkout: Path) -> ClusterSpec:
        known = self.spec.applications[application]
        moved = known.model_copy(update={"path": str(_folder(checkout, known.path, known.stack))})
        applications = {**self.spec.applications, application: moved}
        return self._keyed().model_copy(update={"applications": applications})


def _folder(checkout: Path, path: str, stack: str) -> Path:
    """Where in a checkout an application is: at its root, or, where several share a repository, at
    the path that beeyard.yml gives it, if that leads to its stack file and not out of the checkout.
    """
    below = (checkout / path).resolve()
    if not (checkout / stack).is_file() and below.is_relative_to(checkout.resolve()):
        return below
    return checkout


def _within(outputs: Outputs) -> Outputs:
    return replace(
        outputs,
        nodes=tuple(replace(node, ssh_address=node.private_ip) for node in outputs.nodes),
        ingress=replace(
            outputs.ingress,
            addresses=tuple(node.private_ip for node in outputs.managers),
            http_port=80,
            https_port=443,
            resolver=None,
        ),
    )
