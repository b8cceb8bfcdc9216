"""The sandbox enforces what it stands for: metadata for the node alone, and security groups."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from docker import DockerClient
from docker.models.containers import Container

from beeyard import sandbox
from beeyard.cloud.instance_role import role_credentials
from beeyard.process import ContainerRunner
from beeyard.sandbox import SandboxSpec
from beeyard.sandbox.images import Images
from beeyard.sandbox.spec import resource_name
from leavings import MARK
from sandbox import asking
from sandbox.clouds import (
    LOCAL,
    SHELL,
    Cloud,
    engine_with_mirror,
    eventually,
    newest_debian,
    running,
    tag,
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow(4),
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("own_state"),
]

ALLOWED, ELSEWHERE = "203.0.113.9", "198.51.100.9"
WORLD = "0.0.0.0/0"
#: What a manager listens on, in these tests and in earnest: SSH, HTTP, HTTPS, Swarm, and what none
#: but itself should reach.
PORTS = (22, 80, 443, 2377, 7946, 2375, 9000)


@dataclass(frozen=True)
class Nodes:
    """Two nodes, in the groups that the Terraform module gives a manager and a worker."""

    groups: Mapping[str, str]
    manager: str
    worker: str
    manager_ip: str
    worker_ip: str
    subnet: str


@pytest.fixture(scope="module")
def cloud(engine: DockerClient, images: Images, own_state: None) -> Iterator[Cloud]:
    spec = SandboxSpec(f"e2e-trust-{os.getpid()}", "trust.localhost", "us-east-1", "10.203.0.0/16")
    yield from running(engine, images, spec)


@pytest.fixture(scope="module")
def nodes(cloud: Cloud) -> Nodes:
    ec2 = cloud.aws("ec2")
    vpc = ec2.create_vpc(CidrBlock=cloud.spec.vpc_cidr)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cloud.at("1.0/24"))["Subnet"]["SubnetId"]
    groups = {
        name: ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("node", "manager", "worker", "files", "database")
    }
    node = {"UserIdGroupPairs": [{"GroupId": groups["node"]}]}
    allow(cloud, groups["node"], ("tcp", 7946, node), ("udp", 7946, node), ("udp", 4789, node))
    ssh = blocks("203.0.113.0/24", str(cloud.target.operator))
    web = [("tcp", port, blocks(WORLD)) for port in (80, 443)]
    allow(cloud, groups["manager"], ("tcp", 2377, node), ("tcp", 22, ssh), *web)
    allow(cloud, groups["files"], ("tcp", 2049, node))
    allow(cloud, groups["database"], ("tcp", 3306, node))
    give_a_role(cloud)
    made = [launch(cloud, subnet, [groups["node"], groups[role]]) for role in ("manager", "worker")]
    for one in made:
        booted = ["systemctl", "is-system-running", "--wait"]
        eventually(partial(succeeds, cloud, one["InstanceId"], *booted))
        engine_with_mirror(cloud, one["InstanceId"])
        cloud.run(one["InstanceId"], "docker", "pull", "--quiet", SHELL)
    ids = [one["InstanceId"] for one in made]
    addresses = [one["PrivateIpAddress"] for one in made]
    return Nodes(groups, ids[0], ids[1], addresses[0], addresses[1], subnet)


def blocks(*cidrs: str) -> dict[str, Any]:
    return {"IpRanges": [{"CidrIp": cidr} for cidr in cidrs]}


def permission(protocol: str, port: int, source: Mapping[str, Any]) -> dict[str, Any]:
    return {"IpProtocol": protocol, "FromPort": port, "ToPort": port, **source}


def allow(cloud: Cloud, group: str, *rules: tuple[str, int, Mapping[str, Any]]) -> None:
    permissions = [permission(*rule) for rule in rules]
    cloud.aws("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)


def give_a_role(cloud: Cloud) -> None:
    iam = cloud.aws("iam")
    may = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}
    policy = {"Version": "2012-10-17", "Statement": [{**may, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName="keeper", AssumeRolePolicyDocument=json.dumps(policy))
    iam.create_instance_profile(InstanceProfileName="hive")
    iam.add_role_to_instance_profile(InstanceProfileName="hive", RoleName="keeper")


def launch(cloud: Cloud, subnet: str, groups: Sequence[str]) -> Any:
    ec2 = cloud.aws("ec2")
    return ec2.run_instances(
        ImageId=newest_debian(ec2),
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        SecurityGroupIds=list(groups),
        IamInstanceProfile={"Name": "hive"},
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        TagSpecifications=[tag("node")],
    )["Instances"][0]


def succeeds(cloud: Cloud, thing: str, *argv: str) -> bool:
    return cloud.run(thing, *argv, check=False).code == 0


def seen_by(cloud: Cloud, thing: str, address: str, *ports: int) -> set[int]:
    """Which TCP ports of an address answer to who asks from a container of the sandbox."""
    said = cloud.run(thing, "python3", "-c", asking.program(), address, *map(str, ports))
    return set(json.loads(said.stdout))


@pytest.fixture(scope="module")
def swarm(cloud: Cloud, nodes: Nodes) -> str:
    """The two nodes, joined; the address in an overlay network of what answers on the worker."""
    init = ["docker", "swarm", "init", "--advertise-addr", nodes.manager_ip]
    cloud.run(nodes.manager, *init)
    token = cloud.run(nodes.manager, "docker", "swarm", "join-token", "-q", "worker").stdout.strip()
    cloud.run(nodes.worker, "docker", "swarm", "join", "--token", token, nodes.manager_ip)
    cloud.run(
        nodes.manager, *["docker", "network", "create", "-d", "overlay", "--attachable", "comb"]
    )
    asker = ["docker", "run", "-d", "--name", "asker", "--network", "comb", SHELL]
    cloud.run(nodes.manager, *asker, "sleep", "infinity")
    listen = "IO::Socket::INET->new(LocalPort => 8000, Listen => 9)"
    serve = f"$s = {listen}; while ($c = $s->accept) {{ print $c 'hum'; close $c }}"
    answerer = ["docker", "run", "-d", "--name", "answerer", "--network", "comb", SHELL]
    cloud.run(nodes.worker, *answerer, "perl", "-MIO::Socket::INET", "-e", serve)
    form = "{{.NetworkSettings.Networks.comb.IPAddress}}"
    found = cloud.run(nodes.worker, "docker", "inspect", "--format", form, "answerer")
    return found.stdout.strip()


def across(cloud: Cloud, nodes: Nodes, address: str) -> bool:
    """Whether a container on one node reaches one on the other."""
    connect = f"IO::Socket::INET->new(PeerAddr => '{address}:8000', Timeout => 1) or exit 1"
    perl = ["perl", "-MIO::Socket::INET", "-e", connect]
    return succeeds(cloud, nodes.manager, "docker", "exec", "asker", *perl)


def metadata(cloud: Cloud, node: str, *network: str) -> str:
    """What a container on a node is told when it asks for a token."""
    ask = (
        "$s = IO::Socket::INET->new(PeerAddr => '169.254.169.254:80', Timeout => 3) or die;"
        "print $s qq(PUT /latest/api/token HTTP/1.0\\r\\n"
        "X-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n\\r\\n); $s->flush;"
        "$SIG{ALRM} = sub { print 'nothing'; exit }; alarm 2; print while <$s>"
    )
    run = ["docker", "run", "--rm", *network, SHELL, "perl", "-MIO::Socket::INET", "-e", ask]
    return cloud.run(node, *run).stdout


def test_a_node_is_told_of_itself_by_token_only(cloud: Cloud, nodes: Nodes) -> None:
    base = "http://169.254.169.254/latest"
    curl = ["curl", "--silent", "--max-time", "5", "--noproxy", "*"]
    refused = cloud.run(nodes.manager, *curl, "-w", "%{http_code}", f"{base}/meta-data/")
    assert refused.stdout == "401"
    wanted = ["-X", "PUT", "-H", "X-aws-ec2-metadata-token-ttl-seconds: 60", f"{base}/api/token"]
    token = cloud.run(nodes.manager, *curl, *wanted).stdout

    def page(path: str, node: str = nodes.manager) -> str:
        header = f"X-aws-ec2-metadata-token: {token}"
        return cloud.run(node, *curl, "-H", header, f"{base}/{path}").stdout

    assert page("meta-data/instance-id") == nodes.manager
    assert page("meta-data/local-ipv4") == nodes.manager_ip
    assert page("meta-data/placement/region") == "us-east-1"
    assert page("meta-data/iam/security-credentials/") == "keeper"
    identity = json.loads(page("dynamic/instance-identity/document"))
    assert (identity["accountId"], identity["instanceId"]) == ("123456789012", nodes.manager)
    assert page("meta-data/instance-id", nodes.worker) == "", "the token is the other node's"


def test_the_role_that_a_node_is_lent_is_known_to_the_api(cloud: Cloud, nodes: Nodes) -> None:
    """Asked from the node as from anywhere; the API answers within the VPC, too."""
    node = ContainerRunner(LOCAL, resource_name(cloud.spec.name, nodes.manager))
    lent = role_credentials(node)
    session = boto3.session.Session(
        lent["AWS_ACCESS_KEY_ID"], lent["AWS_SECRET_ACCESS_KEY"], lent["AWS_SESSION_TOKEN"]
    )
    sts = session.client("sts", endpoint_url=cloud.target.api_within, region_name="us-east-1")
    role = f"arn:aws:sts::123456789012:assumed-role/keeper/{nodes.manager}"
    assert sts.get_caller_identity()["Arn"] == role
    s3 = session.client("s3", endpoint_url=cloud.target.api_within, region_name="us-east-1")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.create_bucket(Bucket="honey")
    places = ["arn:aws:s3:::honey", "arn:aws:s3:::honey/*"]
    may = {"Effect": "Allow", "Action": "s3:*", "Resource": places}
    cloud.aws("iam").put_role_policy(
        RoleName="keeper",
        PolicyName="honey",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}),
    )
    s3.create_bucket(Bucket="honey")
    s3.put_object(Bucket="honey", Key="comb", Body=b"full")
    assert s3.get_object(Bucket="honey", Key="comb")["Body"].read() == b"full"
    assert seen_by(cloud, nodes.manager, cloud.at("0.6"), 80) == {80}


def test_no_token_reaches_a_container_but_by_its_hop_limit(cloud: Cloud, nodes: Nodes) -> None:
    assert metadata(cloud, nodes.manager) == "nothing"
    assert "200 OK" in metadata(cloud, nodes.manager, "--network", "host")
    ec2 = cloud.aws("ec2")
    ec2.modify_instance_metadata_options(InstanceId=nodes.manager, HttpPutResponseHopLimit=2)
    eventually(lambda: "200 OK" in metadata(cloud, nodes.manager), 20)
    ec2.modify_instance_metadata_options(InstanceId=nodes.manager, HttpPutResponseHopLimit=1)
    eventually(lambda: metadata(cloud, nodes.manager) == "nothing", 20)


@contextmanager
def outsider(cloud: Cloud, images: Images, nodes: Nodes, address: str) -> Iterator[Container]:
    """Somebody with that address, to whom the manager knows a way back."""
    made = cloud.docker.containers.run(
        images.node,
        entrypoint=["sleep", "infinity"],
        network=resource_name(cloud.spec.name, "vpc"),
        cap_add=["NET_ADMIN"],
        labels={f"{MARK}trust": str(os.getpid())},
        detach=True,
    )
    try:
        execute(made, "ip", "address", "add", f"{address}/32", "dev", "eth0")
        leading = ["dev", "eth0", "src", address]
        execute(made, "ip", "route", "replace", cloud.spec.vpc_cidr, *leading)
        cloud.run(nodes.manager, "ip", "route", "replace", address, "dev", "eth0")
        yield made
    finally:
        made.remove(force=True)


def execute(container: Container, *argv: str) -> str:
    code, output = container.exec_run(list(argv))
    assert code == 0, output
    assert isinstance(output, bytes)
    return output.decode()


def ports_seen(container: Container, address: str, *ports: int) -> set[int]:
    asked = execute(container, "python3", "-c", asking.program(), address, *map(str, ports))
    return set(json.loads(asked))


def test_from_outside_only_what_the_groups_open_answers(
    cloud: Cloud, nodes: Nodes, images: Images, swarm: str
) -> None:
    listen = ["systemd-run", "--collect", "--unit=listening", "python3", "-c", asking.listening()]
    cloud.run(nodes.manager, *listen, "80", "443", "2375", "9000")
    eventually(lambda: seen_by(cloud, nodes.manager, nodes.manager_ip, *PORTS) == set(PORTS), 20)
    with outsider(cloud, images, nodes, ALLOWED) as allowed:
        assert ports_seen(allowed, nodes.manager_ip, *PORTS) == {22, 80, 443}
        assert ports_seen(allowed, nodes.worker_ip, *PORTS) == set()
    with outsider(cloud, images, nodes, ELSEWHERE) as elsewhere:
        assert ports_seen(elsewhere, nodes.manager_ip, *PORTS) == {80, 443}
    # This machine, on which the operator sits.
    assert asking.open_ports(nodes.manager_ip, PORTS) == {22, 80, 443}
    assert asking.open_ports(nodes.worker_ip, PORTS) == set()
    assert seen_by(cloud, nodes.worker, nodes.manager_ip, *PORTS) == {80, 443, 2377, 7946}


def test_an_overlay_network_needs_its_rule(cloud: Cloud, nodes: Nodes, swarm: str) -> None:
    ec2, group = cloud.aws("ec2"), nodes.groups["node"]
    eventually(lambda: across(cloud, nodes, swarm), 20)
    rule = permission("udp", 4789, {"UserIdGroupPairs": [{"GroupId": group}]})
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
    eventually(lambda: not across(cloud, nodes, swarm), 20)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    eventually(lambda: across(cloud, nodes, swarm), 20)


def test_files_and_database_answer_to_the_nodes_alone(
    cloud: Cloud, nodes: Nodes, images: Images
) -> None:
    efs, rds = cloud.aws("efs"), cloud.aws("rds")
    file_system = efs.create_file_system(CreationToken="trust")["FileSystemId"]
    target = efs.create_mount_target(
        FileSystemId=file_system, SubnetId=nodes.subnet, SecurityGroups=[nodes.groups["files"]]
    )["IpAddress"]
    rds.create_db_subnet_group(
        DBSubnetGroupName="g", DBSubnetGroupDescription="g", SubnetIds=[nodes.subnet]
    )
    rds.create_db_instance(
        DBInstanceIdentifier="trust",
        DBInstanceClass="db.t3.micro",
        Engine="mariadb",
        EngineVersion="10.11",
        MasterUsername="boss",
        MasterUserPassword="a-password-of-tests",
        AllocatedStorage=20,
        DBSubnetGroupName="g",
        VpcSecurityGroupIds=[nodes.groups["database"]],
    )
    database = cloud.at("0.16")
    for address, port in ((target, 2049), (database, 3306)):
        eventually(lambda a=address, p=port: seen_by(cloud, nodes.worker, a, p) == {p})  # type: ignore[misc]
        assert asking.open_ports(address, [port]) == set()
        with outsider(cloud, images, nodes, ALLOWED) as allowed:
            assert ports_seen(allowed, address, port) == set()
        # What has the answer closed, too, for those who may ask.
        assert seen_by(cloud, nodes.worker, address, 22) == set()


def test_what_a_group_does_not_let_out_does_not_leave(cloud: Cloud, nodes: Nodes) -> None:
    ec2, hub = cloud.aws("ec2"), cloud.at("0.3")
    everything = {"IpProtocol": "-1", **blocks(WORLD)}
    assert seen_by(cloud, nodes.worker, hub, 5000) == {5000}
    for name in ("node", "worker"):
        ec2.revoke_security_group_egress(GroupId=nodes.groups[name], IpPermissions=[everything])
    eventually(lambda: seen_by(cloud, nodes.worker, hub, 5000) == set(), 20)
    names = ["getent", "ahostsv4", "acme.beeyard.internal"]
    assert succeeds(cloud, nodes.worker, *names), "the VPC's resolver is nobody's to forbid"
    ec2.authorize_security_group_egress(GroupId=nodes.groups["node"], IpPermissions=[everything])
    eventually(lambda: seen_by(cloud, nodes.worker, hub, 5000) == {5000}, 20)


def test_nothing_is_left_of_the_rules(cloud: Cloud, nodes: Nodes, images: Images) -> None:
    """Once the sandbox is down, its addresses are anybody's."""
    table = f"beeyard_{cloud.spec.name.replace('-', '_')}"
    assert table in tables(cloud, images)
    # As by a `docker rm` of somebody who knows nothing of the sandbox.
    cloud.docker.containers.get(resource_name(cloud.spec.name, "firewall")).remove(force=True)
    eventually(lambda: cloud.state("firewall") == "running", 30)
    eventually(lambda: table in tables(cloud, images), 30)
    eventually(lambda: asking.open_ports(nodes.worker_ip, [22]) == set(), 20)
    assert asking.open_ports(nodes.manager_ip, [22, 2375]) == {22}
    sandbox.down(cloud.spec.name, lambda _: None)
    assert table not in tables(cloud, images)


def tables(cloud: Cloud, images: Images) -> str:
    """Names of nft's tables on this machine."""
    told = cloud.docker.containers.run(
        images.services,
        entrypoint=["nft", "list", "tables"],
        network_mode="host",
        cap_add=["NET_ADMIN"],
        remove=True,
    )
    return str(told.decode())
