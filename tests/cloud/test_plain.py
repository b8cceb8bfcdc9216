"""The Terraform tree as somebody works with it who has no beeyard."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from beeyard.cloud import AWS, Target
from beeyard.cloud.plain import lay_out_plain
from cloud.example import ELSEWHERE

VALUES: dict[str, dict[str, Any]] = {"efs": {"name": "shop"}, "database": {"name": "shop"}}


def laid_out(tmp_path: Path, target: Target) -> Path:
    folder, work = tmp_path / "plain", tmp_path / "work"
    lock = work / "projects/efs/.terraform.lock.hcl"
    lock.parent.mkdir(parents=True)
    lock.write_text("locked\n")
    lay_out_plain(folder, VALUES, work, bucket="state", region="eu-central-1", target=target)
    return folder


def test_on_aws_there_is_the_tree_and_nothing_of_this_machine(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, AWS)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "modules", "projects"]
    efs = folder / "projects/efs"
    assert json.loads((efs / "backend.json").read_text())["bucket"] == "state"
    assert (efs / ".terraform.lock.hcl").read_text() == "locked\n"
    assert not (efs / "override.tf.json").exists()


def test_a_password_need_not_be_given(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, AWS)
    (override,) = folder.rglob("password_override.tf.json")
    assert override.parent.name == "database"
    assert json.loads(override.read_text())["variable"] == {"initial_password": {"default": ""}}


def test_elsewhere_a_shell_is_told_where(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    odd = {"AWS_ACCESS_KEY_ID": "it's $ours"}
    folder = laid_out(tmp_path, replace(ELSEWHERE, provider_mirror=mirror, environment=odd))
    script = '. ./environment; printf "%s|%s" "$AWS_ACCESS_KEY_ID" "$TF_CLI_CONFIG_FILE"'
    said = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said == f"it's $ours|{folder}/terraform.rc"
    assert f'path = "{mirror}"' in (folder / "terraform.rc").read_text()
    assert (folder / "projects/efs/override.tf.json").is_file()
