"""The rights that a cluster takes, measured: its whole life with real Terraform, before an AWS API
that allows exactly what `beeyard iam-policy` prints, and that tells of each right what it would
have said without it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.parsers
import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session

from beeyard.audit import head
from beeyard.audit.entry import Head
from beeyard.cloud import state_bucket, state_locks
from beeyard.cloud.api import Aws, in_words
from beeyard.cloud.ecr import ecr_sign_in
from beeyard.cloud.iam_policy import documents, statements
from beeyard.cloud.target import Target
from beeyard.errors import BeeyardError, CloudError
from beeyard.process import LocalRunner
from beeyard.sandbox import environment, provider_mirror
from beeyard.secret import Secret
from beeyard.waiting import SystemClock
from beeyard.workflows import Cluster, Phase, Progress
from beeyard.workflows.alone import alone
from beeyard.workflows.cloud import Cloud, open_cloud
from cloud.example import REGION, at, spec

#: Minutes of Terraform: once, by one process, and not among the quick ones.
pytestmark = [pytest.mark.real, pytest.mark.slow(2)]

HERE = Path(__file__).parent
DATABASE = {"deletion_protection": False, "engine": "mariadb", "version": "10.11"}
SECTIONS: dict[str, Any] = {
    "zones": [f"{REGION}a", f"{REGION}b"],
    "managers": {"count": 1},
    "workers": {"count": 1, "egress": "nat"},
    "database": DATABASE,
    "dns": {"zone": "example.com"},
    # moto has no AWS Backup here; the managers still put backups by the schedule.
    "backups": {"aws_backup_days": 0},
    "infrastructure": ["ci"],
    "registry": {
        "kind": "external",
        "host": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team",
    },
}
RIGHTS = {right.action: right for one in statements(spec(**SECTIONS)) for right in one.rights}
#: Those that were seen in use, in one statement or another.
MEASURED = {
    right.action
    for one in statements(spec(**SECTIONS))
    for right in one.rights
    if not right.documented
}


@dataclass(frozen=True)
class Life:
    """An API before which a cluster of `SECTIONS` lives, its files, and what refused it."""

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

    def grant(self, *but: str) -> None:
        """Give the operator what the policy says, but for some of it."""
        iam = self.root.client("iam")
        for number, policy in enumerate(documents(spec(**SECTIONS))):
            for one in policy["Statement"]:
                one["Action"] = [action for action in one["Action"] if action not in but]
            left = [one for one in policy["Statement"] if one["Action"]]
            text = json.dumps({**policy, "Statement": left})
            iam.put_user_policy(
                UserName=environment.OPERATOR, PolicyName=f"beeyard-{number}", PolicyDocument=text
            )

    def _target(self, key: str) -> Target:
        return at(
            self.endpoint,
            provider_mirror=provider_mirror.find(),
            environment=environment.variables(self.folder, REGION, key),
        )


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp("iam")
    argv = [sys.executable, str(HERE.parent / "terraform/iam_server.py"), str(folder)]
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


@pytest.fixture(scope="module")
def refusals(life: Life) -> dict[str, dict[str, Any]]:
    """What IAM would have said of each right without it, after a whole life."""
    life.grant()
    _live(life)
    lines = (life.folder / "refusals.jsonl").read_text().splitlines()
    return {line["action"]: line for line in map(json.loads, lines)}


def _live(life: Life) -> None:
    with Progress(lambda _: None).phase("all") as phase:
        cloud = open_cloud(life.cluster())
        state_bucket.ensure(cloud.cluster.aws, cloud.bucket)
        with alone(cloud.cluster, cloud, "up"):
            _made_in_spite_of_refusals(life, cloud, phase)
        _used(cloud, phase)
        _managers_may_what_their_role_may(life)
        _changed(life, phase)
        _taken_away(life, phase)


def _made_in_spite_of_refusals(life: Life, cloud: Cloud, phase: Phase) -> None:
    """Each project is first refused the making of something; then allowed, it goes on."""
    for wave, rights in zip(cloud.waves, _REFUSED, strict=True):
        life.grant(*rights)
        with ThreadPoolExecutor() as pool:
            said = list(pool.map(lambda one: _refusal_of(cloud, phase, one), wave))
        assert [error.what for error in said] == [f"AWS did not allow {one}" for one in rights]
        assert all("beeyard iam-policy" in str(error.fix) for error in said)
        life.grant()
        cloud.apply(phase, [wave])


#: A right of each project, wave by wave.
_REFUSED = (
    ("ec2:AllocateAddress",),
    ("ec2:CreateVpc",),
    ("elasticfilesystem:CreateFileSystem", "rds:CreateDBSubnetGroup", "route53:ListHostedZones"),
)


def _refusal_of(cloud: Cloud, phase: Phase, project: str) -> BeeyardError:
    with pytest.raises(CloudError) as caught:
        cloud.apply(phase, [[project]])
    return caught.value


def _used(cloud: Cloud, phase: Phase) -> None:
    """What beeyard asks by itself, and an `up` with nothing to do."""
    aws, bucket = cloud.cluster.aws, cloud.bucket
    aws.set_database_password("shop", Secret("the-real-one"))
    assert set(aws.instance_states(cloud.outputs()).values()) == {"running"}
    head.keep(aws, bucket, "fs-1", Head(1, "x"))
    assert head.kept(aws, bucket, "fs-1") == Head(1, "x")
    assert head.all_kept(aws, bucket, "fs-1") == [Head(1, "x")]
    assert state_locks.free(aws, bucket, None) == ()
    assert ecr_sign_in(aws).username == "AWS"
    plans = cloud.plan(phase)
    assert not any(plan.pending for plan in plans.values()), plans


def _managers_may_what_their_role_may(life: Life) -> None:
    """Images in ECR, and nothing else."""
    roles = life.root.client("iam").list_roles()["Roles"]
    (arn,) = (one["Arn"] for one in roles if one["RoleName"].startswith("shop-manager-"))
    lent = life.root.client("sts").assume_role(RoleArn=arn, RoleSessionName="i-1")["Credentials"]
    variables = {
        "AWS_ACCESS_KEY_ID": lent["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": lent["SecretAccessKey"],
        "AWS_SESSION_TOKEN": lent["SessionToken"],
    }
    manager = Aws(at(life.endpoint, environment=variables), REGION)
    assert ecr_sign_in(manager).username == "AWS"
    with pytest.raises(CloudError) as caught:
        manager.snapshots("shop")
    assert caught.value.what == "AWS did not allow rds:DescribeDBSnapshots"


def _changed(life: Life, phase: Phase) -> None:
    """Another type and larger volumes, a worker more, other networks for SSH, no ECR any more."""
    cloud = open_cloud(
        life.cluster(
            workers={"count": 2, "egress": "nat", "type": "t3.medium"},
            ssh={"allowed_cidrs": ["198.51.100.0/24"]},
            image={"root_volume_gib": 40},
            infrastructure=[],
            backups={"times": [], "aws_backup_days": 0},
        )
    )
    cloud.lay_out()
    cloud.apply(phase, cloud.waves[:2])
    folder = cloud.folders["swarm_cluster"]
    node = 'module.swarm_cluster.aws_instance.node["manager-1"]'
    cloud.terraform.plan(folder, only=[node], replace=node)
    cloud.terraform.apply(folder)


def _taken_away(life: Life, phase: Phase) -> None:
    cloud = open_cloud(life.cluster())
    cloud.lay_out()
    aws = cloud.cluster.aws
    cloud.destroy(phase, final_snapshot=True)
    (snapshot,) = aws.snapshots("shop")
    aws.delete_snapshot(snapshot)
    state_bucket.remove(aws, cloud.bucket)


def test_the_policy_is_enough_and_no_more_than_was_used(
    refusals: dict[str, dict[str, Any]],
) -> None:
    """What is in it and was not used is told of by documentation alone, and marked so."""
    assert set(refusals) - {"sts:GetCallerIdentity"} == MEASURED


@pytest.mark.parametrize("action", sorted(MEASURED))
def test_without_one_right_its_step_fails(refusals: dict[str, dict[str, Any]], action: str) -> None:
    """And the error names it."""
    line = refusals[action]
    assert line["refused"] == action
    error = ClientError(_parsed(line), line["operation"])
    with pytest.raises(CloudError) as caught, in_words():
        raise error
    assert caught.value.what == f"AWS did not allow {action}"
    assert "beeyard iam-policy" in str(caught.value.fix)


def _parsed(line: dict[str, Any]) -> dict[str, Any]:
    """An answer of the API, as boto3 reads it."""
    service = {"elasticfilesystem": "efs"}.get(line["service"], line["service"])
    model = get_session().get_service_model(service)
    parser: Any = botocore.parsers.create_parser(model.protocol)
    operation = model.operation_model(line["operation"])
    answer = {
        "status_code": line["status"],
        "headers": {key.lower(): value for key, value in line["headers"].items()},
        "body": line["body"].encode(),
    }
    parsed: dict[str, Any] = parser.parse(answer, operation.output_shape)
    return parsed
