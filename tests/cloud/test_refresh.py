"""What a plan for one resource leaves of the outputs, and that `refresh` brings them up to date."""

import json
from pathlib import Path
from typing import Any

import pytest

from beeyard.cloud import terraform_binary
from beeyard.cloud.terraform import Terraform
from beeyard.process import LocalRunner

PROJECT = """
terraform {
  backend "local" {}
}
resource "terraform_data" "node" {
  for_each = toset(["a", "b"])
}
resource "terraform_data" "other" {}
output "nodes" {
  value = { for key, node in terraform_data.node : key => "${node.id} ${terraform_data.other.id}" }
}
"""


NODE = 'terraform_data.node["a"]'


def state(folder: Path) -> Any:
    return json.loads((folder / "terraform.tfstate").read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.tf").write_text(PROJECT)
    (tmp_path / "backend.json").write_text('{"path": "terraform.tfstate"}')
    return tmp_path


def test_an_output_that_depends_on_more_than_what_was_made_anew(folder: Path) -> None:
    runner = LocalRunner()
    terraform = Terraform(
        runner, terraform_binary.find(runner), {"TF_CLI_CONFIG_FILE": "/dev/null"}
    )
    terraform.init(folder)
    terraform.plan(folder)
    terraform.apply(folder)
    before = state(folder)["outputs"]["nodes"]["value"]

    terraform.plan(folder, only=[NODE], replace=NODE)
    terraform.apply(folder)
    # Terraform's way; if this fails, it has changed, and `refresh` has become needless.
    assert state(folder)["outputs"]["nodes"]["value"] == before

    terraform.refresh(folder)

    after = state(folder)["outputs"]["nodes"]["value"]
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]
    assert not terraform.plan(folder).pending
