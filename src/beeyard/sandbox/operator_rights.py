"""The operator of a rehearsal: a user of IAM, with the rights that the cluster's policy grants."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from beeyard.cloud.api import Aws, in_words
from beeyard.cloud.target import Target
from beeyard.sandbox.environment import OPERATOR, ROOT, variables

#: For whoever rehearses AWS by itself, without a cluster's policy.
EVERYTHING: tuple[Mapping[str, Any], ...] = (
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}],
    },
)
_NAME = "beeyard-{number}"


def grant(target: Target, region: str, folder: Path, policies: Sequence[Mapping[str, Any]]) -> None:
    """Give the operator these policies, and no others. Done by the account's root.

    Before a running rehearsal as well: the cluster's file may take other rights than before.
    """
    root = replace(target, environment=variables(folder, region, ROOT))
    iam = Aws(root, region).client("iam")
    with in_words():
        held = set(iam.list_user_policies(UserName=OPERATOR)["PolicyNames"])
        for number, policy in enumerate(policies, 1):
            name = _NAME.format(number=number)
            held.discard(name)
            iam.put_user_policy(
                UserName=OPERATOR, PolicyName=name, PolicyDocument=json.dumps(policy)
            )
        for name in sorted(held):
            iam.delete_user_policy(UserName=OPERATOR, PolicyName=name)
