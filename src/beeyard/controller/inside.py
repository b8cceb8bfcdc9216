"""The cluster as the controller sees it, from within: another operator's machine, so to speak.

`beeyard up` leaves it a description, and a key that lets it in to the nodes. With them it works by
the same workflows as the command line.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from beeyard.cloud import AWS, Outputs
from beeyard.config import ClusterSpec
from beeyard.errors import ConfigError
from beeyard.private import private_folder, write_private
from beeyard.process import LocalRunner
from beeyard.waiting import SystemClock
from beeyard.workflows import Cluster, Listener, Progress


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
        private_folder(self.folder)
        known_hosts = self.folder / "known_hosts"
        write_private(known_hosts, "".join(f"{line}\n" for line in self.known_hosts).encode())
        return Cluster(
            spec=self._with(application, checkout),
            base=checkout,
            target=AWS,
            folder=self.folder,
            sockets=self.folder / "ssh",
            runner=LocalRunner(),
            clock=SystemClock(),
            progress=Progress(listener),
        )

    def _with(self, application: str, checkout: Path) -> ClusterSpec:
        known = self.spec.applications[application]
        moved = known.model_copy(update={"path": str(_folder(checkout, known.path, known.stack))})
        return self.spec.model_copy(
            update={
                "applications": {**self.spec.applications, application: moved},
                "ssh": self.spec.ssh.model_copy(update={"key": str(self.key)}),
            }
        )


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
