"""checkov over what is handed to Terraform: it finds nothing, but what was broken on purpose.

It runs on the projects as `beeyard up` lays them out, so that it sees the values as well. It has an
environment of its own below this Python's (`requirements/checkov.txt`).
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beeyard.cloud import AWS
from beeyard.cloud.projects import ALL, Context, variables
from beeyard.cloud.workspace import lay_out
from cloud.example import spec

CHECKOV = Path(sys.prefix) / "checkov/bin/checkov"
DOCS = Path(__file__).parents[2] / "docs/iam.md"

#: A bucket as a project might come to make it; that of the states is made by `state_bucket`.
BUCKET = """
resource "aws_s3_bucket" "seeded" {
  bucket_prefix = "seeded-"
}
"""
#: As a plain document: checkov does not follow the loops in which ours is written.
RIGHTS = """
resource "aws_iam_role_policy" "seeded" {
  role = aws_iam_role.manager.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:GetObject", "iam:PassRole"], Resource = "*" }]
  })
}
"""


@dataclass(frozen=True)
class Seed:
    """A violation: in `file`, `old` becomes `new` (or `new` is added to its end). checkov must then
    fail `check` on a resource of this name."""

    file: str
    old: str
    new: str
    check: str
    resource: str


_NODES = "modules/swarm_cluster/main.tf"
_DATABASE = "modules/database/main.tf"
_SEEDS = {
    "unencrypted volume": Seed(
        _NODES,
        "encrypted             = true",
        "encrypted = false",
        "CKV_AWS_8",
        "aws_instance.node",
    ),
    "IMDSv1 allowed": Seed(
        _NODES, '= "required"', '= "optional"', "CKV_AWS_79", "aws_instance.node"
    ),
    "public database": Seed(
        _DATABASE,
        "publicly_accessible    = false",
        "publicly_accessible = true",
        "CKV_AWS_17",
        "aws_db_instance.this",
    ),
    "unencrypted database": Seed(
        _DATABASE,
        "storage_encrypted     = true",
        "storage_encrypted = false",
        "CKV_AWS_16",
        "aws_db_instance.this",
    ),
    "unencrypted shared files": Seed(
        "modules/efs/main.tf",
        "encrypted      = true",
        "encrypted = false",
        "CKV_AWS_42",
        "aws_efs_file_system.this",
    ),
    "bucket without public access block": Seed(
        "projects/efs/main.tf", "", BUCKET, "CKV2_AWS_6", "aws_s3_bucket.seeded"
    ),
    "SSH open to the world": Seed(
        "modules/swarm_cluster/security_groups.tf",
        "cidr_blocks       = var.ssh_allowed_cidrs",
        'cidr_blocks = ["0.0.0.0/0"]',
        "CKV_AWS_24",
        "aws_security_group_rule.manager_ssh",
    ),
    "rights of everything": Seed(
        "modules/swarm_cluster/iam.tf",
        "",
        RIGHTS,
        "CKV_AWS_355",
        "aws_iam_role_policy.seeded",
    ),
}


@dataclass(frozen=True)
class Report:
    """What checkov said: (check, resource) that failed, and why which were passed over."""

    failed: frozenset[tuple[str, str]]
    skipped: Mapping[tuple[str, str], str]
    passed: int


def checked(folder: Path) -> Report:
    argv = [
        str(CHECKOV),
        "--directory",
        str(folder),
        "--framework",
        "terraform",
        "--output",
        "json",
    ]
    done = subprocess.run(
        # Or it asks its maker's service for texts, and waits for it.
        [*argv, "--skip-download"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    said = json.loads(done.stdout)
    assert said["summary"]["parsing_errors"] == 0
    results = said["results"]
    return Report(
        frozenset(map(_key, results["failed_checks"])),
        {_key(one): one["check_result"]["suppress_comment"] for one in results["skipped_checks"]},
        said["summary"]["passed"],
    )


def _key(record: Mapping[str, Any]) -> tuple[str, str]:
    """The check, and the resource's own name: without modules and keys."""
    plain = re.sub(r"\[.*?\]", "", str(record["resource"]))
    return str(record["check_id"]), ".".join(plain.split(".")[-2:])


def laid_out(folder: Path) -> Path:
    wanted = spec(
        database={},
        dns={"zone": "example.com"},
        workers={"count": 1, "egress": "nat"},
        infrastructure=["ci"],
        registry={
            "kind": "external",
            "host": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team",
        },
    )
    values = variables(wanted, Context("states", "ssh-ed25519 AAAA demo"))
    assert set(values) == set(ALL)
    assert values["swarm_cluster"]["ecr"] is not None
    lay_out(folder, values, bucket="states", region=wanted.region, target=AWS)
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return checked(laid_out(tmp_path_factory.mktemp("clean")))


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A copy with every violation at once."""
    folder = laid_out(tmp_path_factory.mktemp("seeded"))
    for seed in _SEEDS.values():
        path = folder / seed.file
        text = path.read_text()
        assert seed.old in text, f"{seed.file} has no `{seed.old}` any more"
        path.write_text(text.replace(seed.old, seed.new, 1) if seed.old else text + seed.new)
    return checked(folder)


def test_checkov_finds_nothing(clean: Report) -> None:
    assert clean.failed == frozenset()
    assert clean.passed > 100


@pytest.mark.parametrize("name", _SEEDS)
def test_checkov_finds_what_was_broken(name: str, seeded: Report) -> None:
    seed = _SEEDS[name]
    assert (seed.check, seed.resource) in seeded.failed


def test_what_is_passed_over_is_listed_with_a_reason(clean: Report) -> None:
    """In the documentation as in the code."""
    rows = re.findall(r"^\| (CKV\w+) \| `([\w.]+)` \| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    assert {(check, resource): reason for check, resource, reason in rows} == clean.skipped
    assert all(len(reason.split()) > 3 for reason in clean.skipped.values())
