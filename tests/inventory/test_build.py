"""What Ansible is told of a cluster."""

import json
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, ClassVar

import pytest

from beeyard.cloud import Acme, EngineSource, Outputs
from beeyard.config import ClusterSpec
from beeyard.inventory import (
    DATABASE_PASSWORD,
    Controller,
    Host,
    Inventory,
    SshAccess,
    build,
    secret_variable,
)
from cloud.example import MANAGER, WORKERS, ZONES, node, outputs, spec

SSH = SshAccess("admin", Path("/k/id"), Path("/k/known_hosts"), Path("/run/s"))
PEM = "-----BEGIN CERTIFICATE-----\n"


def inventory(seen: Outputs | None = None, **sections: Any) -> Inventory:
    return build(spec(**sections), seen or outputs(), SSH)


def variables(seen: Outputs | None = None, **sections: Any) -> dict[str, Any]:
    return dict(inventory(seen, **sections).variables)


def with_acme(acme: Acme) -> Outputs:
    seen = outputs()
    return replace(seen, ingress=replace(seen.ingress, acme=acme))


class TestHosts:
    def test_managers_come_first_and_are_reached_directly(self) -> None:
        second = node("manager-2", ZONES[1], "10.20.2.11", "198.51.100.2")
        made = inventory(outputs(nodes=(*WORKERS, second, MANAGER)))

        assert [host.name for host in made.hosts] == [
            "manager-2",
            "manager-1",
            "worker-1",
            "worker-2",
        ]
        assert [(host.address, host.jump) for host in made.managers] == [
            ("198.51.100.2", None),
            ("198.51.100.1", None),
        ]

    def test_workers_are_reached_through_the_first_manager(self) -> None:
        assert inventory().workers[0] == Host(
            name="worker-1",
            role="worker",
            zone=ZONES[1],
            address="10.20.7.4",
            private_ip="10.20.7.4",
            identity="i-worker-1",
            jump="manager-1",
        )

    def test_a_machine_that_replaces_another_is_another_identity(self) -> None:
        fresh = replace(MANAGER, instance_id="i-fresh")
        before, after = inventory(), inventory(outputs(nodes=(fresh, *WORKERS)))
        assert before.first_manager.address == after.first_manager.address
        assert (before.first_manager.identity, after.first_manager.identity) == (
            "i-manager-1",
            "i-fresh",
        )


class TestPools:
    @pytest.mark.parametrize(
        "vpc", ["10.20.0.0/16", "10.200.0.0/16", "172.30.0.0/16", "10.128.0.0/20", "172.29.4.0/22"]
    )
    def test_docker_keeps_clear_of_the_vpc(self, vpc: str) -> None:
        made = variables(outputs(vpc_cidr=vpc))
        overlays = IPv4Network(made["swarm_address_pool"])
        bridges = IPv4Network(made["docker_address_pools"][0]["base"])
        assert not overlays.overlaps(IPv4Network(vpc))
        assert not bridges.overlaps(IPv4Network(vpc))
        assert not bridges.overlaps(overlays)


class TestEngine:
    def test_where_packages_and_images_come_from(self) -> None:
        source = EngineSource("distribution", ("http://10.20.0.1:5000",))
        made = variables(outputs(engine=source))
        assert made["docker_source"] == "distribution"
        assert made["docker_registry_mirrors"] == ["http://10.20.0.1:5000"]

    def test_a_private_authority_is_trusted_and_a_public_one_needs_no_help(self) -> None:
        private = variables(with_acme(Acme("https://ca.test/directory", PEM)))
        assert private["base_ca_certificates"] == {"beeyard-acme": PEM}
        assert private["docker_registry_ca"] == {"registry.shop.example.com": PEM}

        public = variables(with_acme(Acme("https://acme.test/directory")))
        assert public["base_ca_certificates"] == {}
        assert public["docker_registry_ca"] == {}


class TestServices:
    def test_traefik_is_told_of_the_authority_and_the_port(self) -> None:
        seen = with_acme(Acme("https://ca.test/directory", PEM))
        seen = replace(seen, ingress=replace(seen.ingress, https_port=8443))
        made = variables(seen)
        assert made["infra_stack_acme_directory"] == "https://ca.test/directory"
        assert made["infra_stack_acme_ca_certificate"] == PEM
        assert made["infra_stack_acme_email"] == "ops@example.com"
        assert made["infra_stack_https_port"] == 8443

    def test_only_services_that_are_wanted(self) -> None:
        assert variables(infrastructure=["registry"])["infra_stack_services"] == ["registry"]


class TestPipelines:
    def made(self, **sections: Any) -> dict[str, Any]:
        controller = Controller("registry.test/beeyard/controller:1", ("one", "two"))
        asked = spec(infrastructure=["ci"], **sections)
        return dict(build(asked, outputs(), SSH, controller).variables)

    def test_the_controller_is_told_of_the_cluster_as_it_is(self) -> None:
        made = self.made(applications={"shop": {"path": "shop", "secrets": {"key": "generate"}}})
        told = json.loads(json.dumps(made["infra_stack_ci"]["cluster"]))
        assert ClusterSpec.model_validate(told["spec"]).applications["shop"].path == "shop"
        assert told["outputs"]["nodes"][0]["name"] == "manager-1"
        assert told["known_hosts"] == ["one", "two"]
        assert told["outputs"]["database"] is None

    def test_pipelines_run_where_it_is_said_or_on_the_last_node(self) -> None:
        assert self.made()["swarm_ci_nodes"] == ["worker-1"]
        assert self.made(workers={"count": 0})["swarm_ci_nodes"] == ["manager-3"]
        named = self.made(pipelines={"nodes": ["manager-2", "worker-1"]})
        assert named["swarm_ci_nodes"] == ["manager-2", "worker-1"]

    def test_where_they_are_not_wanted_nobody_is_told_anything(self) -> None:
        made = variables()
        assert (made["infra_stack_ci"], made["swarm_ci_nodes"]) == ({}, [])
        assert {name: made[name] for name in made if name.startswith("steps_")} == {
            "steps_nodes": []
        }

    def test_of_the_vpc_steps_reach_the_resolver_and_the_managers(self) -> None:
        made = self.made()
        assert {name: made[name] for name in made if name.startswith("steps_")} == {
            "steps_nodes": ["worker-1"],
            "steps_vpc": "10.20.0.0/16",
            "steps_resolver": "10.20.0.2",
            "steps_entrances": [node.private_ip for node in outputs().managers],
        }


class TestFiles:
    def test_the_mount(self) -> None:
        made = variables(efs={"path": "/srv/shared"})
        assert {name: made[name] for name in made if name.startswith("efs_")} == {
            "efs_source": "fs-1.efs.test:/",
            "efs_fstype": "nfs4",
            "efs_options": "_netdev",
            "efs_path": "/srv/shared",
        }

    def test_before_they_are_made_only_the_place_is_known(self) -> None:
        made = variables(outputs(shared_files=None))
        assert [name for name in made if name.startswith("efs_")] == ["efs_path"]


class TestApplications:
    SECRETS: ClassVar = {
        "shop_url": "database-url",
        "shop_key": "generate",
        "shop_token": "env:SHOP_TOKEN",
        "shop_pem": "file:keys/shop.pem",
    }

    def made(self, seen: Outputs | None = None) -> dict[str, Any]:
        shop = {"path": "shop", "database": True, "secrets": self.SECRETS}
        return variables(seen, database={}, applications={"shop": shop})

    def test_each_secret_says_where_it_comes_from_and_never_what_it_is(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_TOKEN", "hush-hush")
        made = self.made()
        token, pem = (secret_variable(name) for name in ("shop_token", "shop_pem"))
        assert made["app_files_applications"] == [
            {
                "name": "shop",
                "database": True,
                "secrets": {
                    "shop_url": {"source": "database-url"},
                    "shop_key": {"source": "generate"},
                    "shop_token": {"source": "value", "value": _lookup(token)},
                    "shop_pem": {"source": "value", "value": _lookup(pem)},
                },
            }
        ]
        assert "hush-hush" not in json.dumps(made)

    def test_the_database_and_where_its_password_is_found(self) -> None:
        made = self.made()
        assert made["app_files_database"] == {
            "address": "shop.rds.test",
            "port": 3306,
            "engine": "mariadb",
            "username": "beeyard",
        }
        assert made["app_files_database_password"] == _lookup(DATABASE_PASSWORD)

    def test_without_one(self) -> None:
        assert self.made(outputs(database=None))["app_files_database"] == {}

    @pytest.mark.parametrize("name", ["shop_key", "shop-key", "shop.key", "SHOP_KEY"])
    def test_a_secret_of_any_name_has_a_variable_of_its_own(self, name: str) -> None:
        variable = secret_variable(name)
        assert variable.replace("_", "").isalnum()
        assert bytes.fromhex(variable.removeprefix("BEEYARD_SECRET_")).decode() == name


def _lookup(variable: str) -> str:
    return f"{{{{ lookup('ansible.builtin.env', '{variable}') }}}}"
