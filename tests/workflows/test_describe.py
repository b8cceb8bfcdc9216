"""What is shown before anything is made or changed."""

from typing import Any

from beeyard.cloud.api import Account
from beeyard.cloud.terraform import Change, Plan
from beeyard.workflows.consent import describe, describe_changes
from cloud.example import spec

ACCOUNT = Account("123456789012", "arn:aws:iam::123456789012:user/ops")


def lines(**sections: Any) -> list[str]:
    return describe(spec(**sections), ACCOUNT).splitlines()


def test_a_small_cluster() -> None:
    assert lines(managers={"count": 1}, workers={"count": 0}) == [
        "account 123456789012 (arn:aws:iam::123456789012:user/ops), region eu-central-1",
        "1 manager (t3.small), 0 workers (t3.small), in 3 zones of a VPC 10.20.0.0/16",
        "1 elastic IP, an encrypted EFS",
    ]


def test_everything_that_costs_is_named() -> None:
    shown = lines(
        managers={"count": 3, "type": "t3.medium"},
        workers={"count": 4, "type": "m6i.large", "egress": "nat"},
        database={"class": "db.t3.small", "storage_gib": 50},
        dns={"zone": "example.com"},
    )
    assert shown[1:] == [
        "3 managers (t3.medium), 4 workers (m6i.large), in 3 zones of a VPC 10.20.0.0/16",
        "3 elastic IPs, an encrypted EFS",
        "a NAT gateway in every zone",
        "a mariadb database on RDS (db.t3.small, 50 GiB, Multi-AZ)",
        "records for shop.example.com and *.shop.example.com in zone example.com",
    ]


def test_a_database_without_a_standby() -> None:
    shown = lines(database={"multi_az": False, "engine": "mysql"})
    assert shown[-1] == "a mysql database on RDS (db.t3.micro, 20 GiB, one zone)"


NODE = "module.swarm_cluster.aws_instance.node"


def test_what_is_destroyed_is_named_and_the_rest_is_counted() -> None:
    changes = (
        Change(f'{NODE}["worker-3"]', "create"),
        Change(f'{NODE}["worker-2"]', "delete"),
        Change(f'{NODE}["worker-1"]', "replace"),
        Change("module.swarm_cluster.aws_security_group.node", "update"),
    )
    plans = {
        "elastic_ips": Plan("elastic_ips", (), pending=False),
        "swarm_cluster": Plan("swarm_cluster", changes, pending=True),
        "efs": Plan("efs", (), pending=True),
    }
    assert describe_changes(spec(), ACCOUNT, plans).splitlines() == [
        "account 123456789012 (arn:aws:iam::123456789012:user/ops), region eu-central-1",
        "swarm_cluster: 1 to create, 1 to change, 1 to replace, 1 to destroy",
        f'  delete {NODE}["worker-2"]',
        f'  replace {NODE}["worker-1"]',
        "efs: outputs only",
    ]
