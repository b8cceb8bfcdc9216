"""Two rehearsal clouds side by side, made through AWS's API and looked at from outside."""

import os
import signal
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from docker import DockerClient

from beeyard import sandbox
from beeyard.errors import SandboxError
from beeyard.process import Command, Completed
from beeyard.sandbox import SandboxSpec
from beeyard.sandbox.images import Images
from beeyard.sandbox.ports import listeners
from beeyard.sandbox.spec import LABEL, resource_name
from beeyard.sandbox.state import StateFolder
from beeyard.waiting import Timeout
from sandbox.clouds import (
    LOCAL,
    SHELL,
    Cloud,
    engine_with_mirror,
    eventually,
    newest_debian,
    running,
    say_nothing,
    ssh,
    tag,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(600), pytest.mark.usefixtures("own_state")]

ZONE = "rehearsal.example"
SERVICES = {"acme", "api", "edge", "firewall", "hub", "metadata", "resolver"}
TRAEFIK = "traefik:v3.7.15"
FILES = "/mnt/efs"
USER_DATA = "#!/bin/sh\necho ran >> /root/first-boot\n"


@dataclass(frozen=True)
class Cluster:
    """What the tests made in a cloud."""

    key: Path
    subnets: tuple[str, ...]
    group: str
    nodes: tuple[str, str]
    addresses: tuple[str, str]
    elastic_ip: str


@pytest.fixture(scope="module")
def cloud(engine: DockerClient, images: Images, own_state: None) -> Iterator[Cloud]:
    spec = SandboxSpec(f"e2e-one-{os.getpid()}", f"app.{ZONE}", "us-east-1", "10.201.0.0/16", ZONE)
    yield from running(engine, images, spec)


@pytest.fixture(scope="module")
def other(engine: DockerClient, images: Images, cloud: Cloud) -> Iterator[Cloud]:
    spec = SandboxSpec(f"e2e-two-{os.getpid()}", "two.localhost", "eu-central-1", "10.202.0.0/22")
    yield from running(engine, images, spec)


@pytest.fixture(scope="module")
def cluster(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    key = tmp_path_factory.mktemp("key") / "id"
    LOCAL.run(Command(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", str(key)]))
    ec2 = cloud.aws("ec2")
    vpc = ec2.create_vpc(CidrBlock=cloud.spec.vpc_cidr)["Vpc"]["VpcId"]
    subnets = tuple(
        ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=cloud.at(f"{number}.0/24"),
            # Left to itself, moto may give both the same zone, and EFS takes one target in each.
            AvailabilityZone=f"{cloud.spec.region}{zone}",
        )["Subnet"]["SubnetId"]
        for number, zone in ((1, "a"), (2, "b"))
    )
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    rules = [(80, "0.0.0.0/0"), (443, "0.0.0.0/0"), (22, cloud.target.operator)]
    rules += [(2049, cloud.spec.vpc_cidr)]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": block}]}
            for port, block in rules
        ],
    )
    ec2.import_key_pair(KeyName="key", PublicKeyMaterial=key.with_suffix(".pub").read_bytes())
    image = newest_debian(ec2)
    launched = [
        ec2.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            KeyName="key",
            SubnetId=subnet,
            SecurityGroupIds=[group],
            UserData=USER_DATA,
            TagSpecifications=[tag(f"node-{index}")],
        )["Instances"][0]
        for index, subnet in enumerate(subnets)
    ]
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(
        AllocationId=address["AllocationId"], InstanceId=launched[0]["InstanceId"]
    )
    nodes = (launched[0]["InstanceId"], launched[1]["InstanceId"])
    private = (launched[0]["PrivateIpAddress"], launched[1]["PrivateIpAddress"])
    for one in private:
        eventually(lambda one=one: ssh(key, one, "true").code == 0)  # type: ignore[misc]
    for node in nodes:
        engine_with_mirror(cloud, node)
    return Cluster(key, subnets, group, nodes, private, address["PublicIp"])


def test_starting_again_changes_nothing(cloud: Cloud, images: Images) -> None:
    assert sandbox.start(cloud.spec, images, progress=say_nothing) == cloud.target


def test_other_settings_are_refused(cloud: Cloud, images: Images) -> None:
    spec = SandboxSpec(cloud.spec.name, "another.domain", "us-east-1", cloud.spec.vpc_cidr)
    with pytest.raises(SandboxError, match="other settings"):
        sandbox.start(spec, images, progress=say_nothing)


def test_a_block_of_another_sandbox_is_refused(cloud: Cloud, images: Images) -> None:
    spec = SandboxSpec("three", "three.localhost", "us-east-1", "10.201.4.0/22")
    with pytest.raises(SandboxError) as caught:
        sandbox.start(spec, images, progress=say_nothing)
    assert caught.value.why == f"10.201.0.0/16 belongs to the sandbox `{cloud.spec.name}`"


def test_an_instance_is_a_node(cloud: Cloud, cluster: Cluster) -> None:
    first = ssh(cluster.key, cluster.addresses[0], "hostname; sudo cat /root/first-boot")
    assert first.stdout == "node-0\nran\n"
    state = cloud.run(cluster.nodes[0], "systemctl", "is-system-running", "--wait", check=False)
    assert state.stdout.strip() == "running"
    engine = cloud.run(cluster.nodes[0], "docker", "info", "--format", "{{.Driver}}")
    assert engine.stdout.strip() == "overlay2"


def test_nodes_have_host_keys_of_their_own(cloud: Cloud, cluster: Cluster) -> None:
    keys = {
        cloud.run(node, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout for node in cluster.nodes
    }
    assert len(keys) == 2


def test_the_hub_gives_images_and_limits_hold(cloud: Cloud, cluster: Cluster) -> None:
    node = cluster.nodes[0]
    cloud.run(node, "docker", "pull", "--quiet", SHELL)
    run = ["docker", "run", "--rm", "--memory", "64m", SHELL]
    limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null"
    found = cloud.run(node, *run, "sh", "-c", limit, check=False)
    assert found.stdout.split() == [str(64 * 2**20)]


def test_what_the_group_opens_answers_and_nothing_else(cloud: Cloud, cluster: Cluster) -> None:
    server = ["systemd-run", "--collect", "--unit=www", "-p", "WorkingDirectory=/etc/ssl"]
    cloud.run(cluster.nodes[0], *server, "python3", "-m", "http.server", "80")
    urls = [
        f"http://127.0.0.1:{cloud.target.http_port}/",
        f"http://{cluster.elastic_ip}/",
        f"http://{cluster.elastic_ip}:{cloud.target.http_port}/",
    ]
    for url in urls:
        eventually(lambda url=url: _answers(url))  # type: ignore[misc]
    ports = {one.port for one in listeners() if str(one.address) == cluster.elastic_ip}
    assert ports == {80, 443, cloud.target.http_port, cloud.target.https_port}
    cloud.run(cluster.nodes[0], "systemctl", "stop", "www")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


def test_names_of_the_zone_and_of_aws(cloud: Cloud, cluster: Cluster) -> None:
    manager = cluster.addresses[0]
    eventually(lambda: cloud.resolve(f"x.y.app.{ZONE}") == [manager])
    route53 = cloud.aws("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]
    assert zone["Name"] == f"{ZONE}."
    changes = [
        {
            "Action": "UPSERT",
            "ResourceRecordSet": {
                "Name": name,
                "Type": "A",
                "TTL": 60,
                "ResourceRecords": [{"Value": value}],
            },
        }
        for name, value in ((f"www.{ZONE}", cluster.elastic_ip), (f"*.w.{ZONE}", "192.0.2.7"))
    ]
    route53.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch={"Changes": changes})
    eventually(lambda: cloud.resolve(f"www.{ZONE}") == [manager])
    eventually(lambda: cloud.resolve(f"any.w.{ZONE}") == ["192.0.2.7"])
    inner = cloud.run(cluster.nodes[1], "getent", "ahostsv4", f"www.{ZONE}")
    assert inner.stdout.split()[0] == manager


def test_files_are_shared_with_their_owners(cloud: Cloud, cluster: Cluster) -> None:
    efs = cloud.aws("efs")
    file_system = efs.create_file_system(CreationToken="files", Encrypted=True)["FileSystemId"]
    for subnet in cluster.subnets:
        efs.create_mount_target(
            FileSystemId=file_system, SubnetId=subnet, SecurityGroups=[cluster.group]
        )
    name = f"{file_system}.efs.{cloud.spec.region}.amazonaws.com"
    style = cloud.target.file_system
    source = style.source.format(dns_name=name)
    line = f"{source} {FILES} {style.fstype} {style.options} 0 0"
    script = 'mkdir -p "$2" && echo "$1" >> /etc/fstab && mount "$2"'
    for node in cluster.nodes:
        cloud.run(node, "sh", "-c", script, "sh", line, FILES)
    one, two = cluster.nodes
    cloud.run(one, "install", "-d", "-m", "1777", f"{FILES}/inbox")
    write = f"echo hello > {FILES}/inbox/f && chmod 0600 {FILES}/inbox/f"
    inside = ["docker", "run", "--rm", "-v", f"{FILES}:{FILES}", "--user", "1000:1000", SHELL]
    cloud.run(one, *inside, "sh", "-c", write)
    seen = cloud.run(two, "stat", "--format", "%u %g %a %s", f"{FILES}/inbox/f")
    assert seen.stdout == "1000 1000 600 6\n"
    for number in range(20):
        writer, reader = (one, two) if number % 2 else (two, one)
        cloud.run(writer, "sh", "-c", f"echo {number} > {FILES}/turn")
        assert cloud.run(reader, "cat", f"{FILES}/turn").stdout == f"{number}\n"
    cloud.run(one, "chown", "33:33", f"{FILES}/turn")
    assert cloud.run(two, "stat", "-c", "%u", f"{FILES}/turn").stdout == "33\n"
    strange = ["docker", "run", "--rm", "-v", f"{FILES}:{FILES}", "--user", "2000:2000", SHELL]
    denied = cloud.run(one, *strange, "cat", f"{FILES}/inbox/f", check=False)
    assert "Permission denied" in denied.stderr
    docker_restart = cloud.docker.containers.get(resource_name(cloud.spec.name, one))
    docker_restart.restart()
    mounted = ["mountpoint", "-q", FILES]
    eventually(lambda: cloud.run(one, *mounted, check=False).code == 0)
    assert cloud.run(one, "cat", f"{FILES}/turn").stdout == "19\n"


def _sql(cloud: Cloud, thing: str, host: str, password: str, sql: str) -> Completed:
    argv = ["mariadb", "-h", host, "-u", "boss", "--skip-column-names", "-e", sql]
    return cloud.run(thing, *argv, check=False, MYSQL_PWD=password)


def test_a_database_takes_its_password_from_the_api(cloud: Cloud, cluster: Cluster) -> None:
    rds = cloud.aws("rds")
    rds.create_db_subnet_group(
        DBSubnetGroupName="g", DBSubnetGroupDescription="g", SubnetIds=list(cluster.subnets)
    )
    made = rds.create_db_instance(
        DBInstanceIdentifier="files",
        DBInstanceClass="db.t3.micro",
        Engine="mariadb",
        EngineVersion="10.11",
        MasterUsername="boss",
        MasterUserPassword="first'\\password",
        AllocatedStorage=20,
        DBSubnetGroupName="g",
    )["DBInstance"]
    endpoint = made["Endpoint"]["Address"]
    eventually(lambda: cloud.resolve(endpoint) == [cloud.at("0.16")])
    thing = "db-files"
    address = cloud.at("0.16")
    make = "CREATE DATABASE d; CREATE TABLE d.t (n INT); INSERT INTO d.t VALUES (7)"
    eventually(lambda: _sql(cloud, thing, address, "first'\\password", "SELECT 1").code == 0)
    assert _sql(cloud, thing, address, "first'\\password", make).code == 0
    rds.modify_db_instance(DBInstanceIdentifier="files", MasterUserPassword="second-password")
    read = "SELECT n FROM d.t"
    eventually(lambda: _sql(cloud, thing, address, "second-password", read).stdout == "7\n", 5)
    assert _sql(cloud, thing, address, "first'\\password", read).code != 0
    rds.delete_db_instance(DBInstanceIdentifier="files", SkipFinalSnapshot=True)
    eventually(lambda: cloud.state(thing) is None)
    volume = resource_name(cloud.spec.name, f"data-{thing}")
    eventually(lambda: volume not in _volumes(cloud))


def _volumes(cloud: Cloud) -> set[str]:
    found = cloud.docker.volumes.list(filters={"label": f"{LABEL}={cloud.spec.name}"})
    return {str(volume.name) for volume in found}


def test_certificates_are_issued_over_http(cloud: Cloud, cluster: Cluster, tmp_path: Path) -> None:
    node, acme = cluster.nodes[0], cloud.target.acme
    assert acme is not None
    script = 'printf "%s" "$1" > /etc/root.pem'
    cloud.run(node, "sh", "-c", script, "sh", acme.root_certificate)
    host = f"secure.app.{ZONE}"
    rules = (
        f"http: {{routers: {{r: {{rule: 'Host(`{host}`)', service: ping@internal, "
        "entryPoints: [https], tls: {certResolver: le}}}}"
    )
    cloud.run(node, "sh", "-c", 'printf "%s" "$1" > /etc/traefik.yml', "sh", rules)
    run = ["docker", "run", "--detach", "--name", "traefik", "--network", "host"]
    mounts = ["-v", "/etc/root.pem:/root.pem", "-v", "/etc/traefik.yml:/etc/rules.yml"]
    options = [
        "--ping=true",
        "--providers.file.filename=/etc/rules.yml",
        "--entrypoints.http.address=:80",
        "--entrypoints.https.address=:443",
        f"--certificatesresolvers.le.acme.caserver={acme.directory}",
        "--certificatesresolvers.le.acme.email=ops@example.com",
        "--certificatesresolvers.le.acme.storage=/acme.json",
        "--certificatesresolvers.le.acme.httpchallenge.entrypoint=http",
    ]
    cloud.run(node, *run, *mounts, "-e", "LEGO_CA_CERTIFICATES=/root.pem", TRAEFIK, *options)
    trust = ssl.create_default_context(cafile=str(sandbox.ca_certificate(cloud.spec.name)))

    def verified() -> bool:
        url = f"https://127.0.0.1:{cloud.target.https_port}/"
        try:
            with httpx.Client(verify=trust, timeout=3) as client:
                sni = {"sni_hostname": host}
                return client.get(url, headers={"Host": host}, extensions=sni).is_success
        except httpx.HTTPError:
            return False

    try:
        eventually(verified, 30)
    except Timeout as error:
        log = cloud.run(node, "docker", "logs", "--tail", "20", "traefik")
        raise AssertionError(f"no certificate:\n{log.stdout}{log.stderr}") from error


def test_two_sandboxes_side_by_side(cloud: Cloud, other: Cloud) -> None:
    assert other.target.http_port != cloud.target.http_port
    assert {cloud.spec.name, other.spec.name} <= set(sandbox.all_names())
    vpcs = other.aws("ec2").describe_vpcs()["Vpcs"]
    assert cloud.spec.vpc_cidr not in {vpc["CidrBlock"] for vpc in vpcs}
    found = sandbox.status(other.spec.name)
    assert found.running
    assert {one.thing for one in found.containers} == SERVICES
    assert found.problems == ()


def test_a_lost_supervisor_is_said_and_down_leaves_nothing(other: Cloud, images: Images) -> None:
    report = StateFolder.of(other.spec.name).report()
    assert report is not None
    os.kill(report.process.pid, signal.SIGKILL)
    eventually(lambda: not report.process.is_alive())
    found = sandbox.status(other.spec.name)
    assert not found.running
    assert "supervisor is gone" in found.problems[0].about
    with pytest.raises(SandboxError, match="was interrupted"):
        sandbox.start(other.spec, images, progress=say_nothing)
    sandbox.down(other.spec.name, say_nothing)
    _nothing_left(other)
    sandbox.down(other.spec.name, say_nothing)


def test_stop_start_terminate_and_a_node_that_dies(cloud: Cloud, cluster: Cluster) -> None:
    ec2, node = cloud.aws("ec2"), cluster.nodes[1]
    ec2.stop_instances(InstanceIds=[node])
    eventually(lambda: cloud.state(node) == "exited")
    ec2.start_instances(InstanceIds=[node])
    eventually(lambda: cloud.state(node) == "running")
    eventually(lambda: ssh(cluster.key, cluster.addresses[1], "true").code == 0)
    boots = cloud.run(node, "cat", "/root/first-boot").stdout
    assert boots == "ran\n"
    cloud.docker.containers.get(resource_name(cloud.spec.name, node)).kill()
    eventually(lambda: cloud.state(node) == "exited")
    about = [one.about for one in sandbox.status(cloud.spec.name).problems]
    assert f"the container of {node} (node-1) is exited" in about
    ec2.terminate_instances(InstanceIds=[node])
    eventually(lambda: cloud.state(node) is None)
    volume = resource_name(cloud.spec.name, f"docker-{node}")
    eventually(lambda: volume not in _volumes(cloud))


def test_down_leaves_nothing(cloud: Cloud, cluster: Cluster) -> None:
    sandbox.down(cloud.spec.name, say_nothing)
    _nothing_left(cloud)
    assert not [one for one in listeners() if str(one.address) == cluster.elastic_ip]


def _nothing_left(cloud: Cloud) -> None:
    ours: Any = {"label": f"{LABEL}={cloud.spec.name}"}
    assert cloud.docker.containers.list(all=True, filters=ours) == []
    assert cloud.docker.networks.list(filters=ours) == []
    assert cloud.docker.volumes.list(filters=ours) == []
    assert not StateFolder.of(cloud.spec.name).path.exists()
    assert cloud.spec.name not in sandbox.all_names()
    ports = (cloud.target.http_port, cloud.target.https_port)
    assert not [one for one in listeners() if one.port in ports and one.covers("127.0.0.1")]
