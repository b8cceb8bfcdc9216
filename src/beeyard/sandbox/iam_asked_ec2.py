"""What IAM is asked of a call to EC2: of what is made, by its new tags; of what is there, by those
that it has. Pure."""

import re
from collections.abc import Iterator

from beeyard.sandbox.iam import Asked
from beeyard.sandbox.iam_question import Question, pass_role, tags_of

_ID = re.compile(r"([a-z]+)-[0-9a-f]{8,}")
_EC2_KINDS = {
    "ami": "image",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
#: What is read of one thing alone, and can be allowed for that.
_READ_OF_ONE = {"GetConsoleOutput"}
#: What a call makes, where it is tagged in the same call.
_EC2_MADE = {
    "AllocateAddress": "elastic-ip",
    "CreateInternetGateway": "internet-gateway",
    "CreateNatGateway": "natgateway",
    "CreateRouteTable": "route-table",
    "CreateSecurityGroup": "security-group",
    "CreateSubnet": "subnet",
    "CreateVpc": "vpc",
    "ImportKeyPair": "key-pair",
    "RunInstances": "instance",
}


def asked_of_ec2(question: Question) -> Iterator[Asked]:
    """All that a call takes."""
    call = question.call
    if question.is_reading and call.operation not in _READ_OF_ONE:
        yield question.of("*")
        return
    made = _EC2_MADE.get(call.operation)
    if made:
        yield from _ec2_made(question, made)
    there = list(_ec2_there(question))
    if call.operation in {"CreateTags", "DeleteTags"}:
        new = tags_of(call.parameters.get("Tags", ()))
        context = question.of("", RequestTag=new).context
        there = [Asked(one.action, one.resource, {**one.context, **context}) for one in there]
    yield from there
    if not there and not made:
        yield question.of(question.arn("ec2", "*/*"))


def _ec2_made(question: Question, kind: str) -> Iterator[Asked]:
    call = question.call
    given = {
        str(one.get("ResourceType")): tags_of(one.get("Tags", ()))
        for one in call.parameters.get("TagSpecifications", ())
    }
    made = [kind, "volume", "network-interface"] if call.operation == "RunInstances" else [kind]
    for each in made:
        resource = question.arn("ec2", f"{each}/*")
        tags = given.get(each, {})
        yield question.of(resource, RequestTag=tags)
        if tags:
            tagging = question.of(resource, "ec2:CreateTags", RequestTag=tags)
            action = {"ec2:CreateAction": (call.operation,)}
            yield Asked(tagging.action, resource, {**tagging.context, **action})
    profile = call.parameters.get("IamInstanceProfile", {})
    if name := profile.get("Name") or profile.get("Arn", "").rpartition("/")[2]:
        yield pass_role(question, question.known.role(name))


def _ec2_there(question: Question) -> Iterator[Asked]:
    """What the call names, or what that is a part of."""
    seen = set()
    for word in question.call.words():
        found = _ID.fullmatch(word)
        identity = question.known.whole(word) if found else ""
        kind = _EC2_KINDS.get(identity.partition("-")[0])
        if kind and identity not in seen:
            seen.add(identity)
            # Images are of another account.
            arn = question.arn("ec2", f"{kind}/{identity}")
            if kind == "image":
                arn = arn.replace(f":{question.known.account}:", "::")
            yield question.of(arn, ResourceTag=question.known.tags(identity))
    key = question.call.parameters.get("KeyName")
    if key and question.call.operation != "ImportKeyPair":
        arn = question.arn("ec2", f"key-pair/{key}")
        yield question.of(arn, ResourceTag=question.known.tags(key))
