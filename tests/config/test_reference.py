"""The annotated reference, the schema and the example say what the model says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from beeyard.config import ClusterSpec, check, json_schema, load, starter
from beeyard.config.shape import fields, models_at

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference/beeyard.yml"
EXAMPLE = ROOT / "examples/timeoff/beeyard.yml"
SECTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("managers",),
    ("workers",),
    ("image",),
    ("ssh",),
    ("efs",),
    ("database",),
    ("backups",),
    ("backups", "keep"),
    ("dns",),
    ("registry",),
    ("ingress",),
    ("ingress", "acme"),
    ("pipelines",),
    ("applications", "timeoff"),
    ("applications", "timeoff", "rollout"),
    ("applications", "timeoff", "rollout", "pre_deploy"),
    ("applications", "timeoff", "forge"),
)


def every_field() -> Iterator[tuple[tuple[str, ...], type[BaseModel], str]]:
    for loc in SECTIONS:
        for model in models_at(loc):
            for key in fields(model):
                yield loc, model, key


def stated(text: str, loc: tuple[str, ...], key: str) -> str | None:
    """The default that the reference states beside `key` in section `loc`, commented lines
    included.
    """
    here: list[str] = []
    for line in text.splitlines():
        found = re.match(r"^(\s*)(#   )?([a-z_]+):(.*)$", line)
        if not found:
            continue
        here = [*here[: len(found[1]) // 2], found[3]]
        if (*here[:-1],) == loc and found[3] == key:
            default = re.search(r"# default: ([^;]+)", found[4])
            return default[1].strip() if default else ""
    return None


def test_the_reference_loads() -> None:
    assert load(REFERENCE).applications["timeoff"].secrets.keys() == {
        "timeoff_database_url",
        "timeoff_secret_key",
        "timeoff_mail_password",
        "timeoff_licence",
    }


@pytest.mark.parametrize(("loc", "model", "key"), tuple(every_field()))
def test_the_reference_has_every_key_and_its_default(
    loc: tuple[str, ...], model: type[BaseModel], key: str
) -> None:
    text = REFERENCE.read_text()
    said = stated(text, loc, key)
    assert said is not None, f"{'.'.join((*loc, key))} is not in the reference"
    if said:
        value = YAML(typ="safe", pure=True).load(said)
        # `kind` is in both registries; its default is that of the one which has any.
        field = next(
            field
            for one in models_at(loc)
            if (field := fields(one).get(key)) and not field.is_required()
        )
        wanted = field.get_default(
            call_default_factory=True,
            validated_data={"engine": "mariadb", "storage_gib": 20, "region": "eu-central-1"},
        )
        assert value == (list(wanted) if isinstance(wanted, tuple) else wanted)
    elif not isinstance(fields(model)[key].default, BaseModel) and "registry" not in loc:
        before = text[: re.search(rf"^ *{key}:", text, re.MULTILINE).start()]  # type: ignore[union-attr]
        word = "Required" if fields(model)[key].is_required() else "Default:"
        assert word in before[-400:], f"{key} doesn't state its default"


@pytest.mark.parametrize(("loc", "model", "key"), tuple(every_field()))
def test_every_field_is_described(loc: tuple[str, ...], model: type[BaseModel], key: str) -> None:
    description = fields(model)[key].description
    assert description
    assert description.endswith(".")


def test_the_sections_are_all_there() -> None:
    reached = {model for loc in SECTIONS for model in models_at(loc)}
    assert reached >= {ClusterSpec}
    assert len(reached) == 19


def test_the_schema_is_one_and_accepts_what_loads() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for text in (REFERENCE.read_text(), EXAMPLE.read_text(), starter("shop", "example.com")):
        validator.validate(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize(
    "change",
    [
        {"managers": {"count": 2}},
        {"unknown": 1},
        {"name": "Bad"},
        {"database": {"class": "x"}},
        {"vpc_cidr": "10.0.0.0/8"},
        {"registry": {"kind": "other"}},
        {"applications": {"web": {"path": ".", "secrets": {"a": "hunter2"}}}},
    ],
)
def test_the_schema_refuses_what_does_not_load(change: dict[str, Any]) -> None:
    data = YAML(typ="safe", pure=True).load(starter("shop", "example.com"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data | change, json_schema())


def test_the_schema_describes_every_property() -> None:
    schema = json_schema()
    for part in (schema, *schema["$defs"].values()):
        for name, prop in part.get("properties", {}).items():
            # pydantic leaves it out where the section that it refers to has the same one.
            section = schema["$defs"].get(str(prop.get("$ref")).rpartition("/")[2], {})
            assert prop.get("description") or section.get("description"), name


def test_the_example_is_the_demo() -> None:
    spec = load(EXAMPLE)
    assert (spec.name, spec.domain, spec.managers.count, spec.workers.count) == (
        "timeoff",
        "beeyard.localhost",
        1,
        2,
    )
    assert spec.database is not None
    assert spec.database.engine == "mariadb"
    assert check(spec, EXAMPLE, environ={}) == ()
