"""Who is let through to the rehearsal's API without a name, and who is not."""

from typing import Any

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from beeyard.sandbox.environment import OPERATOR, ROOT
from beeyard.sandbox.faults import ordered
from beeyard.sandbox.iam_facts import make_operator

REGION = "eu-central-1"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MAKE_VPC = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.9.0.0%2F16"


@pytest.fixture(scope="module")
def endpoint(api: str) -> str:
    make_operator(REGION)
    client(api, "s3").create_bucket(
        Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return api


def client(endpoint: str, service: str, region: str = REGION, **config: Any) -> Any:
    """The account's root's, unless `config` has it sign nothing."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=ROOT,
        aws_secret_access_key=ROOT,
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, **config),
    )


def vpcs(endpoint: str) -> int:
    return len(client(endpoint, "ec2").describe_vpcs()["Vpcs"])


@pytest.mark.parametrize(
    ("service", "call", "given", "code"),
    [
        ("ec2", "create_vpc", {"CidrBlock": "10.9.0.0/16"}, "AccessDenied"),
        ("iam", "create_user", {"UserName": "nobody"}, "AccessDenied"),
        ("rds", "describe_db_instances", {}, "AccessDenied"),
        ("sts", "get_caller_identity", {}, "AccessDenied"),
        ("route53", "list_hosted_zones", {}, "AccessDenied"),
        ("s3", "list_buckets", {}, "AccessDenied"),
        ("s3", "put_object", {"Bucket": "states", "Key": "a", "Body": b"a"}, "AccessDenied"),
        # No signature, no service: that its answers are in JSON is not known.
        ("efs", "describe_file_systems", {}, "403"),
    ],
)
def test_what_nobody_signed_is_refused(
    endpoint: str, service: str, call: str, given: dict[str, Any], code: str
) -> None:
    """In words that a client understands."""
    before = vpcs(endpoint)
    aws = client(endpoint, service, signature_version=UNSIGNED)
    with pytest.raises(ClientError) as caught:
        getattr(aws, call)(**given)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert caught.value.response["Error"]["Code"] == code
    assert vpcs(endpoint) == before


@pytest.mark.parametrize(
    "scope",
    [
        f"{OPERATOR}/2026/{REGION}/ec2/aws4_request",
        f"{OPERATOR}/20260101/{REGION}/ec2/aws4",
        f"{OPERATOR}/20260101//ec2/aws4_request",
        f"/20260101/{REGION}/ec2/aws4_request",
    ],
)
@pytest.mark.parametrize("query", ["", "?X-Amz-Credential=a&X-Amz-Signature=b"])
def test_a_scope_that_cannot_be_read_is_refused(endpoint: str, scope: str, query: str) -> None:
    """moto would take it, and so would whoever adds to the query what presigned URLs have."""
    before = vpcs(endpoint)
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host"}
    answer = httpx.post(f"{endpoint}/{query}", content=MAKE_VPC, headers=FORM | signed)
    assert answer.status_code == 403
    assert "<Response><Errors><Error><Code>UnauthorizedOperation</Code>" in answer.text
    assert vpcs(endpoint) == before


def test_a_head_that_nobody_signed_has_no_words(endpoint: str) -> None:
    answer = httpx.head(f"{endpoint}/states")
    assert (answer.status_code, answer.content) == (403, b"")


@pytest.mark.parametrize("region", [REGION, "us-east-1"])
def test_a_presigned_url_is_let_through(endpoint: str, region: str) -> None:
    """By either of the signatures that boto3 makes, by the region."""
    s3 = client(endpoint, "s3", region)
    place = {"Bucket": "states", "Key": f"backups/{region}"}
    put = s3.generate_presigned_url("put_object", Params=place)
    assert httpx.put(put, content=b"data").is_success
    assert httpx.get(s3.generate_presigned_url("get_object", Params=place)).content == b"data"


def test_motos_page_answers_and_nothing_below_it(endpoint: str) -> None:
    """`readiness` asks for it; below it moto can be told to forget everything."""
    assert httpx.get(f"{endpoint}/moto-api/").is_success
    assert httpx.post(f"{endpoint}/moto-api/reset").status_code == 403
    assert "states" in [one["Name"] for one in client(endpoint, "s3").list_buckets()["Buckets"]]


def test_orders_for_bad_luck_are_taken(endpoint: str) -> None:
    assert ordered(endpoint) == []
