"""What is backed up: one `Part` for each kind. All else in `workflows.backups` knows no kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beeyard.backup import Kind
from beeyard.cloud import Outputs
from beeyard.config import ClusterSpec
from beeyard.workflows.hosts import Hosts

Settings = dict[str, Any]


@dataclass(frozen=True)
class Described:
    """A cluster by its file, and what the cloud gave."""

    spec: ClusterSpec
    outputs: Outputs


@dataclass(frozen=True)
class Part:
    """How one kind of data is backed up.

    kind      also the name of its module in the nodes' program
    what      in words
    wanted    whether a cluster of that file has such data
    settings  what its module is told; no secrets, for the schedule keeps them in a file
    node      the name of the node that it is taken from, and where it is put back
    behind    the applications that show their maintenance page while it is put back
    restores  whether `backup restore` puts it back; else `instead` says what does
    """

    kind: Kind
    what: str
    wanted: Callable[[ClusterSpec], bool]
    settings: Callable[[Described], Settings]
    node: Callable[[Hosts], str] = lambda hosts: hosts.inventory.first_manager.name
    behind: Callable[[ClusterSpec], Sequence[str]] = lambda _: ()
    restores: bool = True
    instead: str = ""


def database_settings(described: Described) -> Settings:
    """The databases of applications, each read by its own user."""
    database = described.outputs.database
    section = described.spec.database
    if database is None or section is None:
        return {"databases": []}
    image = f"{section.engine}:{section.version}"
    return {
        "address": database.address,
        "port": database.port,
        "databases": [
            {
                # As the role app_files names them.
                "name": name.replace("-", "_"),
                "password": f"/etc/beeyard/secrets/{name}_database_password",
            }
            for name in databases_of(described.spec)
        ],
        "scratch_image": image,
    }


def databases_of(spec: ClusterSpec) -> tuple[str, ...]:
    """The applications that have a database."""
    return tuple(name for name, one in spec.applications.items() if one.database)


def _raft_node(hosts: Hosts) -> str:
    """The manager that the Swarm's state is taken from: where there are several, not their leader,
    since its engine stands still meanwhile."""
    names = [host.name for host in hosts.inventory.managers]
    if len(names) > 1:
        with hosts.swarm() as manager:
            nodes = manager.snapshot().nodes
        followers = [
            one.name for one in nodes if one.reachability == "reachable" and not one.leader
        ]
        names = [name for name in names if name in followers] or names
    return names[0]


def files_settings(described: Described) -> Settings:
    """The whole tree of shared files."""
    return {"path": described.spec.efs.path}


PARTS: Mapping[Kind, Part] = {
    "database": Part(
        "database",
        "the applications' databases",
        wanted=lambda spec: spec.database is not None and bool(databases_of(spec)),
        settings=database_settings,
        behind=databases_of,
    ),
    "files": Part(
        "files",
        "the shared files",
        wanted=lambda _: True,
        settings=files_settings,
        behind=lambda spec: tuple(spec.applications),
    ),
    "raft": Part(
        "raft",
        "the state of the Swarm",
        wanted=lambda _: True,
        settings=lambda _: {},
        node=_raft_node,
        restores=False,
        instead="where its only manager is lost: beeyard recover",
    ),
}


def parts_of(spec: ClusterSpec) -> tuple[Part, ...]:
    """Those that a cluster of this file has."""
    return tuple(part for part in PARTS.values() if part.wanted(spec))
