"""The life of a cluster with everything, with real Terraform, before an AWS API that lets the
operator do exactly what was granted. Sources of its rights: `beeyard iam-policy`."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beeyard.cloud.api import Aws
from beeyard.cloud.iam_policy import documents, statements
from beeyard.cloud.target import Target
from beeyard.process import LocalRunner
from beeyard.sandbox import environment, provider_mirror
from beeyard.waiting import SystemClock
from beeyard.workflows import Cluster, Progress
from cloud.example import REGION, at, spec

_SERVER = Path(__file__).parents[1] / "terraform/iam_server.py"
_DATABASE = {"deletion_protection": False, "engine": "mariadb", "version": "10.11"}
SECTIONS: dict[str, Any] = {
    "zones": [f"{REGION}a", f"{REGION}b"],
    "managers": {"count": 1},
    "workers": {"count": 1, "egress": "nat"},
    "database": _DATABASE,
    "dns": {"zone": "example.com"},
    # moto has no AWS Backup here; the managers still put backups by the schedule.
    "backups": {"aws_backup_days": 0},
    "infrastructure": ["ci"],
    "registry": {
        "kind": "external",
        "host": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team",
    },
}
#: Another type and larger volumes, a worker more, other networks for SSH, no ECR any more.
CHANGED: dict[str, Any] = {
    "workers": {"count": 2, "egress": "nat", "type": "t3.medium"},
    "ssh": {"allowed_cidrs": ["198.51.100.0/24"]},
    "image": {"root_volume_gib": 40},
    "infrastructure": [],
    "backups": {"times": [], "aws_backup_days": 0},
}
MANAGER = 'module.swarm_cluster.aws_instance.node["manager-1"]'
#: All rights of the policy, and those that were seen in use, in one statement or another.
RIGHTS = {right.action for one in statements(spec(**SECTIONS)) for right in one.rights}
MEASURED = {
    right.action
    for one in statements(spec(**SECTIONS))
    for right in one.rights
    if not right.documented
}


@dataclass(frozen=True)
class Life:
    """An API before which a cluster of `SECTIONS` lives, and its files."""

    endpoint: str
    folder: Path

    def cluster(self, **changes: Any) -> Cluster:
        return Cluster(
            spec=spec(**{**SECTIONS, **changes}),
            base=self.folder,
            target=self._target(environment.OPERATOR),
            folder=self.folder / "state",
            sockets=self.folder / "sockets",
            runner=LocalRunner(),
            clock=SystemClock(),
            progress=Progress(lambda _: None),
        )

    @property
    def root(self) -> Aws:
        """The account itself, which may do all."""
        return Aws(self._target(environment.ROOT), REGION)

    def grant(self, rights: Collection[str] = RIGHTS) -> None:
        """Give the operator what the policy says of these rights, and nothing else."""
        iam = self.root.client("iam")
        for number, policy in enumerate(documents(spec(**SECTIONS))):
            for one in policy["Statement"]:
                one["Action"] = [action for action in one["Action"] if action in rights]
            left = [one for one in policy["Statement"] if one["Action"]]
            name = {"UserName": environment.OPERATOR, "PolicyName": f"beeyard-{number}"}
            if left:
                text = json.dumps({**policy, "Statement": left})
                iam.put_user_policy(**name, PolicyDocument=text)

    def refusals(self) -> list[dict[str, Any]]:
        """What was refused so far: the right, the call, and who made it."""
        lines = (self.folder / "refusals.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def remove_records(self) -> int:
        """Take the names away, as their owner; gives how many there were."""
        route53 = self.root.client("route53")
        (zone,) = route53.list_hosted_zones()["HostedZones"]
        found = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        changes = [
            {"Action": "DELETE", "ResourceRecordSet": one} for one in found if one["Type"] == "A"
        ]
        if changes:
            route53.change_resource_record_sets(
                HostedZoneId=zone["Id"], ChangeBatch={"Changes": changes}
            )
        return len(changes)

    def _target(self, key: str) -> Target:
        return at(
            self.endpoint,
            provider_mirror=provider_mirror.find(),
            environment=environment.variables(self.folder, REGION, key),
        )


@contextmanager
def begun(folder: Path) -> Iterator[Life]:
    """The API of a life, with a zone for its names, until the end of the block."""
    argv = [sys.executable, str(_SERVER), str(folder)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(argv, stderr=log, text=True, **pipes)
    assert server.stdout is not None
    made = Life(server.stdout.readline().strip(), folder)
    made.root.client("route53").create_hosted_zone(Name="example.com", CallerReference="x")
    try:
        yield made
    finally:
        server.communicate("", timeout=30)
