"""Terraform's outputs and the target's facts, as `Outputs`. Pure."""

from collections.abc import Mapping
from typing import Any

from beeyard.cloud.outputs import (
    Acme,
    Database,
    Ingress,
    Node,
    Outputs,
    Record,
    SharedFiles,
)
from beeyard.cloud.target import Target
from beeyard.config import ClusterSpec
from beeyard.errors import CloudError

#: The outputs of each project that are read here; `dns` gives none.
_OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "elastic_ips": ("addresses",),
    "swarm_cluster": ("nodes", "ssh_user", "vpc_cidr"),
    "efs": ("dns_name", "file_system_id"),
    "database": ("address", "engine", "identifier", "port", "username"),
}


def read(
    spec: ClusterSpec,
    target: Target,
    projects: Mapping[str, Mapping[str, Any]],
    *,
    root_certificate: str = "",
    bucket: str = "",
) -> Outputs:
    """Put together what each project gave (its outputs by name, by project).

    `root_certificate` (PEM) is that of the authority in the file; the target's own goes before it.
    `bucket` is where the states came from.
    The projects `elastic_ips` and `swarm_cluster` must be among them. Raises CloudError where one
    lacks some of its outputs: an apply was cut short.
    """
    _require_all(spec, projects)
    cluster = projects["swarm_cluster"]
    addresses = tuple(
        entry["public_ip"] for _, entry in sorted(projects["elastic_ips"]["addresses"].items())
    )
    return Outputs(
        name=spec.name,
        domain=spec.domain,
        region=spec.region,
        vpc_cidr=cluster["vpc_cidr"],
        ssh_user=cluster["ssh_user"],
        nodes=_nodes(cluster["nodes"], target),
        shared_files=_shared_files(projects.get("efs"), target),
        database=_database(projects.get("database")),
        ingress=Ingress(
            addresses=addresses,
            http_port=target.http_port,
            https_port=target.https_port,
            acme=target.acme or Acme(spec.ingress.acme.directory, root_certificate),
            resolver=target.resolver,
        ),
        records=(Record(spec.domain, "A", addresses), Record(f"*.{spec.domain}", "A", addresses)),
        engine=target.engine,
        aws_api=target.api_within,
        bucket=bucket,
    )


def _require_all(spec: ClusterSpec, projects: Mapping[str, Mapping[str, Any]]) -> None:
    missing = [
        f"{project}.{name}"
        for project, given in projects.items()
        for name in _OUTPUTS.get(project, ())
        if given.get(name) is None
    ]
    if missing:
        raise CloudError(
            f"the cluster `{spec.name}` is only half made",
            why=f"Terraform has no {', '.join(missing)}",
            fix="go on where it stopped: beeyard up",
        )


def _nodes(nodes: Mapping[str, Mapping[str, Any]], target: Target) -> tuple[Node, ...]:
    return tuple(
        Node(
            name=name,
            role=node["role"],
            zone=node["zone"],
            instance_id=node["instance_id"],
            instance_type=node["instance_type"],
            private_ip=node["private_ip"],
            public_ip=node["public_ip"],
            ssh_address=_ssh_address(node, target),
        )
        for name, node in sorted(nodes.items(), key=lambda item: _order(item[0]))
    )


def _ssh_address(node: Mapping[str, Any], target: Target) -> str:
    """Workers are reached from a manager, so always at their private address."""
    if node["role"] == "manager" and target.ssh == "public":
        return str(node["public_ip"])
    return str(node["private_ip"])


def _order(name: str) -> tuple[str, int]:
    role, _, number = name.rpartition("-")
    return role, int(number)


def _shared_files(efs: Mapping[str, Any] | None, target: Target) -> SharedFiles | None:
    if efs is None:
        return None
    style = target.file_system
    return SharedFiles(
        file_system_id=efs["file_system_id"],
        source=style.source.format(dns_name=efs["dns_name"]),
        fstype=style.fstype,
        options=style.options,
    )


def _database(database: Mapping[str, Any] | None) -> Database | None:
    if database is None:
        return None
    return Database(
        identifier=database["identifier"],
        engine=database["engine"],
        address=database["address"],
        port=database["port"],
        username=database["username"],
    )
