"""Instance metadata (IMDSv2): a server at 169.254.169.254, on the VPC's side of every node.

A node knows a route to that address by its own network interface; the server knows the node by the
address that asks. What a token's answer may live for is the instance's hop limit: with 1 it reaches
the node, and what listens there on the node's own network, but dies on its way into a container.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from beeyard.sandbox.container import Container, Mount
from beeyard.sandbox.names import private_name
from beeyard.sandbox.spec import ACCOUNT, METADATA_ADDRESS, Addresses
from beeyard.sandbox.world import ElasticIp, Instance, Lent

THING = "metadata"
FOLDER = "metadata"
TOLD = "instances.json"
_IN_CONTAINER = "/etc/beeyard-metadata"
_SERVE = (
    f"ip address replace {METADATA_ADDRESS}/32 dev eth0 && "
    f'exec python3 -I -c "$0" {_IN_CONTAINER}/{TOLD}'
)


@dataclass(frozen=True)
class Metadata:
    """What the service has to know: of every instance all that it may ask of itself."""

    region: str
    instances: tuple[Instance, ...] = ()
    elastic_ips: tuple[ElasticIp, ...] = ()

    def render(self) -> str:
        """The server's file, in which the credentials stand as they are."""
        public = {one.instance_id: one.public_ip for one in self.elastic_ips}
        told = {
            one.private_ip: {
                "enabled": one.imds.enabled,
                "token_required": one.imds.token_required,
                "hop_limit": one.imds.hop_limit,
                "pages": pages(one, self.region, public.get(one.id)),
            }
            for one in self.instances
        }
        return json.dumps(told, indent=1) + "\n"


def container(image: str, folder: Path, addresses: Addresses) -> Container:
    """Python in a node's image, with the right to take a second address."""
    server = files("beeyard.sandbox").joinpath("metadata_server.py").read_text()
    return Container(
        thing=THING,
        kind="service",
        image=image,
        address=addresses.metadata,
        argv=("/bin/sh", "-c", _SERVE, server),
        mounts=(Mount.path(folder, _IN_CONTAINER),),
        capabilities=("NET_ADMIN",),
    )


def pages(instance: Instance, region: str, public_ip: str | None) -> dict[str, str]:
    """Everything that the service says to an instance, by its path below `/latest`.

    Source: Amazon EC2 user guide, "Instance metadata categories".
    """
    name = private_name(region, instance.private_ip)
    found = {
        "ami-id": instance.image,
        "hostname": name,
        "instance-id": instance.id,
        "instance-type": instance.type,
        "local-hostname": name,
        "local-ipv4": instance.private_ip,
        "mac": instance.mac,
        "placement/availability-zone": instance.zone,
        "placement/region": region,
        "services/domain": "amazonaws.com",
        "services/partition": "aws",
    }
    if public_ip:
        found["public-ipv4"] = public_ip
    if instance.lent:
        found |= _rights(instance.lent)
    data = base64.b64decode(instance.user_data).decode(errors="replace")
    return {
        **{f"meta-data/{path}": text for path, text in found.items()},
        "dynamic/instance-identity/document": json.dumps(_identity(instance, region), indent=2),
        **({"user-data": data} if data else {}),
    }


def _rights(lent: Lent) -> Mapping[str, str]:
    info = {
        "Code": "Success",
        "LastUpdated": lent.since,
        "InstanceProfileArn": lent.profile_arn,
        "InstanceProfileId": lent.profile_id,
    }
    credentials = {
        "Code": "Success",
        "LastUpdated": lent.since,
        "Type": "AWS-HMAC",
        "AccessKeyId": lent.access_key_id,
        "SecretAccessKey": lent.secret_access_key.reveal(),
        "Token": lent.token.reveal(),
        "Expiration": lent.until,
    }
    return {
        "iam/info": json.dumps(info, indent=2),
        f"iam/security-credentials/{lent.role}": json.dumps(credentials, indent=2),
    }


def _identity(instance: Instance, region: str) -> Mapping[str, object]:
    return {
        "accountId": ACCOUNT,
        "architecture": instance.architecture,
        "availabilityZone": instance.zone,
        "billingProducts": None,
        "devpayProductCodes": None,
        "imageId": instance.image,
        "instanceId": instance.id,
        "instanceType": instance.type,
        "kernelId": None,
        "marketplaceProductCodes": None,
        "pendingTime": instance.launched,
        "privateIp": instance.private_ip,
        "ramdiskId": None,
        "region": region,
        "version": "2017-09-30",
    }
