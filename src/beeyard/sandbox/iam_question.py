"""A call, as a question to IAM: which right, on which resource, with which tags. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from beeyard.cloud.projects import partition_of
from beeyard.cloud.rights import right_of
from beeyard.sandbox.api_call import ApiCall
from beeyard.sandbox.iam import Asked

Tags = Mapping[str, str]

READS = ("Describe", "Get", "List")
_TAG_FIELDS = ("Tags", "Tag")


@dataclass(frozen=True)
class Known:
    """What is known of resources that are there. Names as in the API.

    tags     of one, by its ID (EC2: also of a key pair by its name)
    whole    what a part belongs to: of an association, or a mount target; else the ID itself
    role     of an instance profile
    """

    account: str
    tags: Callable[[str], Tags] = lambda _: {}
    whole: Callable[[str], str] = lambda one: one
    role: Callable[[str], str] = lambda name: name


@dataclass(frozen=True)
class Question:
    """A call, and what is known of what it names."""

    call: ApiCall
    known: Known
    right: str = field(init=False)

    def __post_init__(self) -> None:
        call = self.call
        right = right_of(call.service, call.operation, call.parameters)
        object.__setattr__(self, "right", right)

    def arn(self, service: str, rest: str, *, region: bool = True) -> str:
        place = self.call.region if region else ""
        return f"arn:{self.partition}:{service}:{place}:{self.known.account}:{rest}"

    def of(self, resource: str, right: str | None = None, **context: Tags) -> Asked:
        """One right; `context`: tags by `ResourceTag` and `RequestTag`."""
        keys = {
            f"aws:{kind}/{key}": (value,)
            for kind, tags in context.items()
            for key, value in tags.items()
        }
        return Asked(right or self.right, resource, keys)

    @property
    def partition(self) -> str:
        return partition_of(self.call.region)

    @property
    def is_reading(self) -> bool:
        return self.call.operation.startswith(READS)

    @property
    def request_tags(self) -> Tags:
        return tags_of(
            next((self.call.parameters[f] for f in _TAG_FIELDS if f in self.call.parameters), ())
        )


def pass_role(question: Question, role: str) -> Asked:
    """To give a role to an instance is a right of its own."""
    resource = question.arn("iam", f"role/{role}", region=False)
    return Asked("iam:PassRole", resource, {"iam:PassedToService": ("ec2.amazonaws.com",)})


def tags_of(given: Any) -> Tags:
    """Tags, however the service writes them."""
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    return {str(one["Key"]): str(one.get("Value", "")) for one in given}
