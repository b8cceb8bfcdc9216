"""Bring the cloud to what `beeyard.yml` says: the projects planned and applied in their order."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from beeyard.cloud.terraform import Plan, Terraform
from beeyard.errors import BeeyardError

T = TypeVar("T")

#: Called with a project's name and what is happening to it.
Say = Callable[[str, str], None]


def plan_all(terraform: Terraform, folders: Mapping[str, Path], say: Say) -> dict[str, Plan]:
    """Plan every project at once: only of use where each has been applied before."""

    def one(project: str) -> Plan:
        plan = terraform.plan(folders[project])
        say(project, str(plan))
        return plan

    _init_all(terraform, folders)
    return dict(zip(folders, _together(one, list(folders)), strict=True))


def foresee_all(
    terraform: Terraform, folders: Mapping[str, Path], say: Say
) -> dict[str, Plan | BeeyardError]:
    """The same only to look: a project that can't be planned has its error, and others their plan.

    Each has been applied before.
    """

    def one(project: str) -> Plan | BeeyardError:
        try:
            plan = terraform.foresee(folders[project])
        except BeeyardError as error:
            say(project, error.what)
            return error
        say(project, str(plan))
        return plan

    _init_all(terraform, folders)
    return dict(zip(folders, _together(one, list(folders)), strict=True))


def apply_all(
    terraform: Terraform,
    folders: Mapping[str, Path],
    waves: Sequence[Sequence[str]],
    say: Say,
    asked: Callable[[Mapping[str, Plan]], None] | None = None,
) -> dict[str, Plan]:
    """Plan and apply wave by wave, the projects of one wave at once. Gives what was done.

    asked  is shown each project's plan before that is done, and raises what keeps it from being
    """
    done: dict[str, Plan] = {}

    def one(project: str) -> Plan:
        folder = folders[project]
        say(project, "preparing")
        terraform.init(folder)
        plan = terraform.plan(folder)
        say(project, str(plan))
        if asked:
            asked({project: plan})
        if plan.pending:
            terraform.apply(folder, on_line=lambda line: say(project, line))
        return plan

    for wave in waves:
        done |= dict(zip(wave, _together(one, wave), strict=True))
    return done


def destroy_all(
    terraform: Terraform,
    folders: Mapping[str, Path],
    waves: Sequence[Sequence[str]],
    say: Say,
) -> None:
    """Destroy in the reverse order; projects that `folders` does not name are passed over."""

    def one(project: str) -> None:
        terraform.destroy(folders[project], on_line=lambda line: say(project, line))
        say(project, "destroyed")

    _init_all(terraform, folders)
    for wave in reversed(waves):
        _together(one, [project for project in wave if project in folders])


def _init_all(terraform: Terraform, folders: Mapping[str, Path]) -> None:
    # One after another: Terraform's plugin cache is not made for being filled by several at once.
    for folder in folders.values():
        terraform.init(folder)


def _together(work: Callable[[str], T], projects: Sequence[str]) -> list[T]:
    """Do the work for all projects at once; the first failure is raised once all have ended."""
    if not projects:
        return []
    # Not `pool.map`, which would call off what has not begun when another fails.
    with ThreadPoolExecutor(max_workers=len(projects)) as pool:
        futures = [pool.submit(work, project) for project in projects]
    return [future.result() for future in futures]
