"""From one file to a running cluster and back, for real. The tests build on each other in order."""

import json
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from cluster.yard import DOMAIN, Running, Yard

pytestmark = pytest.mark.cluster
PROJECTS = ("elastic_ips", "swarm_cluster", "efs", "database", "dns")
PLAYBOOKS = ("deploy_swarm", "configure_efs", "deploy_infra", "provision_apps")


def test_up_says_what_it_made(cluster: Running) -> None:
    assert cluster.up["changes"] > 0
    assert {urlsplit(url).hostname for url in cluster.up["urls"]} >= {
        f"traefik.{DOMAIN}",
        f"registry.{DOMAIN}",
        f"timeoff.{DOMAIN}",
    }


def test_every_project_has_its_state_in_s3(sandbox: dict[str, Any]) -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=sandbox["endpoint"],
        region_name="us-east-1",
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    (bucket,) = (entry["Name"] for entry in s3.list_buckets()["Buckets"])
    keys = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert keys >= {f"{project}/terraform.tfstate" for project in PROJECTS}
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    for project in PROJECTS:
        state = json.loads(
            s3.get_object(Bucket=bucket, Key=f"{project}/terraform.tfstate")["Body"].read()
        )
        assert state["resources"], project


def test_status_is_all_well(cluster: Running) -> None:
    status = cluster.status
    assert status["ok"] is True
    assert {node["name"]: node["state"] for node in status["nodes"]} == {
        "manager-1": "ready",
        "worker-1": "ready",
        "worker-2": "ready",
    }
    assert len({node["zone"] for node in status["nodes"] if node["role"] == "worker"}) == 2
    assert all(url["ok"] and url["issuer"] for url in status["urls"])


def test_the_two_replicas_are_on_different_workers(cluster: Running) -> None:
    (web,) = (s for s in cluster.status["services"] if s["name"] == "timeoff_web")
    assert web["running"] == web["wanted"] == 2
    assert sorted(web["nodes"]) == ["worker-1", "worker-2"]


def test_nodes_are_labelled_and_their_logs_rotate(cluster: Running) -> None:
    said = cluster.docker_on("manager-1", "node", "inspect", "worker-1", "manager-1")
    worker, manager = (node["Spec"]["Labels"] for node in json.loads(said))
    assert (worker["role"], manager["role"]) == ("worker", "manager")
    assert worker["zone"].startswith("us-east-1")
    engine = json.loads(cluster.yard.run("ssh", "worker-1", "--", "cat", "/etc/docker/daemon.json"))
    assert engine["log-opts"] == {"max-size": "10m", "max-file": "5"}
    # The rehearsal's mirror speaks without TLS, and BuildKit has to be told.
    assert engine["insecure-registries"] == engine["registry-mirrors"]


def test_shared_files_are_shared_and_come_back_at_boot(cluster: Running) -> None:
    yard = cluster.yard
    yard.run("ssh", "worker-1", "--", "sudo", "sh", "-c", "'echo seen > /mnt/efs/e2e-probe'")
    assert yard.run("ssh", "worker-2", "--", "sudo", "cat", "/mnt/efs/e2e-probe") == "seen\n"
    assert "/mnt/efs" in yard.run("ssh", "worker-2", "--", "cat", "/etc/fstab")
    yard.run("ssh", "worker-2", "--", "sudo", "rm", "/mnt/efs/e2e-probe")


def test_plain_http_is_redirected_to_the_port_that_is_reached(
    cluster: Running, sandbox: dict[str, Any]
) -> None:
    with socket.create_connection(("127.0.0.1", sandbox["http_port"]), timeout=10) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: timeoff.{DOMAIN}\r\n\r\n".encode())
        answer = connection.recv(4096).decode()
    port = "" if sandbox["https_port"] == 443 else f":{sandbox['https_port']}"
    assert f"location: https://timeoff.{DOMAIN}{port}/\r\n" in answer.lower()


def test_dashboards_ask_for_a_password(cluster: Running, ca: Path) -> None:
    for name in ("traefik", "registry"):
        url = urlsplit(cluster.url(name))
        context = ssl.create_default_context(cafile=str(ca))
        with (
            socket.create_connection(("127.0.0.1", url.port or 443), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=url.hostname) as secured,
        ):
            secured.sendall(f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
            assert b" 401 " in secured.recv(4096).split(b"\r\n")[0], name


def test_portainer_is_there_or_said_to_be_skipped(cluster: Running) -> None:
    runs = any("//portainer." in url for url in cluster.up["urls"])
    assert runs != ("portainer" in cluster.up["skipped"])
    if not runs:
        assert cluster.up["skipped"]["portainer"] == "image not available"
        assert cluster.status["skipped"] == cluster.up["skipped"]


def test_no_secret_is_in_a_state(sandbox: dict[str, Any], cluster: Running) -> None:
    url = cluster.yard.run(
        "ssh", "manager-1", "--", "sudo", "cat", "/etc/beeyard/secrets/timeoff_database_url"
    )
    password = urlsplit(url.strip()).password
    assert password
    s3 = boto3.client(
        "s3",
        endpoint_url=sandbox["endpoint"],
        region_name="us-east-1",
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    (bucket,) = (entry["Name"] for entry in s3.list_buckets()["Buckets"])
    for project in PROJECTS:
        body = s3.get_object(Bucket=bucket, Key=f"{project}/terraform.tfstate")["Body"].read()
        assert password.encode() not in body


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_each_playbook_alone_changes_nothing(cluster: Running, playbook: str) -> None:
    assert cluster.yard.json("provision", playbook)["changed"] == 0


@pytest.mark.slow(6)
def test_a_tag_alone_changes_nothing_and_so_says_a_check(cluster: Running) -> None:
    assert cluster.yard.json("provision", "--tags", "configure_efs")["changed"] == 0
    assert cluster.yard.json("provision", "--check")["changed"] == 0


@pytest.mark.slow(7)
def test_all_works_the_same_without_mitogen(cluster: Running) -> None:
    plain = Yard(cluster.yard.file, {**cluster.yard.environment, "BEEYARD_MITOGEN": "0"})
    assert plain.json("provision")["changed"] == 0


def test_up_again_changes_nothing(cluster: Running) -> None:
    before = cluster.docker_on("manager-1", "service", "ps", "-q", "timeoff_web")
    assert cluster.yard.json("up", "--yes")["changes"] == 0
    assert cluster.docker_on("manager-1", "service", "ps", "-q", "timeoff_web") == before
