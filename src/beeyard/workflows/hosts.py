"""The hosts' part of the workflows: inventory, first contact, playbooks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from beeyard import inventory as inventories
from beeyard import provision
from beeyard.cloud import Outputs
from beeyard.inventory import Inventory
from beeyard.process import Command, Runner, SshRunner
from beeyard.provision import Converged, Options, ProvisionFiles
from beeyard.swarm import Manager, Tunnel
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.progress import Phase

#: So many changes are named; of a new cluster's, nobody wants a list.
_FEW = 20
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Hosts:
    """The nodes of a cluster, ready to be reached."""

    cluster: Cluster
    outputs: Outputs
    inventory: Inventory
    files: ProvisionFiles

    def run_on(self, node: str, *, sudo: bool = False) -> SshRunner:
        """A runner on that node; `sudo` runs as root."""
        return SshRunner(self.cluster.runner, self.files.ssh_config, node, sudo=sudo)

    @property
    def manager(self) -> SshRunner:
        """The first manager, as root."""
        return self.run_on(self.inventory.first_manager.name, sudo=True)

    @contextmanager
    def swarm(self) -> Iterator[Manager]:
        """The first manager's Engine API, through a tunnel."""
        with self.swarm_of(self.inventory.first_manager.name) as manager:
            yield manager

    @contextmanager
    def swarm_of(self, manager: str) -> Iterator[Manager]:
        """The Engine API of a manager, by its name."""
        with Tunnel(self.cluster.runner, self.files.ssh_config, manager) as tunnel:
            yield Manager(tunnel.client)

    def in_swarm(self) -> bool:
        """Whether the first manager is one already: before provisioning it has no engine."""
        return swarm_state(self.manager) == "active"

    def play(self, phase: Phase, playbook: str, options: Options) -> Converged:
        """Run one playbook on all nodes. Not for who looks only (`open_hosts` without the last two
        of its arguments): backups and pipelines would be taken away."""
        with provision.for_a_playbook(self.inventory, self.files) as files:
            done = provision.run(playbook, files, options, phase.say)
        if done.total <= _FEW:
            for task in done.tasks:
                phase.say(f"changed: {task}")
        phase.result = f"{done.total} changed"
        return done


def swarm_state(node: Runner) -> str:
    """What a node's engine says of its part in a Swarm, by a runner on it: `active`, `inactive`,
    `locked` …; empty where the engine does not answer."""
    argv = ["docker", "info", "--format", "{{.Swarm.LocalNodeState}}"]
    said = node.run(Command(argv, timeout=60), check=False)
    return "" if said.code else said.stdout.strip()


def open_hosts(
    cluster: Cluster,
    outputs: Outputs,
    controller: inventories.Controller | None = None,
    backups: Mapping[str, Any] = _NONE,
) -> Hosts:
    """Write the SSH configuration from what the cloud gave. `controller`, `backups`: what
    playbooks have to know of them; needed before one is run (`workflows.schedule`)."""
    inventory = inventories.build(cluster.spec, outputs, cluster.ssh, controller, backups)
    return Hosts(cluster, outputs, inventory, provision.write(inventory, cluster.provision_folder))
