"""An operator who lacks a right is told which; once it is there, `up` goes on where it stopped.

Each right by itself: `tests/cloud/test_iam_measured.py`.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cluster.yard import Running, Yard
from drills.conftest import change
from drills.world import World

pytestmark = [
    pytest.mark.real,
    pytest.mark.cluster,
    pytest.mark.drill,
    pytest.mark.timeout(1800),
]

_OPERATOR = "operator"


@contextmanager
def denied(world: World, right: str) -> Iterator[None]:
    """The account's root takes a right from the operator, until the end of the block."""
    iam = world.client("iam")
    statement = {"Effect": "Deny", "Action": right, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = iam.create_policy(PolicyName="denied", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_user_policy(UserName=_OPERATOR, PolicyArn=made)
    try:
        yield
    finally:
        iam.detach_user_policy(UserName=_OPERATOR, PolicyArn=made)
        iam.delete_policy(PolicyArn=made)


def refused(yard: Yard, right: str, *arguments: str) -> None:
    """The command ends with an error that names the right and what to do."""
    said: dict[str, Any] = json.loads(yard.run("--json", *arguments, code=5))
    assert said["what"] == f"AWS did not allow {right}"
    assert "beeyard iam-policy" in said["fix"]


@pytest.mark.usefixtures("ends_whole")
def test_a_right_that_is_missing_as_a_node_is_made(running: Running, world: World) -> None:
    yard = running.yard
    change(yard, "workers", count=3)
    with denied(world, "ec2:RunInstances"):
        refused(yard, "ec2:RunInstances", "up", "--yes")
    yard.run("up", "--yes")
    assert "worker-3" in world.instances()


@pytest.mark.usefixtures("ends_in_need_of_nothing")
# Of Terraform, while it looks; of beeyard itself.
@pytest.mark.parametrize("right", ["elasticfilesystem:DescribeMountTargets", "s3:PutObject"])
def test_a_right_that_is_missing(running: Running, world: World, right: str) -> None:
    with denied(world, right):
        refused(running.yard, right, "up", "--yes")
