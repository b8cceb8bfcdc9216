"""What the driver writes beside a project."""

import json

import pytest

from beeyard.cloud.overrides import PROJECT_READS, backend_config, render_override

ENDPOINT = "http://127.0.0.1:5000"


def test_every_project_reads_only_earlier_ones() -> None:
    seen: set[str] = set()
    for project, reads in PROJECT_READS.items():
        assert set(reads) <= seen
        seen.add(project)


def test_backend_locks_and_encrypts() -> None:
    assert backend_config("efs", "demo-state", "eu-central-1") == {
        "bucket": "demo-state",
        "key": "efs/terraform.tfstate",
        "region": "eu-central-1",
        "encrypt": True,
        "use_lockfile": True,
    }


@pytest.mark.parametrize(("project", "reads"), PROJECT_READS.items())
def test_every_way_out_leads_to_the_endpoint(project: str, reads: tuple[str, ...]) -> None:
    override = render_override(project, ENDPOINT, "eu-central-1", reads)

    places = [override["provider"]["aws"], override["terraform"]["backend"]["s3"]]
    states = override.get("data", {}).get("terraform_remote_state", {})
    places += [state["config"] for state in states.values()]

    assert set(states) == set(reads)
    assert all(set(place["endpoints"].values()) == {ENDPOINT} for place in places)
    assert all(place["access_key"] == "sandbox" for place in places)
    assert all(place["region"] == "eu-central-1" for place in places)


def test_remote_state_is_the_other_projects() -> None:
    override = render_override("efs", ENDPOINT, "eu-central-1", ["swarm_cluster"])
    config = override["data"]["terraform_remote_state"]["swarm_cluster"]["config"]
    assert config["key"] == "swarm_cluster/terraform.tfstate"
    assert config["bucket"] == "${var.state_bucket}"


def test_is_json() -> None:
    override = render_override("dns", ENDPOINT, "eu-central-1", ["elastic_ips"])
    assert json.loads(json.dumps(override)) == override
