"""From `beeyard.yml` to the Terraform projects: which, in what order, with what values."""

import json
from dataclasses import replace
from typing import Any

import pytest

from beeyard.cloud import projects
from beeyard.cloud.overrides import PROJECT_READS
from cloud.example import ZONES, spec

CONTEXT = projects.Context(state_bucket="state", ssh_public_key="ssh-ed25519 AAAA ops")
DATABASE = {"engine": "mariadb", "class": "db.t3.small", "storage_gib": 50, "backup_days": 3}


def variables(**sections: Any) -> dict[str, dict[str, Any]]:
    return projects.variables(spec(**sections), CONTEXT)


@pytest.mark.parametrize(
    ("sections", "last_wave"),
    [
        ({}, ("efs",)),
        ({"database": {}}, ("efs", "database")),
        ({"dns": {"zone": "example.com"}}, ("efs", "dns")),
        ({"database": {}, "dns": {"zone": "example.com"}}, ("efs", "database", "dns")),
    ],
)
def test_waves_hold_what_the_cluster_wants(
    sections: dict[str, Any], last_wave: tuple[str, ...]
) -> None:
    described = spec(**sections)

    assert projects.waves(described) == (("elastic_ips",), ("swarm_cluster",), last_wave)
    assert projects.wanted(described) == ("elastic_ips", "swarm_cluster", *last_wave)
    assert tuple(projects.variables(described, CONTEXT)) == projects.wanted(described)


def test_every_project_reads_only_what_earlier_waves_made() -> None:
    made: set[str] = set()
    for wave in projects.WAVES:
        for project in wave:
            assert set(PROJECT_READS[project]) <= made, project
        made |= set(wave)
    assert made == set(PROJECT_READS)


def test_every_project_knows_whose_it_is_and_where_the_others_state_lies() -> None:
    for project, values in variables(database={}).items():
        common = (values["name"], values["region"], values["state_bucket"])
        assert common == ("shop", "eu-central-1", "state"), project


def test_nodes_by_name_spread_over_the_zones() -> None:
    cluster = variables(workers={"count": 2, "type": "t3.large"})["swarm_cluster"]

    assert cluster["managers"] == {
        "manager-1": {"zone": ZONES[0], "instance_type": "t3.small"},
        "manager-2": {"zone": ZONES[1], "instance_type": "t3.small"},
        "manager-3": {"zone": ZONES[2], "instance_type": "t3.small"},
    }
    assert cluster["workers"] == {
        "worker-1": {"zone": ZONES[0], "instance_type": "t3.large"},
        "worker-2": {"zone": ZONES[1], "instance_type": "t3.large"},
    }


def test_one_address_for_each_manager() -> None:
    assert variables()["elastic_ips"]["managers"] == ["manager-1", "manager-2", "manager-3"]


def test_what_the_nodes_are_made_of() -> None:
    cluster = variables(
        workers={"count": 1, "egress": "nat"},
        image={"ami": "ami-0123456789abcdef0", "root_volume_gib": 50},
    )["swarm_cluster"]

    assert cluster["ssh_public_key"] == "ssh-ed25519 AAAA ops"
    assert cluster["ssh_allowed_cidrs"] == ["203.0.113.0/24"]
    assert cluster["vpc_cidr"] == "10.20.0.0/16"
    assert (cluster["ami_id"], cluster["root_volume_size"]) == ("ami-0123456789abcdef0", 50)
    assert cluster["workers_egress"] == "nat"


def test_where_no_file_can_know_the_operators_address_it_is_allowed_beside_the_files() -> None:
    context = replace(CONTEXT, operator="10.20.0.1/32")
    cluster = projects.variables(spec(), context)["swarm_cluster"]
    assert cluster["ssh_allowed_cidrs"] == ["203.0.113.0/24", "10.20.0.1/32"]


def test_the_database_and_no_password_among_its_values() -> None:
    values = variables(database=DATABASE)["database"]

    assert values == {
        "name": "shop",
        "region": "eu-central-1",
        "state_bucket": "state",
        "tags": {},
        "engine": "mariadb",
        "engine_version": "10.11",
        "instance_class": "db.t3.small",
        "storage": 50,
        "max_storage": 100,
        "multi_az": True,
        "backup_days": 3,
        "deletion_protection": True,
    }


def test_records_go_into_the_zone_that_was_named() -> None:
    values = variables(dns={"zone": "example.com"})["dns"]
    assert (values["zone"], values["domain"]) == ("example.com", "shop.example.com")


def test_the_values_are_json_and_do_not_depend_on_the_run() -> None:
    first = json.dumps(variables(database={}), sort_keys=True)
    other = projects.variables(spec(database={}), replace(CONTEXT, state_bucket="other"))
    assert json.dumps(variables(database={}), sort_keys=True) == first
    assert json.dumps(other, sort_keys=True) == first.replace('"state"', '"other"').replace(
        ":::state/", ":::other/"
    )


class TestEcr:
    """The rights that the controller needs, and whoever has no controller does not."""

    def of(self, host: str, *infrastructure: str) -> Any:
        registry = {"kind": "external", "host": host}
        applications = {"shop": {"path": "."}, "blog": {"path": "."}}
        made = variables(
            registry=registry, infrastructure=list(infrastructure), applications=applications
        )
        return made["swarm_cluster"]["ecr"]

    def test_applications_images_are_pushed_and_their_neighbours_pulled(self) -> None:
        place = "arn:aws:ecr:eu-west-3:123456789012:repository/team/"
        assert self.of("123456789012.dkr.ecr.eu-west-3.amazonaws.com/team", "ci") == {
            "pull": [f"{place}*"],
            "push": [
                f"{place}{name}"
                for app in ("blog", "shop")
                for name in (app, f"{app}-*", f"{app}/*", f"{app}_*")
            ],
        }

    @pytest.mark.parametrize(
        ("host", "place"),
        [
            ("eu-west-3.amazonaws.com", "arn:aws:ecr:eu-west-3:123456789012:repository/*"),
            ("cn-north-1.amazonaws.com.cn", "arn:aws-cn:ecr:cn-north-1:123456789012:repository/*"),
            (
                "us-gov-west-1.amazonaws.com",
                "arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/*",
            ),
        ],
    )
    def test_each_part_of_aws_has_names_of_its_own(self, host: str, place: str) -> None:
        assert self.of(f"123456789012.dkr.ecr.{host}", "ci")["pull"] == [place]

    def test_none_without_the_controller_or_elsewhere(self) -> None:
        assert self.of("123456789012.dkr.ecr.eu-west-3.amazonaws.com") is None
        assert self.of("registry.example.com/team", "ci") is None
        assert variables()["swarm_cluster"]["ecr"] is None
