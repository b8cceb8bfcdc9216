"""No resource, argument or attribute that only one of AWS provider 3.39 and 6.62 knows."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import hcl2
import pytest

Terraform = Callable[..., subprocess.CompletedProcess[str]]
#: By kind ("resource" or "data") and type: arguments (a nested block is a mapping) and attributes.
Schema = Mapping[str, Mapping[str, Mapping[str, Any]]]

ROOT = Path(str(resources.files("beeyard.cloud") / "terraform"))
NEWER = Path(__file__).parent / "data" / "aws-provider-6.62.json"
META_ARGUMENTS = {"count", "depends_on", "dynamic", "for_each", "lifecycle", "provider"}
#: What 6.x still takes, with a warning. Its data says not what is deprecated, so this does.
DEPRECATED_IN_6 = {
    "aws_db_instance": {"s3_import"},
    "aws_iam_role": {"inline_policy", "managed_policy_arns"},
    "aws_instance": {"network_interface", "security_groups"},
}
REFERENCE = re.compile(r"(data\.)?\b(aws_\w+)\.\w+(?:\[[^\]]*\])?\.(\w+)")


@pytest.fixture(scope="module")
def newer() -> Schema:
    content = json.loads(NEWER.read_text())
    assert content["provider"] == "hashicorp/aws 6.62.0"
    return {"resource": content["resources"], "data": content["data"]}


@pytest.fixture(scope="module")
def older(terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Schema:
    folder = tmp_path_factory.mktemp("schema")
    versions = ROOT / "modules" / "network" / "versions.tf"
    (folder / "versions.tf").write_text(versions.read_text())
    terraform(folder, "init", "-input=false")
    schemas = json.loads(terraform(folder, "providers", "schema", "-json").stdout)
    aws = schemas["provider_schemas"]["registry.terraform.io/hashicorp/aws"]
    return {
        "resource": {name: _entry(body) for name, body in aws["resource_schemas"].items()},
        "data": {name: _entry(body) for name, body in aws["data_source_schemas"].items()},
    }


def test_under_6_62(newer: Schema) -> None:
    assert list(_mistakes(_sources(), newer, DEPRECATED_IN_6)) == []


def test_under_3_39(older: Schema) -> None:
    assert list(_mistakes(_sources(), older, {})) == []


def test_data_holds_no_more_than_is_used(newer: Schema) -> None:
    used = {(kind, name) for text in _sources().values() for kind, name, _ in _uses(text)}
    assert {(kind, name) for kind, types in newer.items() for name in types} == used


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('resource "aws_eip" "x" {\n  vpc = true\n}\n', "aws_eip: no argument vpc"),
        ('resource "aws_elb" "x" {\n}\n', "no resource aws_elb"),
        ('resource "aws_key_pair" "x" {\n}\n', "aws_key_pair: public_key is missing"),
        (
            'resource "aws_instance" "x" {\n  metadata_options {\n    tokens = 1\n  }\n}\n',
            "aws_instance.metadata_options: no argument tokens",
        ),
        (
            'resource "aws_instance" "x" {\n  metadata_options = {}\n}\n',
            "aws_instance: metadata_options is a block",
        ),
        (
            'resource "aws_efs_file_system" "x" {\n  dynamic "lifecycle_policy" {\n'  # noqa: ISC004
            "    for_each = []\n    content {\n      after = 1\n    }\n  }\n}\n",
            "aws_efs_file_system.lifecycle_policy: no argument after",
        ),
        ('output "x" {\n  value = aws_eip.x["a"].vpc\n}\n', "aws_eip: no attribute vpc"),
        (
            'resource "aws_iam_role" "x" {\n  assume_role_policy = ""\n  inline_policy {}\n}\n',
            "aws_iam_role: inline_policy is deprecated",
        ),
    ],
)
def test_finds_mistakes(text: str, mistake: str, newer: Schema) -> None:
    assert list(_mistakes({"x.tf": text}, newer, DEPRECATED_IN_6)) == [f"x.tf: {mistake}"]


def test_finds_what_only_6_knows(older: Schema) -> None:
    text = 'resource "aws_eip" "x" {\n  domain = "vpc"\n}\n'
    assert list(_mistakes({"x.tf": text}, older, {})) == ["x.tf: aws_eip: no argument domain"]


def _sources() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for path in sorted(ROOT.rglob("*.tf"))}


def _mistakes(
    sources: Mapping[str, str], schema: Schema, deprecated: Mapping[str, set[str]]
) -> Iterator[str]:
    for path, text in sources.items():
        for kind, name, body in _uses(text):
            if name not in schema[kind]:
                yield f"{path}: no {kind} {name}"
                continue
            for mistake in _wrong(name, body, schema[kind][name]["arguments"]):
                yield f"{path}: {mistake}"
            for argument in sorted(deprecated.get(name, set()) & body.keys()):
                yield f"{path}: {name}: {argument} is deprecated"
        for data, name, attribute in REFERENCE.findall(text):
            entry = schema["data" if data else "resource"].get(name)
            if entry and attribute not in {*entry["attributes"], *entry["arguments"]}:
                yield f"{path}: {name}: no attribute {attribute}"


def _uses(text: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    content = hcl2.loads(text)
    for kind in ("resource", "data"):
        for block in content.get(kind, []):
            for label, named in block.items():
                name = label.strip('"')
                if name.startswith("aws_"):
                    yield from ((kind, name, body) for body in named.values())


def _wrong(where: str, body: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    """What of this block's body does not fit the arguments that the provider knows."""
    own = _own(body)
    for name, value in own.items():
        if name not in arguments:
            yield f"{where}: no argument {name}"
        elif _is_block(value) != isinstance(arguments[name], dict):
            yield f"{where}: {name} is {'no' if _is_block(value) else 'a'} block"
        elif _is_block(value):
            for inner in value:
                yield from _wrong(f"{where}.{name}", inner, arguments[name])
    for name, need in arguments.items():
        if need == "required" and name not in own:
            yield f"{where}: {name} is missing"


def _own(body: Mapping[str, Any]) -> dict[str, Any]:
    """The provider's part of a body: Terraform's arguments left out, dynamic blocks as blocks."""
    dynamic = {
        label.strip('"'): inner["content"]
        for block in body.get("dynamic", [])
        for label, inner in block.items()
        if not label.startswith("__")
    }
    return {
        name: value
        for name, value in body.items()
        if name not in META_ARGUMENTS and not name.startswith("__")
    } | dynamic


def _is_block(value: Any) -> bool:
    return isinstance(value, list) and any(
        isinstance(item, dict) and item.get("__is_block__") for item in value
    )


def _entry(schema: Mapping[str, Any]) -> dict[str, Any]:
    block = schema["block"]
    return {
        "arguments": _arguments(block),
        "attributes": [*block.get("attributes", {}), *block.get("block_types", {})],
    }


def _arguments(block: Mapping[str, Any]) -> dict[str, Any]:
    """What can be set without a warning, in the form of the newer provider's data.

    Terraform lets some attributes of objects be written as blocks; they are blocks here too.
    """
    given: dict[str, Any] = {}
    for name, attribute in block.get("attributes", {}).items():
        if attribute.get("deprecated"):
            continue
        if attribute.get("required"):
            given[name] = "required"
        elif attribute.get("optional"):
            given[name] = "optional"
    for name, nested in block.get("block_types", {}).items():
        given[name] = _arguments(nested["block"])
    return given
