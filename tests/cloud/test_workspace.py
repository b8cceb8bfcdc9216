"""The working copy of the Terraform tree on this machine."""

import json
from pathlib import Path
from typing import Any

import pytest

from beeyard.cloud import AWS, Target
from beeyard.cloud.workspace import cli_config, lay_out, remove, set_variables
from cloud.example import ELSEWHERE

VALUES: dict[str, dict[str, Any]] = {
    "elastic_ips": {"name": "shop", "managers": ["manager-1"]},
    "efs": {"name": "shop"},
}


def laid_out(folder: Path, target: Target = AWS) -> dict[str, Path]:
    return lay_out(folder, VALUES, bucket="state", region="eu-central-1", target=target)


def stamps(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def content(path: Path) -> Any:
    return json.loads(path.read_text())


def test_each_project_gets_its_values_and_its_state(tmp_path: Path) -> None:
    homes = laid_out(tmp_path)

    assert homes == {name: tmp_path / "projects" / name for name in VALUES}
    assert content(homes["elastic_ips"] / "terraform.tfvars.json") == VALUES["elastic_ips"]
    backend = content(homes["efs"] / "backend.json")
    assert (backend["bucket"], backend["key"]) == ("state", "efs/terraform.tfstate")
    assert (backend["encrypt"], backend["use_lockfile"]) == (True, True)
    for home in homes.values():
        assert (home / "main.tf").is_file()
    assert (tmp_path / "modules" / "elastic_ips" / "main.tf").is_file()


def test_an_override_only_where_the_api_is_not_aws_itself(tmp_path: Path) -> None:
    override = laid_out(tmp_path, ELSEWHERE)["efs"] / "override.tf.json"
    endpoints = content(override)["provider"]["aws"]["endpoints"]
    assert set(endpoints.values()) == {"http://127.0.0.1:4566"}

    laid_out(tmp_path, AWS)

    assert list(tmp_path.rglob("override.tf.json")) == []


def test_what_is_the_same_is_left_alone(tmp_path: Path) -> None:
    laid_out(tmp_path)
    before = stamps(tmp_path)

    laid_out(tmp_path)

    assert before
    assert stamps(tmp_path) == before


def test_a_module_that_was_changed_by_hand_is_put_right(tmp_path: Path) -> None:
    module = laid_out(tmp_path)["efs"] / "main.tf"
    original = module.read_text()
    module.write_text(original + "# edited\n")

    laid_out(tmp_path)

    assert module.read_text() == original


def test_files_of_an_older_version_go_and_what_terraform_keeps_stays(tmp_path: Path) -> None:
    home = laid_out(tmp_path)["efs"]
    stale = [home / "old.tf", tmp_path / "modules" / "gone" / "main.tf"]
    kept = [
        home / ".terraform" / "modules" / "x" / "main.tf",
        home / ".terraform.lock.hcl",
        home / "beeyard.tfplan",
    ]
    for path in stale + kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# nobody's\n")

    laid_out(tmp_path)

    assert [path for path in stale if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_some_variables_are_changed_until_the_next_time(tmp_path: Path) -> None:
    home = laid_out(tmp_path)["efs"]

    set_variables(home, {"final_snapshot": False})
    assert content(home / "terraform.tfvars.json") == {"name": "shop", "final_snapshot": False}

    laid_out(tmp_path)
    assert content(home / "terraform.tfvars.json") == {"name": "shop"}


def test_providers_come_from_the_registry_and_are_kept_once(tmp_path: Path) -> None:
    text = cli_config(tmp_path / "terraform", None).read_text()
    assert text == (
        f'plugin_cache_dir = "{tmp_path}/terraform/plugin-cache"\n'
        "plugin_cache_may_break_dependency_lock_file = true\n"
    )
    # Terraform refuses to start where the folder is not there.
    assert (tmp_path / "terraform" / "plugin-cache").is_dir()


def test_providers_come_from_the_mirror_where_there_is_one(tmp_path: Path) -> None:
    text = cli_config(tmp_path, tmp_path / "mirror").read_text()
    assert f'filesystem_mirror {{\n    path = "{tmp_path}/mirror"' in text
    assert "plugin_cache_dir" not in text


@pytest.mark.parametrize("times", [1, 2])
def test_removing_it_twice_is_as_good_as_once(tmp_path: Path, times: int) -> None:
    folder = tmp_path / "terraform"
    laid_out(folder)
    for _ in range(times):
        remove(folder)
    assert not folder.exists()
