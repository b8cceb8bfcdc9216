"""IAM's logic, and what it is asked of a call. That it holds a cluster: `test_iam_measured`."""

import io
from collections.abc import Mapping
from typing import Any

import pytest

from beeyard.sandbox.api_call import ApiCall, read_call
from beeyard.sandbox.iam import ANY, Asked, allows
from beeyard.sandbox.iam_asked import asked_of
from beeyard.sandbox.iam_question import Known

ARN = "arn:aws:ec2:eu-central-1:1:vpc/vpc-1"
OURS = {"aws:ResourceTag/beeyard:cluster": ("shop",)}


def policy(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": ["ec2:DeleteVpc"], "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement | more]}


def asked(**context: tuple[str, ...]) -> Asked:
    return Asked("ec2:DeleteVpc", ARN, context)


class TestLogic:
    def test_nothing_is_allowed_by_itself(self) -> None:
        assert not allows([], asked())
        assert not allows([policy(Action="ec2:DeleteSubnet")], asked())

    @pytest.mark.parametrize("action", ["ec2:DeleteVpc", "ec2:Delete*", "EC2:deletevpc", "*"])
    def test_actions(self, action: str) -> None:
        assert allows([policy(Action=action)], asked())

    @pytest.mark.parametrize(
        ("resource", "allowed"),
        [("arn:aws:ec2:*:*:vpc/*", True), ("arn:aws:ec2:*:*:VPC/*", False), (f"{ARN}?", False)],
    )
    def test_resources(self, resource: str, *, allowed: bool) -> None:
        assert allows([policy(Resource=[resource])], asked()) is allowed

    def test_a_resource_that_nobody_knows(self) -> None:
        """The right alone decides."""
        assert allows([policy(Resource=["arn:aws:ec2:*:*:subnet/*"])], Asked("ec2:DeleteVpc", ANY))
        assert not allows([policy()], Asked("ec2:DeleteSubnet", ANY))

    def test_a_refusal_goes_before_all(self) -> None:
        assert not allows([policy(), policy("Deny")], asked())

    @pytest.mark.parametrize(
        ("condition", "allowed"),
        [
            ({"StringEquals": {"aws:resourcetag/beeyard:cluster": "shop"}}, True),
            ({"StringEquals": {"aws:ResourceTag/beeyard:cluster": "other"}}, False),
            ({"StringEquals": {"aws:RequestTag/beeyard:cluster": "shop"}}, False),
            ({"StringLike": {"aws:ResourceTag/beeyard:cluster": "sh*"}}, True),
            ({"StringLike": {"ec2:CreateAction": "*"}}, False),
            ({"ForAllValues:StringEquals": {"route53:names": ["a"]}}, True),
        ],
    )
    def test_conditions(self, condition: dict[str, Any], *, allowed: bool) -> None:
        assert allows([policy(Condition=condition)], Asked("ec2:DeleteVpc", ARN, OURS)) is allowed

    @pytest.mark.parametrize("operator", ["ArnEquals", "ArnLike"])
    @pytest.mark.parametrize(
        ("wanted", "allowed"),
        [
            ("arn:aws:iam::aws:policy/service-role/One", True),
            ("arn:aws:iam::aws:policy/service-role/*", True),
            ("arn:aws:iam::aws:policy/service-role/one", False),
            ("arn:aws:iam::*:policy/service-role/On?", True),
            ("arn:aws:iam::1:policy/service-role/One", False),
            # Each part by itself.
            ("arn:aws:*:policy/service-role/One", False),
            ("*", False),
        ],
    )
    def test_conditions_on_an_arn(self, operator: str, wanted: str, *, allowed: bool) -> None:
        condition = {operator: {"iam:PolicyArn": [wanted]}}
        given = {"iam:PolicyARN": ("arn:aws:iam::aws:policy/service-role/One",)}
        ask = Asked("ec2:DeleteVpc", ARN, given)
        assert allows([policy(Condition=condition)], ask) is allowed

    def test_a_condition_that_is_not_known_is_not_guessed(self) -> None:
        with pytest.raises(ValueError, match="StringNotLike can't be rehearsed"):
            allows([policy(Condition={"StringNotLike": {"a": "b"}})], asked())


def asks(service: str, operation: str, parameters: Mapping[str, Any], **known: Any) -> set[str]:
    call = ApiCall("operator", "", "eu-central-1", service, operation, parameters)
    found = asked_of(call, Known("1", **known))
    return {f"{one.action} {one.resource.partition(':eu-central-1:1:')[2]}" for one in found}


class TestAsked:
    def test_what_is_made_is_tagged_and_what_it_is_made_in_is_asked_for(self) -> None:
        tags = [{"Key": "beeyard:cluster", "Value": "shop"}]
        parameters = {
            "VpcId": "vpc-0123456789abcdef0",
            "TagSpecifications": [{"ResourceType": "subnet", "Tags": tags}],
        }
        assert asks("ec2", "CreateSubnet", parameters) == {
            "ec2:CreateSubnet subnet/*",
            "ec2:CreateTags subnet/*",
            "ec2:CreateSubnet vpc/vpc-0123456789abcdef0",
        }

    def test_an_association_is_that_of_an_address(self) -> None:
        found = asks(
            *("ec2", "DisassociateAddress", {"AssociationId": "eipassoc-0123456789abcdef0"}),
            whole=lambda _: "eipalloc-1",
        )
        assert found == {"ec2:DisassociateAddress elastic-ip/eipalloc-1"}

    def test_what_is_read_of_one_thing(self) -> None:
        """The log of an instance is asked for by its tags; a list is one of everything."""
        identity = "i-0123456789abcdef0"
        parameters = {"InstanceId": identity}
        call = ApiCall("operator", "", "eu-central-1", "ec2", "GetConsoleOutput", parameters)
        (one,) = asked_of(
            call, Known("1", tags={identity: {"beeyard:cluster": "shop"}}.__getitem__)
        )
        assert one.resource == f"arn:aws:ec2:eu-central-1:1:instance/{identity}"
        assert one.context == OURS
        assert asks("ec2", "DescribeInstances", {"InstanceIds": [identity]}) == {
            "ec2:DescribeInstances "
        }

    def test_an_instance_is_given_its_role(self) -> None:
        profile = {"IamInstanceProfile": {"Name": "profile"}}
        call = ApiCall("operator", "", "eu-central-1", "ec2", "RunInstances", profile)
        found = asked_of(call, Known("1", role=lambda name: f"role-of-{name}"))
        (passed,) = (one for one in found if one.action == "iam:PassRole")
        assert passed.resource == "arn:aws:iam::1:role/role-of-profile"
        assert passed.context == {"iam:PassedToService": ("ec2.amazonaws.com",)}

    @pytest.mark.parametrize("operation", ["AttachRolePolicy", "DetachRolePolicy"])
    def test_a_role_is_given_a_policy(self, operation: str) -> None:
        parameters = {"RoleName": "shop-backup-1", "PolicyArn": "arn:aws:iam::aws:policy/One"}
        call = ApiCall("operator", "", "eu-central-1", "iam", operation, parameters)
        (one,) = asked_of(call, Known("1"))
        assert one.resource == "arn:aws:iam::1:role/shop-backup-1"
        assert one.context == {"iam:PolicyARN": ("arn:aws:iam::aws:policy/One",)}

    def test_a_mount_target_takes_an_interface_as_well(self) -> None:
        found = asks("elasticfilesystem", "CreateMountTarget", {"FileSystemId": "fs-1"})
        assert "elasticfilesystem:CreateMountTarget file-system/fs-1" in found
        assert "ec2:CreateNetworkInterface network-interface/*" in found

    def test_a_last_snapshot_is_made(self) -> None:
        parameters = {"DBInstanceIdentifier": "shop", "FinalDBSnapshotIdentifier": "shop-final"}
        assert asks("rds", "DeleteDBInstance", parameters) == {
            "rds:DeleteDBInstance db:shop",
            "rds:CreateDBSnapshot snapshot:shop-final",
            "rds:AddTagsToResource snapshot:shop-final",
        }

    def test_the_names_of_records(self) -> None:
        record = {"Name": "*.Shop.example.com.", "Type": "A"}
        changes = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        parameters = {"HostedZoneId": "/hostedzone/Z1", "ChangeBatch": changes}
        call = ApiCall(
            *("operator", "", "us-east-1", "route53", "ChangeResourceRecordSets", parameters)
        )
        (one,) = asked_of(call, Known("1"))
        assert one.resource == "arn:aws:route53:::hostedzone/Z1"
        assert list(one.context.values()) == [("\\052.shop.example.com",)]

    def test_a_service_that_is_not_known(self) -> None:
        call = ApiCall("operator", "", "eu-central-1", "ecr", "GetAuthorizationToken", {})
        assert asked_of(call, Known("1")) == [Asked("ecr:GetAuthorizationToken", ANY)]


class TestReading:
    def environ(self, service: str, body: bytes = b"", **more: str) -> dict[str, Any]:
        scope = f"operator/20260101/eu-central-1/{service}/aws4_request"
        return {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "5000",
            "wsgi.url_scheme": "http",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host",
            "wsgi.input": io.BytesIO(body),
            **more,
        }

    def test_a_form(self) -> None:
        body = b"Action=DeleteVpc&Version=2016-11-15&VpcId=vpc-1"
        environ = self.environ("ec2", body)
        call = read_call(environ)
        assert call is not None
        assert (call.key, call.service, call.operation) == ("operator", "ec2", "DeleteVpc")
        assert call.parameters["VpcId"] == "vpc-1"
        assert environ["wsgi.input"].read() == body, "left for whoever comes after"

    def test_a_path(self) -> None:
        environ = self.environ(
            "s3", REQUEST_METHOD="GET", PATH_INFO="/states/efs/terraform.tfstate"
        )
        call = read_call(environ)
        assert call is not None
        assert call.operation == "GetObject"
        assert (call.parameters["Bucket"], call.parameters["Key"]) == (
            "states",
            "efs/terraform.tfstate",
        )

    @pytest.mark.parametrize(
        ("service", "more"),
        [("s3", {"REQUEST_METHOD": "PATCH", "PATH_INFO": "/a/b"}), ("no-such-service", {})],
    )
    def test_what_no_model_knows(self, service: str, more: dict[str, str]) -> None:
        """It has a name of its own, which no policy allows."""
        call = read_call(self.environ(service) | more)
        assert call is not None
        (one,) = asked_of(call, Known("1"))
        assert one.action == f"{service}:UnknownOperation"

    def test_what_is_not_signed(self) -> None:
        assert read_call({"REQUEST_METHOD": "GET", "PATH_INFO": "/moto-api/"}) is None
