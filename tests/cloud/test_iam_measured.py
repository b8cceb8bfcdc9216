"""A drill: the rights that a cluster takes, measured by its whole life with real Terraform, of an
operator who has none of them in the beginning. Each step is run again and again; what AWS refused,
and the error named, is granted as `beeyard iam-policy` prints it, until the step comes to its end.
"""

import multiprocessing
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from beeyard.audit import head
from beeyard.audit.entry import Head
from beeyard.cloud import state_locks
from beeyard.cloud.api import Aws
from beeyard.cloud.ecr import ecr_sign_in
from beeyard.errors import BeeyardError, CloudError
from beeyard.secret import Secret
from beeyard.workflows.alone import alone
from beeyard.workflows.cloud import open_cloud
from beeyard.workflows.down import down
from cloud.example import REGION, at
from cloud.iam_life import CHANGED, MANAGER, MEASURED, Life, begun

pytestmark = [pytest.mark.real, pytest.mark.drill, pytest.mark.timeout(3600)]

#: Without these, Terraform's provider goes on, and says nothing of it.
UNNOTICED = {"ec2:DescribeAccountAttributes", "ec2:DescribeNetworkAcls"}
Step = Callable[[Life], object]
Error = dict[str, Any]


@dataclass
class Followed:
    """What an operator went through who had no right but those that errors had named.

    named      each right that was refused, with the error of the step that failed for want of it
    unnoticed  those of `UNNOTICED` that were refused, and other than that nobody noticed
    """

    life: Life
    named: dict[str, Error] = field(default_factory=dict)
    unnoticed: set[str] = field(default_factory=set)

    def run(self, step: Step) -> None:
        """Run a step until it comes to its end."""
        while True:
            refused, error = self._once(step)
            if error is None:
                return
            if not _in_the_way(error):
                self._learn(refused, error)
            elif not self.life.remove_records():
                pytest.fail(f"what is in the way is no record: {error}")

    def _once(self, step: Step) -> tuple[set[str], Error | None]:
        """What was refused meanwhile, and the error that it ended with. In a process of its own, as
        each command is: what one that failed leaves behind is a dead one's."""
        before = len(self.life.refusals())
        here, there = multiprocessing.Pipe(duplex=False)
        fork = multiprocessing.get_context("fork")
        process = fork.Process(target=lambda: there.send(_error_of(step, self.life)))
        process.start()
        there.close()
        error = here.recv()
        process.join()
        refused = self.life.refusals()[before:]
        return {one["right"] for one in refused if one["who"].endswith("user/operator")}, error

    def _learn(self, refused: set[str], error: Error) -> None:
        """Grant what the error names, as its reader would."""
        named = {one for one in refused if _names(error, one)}
        assert named - self.named.keys(), f"no right was refused and named: {error}, {refused}"
        self.named |= dict.fromkeys(named, error)
        self.unnoticed |= (refused & UNNOTICED) - named
        self.life.grant({*self.named, *self.unnoticed})


def _names(error: Error, right: str) -> bool:
    """Whether it is in its words: also where there is another one that begins as it does."""
    return re.search(rf"{right}\b", f"{error['what']}\n{error['why']}") is not None


def _in_the_way(error: Error) -> bool:
    """Whether something was made by a run that was refused after it, before it was in the state: a
    record in DNS whose making may not be waited for (`route53:GetChange`). Its reader removes it.
    """
    return "terraform import" in error["fix"]


def _error_of(step: Step, life: Life) -> Error | None:
    try:
        step(life)
    except BeeyardError as error:
        return error.as_dict()
    return None


def _lived(followed: Followed) -> None:
    """From nothing to nothing."""
    for project in ("elastic_ips", "swarm_cluster", "efs", "database", "dns"):
        followed.run(_applied(project))
    for step in _USED:
        followed.run(step)
    _managers_may_what_their_role_may(followed.life)
    for project in ("elastic_ips", "swarm_cluster"):
        followed.run(_applied(project, **CHANGED))
    followed.run(_replaced)
    _destroyed(followed)


def _applied(project: str, **changes: Any) -> Step:
    """A project made, or changed, as by `up`."""

    def apply(life: Life) -> None:
        cloud = open_cloud(life.cluster(**changes))
        with alone(cloud.cluster, cloud, "up"), cloud.cluster.progress.phase("cloud") as phase:
            cloud.apply(phase, [[project]])

    return apply


def _password(life: Life) -> None:
    life.cluster().aws.set_database_password("shop", Secret("the-real-one"))


def _states(life: Life) -> None:
    cloud = open_cloud(life.cluster())
    states = cloud.cluster.aws.instance_states(cloud.outputs())
    assert set(states.values()) == {"running"}


def _heads(life: Life) -> None:
    cloud = open_cloud(life.cluster())
    aws, bucket = cloud.cluster.aws, cloud.bucket
    head.keep(aws, bucket, "fs-1", Head(1, "x"))
    assert head.kept(aws, bucket, "fs-1") == Head(1, "x")
    # One for each time that this was run.
    assert {*head.all_kept(aws, bucket, "fs-1")} == {Head(1, "x")}


def _locks(life: Life) -> None:
    cloud = open_cloud(life.cluster())
    assert state_locks.free(cloud.cluster.aws, cloud.bucket, None) == ()


def _signed_in(life: Life) -> None:
    assert ecr_sign_in(life.cluster().aws).username == "AWS"


def _planned(life: Life) -> None:
    """An `up` with nothing to do."""
    cloud = open_cloud(life.cluster())
    with cloud.cluster.progress.phase("cloud") as phase:
        plans = cloud.plan(phase)
    assert not any(plan.pending for plan in plans.values()), plans


#: What beeyard asks by itself, and of Terraform, once all is made.
_USED = (_password, _states, _heads, _locks, _signed_in, _planned)


def _replaced(life: Life) -> None:
    cloud = open_cloud(life.cluster(**CHANGED))
    with alone(cloud.cluster, cloud, "node replace"):
        folder = cloud.folders["swarm_cluster"]
        cloud.terraform.plan(folder, only=[MANAGER], replace=MANAGER)
        cloud.terraform.apply(folder)


def _destroyed(followed: Followed) -> None:
    """The last snapshot is kept, until that is purged as well."""
    root = followed.life.root
    followed.run(lambda life: down(life.cluster(), lambda _: None))
    assert root.snapshots("shop")
    assert root.client("s3").list_buckets()["Buckets"]
    followed.run(lambda life: down(life.cluster(), lambda _: None, purge=True))
    assert root.snapshots("shop") == []
    assert root.client("s3").list_buckets()["Buckets"] == []


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


def test_each_right_is_refused_and_named_and_enough(tmp_path: Path) -> None:
    """And no other is asked for: what is in the policy and was not used is told of by documentation
    alone, and marked so."""
    with begun(tmp_path) as life:
        followed = Followed(life)
        _lived(followed)
    assert {*followed.named, *followed.unnoticed} == MEASURED
    for right, error in followed.named.items():
        assert error["exit_code"] == CloudError.exit_code, right
        assert "beeyard iam-policy" in error["fix"], right
    _known_to_readers(followed.unnoticed)


def _known_to_readers(unnoticed: set[str]) -> None:
    said = (Path(__file__).parents[2] / "docs/iam.md").read_text()
    assert unnoticed == UNNOTICED
    assert [right for right in sorted(UNNOTICED) if f"`{right}`" not in said] == []
