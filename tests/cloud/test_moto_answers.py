"""Answers of the rehearsal's AWS API that Terraform's plans alone would not show."""

import pytest
from botocore.exceptions import ClientError

from beeyard.cloud.api import Aws


def test_the_address_of_a_nat_gateway_that_is_deleted_is_free_again(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    network = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=network, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    for _ in range(2):
        made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
        ec2.delete_nat_gateway(NatGatewayId=made["NatGatewayId"])
    (found,) = ec2.describe_addresses(AllocationIds=[address])["Addresses"]
    assert "AssociationId" not in found


def test_a_role_that_is_in_no_instance_profile_is_missed(aws: Aws) -> None:
    iam = aws.client("iam")
    iam.create_role(RoleName="node", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="node")
    both = {"InstanceProfileName": "node", "RoleName": "node"}
    with pytest.raises(ClientError) as caught:
        iam.remove_role_from_instance_profile(**both)
    assert caught.value.response["Error"]["Code"] == "NoSuchEntity"
    iam.add_role_to_instance_profile(**both)
    iam.remove_role_from_instance_profile(**both)
    assert iam.get_instance_profile(InstanceProfileName="node")["InstanceProfile"]["Roles"] == []
