"""`Outputs` to `Inventory`. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from ipaddress import IPv4Network
from types import MappingProxyType
from typing import Any

from beeyard.cloud.outputs import Node, Outputs
from beeyard.config import Application, ClusterSpec, SecretSource
from beeyard.inventory.model import Controller, Host, Inventory, SshAccess

#: How the playbooks are handed the database administrator's password: in no file, in no argv.
DATABASE_PASSWORD = "BEEYARD_DATABASE_PASSWORD"  # noqa: S105
#: Where overlay networks and engines' own bridges may live; the first that leaves the VPC alone.
_OVERLAY_POOLS = ("10.192.0.0/12", "10.128.0.0/12", "10.64.0.0/12")
_BRIDGE_POOLS = ("172.30.0.0/16", "172.29.0.0/16")
_NONE: Mapping[str, Any] = MappingProxyType({})


def build(
    spec: ClusterSpec,
    outputs: Outputs,
    ssh: SshAccess,
    controller: Controller | None = None,
    backups: Mapping[str, Any] = _NONE,
) -> Inventory:
    """Hosts in the order managers, workers; workers are reached through the first manager.

    `controller`: what the service that runs pipelines is made of, where it is wanted.
    `backups`: variables of the role of that name, which say where they go.
    """
    gate = outputs.managers[0].name
    hosts = tuple(_host(node, gate) for node in (*outputs.managers, *outputs.workers))
    variables = {
        **_variables(spec, outputs),
        **_pipelines(spec, outputs, controller),
        **backups,
    }
    return Inventory(outputs.name, hosts, ssh, variables)


def _host(node: Node, gate: str) -> Host:
    return Host(
        name=node.name,
        role=node.role,
        zone=node.zone,
        address=node.ssh_address,
        private_ip=node.private_ip,
        identity=node.instance_id,
        jump=gate if node.role == "worker" else None,
    )


def _variables(spec: ClusterSpec, outputs: Outputs) -> dict[str, Any]:
    return {
        "base_operators": sorted(spec.ssh.operators.values()),
        **_engine(spec, outputs),
        **_files(spec, outputs),
        **_infrastructure(spec, outputs),
        **_applications(spec, outputs),
    }


def _engine(spec: ClusterSpec, outputs: Outputs) -> dict[str, Any]:
    root = outputs.ingress.acme.root_certificate
    return {
        "base_ca_certificates": {"beeyard-acme": root} if root else {},
        "docker_source": outputs.engine.packages,
        "docker_registry_mirrors": list(outputs.engine.registry_mirrors),
        "docker_users": [spec.ssh.user],
        "docker_registry_ca": {f"registry.{spec.domain}": root} if root else {},
        "docker_address_pools": [{"base": _clear_of(outputs.vpc_cidr, _BRIDGE_POOLS), "size": 24}],
        "swarm_address_pool": _clear_of(outputs.vpc_cidr, _OVERLAY_POOLS),
    }


def _files(spec: ClusterSpec, outputs: Outputs) -> dict[str, Any]:
    files = outputs.shared_files
    if files is None:
        return {"efs_path": spec.efs.path}
    return {
        "efs_source": files.source,
        "efs_fstype": files.fstype,
        "efs_options": files.options,
        "efs_path": spec.efs.path,
    }


def _infrastructure(spec: ClusterSpec, outputs: Outputs) -> dict[str, Any]:
    acme = outputs.ingress.acme
    return {
        "infra_stack_domain": spec.domain,
        "infra_stack_services": list(spec.infrastructure),
        "infra_stack_acme_email": spec.ingress.acme.email,
        "infra_stack_acme_directory": acme.directory,
        "infra_stack_acme_ca_certificate": acme.root_certificate,
        "infra_stack_https_port": outputs.ingress.https_port,
        "infra_stack_dashboard_users": dict(spec.ingress.dashboard_users),
    }


def _pipelines(
    spec: ClusterSpec, outputs: Outputs, controller: Controller | None
) -> dict[str, Any]:
    if not spec.runs_pipelines or controller is None:
        return {"swarm_ci_nodes": [], "steps_nodes": [], "infra_stack_ci": {}}
    settings = spec.pipelines
    return {
        "swarm_ci_nodes": list(spec.pipeline_nodes),
        **_steps(spec, outputs),
        "infra_stack_ci": {
            "image": controller.image,
            # Another node sees a node's address, its own node that of a bridge.
            "networks": [outputs.vpc_cidr, _clear_of(outputs.vpc_cidr, _BRIDGE_POOLS)],
            "cluster": {
                "spec": spec.model_dump(mode="json", by_alias=True),
                # What is known only later would have it deployed once more for nothing.
                "outputs": asdict(replace(outputs, database=None, records=())),
                "known_hosts": list(controller.known_hosts),
            },
            "parallel": settings.parallel,
            "cpus": settings.cpus,
            "memory_mib": settings.memory_mib,
            "timeout": settings.timeout,
        },
    }


def _steps(spec: ClusterSpec, outputs: Outputs) -> dict[str, Any]:
    """What the steps of pipelines may reach of the VPC."""
    return {
        "steps_nodes": list(spec.pipeline_nodes),
        "steps_vpc": outputs.vpc_cidr,
        # AWS keeps the third address for it ("DNS attributes for your VPC", "Amazon DNS server").
        "steps_resolver": str(IPv4Network(outputs.vpc_cidr)[2]),
        "steps_entrances": [node.private_ip for node in outputs.managers],
    }


def _applications(spec: ClusterSpec, outputs: Outputs) -> dict[str, Any]:
    database = outputs.database
    return {
        "app_files_applications": [
            _application(name, application) for name, application in spec.applications.items()
        ],
        "app_files_database_password": _from_environment(DATABASE_PASSWORD),
        "app_files_database": {
            "address": database.address,
            "port": database.port,
            "engine": database.engine,
            "username": database.username,
        }
        if database
        else {},
    }


def _application(name: str, application: Application) -> Mapping[str, Any]:
    return {
        "name": name,
        "database": application.database,
        "secrets": {
            secret: _secret(secret, source) for secret, source in application.secrets.items()
        },
    }


def _secret(name: str, source: SecretSource) -> Mapping[str, str]:
    """A value of the operator's own never stands here: only where the playbook finds it."""
    if source.kind in {"env", "file"}:
        return {"source": "value", "value": _from_environment(secret_variable(name))}
    return {"source": source.kind}


def secret_variable(name: str) -> str:
    """The environment variable by which the playbooks are handed the value of that Swarm secret."""
    return "BEEYARD_SECRET_" + name.encode().hex()


def _from_environment(variable: str) -> str:
    return f"{{{{ lookup('ansible.builtin.env', '{variable}') }}}}"


def _clear_of(vpc_cidr: str, pools: tuple[str, ...]) -> str:
    vpc = IPv4Network(vpc_cidr)
    return next(pool for pool in pools if not IPv4Network(pool).overlaps(vpc))
