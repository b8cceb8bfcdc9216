"""The order in which projects are planned, applied and destroyed."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from beeyard.cloud.converge import apply_all, destroy_all, foresee_all, plan_all
from beeyard.cloud.terraform import Plan, Terraform
from beeyard.cloud.terraform_binary import Binary
from beeyard.errors import CloudError
from beeyard.process import Command, Completed, LineHandler

WAVES = (("first",), ("left", "right"))
HOMES = {name: Path("/projects") / name for wave in WAVES for name in wave}


class Stage:
    """A Terraform that remembers which project it was asked to do what for, at any time.

    Projects in `pending` have something to do; those in `broken` fail to apply and destroy, and to
    be looked at.
    """

    def __init__(self, tmp_path: Path) -> None:
        self.folders = {name: tmp_path / name for name in HOMES}
        for folder in self.folders.values():
            (folder / ".terraform").mkdir(parents=True)
        self.pending = set(HOMES)
        self.broken: set[str] = set()
        self.done: list[str] = []
        self.said: list[str] = []
        self.beside_the_first_init = 0
        self._first_began = False
        self._filled, self._second = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self.terraform = Terraform(self, Binary(("terraform",), "1.11.4"))

    def say(self, project: str, text: str) -> None:
        self.said.append(f"{project}: {text}")

    def run(
        self, command: Command, *, check: bool = True, on_line: LineHandler | None = None
    ) -> Completed:
        assert command.cwd is not None
        action, project = command.argv[1], command.cwd.name
        with self._lock:
            self.done.append(f"{action} {project}")
        if action == "init":
            self._init()
        code = 0
        if action == "plan" and project in self.pending:
            (command.cwd / "beeyard.tfplan").touch()
            code = 2
        if project in self.broken and (
            action in {"apply", "destroy"} or "-lock=false" in command.argv
        ):
            code = 1
        return Completed(command, code, "", "refused" if code == 1 else "", 0.0)

    def _init(self) -> None:
        """Stay long enough for a second one to be seen, if any comes before the first has ended."""
        with self._lock:
            first = not self._first_began
            self._first_began = True
        if first:
            self._second.wait(0.3)
            self._filled.set()
        elif not self._filled.is_set():
            self.beside_the_first_init += 1
            self._second.set()

    def before(self, earlier: str, later: str) -> bool:
        return self.done.index(earlier) < self.done.index(later)

    def did(self, action: str) -> set[str]:
        return {text.split()[1] for text in self.done if text.startswith(f"{action} ")}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_wave_is_planned_only_once_the_one_before_is_applied(stage: Stage) -> None:
    plans = apply_all(stage.terraform, stage.folders, WAVES, stage.say)

    assert list(plans) == ["first", "left", "right"]
    assert stage.did("apply") == set(HOMES)
    assert stage.before("apply first", "plan left")
    assert stage.before("apply first", "plan right")


def test_what_has_nothing_to_do_is_not_applied(stage: Stage) -> None:
    stage.pending = {"left"}
    apply_all(stage.terraform, stage.folders, WAVES, stage.say)
    assert stage.did("apply") == {"left"}
    assert "right: no changes" in stage.said


def test_a_wave_that_failed_ends_its_own_projects_and_starts_no_other(stage: Stage) -> None:
    stage.broken = {"first"}
    with pytest.raises(CloudError, match="apply the project `first`"):
        apply_all(stage.terraform, stage.folders, WAVES, stage.say)
    assert stage.did("plan") == {"first"}


def test_one_failure_does_not_cut_its_neighbour_short(stage: Stage) -> None:
    stage.broken = {"left"}
    with pytest.raises(CloudError, match="apply the project `left`"):
        apply_all(stage.terraform, stage.folders, WAVES, stage.say)
    assert "right" in stage.did("apply")


def test_planning_alone_applies_nothing(stage: Stage) -> None:
    plans = plan_all(stage.terraform, stage.folders, stage.say)
    assert {name: plan.pending for name, plan in plans.items()} == dict.fromkeys(HOMES, True)
    assert stage.did("apply") == set()


def test_what_cannot_be_looked_at_leaves_the_others(stage: Stage) -> None:
    stage.broken = {"left"}
    found = foresee_all(stage.terraform, stage.folders, stage.say)
    assert isinstance(found["left"], CloudError)
    assert [isinstance(found[name], Plan) for name in ("first", "right")] == [True, True]
    assert stage.did("apply") == set()


def test_last_made_first_destroyed(stage: Stage) -> None:
    destroy_all(stage.terraform, stage.folders, WAVES, stage.say)
    assert stage.did("destroy") == set(HOMES)
    assert stage.before("destroy left", "destroy first")
    assert stage.before("destroy right", "destroy first")


def test_what_others_stand_on_stays_while_they_cannot_go(stage: Stage) -> None:
    stage.broken = {"right"}
    with pytest.raises(CloudError, match="destroy the project `right`"):
        destroy_all(stage.terraform, stage.folders, WAVES, stage.say)
    assert "first" not in stage.did("destroy")


def test_only_what_was_made_is_destroyed(stage: Stage) -> None:
    del stage.folders["left"]
    destroy_all(stage.terraform, stage.folders, WAVES, stage.say)
    assert stage.did("destroy") == {"first", "right"}


def _apply(stage: Stage) -> None:
    apply_all(stage.terraform, stage.folders, WAVES, stage.say)


def _plan(stage: Stage) -> None:
    plan_all(stage.terraform, stage.folders, stage.say)


def _destroy(stage: Stage) -> None:
    destroy_all(stage.terraform, stage.folders, WAVES, stage.say)


@pytest.mark.parametrize("work", [_apply, _plan, _destroy])
def test_only_one_fills_the_plugin_cache(stage: Stage, work: Callable[[Stage], None]) -> None:
    """It is not made for two `init` at once (Terraform's CLI configuration reference)."""
    work(stage)
    assert stage.did("init") == set(HOMES)
    assert stage.beside_the_first_init == 0
