"""The cloud's part of the workflows, with real state objects in a real S3 API."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from beeyard.cloud import Acme, state_bucket
from beeyard.cloud.overrides import state_key
from beeyard.errors import ConfigError, render
from beeyard.sandbox import authority
from beeyard.workflows import Cluster
from beeyard.workflows.cloud import Cloud, open_cloud, read_outputs
from cloud.example import ELSEWHERE, at
from cloud.moto import Moto

#: What the projects gave that every cluster has.
GIVEN: dict[str, dict[str, object]] = {
    "elastic_ips": {"addresses": {"manager-1": {"public_ip": "198.51.100.1"}}},
    "swarm_cluster": {"nodes": {}, "ssh_user": "admin", "vpc_cidr": "10.20.0.0/16"},
    "efs": {"dns_name": "fs-1.efs.test", "file_system_id": "fs-1"},
}
EVERY_SECTION = {"database": {}, "dns": {"zone": "example.com"}}


@pytest.fixture
def applied(
    moto: Moto, make_cluster: Callable[..., Cluster], tmp_path: Path
) -> Callable[..., Cloud]:
    """`applied(*projects, **sections)`: a cluster of such a file, after an `up` of `projects`."""

    def of(*projects: str, **sections: object) -> Cloud:
        cluster = make_cluster(at(moto.endpoint, provider_mirror=tmp_path), **sections)
        cloud = open_cloud(cluster)
        for project in projects:
            keep(cluster, cloud.bucket, project, {"name": "shop"})
        return cloud

    return of


def keep(cluster: Cluster, bucket: str, project: str, outputs: Mapping[str, object]) -> None:
    """Put a state with these outputs where Terraform would."""
    state_bucket.ensure(cluster.aws, bucket)
    values = {name: {"value": value} for name, value in outputs.items()}
    cluster.aws.client("s3").put_object(
        Bucket=bucket,
        Key=state_key(project),
        Body=json.dumps({"outputs": values, "resources": []}).encode(),
    )


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


@pytest.fixture
def signed_by(moto: Moto, make_cluster: Callable[..., Cluster]) -> Callable[..., Cluster]:
    """`signed_by(acme)`: a cluster that is there, whose file names a root certificate. `acme`: the
    world's own authority."""

    def of(acme: Acme | None) -> Cluster:
        named = {"email": "ops@example.com", "root_certificate": "root.pem"}
        cluster = make_cluster(at(moto.endpoint, acme=acme), ingress={"acme": named})
        for project, outputs in GIVEN.items():
            keep(cluster, "beeyard-shop-123456789012-eu-central-1", project, outputs)
        return cluster

    return of


def test_the_root_that_the_file_names(signed_by: Callable[..., Cluster], tmp_path: Path) -> None:
    cluster = signed_by(None)
    with pytest.raises(ConfigError, match="there is no file "):
        read_outputs(cluster)
    authority.prepare("shop", tmp_path / "root.pem", tmp_path / "root.key")
    root = (tmp_path / "root.pem").read_text()
    assert read_outputs(cluster).ingress.acme == Acme(
        "https://acme-v02.api.letsencrypt.org/directory", root
    )


def test_a_world_with_an_authority_of_its_own_needs_none(
    signed_by: Callable[..., Cluster],
) -> None:
    assert read_outputs(signed_by(ELSEWHERE.acme)).ingress.acme == ELSEWHERE.acme
