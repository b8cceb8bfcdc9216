"""Each role says what it takes, and takes nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import beeyard.provision

PROJECT = Path(beeyard.provision.__file__).parent / "ansible"
ROLES = sorted(path.name for path in (PROJECT / "roles").iterdir())

#: Handed to `base`'s packages.yml by the roles that import it.
FROM_OTHER_ROLES = {"base_wanted", "base_cache_valid_time"}
_WORD = re.compile(r"(?<![\w.'/-])[a-z]\w*")


def _load(role: str, path: str) -> dict[str, Any]:
    file = PROJECT / "roles" / role / path
    return yaml.safe_load(file.read_text()) or {} if file.exists() else {}


def _options(role: str) -> dict[str, Any]:
    specs = _load(role, "meta/argument_specs.yml")["argument_specs"]
    options: dict[str, Any] = specs["main"]["options"]
    return options


def _text(role: str) -> str:
    folder = PROJECT / "roles" / role
    parts = ("tasks", "templates", "vars", "handlers")
    files = (file for part in parts for file in (folder / part).rglob("*"))
    lines = (line for file in files if file.is_file() for line in file.read_text().splitlines())
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def _made_inside(role: str) -> set[str]:
    """Names that the role itself gives a value: its vars, what tasks register, loop variables."""
    text = _text(role)
    named = re.findall(r"(?:register|loop_var): (\w+)", text)
    local = re.findall(rf"^\s+({role}_\w+):", text, re.MULTILINE)
    return {*_load(role, "vars/main.yml"), *named, *local}


@pytest.mark.parametrize("role", ROLES)
def test_the_defaults_are_those_that_the_specification_names(role: str) -> None:
    options = _options(role).items()
    specified = {name: option["default"] for name, option in options if "default" in option}
    assert _load(role, "defaults/main.yml") == specified


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_of_the_role_is_specified(role: str) -> None:
    used = {word for word in _WORD.findall(_text(role)) if word.startswith(f"{role}_")}
    known = {*_made_inside(role), *_options(role), *FROM_OTHER_ROLES}
    assert used - known == set()


@pytest.mark.parametrize("role", ROLES)
def test_every_specified_variable_is_used_and_described(role: str) -> None:
    text = _text(role) + (PROJECT / "roles" / role / "defaults/main.yml").read_text()
    for name, spec in _options(role).items():
        assert name in text, f"{name} is specified but not used"
        assert spec["description"]
        assert spec["type"]


@pytest.mark.parametrize("role", ROLES)
def test_variables_carry_the_name_of_their_role(role: str) -> None:
    of_the_inventory = ("node_", "efs_path")
    assert all(name.startswith((f"{role}_", *of_the_inventory)) for name in _options(role))
