"""What moto's memory holds of what IAM asks about: who has which policies, and what is whose.

moto reads its settings when it is first imported, so it is not before somebody asks.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from beeyard.sandbox.api_call import ApiCall
from beeyard.sandbox.environment import OPERATOR
from beeyard.sandbox.iam_question import Known, Tags

Document = Mapping[str, Any]


def make_operator(region: str) -> None:
    """The user of IAM whose keys the stages are given: without any right yet."""
    backend = _iam(region)
    backend.create_user(region, OPERATOR)
    key = backend.create_access_key(OPERATOR)
    key.access_key_id = key.secret_access_key = OPERATOR


def principal(call: ApiCall) -> tuple[str, list[Document]] | None:
    """Whose key it is, and their policies: a user's, or a role's that STS has lent. None if it is
    nobody's."""
    from moto.iam.access_control import (  # noqa: PLC0415
        CreateAccessKeyFailure,
        IAMPolicy,
        create_access_key,
    )

    headers = {"X-Amz-Security-Token": call.token} if call.token else {}
    try:
        key = create_access_key(_account(), _partition(call.region), call.key, headers)
    except CreateAccessKeyFailure:
        return None
    policies = [IAMPolicy(one)._policy_json for one in key.collect_policies()]  # noqa: SLF001
    return str(key.arn), policies


def known(call: ApiCall) -> Known:
    """What there is, in the call's region."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415
    from moto.efs.models import efs_backends  # noqa: PLC0415

    role = partial(_role_of, call.region)
    if call.service == "ec2":
        ec2 = ec2_backends[_account()][call.region]
        return Known(_account(), partial(_tags_in_ec2, ec2), partial(_whole_in_ec2, ec2), role)
    if call.service == "elasticfilesystem":
        efs = efs_backends[_account()][call.region]
        tags = efs.tagging_service.get_tag_dict_for_resource
        return Known(_account(), tags, partial(_whole_in_efs, efs), role)
    return Known(_account(), role=role)


def _tags_in_ec2(ec2: Any, identity: str) -> Tags:
    key = ec2.key_pairs.get(identity)
    return dict(ec2.tags.get(key.id if key else identity, {}))


def _whole_in_ec2(ec2: Any, identity: str) -> str:
    """The address, or the route table, that an association is of."""
    kind = identity.partition("-")[0]
    if kind == "eipassoc":
        found = (one.allocation_id for one in ec2.addresses if one.association_id == identity)
        return str(next(found, identity))
    if kind == "rtbassoc":
        tables = ec2.route_tables.values()
        found = (one.id for one in tables if identity in one.all_associations_ids)
        return str(next(found, identity))
    return identity


def _whole_in_efs(efs: Any, identity: str) -> str:
    """The file system that a mount target is of."""
    target = efs.mount_targets_by_id.get(identity)
    return str(target.file_system_id) if target else identity.rpartition("/")[2]


def _role_of(region: str, profile: str) -> str:
    """The name of the role that an instance profile holds."""
    found = (
        one.roles[0].name
        for one in _iam(region).get_instance_profiles()
        if one.name == profile and one.roles
    )
    return str(next(found, profile))


def _iam(region: str) -> Any:
    from moto.iam.models import iam_backends  # noqa: PLC0415

    return iam_backends[_account()][_partition(region)]


def _account() -> str:
    from moto.core.models import DEFAULT_ACCOUNT_ID  # noqa: PLC0415

    return str(DEFAULT_ACCOUNT_ID)


def _partition(region: str) -> str:
    from moto.utilities.utils import get_partition  # noqa: PLC0415

    return str(get_partition(region))
