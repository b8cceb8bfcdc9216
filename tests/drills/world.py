"""What there is in the rehearsal's cloud, and what Terraform's states know of it."""

import json
from collections.abc import Iterator
from typing import Any

import boto3

_SIGN_IN = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}


class World:
    """The AWS API of a rehearsal."""

    def __init__(self, endpoint: str, cluster: str, region: str = "us-east-1") -> None:
        self._endpoint = endpoint
        self._region = region
        self._cluster = cluster

    def client(self, service: str) -> Any:
        return boto3.client(
            service, endpoint_url=self._endpoint, region_name=self._region, **_SIGN_IN
        )

    def orphans(self) -> list[str]:
        """What is there and in no state: made by a Terraform that did not come to write it down."""
        known = set(self._known())
        return sorted(set(self._there()) - known)

    def instances(self) -> dict[str, str]:
        """IDs of the instances that are not terminated, by the node's name."""
        return {name: str(one["InstanceId"]) for name, one in self._instances()}

    def types(self) -> dict[str, str]:
        """The same nodes' instance types."""
        return {name: str(one["InstanceType"]) for name, one in self._instances()}

    def away(self) -> set[str]:
        """Those of them that do not run."""
        return {name for name, one in self._instances() if one["State"]["Name"] != "running"}

    @property
    def bucket(self) -> str:
        """The only one that there is: the cluster's."""
        (bucket,) = self.client("s3").list_buckets()["Buckets"]
        return str(bucket["Name"])

    def kept(self, key: str) -> str:
        """The text of an object in it."""
        body: bytes = self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body.decode()

    def _instances(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for page in self.client("ec2").describe_instances()["Reservations"]:
            for one in page["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
                if one["State"]["Name"] != "terminated":
                    yield tags["Name"].removeprefix(f"{self._cluster}-"), one

    def _there(self) -> Iterator[str]:
        ec2 = self.client("ec2")
        yield from self.instances().values()
        yield from (one["AllocationId"] for one in ec2.describe_addresses()["Addresses"])
        yield from (one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"])
        for group in ec2.describe_security_groups()["SecurityGroups"]:
            if group["GroupName"] != "default":
                yield group["GroupId"]
        for one in self.client("efs").describe_file_systems()["FileSystems"]:
            yield one["FileSystemId"]
        for one in self.client("rds").describe_db_instances()["DBInstances"]:
            yield one["DBInstanceIdentifier"]
        for one in self.client("iam").list_roles()["Roles"]:
            yield one["RoleName"]

    def state(self, project: str) -> tuple[str, str]:
        """Bucket and key of a project's Terraform state."""
        s3 = self.client("s3")
        (found,) = (
            (str(bucket["Name"]), str(entry["Key"]))
            for bucket in s3.list_buckets()["Buckets"]
            for entry in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
            if entry["Key"].endswith(".tfstate") and project in entry["Key"]
        )
        return found

    def _known(self) -> Iterator[str]:
        s3 = self.client("s3")
        for bucket in s3.list_buckets()["Buckets"]:
            for entry in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                if entry["Key"].endswith(".tfstate"):
                    body = s3.get_object(Bucket=bucket["Name"], Key=entry["Key"])["Body"].read()
                    for resource in json.loads(body)["resources"]:
                        for instance in resource["instances"]:
                            attributes = instance["attributes"]
                            yield str(attributes.get("id"))
                            yield str(attributes.get("identifier"))


def world_of(yard: Any, cluster: str) -> World:
    """The cloud of a rehearsal that runs."""
    (found,) = yard.json("sandbox", "status", cluster)
    return World(found["endpoint"], cluster)
