"""Terraform's outputs and the world's facts become `Outputs`."""

import copy
from typing import Any

import pytest

from beeyard.cloud import AWS, Acme, Database, EngineSource, Outputs, Record, SharedFiles, Target
from beeyard.cloud.read import read
from beeyard.errors import CloudError, render
from cloud.example import ELSEWHERE, ZONES, spec


def _node(role: str, zone: str, private: str, public: str | None) -> dict[str, Any]:
    return {
        "role": role,
        "zone": zone,
        "instance_id": f"i-{private}",
        "instance_type": "t3.small",
        "private_ip": private,
        "public_ip": public,
    }


PROJECTS: dict[str, dict[str, Any]] = {
    "elastic_ips": {
        "addresses": {
            "manager-2": {"public_ip": "198.51.100.2", "allocation_id": "eipalloc-2"},
            "manager-1": {"public_ip": "198.51.100.1", "allocation_id": "eipalloc-1"},
        }
    },
    "swarm_cluster": {
        "vpc_cidr": "10.20.0.0/16",
        "ssh_user": "admin",
        "nodes": {
            "worker-10": _node("worker", ZONES[0], "10.20.7.10", "203.0.113.10"),
            "worker-2": _node("worker", ZONES[1], "10.20.7.2", None),
            "manager-1": _node("manager", ZONES[0], "10.20.1.11", "198.51.100.1"),
        },
    },
    "efs": {"file_system_id": "fs-1", "dns_name": "fs-1.efs.test"},
}


def outputs(target: Target = AWS, **projects: Any) -> Outputs:
    return read(spec(), target, PROJECTS | projects)


def test_nodes_in_the_order_in_which_a_person_counts() -> None:
    assert [node.name for node in outputs().nodes] == ["manager-1", "worker-2", "worker-10"]


def test_managers_are_reached_from_outside_and_workers_from_a_manager() -> None:
    reached = {node.name: node.ssh_address for node in outputs().nodes}
    assert reached == {
        "manager-1": "198.51.100.1",
        "worker-2": "10.20.7.2",
        "worker-10": "10.20.7.10",  # although it has a public address
    }


def test_where_private_addresses_can_be_reached_they_are_used() -> None:
    assert outputs(ELSEWHERE).nodes[0].ssh_address == "10.20.1.11"


def test_the_way_in_and_the_records_that_lead_to_it() -> None:
    seen = outputs()
    both = ("198.51.100.1", "198.51.100.2")

    assert seen.ingress.addresses == both
    assert seen.records == (
        Record("shop.example.com", "A", both),
        Record("*.shop.example.com", "A", both),
    )
    assert (seen.ingress.http_port, seen.ingress.https_port) == (80, 443)
    assert seen.ingress.acme == Acme("https://acme-v02.api.letsencrypt.org/directory")


def test_the_authority_of_the_file_counts_where_the_world_has_none_of_its_own() -> None:
    def signer(target: Target) -> Acme:
        return read(spec(), target, PROJECTS, root_certificate="PEM").ingress.acme

    assert signer(AWS) == Acme("https://acme-v02.api.letsencrypt.org/directory", "PEM")
    assert signer(ELSEWHERE) == ELSEWHERE.acme


def test_another_world_differs_only_in_data() -> None:
    seen = outputs(ELSEWHERE)

    assert (seen.ingress.http_port, seen.ingress.https_port) == (8080, 8443)
    assert seen.ingress.acme == ELSEWHERE.acme
    assert seen.ingress.resolver == "10.20.0.2"
    assert seen.engine == EngineSource("distribution", ("http://10.20.0.1:5000",))
    assert (seen.aws_api, outputs().aws_api) == ("http://10.20.0.6", None)


def test_shared_files_as_a_line_of_fstab() -> None:
    options = AWS.file_system.options
    assert outputs().shared_files == SharedFiles("fs-1", "fs-1.efs.test:/", "nfs4", options)


def test_the_database_if_there_is_one() -> None:
    database = {
        "identifier": "shop",
        "engine": "mysql",
        "address": "shop.rds.test",
        "port": 3306,
        "username": "beeyard",
    }
    assert outputs().database is None
    found = outputs(database=database).database
    assert found == Database("shop", "mysql", "shop.rds.test", 3306, "beeyard")


def test_reading_changes_nothing_of_what_it_read() -> None:
    before = copy.deepcopy(PROJECTS)
    outputs()
    assert before == PROJECTS


def test_a_cluster_that_is_only_half_made() -> None:
    with pytest.raises(CloudError) as caught:
        outputs(efs={}, swarm_cluster={"vpc_cidr": "10.20.0.0/16"})
    assert render(caught.value) == (
        "error: the cluster `shop` is only half made\n"
        "  why:   Terraform has no swarm_cluster.nodes, swarm_cluster.ssh_user, efs.dns_name, "
        "efs.file_system_id\n"
        "  do:    go on where it stopped: beeyard up"
    )
