"""Answers of moto's put right where Terraform needs what AWS says.

Called before moto's server takes requests; patches moto's own classes, in this process alone, and
so reaches into what is private to moto: `tests/terraform` shows that Terraform then plans nothing.
"""

from typing import Any

from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.ec2.responses.account_attributes import AccountAttributes
from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend
from moto.rds.models import DBParameterGroup


def apply() -> None:
    """Put all of them right."""
    say_vpc_only()
    show_groups_of_interface()
    mark_parameters_of_user()
    remove_interfaces_of_the_terminated()
    keep_metadata_options_not_named()
    miss_a_role_that_no_profile_has()
    free_addresses_of_nat_gateways()


def say_vpc_only() -> None:
    """Say that the account has no EC2-Classic, as no account has since 2022.

    Provider 3.39 would else allocate Classic addresses, which have neither tags nor allocation ID.
    """
    original: Any = AccountAttributes.describe_account_attributes

    def describe_account_attributes(self: AccountAttributes) -> Any:
        answer = original(self)
        for attribute in answer._result["AccountAttributes"]:  # noqa: SLF001
            if attribute["AttributeName"] == "supported-platforms":
                attribute["AttributeValues"] = [{"AttributeValue": "VPC"}]
        return answer

    _put(AccountAttributes, "describe_account_attributes", describe_account_attributes)


def show_groups_of_interface() -> None:
    """Show as an instance's security groups those of its primary network interface.

    The provider launches with an interface's specification, whose groups moto keeps on the
    interface alone; Terraform would else want to add the groups on every run.
    """

    def read(self: Instance) -> list[Any]:
        interface = getattr(self, "nics", {}).get(0)
        if interface is not None and interface._group_set:  # noqa: SLF001
            return list(interface._group_set)  # noqa: SLF001
        return list(self.__dict__.get("launch_groups", []))

    def write(self: Instance, groups: list[Any]) -> None:
        self.__dict__["launch_groups"] = groups
        interface = getattr(self, "nics", {}).get(0)
        if interface is not None:
            interface._group_set = list(groups)  # noqa: SLF001

    # An attribute of each instance so far, hence not there to be replaced.
    Instance.security_groups = property(read, write)  # type: ignore[assignment]


def mark_parameters_of_user() -> None:
    """Mark the parameters that a DB parameter group was given as the user's.

    The provider reads no others back, and would else set them on every run.
    """
    original = DBParameterGroup.update_parameters

    def update_parameters(self: DBParameterGroup, new_parameters: Any) -> None:
        original(self, [{**parameter, "Source": "user"} for parameter in new_parameters])

    _put(DBParameterGroup, "update_parameters", update_parameters)


def remove_interfaces_of_the_terminated() -> None:
    """Remove a terminated instance's network interfaces, and so free their private addresses.

    That is EC2's default for interfaces made at launch. moto keeps the addresses as long as Python
    keeps the instance; a manager could never be replaced by one at the same address.
    """
    original: Any = Instance.terminate

    def terminate(self: Instance) -> Any:
        for interface in self.nics.values():
            interface.delete_on_termination = interface.id in self.ec2_backend.enis
        return original(self)

    _put(Instance, "terminate", terminate)


def keep_metadata_options_not_named() -> None:
    """Leave as they are the metadata options that ModifyInstanceMetadataOptions does not name.

    moto forgets them.
    """
    original: Any = InstanceBackend.modify_instance_metadata_options

    def modify(self: InstanceBackend, instance_id: str, **named: Any) -> Any:
        options: Any = self.get_instance(instance_id).metadata_options
        kept = {
            "http_tokens": options.http_tokens,
            "hop_limit": options.http_put_response_hop_limit,
            "http_endpoint": options.http_endpoint,
            "http_protocol": options.http_protocol_ipv6,
            "metadata_tags": options.instance_metadata_tags,
        }
        new = {name: value for name, value in named.items() if value is not None}
        return original(self, instance_id, **{**kept, **new})

    _put(InstanceBackend, "modify_instance_metadata_options", modify)


def miss_a_role_that_no_profile_has() -> None:
    """Say that there is none, where a role that an instance profile does not have is to leave it.

    moto fails within. The provider asks so as it removes a profile that it made and could not
    finish, and would ask for many minutes.
    """
    original: Any = IAMBackend.remove_role_from_instance_profile

    def remove(self: IAMBackend, profile_name: str, role_name: str) -> None:
        profile = self.get_instance_profile(profile_name)
        if role_name not in [role.name for role in profile.roles]:
            raise NotFoundException(f"The role {role_name} is not in {profile_name}.")
        original(self, profile_name, role_name)

    _put(IAMBackend, "remove_role_from_instance_profile", remove)


def free_addresses_of_nat_gateways() -> None:
    """Free the Elastic IP of a NAT gateway that is deleted: another one can have it then."""
    original: Any = NatGatewayBackend.delete_nat_gateway

    def delete(self: Any, nat_gateway_id: str) -> Any:
        gateway = original(self, nat_gateway_id)
        for one in gateway.nat_gateway_addresses:
            if one.get("associationId"):
                self.disassociate_address(association_id=one["associationId"])
        return gateway

    _put(NatGatewayBackend, "delete_nat_gateway", delete)


def _put(owner: type, name: str, value: object) -> None:
    """Replace an attribute of one of moto's classes."""
    if not hasattr(owner, name):
        raise AttributeError(f"moto's {owner.__name__} has no {name} any more: see moto_answers.py")
    setattr(owner, name, value)
