"""The hosts of a cluster whose nodes are the example's, by their names."""

from pathlib import Path

from beeyard.cloud import Outputs
from beeyard.inventory import Host, Inventory
from beeyard.provision import ProvisionFiles
from beeyard.workflows import Cluster
from beeyard.workflows.hosts import Hosts


def hosts_of(cluster: Cluster, seen: Outputs, folder: Path, ssh_config: Path) -> Hosts:
    members = tuple(
        Host(node.name, node.role, node.zone, node.name, node.private_ip, node.instance_id)
        for node in seen.nodes
    )
    files = ProvisionFiles(folder, folder, ssh_config)
    return Hosts(cluster, seen, Inventory("shop", members, cluster.ssh), files)
