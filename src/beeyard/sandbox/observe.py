"""The AWS API's answers, made into a `World`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.config import Config

from beeyard.cloud.api import session
from beeyard.sandbox.moto_memory import Secrets
from beeyard.sandbox.world import (
    ARecord,
    DatabaseInstance,
    ElasticIp,
    Imds,
    Instance,
    MountTarget,
    PortRange,
    Rule,
    SecurityGroup,
    World,
)

#: Part of the supervisor's own user agent, by which its requests are told from the user's.
OBSERVER = "beeyard-supervisor"

_ANYWHERE = "0.0.0.0/0"
_GONE = {"shutting-down", "terminated"}


class Observer:
    """Reads the API at `endpoint`; `secrets` has what no API tells."""

    def __init__(
        self, endpoint: str, region: str, environment: Mapping[str, str], secrets: Secrets
    ) -> None:
        ours = session(environment, region)
        config = Config(
            user_agent_extra=OBSERVER,
            proxies={},
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 1},
        )

        def client(service: str) -> Any:
            return ours.client(service, endpoint_url=endpoint, config=config)

        self._region = region
        self._secrets = secrets
        self._ec2, self._efs, self._rds = client("ec2"), client("efs"), client("rds")
        self._route53 = client("route53")
        self._user_data: dict[str, str] = {}

    def world(self) -> World:
        """Ask for everything anew."""
        file_systems = tuple(
            one["FileSystemId"] for one in _all(self._efs, "describe_file_systems", "FileSystems")
        )
        groups = list(_all(self._ec2, "describe_security_groups", "SecurityGroups"))
        return World(
            region=self._region,
            instances=tuple(self._instances(groups)),
            elastic_ips=tuple(
                ElasticIp(address["PublicIp"], address["InstanceId"])
                for address in self._ec2.describe_addresses()["Addresses"]
                if address.get("InstanceId")
            ),
            file_systems=file_systems,
            mount_targets=tuple(self._mount_targets(file_systems)),
            databases=tuple(self._databases()),
            records=tuple(self._records()),
            groups=tuple(security_group(one) for one in groups),
        )

    def ensure_hosted_zone(self, zone: str) -> None:
        """The hosted zone that the team owns before there is a cluster."""
        held = _all(self._route53, "list_hosted_zones", "HostedZones")
        if zone not in {one["Name"].rstrip(".") for one in held}:
            self._route53.create_hosted_zone(Name=zone, CallerReference=f"beeyard-{zone}")

    def _instances(self, groups: Iterable[Mapping[str, Any]]) -> Iterator[Instance]:
        opened = {group["GroupId"]: open_ports(group["IpPermissions"]) for group in groups}
        pairs = self._ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"]
        keys = {pair["KeyName"]: pair["PublicKey"].strip() for pair in pairs}
        for reservation in _all(self._ec2, "describe_instances", "Reservations"):
            for one in reservation["Instances"]:
                if one["State"]["Name"] in _GONE:
                    self._user_data.pop(one["InstanceId"], None)
                    self._secrets.lender.forget(one["InstanceId"])
                    continue
                yield self._instance(one, keys.get(one.get("KeyName", "")), opened)

    def _instance(
        self, one: Mapping[str, Any], key: str | None, opened: Mapping[str, tuple[PortRange, ...]]
    ) -> Instance:
        groups = tuple(group["GroupId"] for group in one["SecurityGroups"])
        ports = [port for group in groups for port in opened.get(group, ())]
        profile = one.get("IamInstanceProfile", {}).get("Arn")
        interfaces = one.get("NetworkInterfaces") or [{}]
        return Instance(
            id=one["InstanceId"],
            private_ip=one["PrivateIpAddress"],
            running=one["State"]["Name"] in {"pending", "running"},
            hostname=hostname(one),
            public_keys=(key,) if key else (),
            user_data=self._user_data_of(one["InstanceId"]),
            groups=groups,
            open_ports=tuple(dict.fromkeys(ports)),
            type=one["InstanceType"],
            image=one["ImageId"],
            architecture=one["Architecture"],
            zone=one["Placement"]["AvailabilityZone"],
            mac=interfaces[0].get("MacAddress", ""),
            launched=f"{one['LaunchTime']:%Y-%m-%dT%H:%M:%SZ}",
            imds=imds(one["MetadataOptions"]),
            lent=self._secrets.lender.lend(one["InstanceId"], profile),
        )

    def _user_data_of(self, instance_id: str) -> str:
        if instance_id not in self._user_data:
            answer = self._ec2.describe_instance_attribute(
                InstanceId=instance_id, Attribute="userData"
            )
            self._user_data[instance_id] = answer.get("UserData", {}).get("Value", "")
        return self._user_data[instance_id]

    def _mount_targets(self, file_systems: Iterable[str]) -> Iterator[MountTarget]:
        for file_system in file_systems:
            answer = self._efs.describe_mount_targets(FileSystemId=file_system)
            for one in answer["MountTargets"]:
                id_ = one["MountTargetId"]
                asked = self._efs.describe_mount_target_security_groups(MountTargetId=id_)
                groups = tuple(asked.get("SecurityGroups") or ())
                yield MountTarget(id_, file_system, one["IpAddress"], groups)

    def _databases(self) -> Iterator[DatabaseInstance]:
        for one in _all(self._rds, "describe_db_instances", "DBInstances"):
            groups = [group["DBParameterGroupName"] for group in one["DBParameterGroups"]]
            yield DatabaseInstance(
                identifier=one["DBInstanceIdentifier"],
                engine=one["Engine"],
                endpoint=one["Endpoint"]["Address"],
                port=one["Endpoint"]["Port"],
                running=one["DBInstanceStatus"] != "stopped",
                username=one["MasterUsername"],
                password=self._secrets.passwords.of(one["DBInstanceIdentifier"]),
                parameters=self._parameters(groups),
                groups=tuple(
                    group["VpcSecurityGroupId"] for group in one.get("VpcSecurityGroups", ())
                ),
            )

    def _parameters(self, groups: Iterable[str]) -> dict[str, str]:
        """What the parameter groups set; AWS's own default groups set nothing of ours."""
        found: dict[str, str] = {}
        for group in groups:
            if not group.startswith("default."):
                answer = self._rds.describe_db_parameters(DBParameterGroupName=group)
                found |= {
                    one["ParameterName"]: one["ParameterValue"]
                    for one in answer["Parameters"]
                    if "ParameterValue" in one
                }
        return found

    def _records(self) -> Iterator[ARecord]:
        for zone in _all(self._route53, "list_hosted_zones", "HostedZones"):
            answer = _all(
                self._route53,
                "list_resource_record_sets",
                "ResourceRecordSets",
                HostedZoneId=zone["Id"],
            )
            for record in answer:
                values = tuple(one["Value"] for one in record.get("ResourceRecords", ()))
                if record["Type"] == "A" and values:
                    # Route 53 writes the asterisk as \052.
                    name = record["Name"].rstrip(".").replace("\\052", "*").lower()
                    yield ARecord(name, values)


def imds(options: Mapping[str, Any]) -> Imds:
    """An instance's metadata options, as they take effect."""
    return Imds(
        enabled=options["HttpEndpoint"] == "enabled",
        token_required=options["HttpTokens"] == "required",
        hop_limit=options["HttpPutResponseHopLimit"],
    )


def hostname(instance: Mapping[str, Any]) -> str:
    """A node's name is its tag `beeyard:node`, else what EC2 calls it after its address."""
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
    fallback = "ip-" + instance["PrivateIpAddress"].replace(".", "-")
    return str(tags.get("beeyard:node") or fallback)


def open_ports(permissions: Iterable[Mapping[str, Any]]) -> tuple[PortRange, ...]:
    """The TCP ports that a security group's rules open to the whole world."""
    return tuple(
        PortRange(rule.get("FromPort", 0), rule.get("ToPort", 65535))
        for rule in permissions
        if rule["IpProtocol"] in {"tcp", "6", "-1"}
        and any(block["CidrIp"] == _ANYWHERE for block in rule.get("IpRanges", ()))
    )


def security_group(group: Mapping[str, Any]) -> SecurityGroup:
    """A security group with the rules that concern IPv4."""
    return SecurityGroup(
        group["GroupId"],
        ingress=tuple(_rule(one) for one in group["IpPermissions"]),
        egress=tuple(_rule(one) for one in group["IpPermissionsEgress"]),
    )


def _rule(permission: Mapping[str, Any]) -> Rule:
    return Rule(
        protocol=permission["IpProtocol"],
        first=permission.get("FromPort", -1),
        last=permission.get("ToPort", -1),
        blocks=tuple(block["CidrIp"] for block in permission.get("IpRanges", ())),
        groups=tuple(pair["GroupId"] for pair in permission.get("UserIdGroupPairs", ())),
    )


def _all(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]
