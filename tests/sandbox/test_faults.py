"""Ordered bad luck, as AWS's own clients take it from the rehearsal's API."""

import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from beeyard.errors import Refused
from beeyard.sandbox import faults
from beeyard.sandbox.environment import ROOT
from beeyard.sandbox.faults import Fault, fault_of, order, ordered


@pytest.fixture
def endpoint(api: str) -> str:
    return api


def client(endpoint: str, service: str, attempts: int = 1, read_timeout: int = 60) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=ROOT,
        aws_secret_access_key=ROOT,
        config=Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            read_timeout=read_timeout,
        ),
    )


CALLS: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("ec2", "DescribeVpcs", "describe_vpcs", {}, "RequestLimitExceeded"),
    ("rds", "DescribeDBInstances", "describe_db_instances", {}, "Throttling"),
    ("iam", "ListRoles", "list_roles", {}, "Throttling"),
    ("s3", "GET", "list_buckets", {}, "SlowDown"),
    ("elasticfilesystem", "GET", "describe_file_systems", {}, "ThrottlingException"),
    ("route53", "GET", "list_hosted_zones", {}, "Throttling"),
]


@pytest.mark.parametrize(("service", "action", "call", "given", "code"), CALLS)
def test_a_client_understands_what_it_is_told(
    endpoint: str, service: str, action: str, call: str, given: dict[str, Any], code: str
) -> None:
    names = {"elasticfilesystem": "efs"}
    for answer, expected in (("throttle", code), ("fail:AccessDenied", "AccessDenied")):
        order(endpoint, [fault_of(f"{service}:{action}={answer}")])
        aws = client(endpoint, names.get(service, service))
        with pytest.raises(ClientError) as caught:
            getattr(aws, call)(**given)
        assert caught.value.response["Error"]["Code"] == expected
        getattr(aws, call)(**given)
        assert ordered(endpoint) == []


def test_a_client_goes_on_after_being_told_to_wait(endpoint: str) -> None:
    order(endpoint, [fault_of("ec2:DescribeVpcs=throttle*2")])
    assert client(endpoint, "ec2", attempts=3).describe_vpcs()["Vpcs"]
    assert ordered(endpoint) == []


def test_a_connection_is_closed_without_a_word(endpoint: str) -> None:
    order(endpoint, [Fault("ec2", "DescribeVpcs", "drop")])
    with pytest.raises(ConnectionClosedError):
        client(endpoint, "ec2").describe_vpcs()


def test_a_call_hangs_until_its_caller_gives_up(endpoint: str) -> None:
    order(endpoint, [Fault("ec2", "DescribeVpcs", "hang"), Fault("s3", "PUT", "hang")])
    began = time.monotonic()
    with pytest.raises(ReadTimeoutError):
        client(endpoint, "ec2", read_timeout=1).describe_vpcs()
    with pytest.raises(ReadTimeoutError):
        client(endpoint, "s3", read_timeout=1).put_object(Bucket="b", Key="k", Body=b"text")
    assert 2 <= time.monotonic() - began < 30
    assert ordered(endpoint) == []


def test_a_caller_who_never_gives_up_is_hung_up_on(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "SILENCE", 0.5)
    order(endpoint, [Fault("ec2", "DescribeVpcs", "hang")])
    began = time.monotonic()
    with pytest.raises(ConnectionClosedError):
        client(endpoint, "ec2").describe_vpcs()
    assert time.monotonic() - began >= 0.5


def test_other_calls_do_not_meet_it(endpoint: str) -> None:
    order(endpoint, [Fault("ec2", "RunInstances", "fail")])
    client(endpoint, "ec2").describe_vpcs()
    assert ordered(endpoint) == [Fault("ec2", "RunInstances", "fail")]
    order(endpoint, [])
    assert ordered(endpoint) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ec2:RunInstances=throttle*5", Fault("ec2", "RunInstances", "throttle", 5)),
        ("s3:PUT=drop", Fault("s3", "PUT", "drop")),
        ("s3:PUT=hang", Fault("s3", "PUT", "hang")),
        ("rds:X=fail:Nope*2", Fault("rds", "X", "fail", 2, "Nope")),
    ],
)
def test_what_a_fault_is_called(text: str, fault: Fault) -> None:
    assert fault_of(text) == fault


@pytest.mark.parametrize("text", ["", "ec2", "ec2:X", "ec2:X=burn", "ec2:X=fail*many", ":X=fail"])
def test_what_is_no_fault(text: str) -> None:
    with pytest.raises(Refused, match="is no fault"):
        fault_of(text)
