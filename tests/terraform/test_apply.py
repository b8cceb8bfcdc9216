"""All five projects for real against moto's AWS API: made, planned again, changed, taken down."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from beeyard.cloud.overrides import PROJECT_READS, backend_config, render_override

Terraform = Callable[..., subprocess.CompletedProcess[str]]

HERE = Path(__file__).parent
REGION = "eu-central-1"
ZONES = [f"{REGION}{letter}" for letter in "abc"]
BUCKET = "demo-state"
#: The last three read only what the first two made.
LATE = ("efs", "database", "dns")

VARIABLES: dict[str, dict[str, Any]] = {
    "elastic_ips": {"managers": ["manager-1"]},
    "swarm_cluster": {
        "vpc_cidr": "10.20.0.0/16",
        "zones": ZONES,
        "managers": {"manager-1": {"zone": ZONES[0], "instance_type": "t3.small"}},
        "workers": {
            "worker-1": {"zone": ZONES[1], "instance_type": "t3.small"},
            "worker-2": {"zone": ZONES[2], "instance_type": "t3.small"},
        },
        "ssh_public_key": "ssh-ed25519 "
        "AAAAC3NzaC1lZDI1NTE5AAAAIJ7s1YwzVw0Qf3bq2Vb3sJ6m3e9sN8nq2gYwqI0m3o1a demo\n",
        "ssh_allowed_cidrs": ["198.51.100.0/24"],
    },
    "efs": {"transition_to_ia_days": 30},
    "database": {
        "engine": "mariadb",
        "engine_version": "10.11",
        "instance_class": "db.t4g.micro",
        "storage": 20,
        "max_storage": 100,
        "initial_password": "throwaway-1",
        "deletion_protection": False,
    },
    "dns": {"zone": "example.com", "domain": "demo.example.com"},
}


@dataclass(frozen=True)
class Cloud:
    """The projects' folders, and the API they are applied to."""

    folder: Path
    endpoint: str
    terraform: Terraform

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def write(self, project: str, **changes: Any) -> None:
        common = {"name": "demo", "region": REGION, "state_bucket": BUCKET, "tags": {"team": "web"}}
        home = self.folder / project
        override = render_override(project, self.endpoint, REGION, PROJECT_READS[project])
        _write(home / "terraform.tfvars.json", common | VARIABLES[project] | changes)
        _write(home / "backend.json", backend_config(project, BUCKET, REGION))
        _write(home / "override.tf.json", override)

    def run(self, project: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        result = self.terraform(self.folder / project, *arguments, "-no-color", codes=codes)
        return f"{result.stdout}\n{result.stderr}"

    def make(self, project: str, *more: str) -> None:
        self.run(project, "apply", "-auto-approve", "-input=false", *more)

    def destroy(self, project: str) -> None:
        self.run(project, "destroy", "-auto-approve", "-input=false")

    def plan(self, project: str, code: int) -> dict[str, list[str]]:
        """What would change: actions by address. `code` is what -detailed-exitcode must say."""
        self.run(
            project, "plan", "-input=false", "-detailed-exitcode", "-out=x.tfplan", codes=(code,)
        )
        shown = self.terraform(self.folder / project, "show", "-json", "x.tfplan").stdout
        changes = json.loads(shown).get("resource_changes", [])
        return {
            change["address"]: change["change"]["actions"]
            for change in changes
            if change["change"]["actions"] not in (["no-op"], ["read"])
        }

    def outputs(self, project: str) -> dict[str, Any]:
        said = json.loads(self.terraform(self.folder / project, "output", "-json").stdout)
        return {name: entry["value"] for name, entry in said.items()}


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    """moto's server in a process of its own, on a free port."""
    server = subprocess.Popen(
        [sys.executable, HERE / "moto_server.py", "0"],
        env=os.environ | {"MOTO_AMIS_PATH": str(HERE / "data/amis.json")},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert server.stderr is not None
    said = []
    for line in server.stderr:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            break
    else:
        pytest.fail(f"moto did not start:\n{''.join(said)}")
    drain = threading.Thread(target=server.stderr.read)
    drain.start()
    yield found.group()
    server.terminate()
    server.wait(30)
    drain.join()
    server.stderr.close()


@pytest.fixture
def cloud(tree: Path, endpoint: str, terraform: Terraform) -> Cloud:
    cloud = Cloud(tree / "projects", endpoint, terraform)
    region = {"LocationConstraint": REGION}
    cloud.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
    cloud.client("route53").create_hosted_zone(Name="example.com", CallerReference="x")
    for project in VARIABLES:
        cloud.write(project)
        cloud.run(project, "init", "-input=false", "-backend-config=backend.json")
    return cloud


@pytest.mark.slow(5)
def test_life_of_a_cluster(cloud: Cloud) -> None:
    cloud.make("elastic_ips")
    cloud.make("swarm_cluster")
    _check_nodes(cloud)
    with ThreadPoolExecutor() as pool:
        late = pool.map(cloud.make, LATE)
        # What happens to nodes is nothing to the later projects: both at once.
        _check_replaced_and_removed(cloud)
        _check_rights_in_ecr(cloud)
        list(late)

    _check_late(cloud)
    _check_states(cloud)
    for project in VARIABLES:
        assert cloud.plan(project, code=0) == {}, project
    _check_lock(cloud)
    _check_password_is_ignored(cloud)

    with ThreadPoolExecutor() as pool:
        list(pool.map(cloud.destroy, LATE))
    cloud.destroy("swarm_cluster")
    cloud.destroy("elastic_ips")
    _check_nothing_left(cloud)


def _check_nodes(cloud: Cloud) -> None:
    nodes = cloud.outputs("swarm_cluster")["nodes"]
    address = cloud.outputs("elastic_ips")["addresses"]["manager-1"]
    assert {name: (node["role"], node["zone"]) for name, node in nodes.items()} == {
        "manager-1": ("manager", ZONES[0]),
        "worker-1": ("worker", ZONES[1]),
        "worker-2": ("worker", ZONES[2]),
    }
    assert nodes["manager-1"]["private_ip"] == "10.20.1.11"
    assert nodes["manager-1"]["public_ip"] == address["public_ip"]
    assert nodes["worker-1"]["private_ip"].startswith("10.20.7.")

    ec2 = cloud.client("ec2")
    instances = _running(cloud)
    assert {instance["InstanceId"] for instance in instances} == {
        node["instance_id"] for node in nodes.values()
    }
    for instance in instances:
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        assert tags["beeyard:cluster"] == "demo"
        assert tags["Name"] == f"demo-{tags['beeyard:node']}"
        assert tags["team"] == "web"
        assert instance["MetadataOptions"]["HttpTokens"] == "required"
        assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        assert instance["ImageId"] == "ami-0d12a64000000000b"
    assert all(volume["Encrypted"] for volume in ec2.describe_volumes()["Volumes"])
    found = ec2.describe_addresses(PublicIps=[address["public_ip"]])["Addresses"]
    assert found[0]["InstanceId"] == nodes["manager-1"]["instance_id"]


def _check_late(cloud: Cloud) -> None:
    efs = cloud.outputs("efs")
    assert efs["dns_name"] == f"{efs['file_system_id']}.efs.{REGION}.amazonaws.com"
    assert [efs["mount_targets"][zone].rsplit(".", 1)[0] for zone in ZONES] == [
        "10.20.11",
        "10.20.12",
        "10.20.13",
    ]
    database = cloud.outputs("database")
    assert database.pop("address").startswith("demo.")
    assert database == {
        "identifier": "demo",
        "port": 3306,
        "engine": "mariadb",
        "username": "beeyard",
    }
    public_ip = cloud.outputs("elastic_ips")["addresses"]["manager-1"]["public_ip"]
    assert cloud.outputs("dns")["records"] == [
        {"name": "demo.example.com", "type": "A", "values": [public_ip]},
        {"name": "*.demo.example.com", "type": "A", "values": [public_ip]},
    ]


def _check_states(cloud: Cloud) -> None:
    listed = cloud.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    expected = {f"{project}/terraform.tfstate" for project in VARIABLES}
    assert {entry["Key"] for entry in listed} == expected


def _check_lock(cloud: Cloud) -> None:
    """Somebody else's lock is respected."""
    key = "elastic_ips/terraform.tfstate.tflock"
    lock = {"ID": "1", "Operation": "OperationTypeApply", "Who": "somebody else", "Path": key}
    s3 = cloud.client("s3")
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(lock))
    said = cloud.run("elastic_ips", "plan", "-input=false", codes=(1,))
    assert "somebody else" in said
    s3.delete_object(Bucket=BUCKET, Key=key)


def _check_password_is_ignored(cloud: Cloud) -> None:
    """A password set through the API, or given anew, never gets into the state."""
    cloud.client("rds").modify_db_instance(
        DBInstanceIdentifier="demo", MasterUserPassword="the-real-one", ApplyImmediately=True
    )
    cloud.write("database", initial_password="throwaway-2")
    assert cloud.plan("database", code=0) == {}
    cloud.make("database")
    state = cloud.client("s3").get_object(Bucket=BUCKET, Key="database/terraform.tfstate")
    text = state["Body"].read().decode()
    assert "throwaway-1" in text
    assert "throwaway-2" not in text
    assert "the-real-one" not in text


def _check_replaced_and_removed(cloud: Cloud) -> None:
    before = cloud.outputs("swarm_cluster")["nodes"]
    workers = VARIABLES["swarm_cluster"]["workers"]
    cloud.write("swarm_cluster", workers={"worker-1": workers["worker-1"]})
    node = "module.swarm_cluster.aws_instance.node"
    assert cloud.plan("swarm_cluster", code=2) == {f'{node}["worker-2"]': ["delete"]}
    # As while it is drained: it is told of until it has gone.
    cloud.run("swarm_cluster", "apply", "-refresh-only", "-auto-approve", "-input=false")
    assert cloud.outputs("swarm_cluster")["nodes"] == before

    cloud.make("swarm_cluster", f'-replace={node}["manager-1"]')

    after = cloud.outputs("swarm_cluster")["nodes"]
    assert after.keys() == {"manager-1", "worker-1"}
    assert after["worker-1"] == before["worker-1"]
    assert after["manager-1"]["instance_id"] != before["manager-1"]["instance_id"]
    for fact in ("private_ip", "public_ip", "zone"):
        assert after["manager-1"][fact] == before["manager-1"][fact]


def _check_rights_in_ecr(cloud: Cloud) -> None:
    """Managers that run get rights, and lose them again; nothing else changes."""
    before = cloud.outputs("swarm_cluster")["nodes"]
    place = f"arn:aws:ecr:{REGION}:123456789012:repository/team"
    workers = {"worker-1": VARIABLES["swarm_cluster"]["workers"]["worker-1"]}
    cloud.write(
        "swarm_cluster", workers=workers, ecr={"pull": [f"{place}/*"], "push": [f"{place}/shop"]}
    )
    module = "module.swarm_cluster"
    changes = cloud.plan("swarm_cluster", code=2)
    assert changes == {f"{module}.aws_iam_role_policy.ecr[0]": ["create"]}
    cloud.make("swarm_cluster")
    assert cloud.outputs("swarm_cluster")["nodes"] == before
    assert cloud.plan("swarm_cluster", code=0) == {}
    iam = cloud.client("iam")
    (role,) = [r["RoleName"] for r in iam.list_roles()["Roles"] if "-manager-" in r["RoleName"]]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    assert [one["Sid"] for one in document["Statement"]] == ["SignIn", "Pull", "Push"]
    profiles = {
        next(tag["Value"] for tag in instance["Tags"] if tag["Key"] == "beeyard:role"): instance[
            "IamInstanceProfile"
        ]["Arn"].rpartition("/")[2]
        for instance in _running(cloud)
    }
    assert profiles["manager"].startswith("demo-manager-")
    assert profiles["worker"].startswith("demo-node-")
    cloud.write("swarm_cluster", workers=workers)
    cloud.make("swarm_cluster")
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == []


def _check_nothing_left(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    assert _running(cloud) == []
    assert ec2.describe_addresses()["Addresses"] == []
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
    assert cloud.client("efs").describe_file_systems()["FileSystems"] == []
    assert cloud.client("iam").list_roles()["Roles"] == []
    rds = cloud.client("rds")
    assert rds.describe_db_instances()["DBInstances"] == []
    snapshots = [
        snapshot["DBSnapshotIdentifier"]
        for snapshot in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    ]
    assert len(snapshots) == 1
    assert re.fullmatch(r"demo-\d+-final", snapshots[0])


def _running(cloud: Cloud) -> list[dict[str, Any]]:
    reservations = cloud.client("ec2").describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["running"]}]
    )["Reservations"]
    return [instance for entry in reservations for instance in entry["Instances"]]


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2))
