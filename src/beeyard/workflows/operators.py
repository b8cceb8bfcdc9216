"""Whose SSH keys sign in to the nodes, and with which one new nodes boot."""

from beeyard.cloud import state_bucket
from beeyard.cloud.nodes import PROJECT
from beeyard.config.ssh_keys import key_of
from beeyard.errors import ConfigError, Refused
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.keys import public_key


def launch_key(cluster: Cluster, bucket: str) -> str:
    """The public key of EC2's key pair, which new nodes boot with; the same for all operators.

    It is the first of `ssh.operators`. Where there are none: what the cluster was made with, or,
    before it is made, the key of whoever makes it.
    """
    operators = cluster.spec.ssh.operators
    if operators:
        return next(iter(operators.values()))
    return recorded(cluster, bucket) or public_key(cluster.key, own=cluster.makes_key)


def recorded(cluster: Cluster, bucket: str) -> str | None:
    """The public key that new nodes boot with, as Terraform applied it last."""
    if not state_bucket.exists(cluster.aws, bucket):
        return None
    found = state_bucket.outputs(cluster.aws, bucket, (PROJECT,))
    key = found.get(PROJECT, {}).get("ssh_public_key")
    return str(key) if key else None


def own_key(cluster: Cluster) -> str:
    """The public key of whoever runs this. Raises ConfigError where there is none on this machine.

    One is made only with a cluster: a cluster that is there would not know it.
    """
    if cluster.makes_key and not cluster.key.is_file():
        raise ConfigError(
            "there is no SSH key of yours for this cluster on this machine",
            where=str(cluster.key),
            why="beeyard made one where the cluster was brought up, and it is only there",
            fix="have your own public key put below `ssh.operators` in beeyard.yml, and `beeyard "
            "up` run by somebody whose key is there; then name yours: export BEEYARD_SSH_KEY=PATH",
        )
    return public_key(cluster.key, own=False)


def refuse_lockout(cluster: Cluster) -> None:
    """Raises Refused where what this changes would take away the key of whoever runs it."""
    operators = cluster.spec.ssh.operators
    if not operators:
        return
    own = own_key(cluster)
    if key_of(own) not in {key_of(line) for line in operators.values()}:
        raise Refused(
            "you would lock yourself out: your SSH key is not below `ssh.operators`",
            where=str(cluster.key),
            why="every other key is removed from the nodes",
            fix=f"add it to beeyard.yml, with your name before it:\n{own}",
        )
