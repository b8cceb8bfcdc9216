"""One cluster as each stage sees it: what `beeyard.yml` said, and what the cloud gave."""

from dataclasses import replace
from typing import Any

from beeyard.cloud import (
    AWS,
    Acme,
    Database,
    EngineSource,
    Ingress,
    Node,
    Outputs,
    Record,
    SharedFiles,
    Target,
)
from beeyard.config import ClusterSpec

REGION = "eu-central-1"
ZONES = tuple(f"{REGION}{letter}" for letter in "abc")
#: A world that is not AWS: everything that can differ does.
ELSEWHERE = replace(
    AWS,
    world="elsewhere",
    endpoint="http://127.0.0.1:4566",
    acme=Acme("https://acme.test/directory", "-----BEGIN CERTIFICATE-----\n"),
    engine=EngineSource("distribution", ("http://10.20.0.1:5000",)),
    ssh="private",
    http_port=8080,
    https_port=8443,
    resolver="10.20.0.2",
    api_within="http://10.20.0.6",
    environment={"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"},
)


def at(endpoint: str, **changes: Any) -> Target:
    """The other world, with its API at `endpoint`."""
    return replace(ELSEWHERE, endpoint=endpoint, **changes)


def spec(**changes: Any) -> ClusterSpec:
    """A cluster with three managers and a worker; `changes` are sections of `beeyard.yml`."""
    sections: dict[str, Any] = {
        "name": "shop",
        "domain": "shop.example.com",
        "region": REGION,
        "managers": {"count": 3},
        "workers": {"count": 1},
        "ssh": {"allowed_cidrs": ["203.0.113.0/24"]},
        "ingress": {"acme": {"email": "ops@example.com"}},
    }
    return ClusterSpec.model_validate(sections | changes)


def node(name: str, zone: str, private: str, public: str | None = None) -> Node:
    return Node(
        name=name,
        role="manager" if name.startswith("manager") else "worker",
        zone=zone,
        instance_id=f"i-{name}",
        instance_type="t3.small",
        private_ip=private,
        public_ip=public,
        ssh_address=public or private,
    )


MANAGER = node("manager-1", ZONES[0], "10.20.1.11", "198.51.100.1")
WORKERS = (node("worker-1", ZONES[1], "10.20.7.4"), node("worker-2", ZONES[2], "10.20.8.4"))
DATABASE = Database("shop", "mariadb", "shop.rds.test", 3306, "beeyard")


def outputs(**changes: Any) -> Outputs:
    """A manager, two workers and a database on AWS."""
    fields: dict[str, Any] = {
        "name": "shop",
        "domain": "shop.example.com",
        "region": REGION,
        "vpc_cidr": "10.20.0.0/16",
        "ssh_user": "admin",
        "nodes": (MANAGER, *WORKERS),
        "shared_files": SharedFiles("fs-1", "fs-1.efs.test:/", "nfs4", "_netdev"),
        "database": DATABASE,
        "ingress": Ingress(
            ("198.51.100.1",), 80, 443, Acme("https://acme.test/directory"), resolver=None
        ),
        "records": (
            Record("shop.example.com", "A", ("198.51.100.1",)),
            Record("*.shop.example.com", "A", ("198.51.100.1",)),
        ),
        "engine": EngineSource("upstream"),
    }
    return Outputs(**(fields | changes))
