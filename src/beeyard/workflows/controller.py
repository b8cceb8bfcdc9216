"""The controller's image, on every node that runs it or a runner: made where it is missing.

No registry needs to have it. Its name is one of the cluster's own registry all the same, so that no
node ever asks anybody else for it.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from docker.errors import ImageNotFound

from beeyard.cloud import Outputs
from beeyard.config import ClusterSpec
from beeyard.image.image import RuntimeFirst, plan
from beeyard.inventory import Controller
from beeyard.swarm import Tunnel, in_words
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.progress import Phase


def controller_of(cluster: Cluster) -> Controller | None:
    """What the inventory has to know of the controller; None where none is wanted."""
    if not cluster.spec.runs_pipelines:
        return None
    return Controller(plan(_registry(cluster.spec)).reference, tuple(_known_hosts(cluster)))


def have_image(hosts: Hosts, phase: Phase) -> int:
    """See to it that the nodes have the image; give on how many it was made.

    Raises AppError with the last lines of what failed, SwarmError where a node does not answer.
    """
    cluster, wanted = hosts.cluster, plan(_registry(hosts.cluster.spec))
    mirrored = bool(hosts.outputs.engine.registry_mirrors)

    def on_node(name: str) -> bool:
        with Tunnel(cluster.runner, hosts.files.ssh_config, name) as tunnel:
            try:
                tunnel.client.images.get(wanted.reference)
            except ImageNotFound:
                builder = RuntimeFirst(tunnel.client, mirrored)
                builder.build(wanted, lambda line: phase.say(f"{name}: {line}"))
                return True
        return False

    nodes = nodes_of(cluster.spec, hosts.outputs)
    with ThreadPoolExecutor(max(1, len(nodes))) as pool:
        return sum(pool.map(on_node, nodes))


def lacking_image(hosts: Hosts) -> tuple[str, ...]:
    """The nodes that need the image and do not have it. Raises SwarmError where one does not
    answer."""
    cluster, wanted = hosts.cluster, plan(_registry(hosts.cluster.spec))

    def lacks(name: str) -> bool:
        with (
            Tunnel(cluster.runner, hosts.files.ssh_config, name) as tunnel,
            in_words(f"{name} did not say whether it has the controller's image"),
        ):
            try:
                tunnel.client.images.get(wanted.reference)
            except ImageNotFound:
                return True
        return False

    nodes = nodes_of(cluster.spec, hosts.outputs)
    with ThreadPoolExecutor(max(1, len(nodes))) as pool:
        return tuple(
            name for name, lacking in zip(nodes, pool.map(lacks, nodes), strict=True) if lacking
        )


def nodes_of(spec: ClusterSpec, outputs: Outputs) -> tuple[str, ...]:
    """The nodes that need the image: managers, and those that pipelines run on."""
    there = [node.name for node in outputs.nodes]
    wanted = {node.name for node in outputs.managers} | set(spec.pipeline_nodes)
    return tuple(name for name in there if name in wanted)


def _registry(spec: ClusterSpec) -> str:
    return f"registry.{spec.domain}"


def _known_hosts(cluster: Cluster) -> Iterator[str]:
    known = cluster.ssh.known_hosts
    if known.is_file():
        yield from sorted(line for line in known.read_text().splitlines() if line.strip())
