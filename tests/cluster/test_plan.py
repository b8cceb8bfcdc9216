"""What `plan` says: nothing of a cluster that is as it should be, and of each layer what somebody
has changed by hand; and that `up` mends it."""

import re
import subprocess
from typing import Any

import boto3
import pytest

from cluster.yard import DOMAIN, Running

pytestmark = [pytest.mark.cluster, pytest.mark.drill]
CA = f"/etc/docker/certs.d/registry.{DOMAIN}/ca.crt"


def changes(plan: dict[str, Any]) -> dict[str, list[tuple[str, str, str]]]:
    """What would change, by layer; all was looked at."""
    assert [layer["unseen"] for layer in plan["layers"]] == [[], [], []]
    return {
        layer["name"]: [(one["where"], one["what"], one["note"]) for one in layer["changes"]]
        for layer in plan["layers"]
    }


def without_a_name(endpoint: str, node: str) -> None:
    """Take an instance's tag `Name` away, behind Terraform's back."""
    ec2 = boto3.client(
        "ec2",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    of_node = [{"Name": "tag:beeyard:node", "Values": [node]}]
    (reservation,) = ec2.describe_instances(Filters=of_node)["Reservations"]
    instance = reservation["Instances"][0]["InstanceId"]
    ec2.delete_tags(Resources=[instance], Tags=[{"Key": "Name"}])


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_what_is_changed_by_hand_is_named_in_each_layer_and_mended(
    cluster: Running, sandbox: dict[str, Any]
) -> None:
    yard = cluster.yard
    without_a_name(sandbox["endpoint"], "worker-1")
    yard.run("ssh", "worker-2", "--", f"echo '# by hand' | sudo tee --append {CA}")
    cluster.docker_on("manager-1", "node", "update", "--label-rm", "zone", "worker-1")
    # A label changes no task, so that mending it is quick.
    cluster.docker_on(
        *("manager-1", "service", "update", "--detach", "--label-add", "by=hand", "timeoff_web")
    )
    cluster.docker_on(
        *("manager-1", "service", "update", "--detach", "--label-add", "by=hand"),
        "registry_registry",
    )
    drifted = {
        "cloud": [
            (
                "swarm_cluster",
                'module.swarm_cluster.aws_instance.node["worker-1"]',
                "changed by hand",
            )
        ],
        "hosts": [
            ("worker-2", "Certificate authorities of the registries", ""),
            ("worker-1", "Label the node", ""),
            ("manager-1", "Deploy", ""),
        ],
        "swarm": [("timeoff", "web", "changed by hand")],
    }
    plan = yard.json("plan", code=2)
    assert changes(plan) == drifted
    assert plan["changes"] == 5

    assert yard.json("up", "--yes")["changes"] > 0
    plan = yard.json("plan")
    assert changes(plan) == {"cloud": [], "hosts": [], "swarm": []}
    assert (plan["pending"], plan["holder"], plan["to_make"]) == (False, None, "")


def test_what_the_cloud_has_no_part_in_is_mended_by_the_same_up(cluster: Running) -> None:
    """The one with nothing to do in the cloud, which brings the hosts to it by one playbook."""
    yard = cluster.yard
    yard.run("ssh", "worker-2", "--", f"echo '# by hand' | sudo tee --append {CA}")
    cluster.docker_on("manager-1", "node", "update", "--label-rm", "zone", "worker-1")
    cluster.docker_on(
        *("manager-1", "service", "update", "--detach", "--label-add", "by=hand", "timeoff_web")
    )
    with yard.start("up", "--yes", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        said = process.communicate()[1]
    assert process.returncode == 0, said
    assert re.search(r"  hosts: \d+ changed", said), said
    assert "cloud: no changes" in said
    assert "hosts: swarm" not in said
    assert yard.json("plan")["changes"] == 0
