"""What the first manager is told of the schedule of backups: the role `backups` has it."""

from collections.abc import Mapping
from typing import Any

from beeyard.cloud import Outputs
from beeyard.workflows.backup_parts import Described, parts_of
from beeyard.workflows.backups import readers
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.controller import controller_of
from beeyard.workflows.hosts import Hosts, open_hosts
from beeyard.workflows.pins import fetch


def hosts_to_play(cluster: Cluster, outputs: Outputs) -> Hosts:
    """The nodes, with all that a playbook has to know. Raises HostError where it is not sure that
    they are the nodes."""
    fetch(cluster, outputs)
    return told(cluster, outputs)


def told(cluster: Cluster, outputs: Outputs) -> Hosts:
    """The same for who has just been to the bucket for their host keys."""
    backups = backup_variables(cluster, outputs)
    return open_hosts(cluster, outputs, controller_of(cluster), backups)


def backup_variables(cluster: Cluster, outputs: Outputs) -> Mapping[str, Any]:
    """The variables of the role `backups`."""
    spec = cluster.spec
    # What is not there yet is no part of it: the playbooks are played again once it is.
    if not spec.backups.times or outputs.shared_files is None:
        return {"backups_times": [], "backups_job": {}}
    described = Described(spec, outputs)
    return {
        "backups_times": list(spec.backups.times),
        "backups_job": {
            "bucket": outputs.bucket,
            "region": spec.region,
            "endpoint": outputs.aws_api or "",
            "cluster": spec.name,
            "readers": list(readers(cluster)),
            "kinds": {part.kind: dict(part.settings(described)) for part in parts_of(spec)},
        },
    }
