"""EC2 instances: containers that boot systemd, sshd and an engine of their own."""

from pathlib import Path

from beeyard.sandbox.container import Container, Mount, NodeForm
from beeyard.sandbox.files import node_mounts
from beeyard.sandbox.spec import Addresses, resource_name
from beeyard.sandbox.world import Instance


def container(
    sandbox: str,
    addresses: Addresses,
    instance: Instance,
    image: str,
    form: NodeForm,
    shared: Path,
) -> Container:
    """The node image's contract stands at the top of its entry script, `beeyard-node`."""
    return Container(
        thing=instance.id,
        kind="instance",
        image=image,
        address=instance.private_ip,
        hostname=instance.hostname,
        environment={
            "BEEYARD_SSH_PUBLIC_KEY": "\n".join(instance.public_keys),
            "BEEYARD_USER_DATA": instance.user_data,
            "BEEYARD_RESOLVER": addresses.resolver,
        },
        mounts=(
            Mount(resource_name(sandbox, f"docker-{instance.id}"), "/var/lib/docker"),
            *node_mounts(shared),
        ),
        node=form,
        running=instance.running,
    )
