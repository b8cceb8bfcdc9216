"""The cloud's part of the workflows, with real state objects in a real S3 API."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from beeyard.cloud import state_bucket
from beeyard.cloud.overrides import state_key
from beeyard.errors import ConfigError, render
from beeyard.workflows import Cluster
from beeyard.workflows.cloud import Cloud, open_cloud
from cloud.example import at
from cloud.moto import Moto

EVERY_SECTION = {"database": {}, "dns": {"zone": "example.com"}}


@pytest.fixture
def applied(
    moto: Moto, make_cluster: Callable[..., Cluster], tmp_path: Path
) -> Callable[..., Cloud]:
    """`applied(*projects, **sections)`: a cluster of such a file, after an `up` of `projects`."""

    def of(*projects: str, **sections: object) -> Cloud:
        cluster = make_cluster(at(moto.endpoint, provider_mirror=tmp_path), **sections)
        cloud = open_cloud(cluster)
        state_bucket.ensure(cluster.aws, cloud.bucket)
        state = json.dumps({"outputs": {"name": {"value": "shop"}}, "resources": []})
        for project in projects:
            cluster.aws.client("s3").put_object(
                Bucket=cloud.bucket, Key=state_key(project), Body=state.encode()
            )
        return cloud

    return of


def test_projects_that_have_a_state(applied: Callable[..., Cloud]) -> None:
    assert applied("elastic_ips", "dns", **EVERY_SECTION).stateful() == ("elastic_ips", "dns")


def test_a_section_that_was_removed_while_its_project_is_there(
    applied: Callable[..., Cloud],
) -> None:
    with pytest.raises(ConfigError) as caught:
        applied("elastic_ips", "swarm_cluster", "database", "dns").stateful()
    assert render(caught.value).splitlines() == [
        "error: the cluster has what beeyard.yml no longer names: database, dns",
        "  why:   there is a Terraform state, but no section `database:`, `dns:`",
        "  do:    put `database:`, `dns:` back; to do without: beeyard down, remove it, beeyard up",
    ]
