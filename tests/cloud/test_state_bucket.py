"""The bucket that holds Terraform's state, in a real S3 API."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from pydantic import ValidationError

from beeyard.cloud import state_bucket
from beeyard.cloud.api import Account, Aws
from beeyard.errors import CloudError
from cloud.example import at, spec
from cloud.moto import Moto

PROJECTS = ("elastic_ips", "efs")
EMPTY = {"version": 4, "serial": 3, "outputs": {}, "resources": []}
FULL = EMPTY | {"resources": [{"type": "aws_eip", "name": "manager", "instances": [{}]}]}


def put(aws: Aws, key: str, content: object) -> None:
    aws.client("s3").put_object(Bucket="state", Key=key, Body=json.dumps(content).encode())


def test_one_name_for_each_cluster_account_and_region() -> None:
    account = Account("123456789012", "arn:aws:iam::123456789012:user/ops")
    assert state_bucket.name("shop", account, "eu-west-1") == "beeyard-shop-123456789012-eu-west-1"


@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-1", "us-gov-west-1"])
def test_the_longest_name_that_a_cluster_may_have_fits(region: str) -> None:
    """What `config` takes makes a bucket's name of 63 characters at most, which S3 takes."""
    taken = [length for length in range(2, 41) if _loads("a" * length, region)]
    account = Account("123456789012", "arn:aws:iam::123456789012:user/ops")
    longest = len(state_bucket.name("a" * taken[-1], account, region))
    assert longest == min(63, len(state_bucket.name("a" * 31, account, region)))


def _loads(name: str, region: str) -> bool:
    try:
        spec(name=name, region=region)
    except ValidationError:
        return False
    return True


def test_it_is_versioned_encrypted_and_private(aws: Aws) -> None:
    assert state_bucket.ensure(aws, "state") is True

    s3 = aws.client("s3")
    assert s3.get_bucket_versioning(Bucket="state")["Status"] == "Enabled"
    rules = s3.get_bucket_encryption(Bucket="state")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    access = s3.get_public_access_block(Bucket="state")["PublicAccessBlockConfiguration"]
    assert access == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    assert s3.get_bucket_location(Bucket="state")["LocationConstraint"] == "eu-central-1"


def test_it_is_made_once_and_keeps_what_is_in_it(aws: Aws) -> None:
    state_bucket.ensure(aws, "state")
    put(aws, "efs/terraform.tfstate", FULL)

    assert state_bucket.ensure(aws, "state") is False

    assert tuple(state_bucket.outputs(aws, "state", PROJECTS)) == ("efs",)


def test_one_that_was_cut_short_is_made_whole(aws: Aws) -> None:
    place = {"LocationConstraint": "eu-central-1"}
    aws.client("s3").create_bucket(Bucket="state", CreateBucketConfiguration=place)

    assert state_bucket.ensure(aws, "state") is False

    assert aws.client("s3").get_bucket_versioning(Bucket="state")["Status"] == "Enabled"


def test_in_the_one_region_that_must_not_be_named(moto: Moto) -> None:
    aws = Aws(at(moto.endpoint), "us-east-1")
    assert state_bucket.ensure(aws, "state") is True
    assert aws.client("s3").get_bucket_location(Bucket="state")["LocationConstraint"] is None


def test_whether_it_is_there(aws: Aws) -> None:
    assert not state_bucket.exists(aws, "state")
    state_bucket.ensure(aws, "state")
    assert state_bucket.exists(aws, "state")


def test_projects_in_the_order_asked_for_and_no_locks_among_them(aws: Aws) -> None:
    state_bucket.ensure(aws, "state")
    for project in ("efs", "elastic_ips", "other"):
        put(aws, f"{project}/terraform.tfstate", FULL)
    put(aws, "swarm_cluster/terraform.tfstate.tflock", {"ID": "1"})

    found = tuple(state_bucket.outputs(aws, "state", (*PROJECTS, "swarm_cluster")))

    assert found == PROJECTS


def test_a_state_of_nothing_is_what_a_destroy_leaves(aws: Aws) -> None:
    state_bucket.ensure(aws, "state")
    put(aws, "elastic_ips/terraform.tfstate", EMPTY)
    put(aws, "efs/terraform.tfstate", EMPTY | {"outputs": {"id": {"value": "x"}}})

    assert state_bucket.outputs(aws, "state", PROJECTS) == {"efs": {"id": "x"}}


def test_it_goes_with_all_versions_of_all_that_is_in_it(aws: Aws) -> None:
    state_bucket.ensure(aws, "state")
    for serial in range(3):
        put(aws, "efs/terraform.tfstate", FULL | {"serial": serial})
    put(aws, "elastic_ips/terraform.tfstate", FULL)
    s3 = aws.client("s3")
    s3.delete_object(Bucket="state", Key="elastic_ips/terraform.tfstate")
    held = s3.list_object_versions(Bucket="state")
    assert (len(held["Versions"]), len(held["DeleteMarkers"])) == (4, 1)

    state_bucket.remove(aws, "state")

    assert not state_bucket.exists(aws, "state")


def test_one_of_another_account_is_not_touched(aws: Aws, moto: Moto) -> None:
    """Names are global in S3: somebody else may have taken ours."""
    _refuse_heads(aws)
    with pytest.raises(CloudError) as caught:
        state_bucket.ensure(aws, "state")
    error = caught.value
    assert error.what == "the state bucket `state` can't be used"
    assert error.why == "it belongs to another account, or you lack the right s3:ListBucket"
    assert str(error.fix).startswith("sign in to the account that made this cluster; or")
    others = Aws(replace(aws.target), aws.region)
    assert not state_bucket.exists(others, "state")


def _refuse_heads(aws: Aws) -> None:
    """Answer HeadBucket as S3 does for a bucket of another account: 403, without a body."""

    class Raw:
        def stream(self, *_: Any, **__: Any) -> Any:
            return iter(())

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        return AWSResponse(request.url, 403, {}, Raw()) if request.method == "HEAD" else None

    aws._session.events.register("before-send.s3.HeadBucket", answer)
