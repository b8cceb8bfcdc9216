"""The order of commits, asked of a real repository."""

import asyncio
from pathlib import Path

import pytest

from beeyard.controller.forges.ancestry import RepositoryAncestry
from beeyard.controller.git import Repositories
from controller.git.served import new_work


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[RepositoryAncestry, dict[str, str]]:
    """A repository with a line of two commits and another beside it; and one that only we have."""
    folder: Path = tmp_path_factory.mktemp("ancestry")
    work = new_work(folder / "work")
    commits = {"first": work.commit("first"), "second": work.commit("second")}
    work.git("checkout", "--quiet", "--orphan", "other")
    commits["other"] = work.commit("other")
    repositories = Repositories(folder / "repos")
    made = asyncio.run(repositories.create("shop"))
    work.git("push", "--quiet", str(made.path), "main", "other")
    return RepositoryAncestry(repositories), commits | {"unknown": work.commit("unknown")}


@pytest.mark.parametrize(
    ("older", "newer", "is_one"),
    [
        ("first", "second", True),
        ("second", "first", False),
        ("first", "other", False),
        ("first", "unknown", False),
        ("unknown", "second", False),
    ],
)
def test_the_order_of_commits(
    known: tuple[RepositoryAncestry, dict[str, str]], older: str, newer: str, is_one: bool
) -> None:
    ancestry, commits = known
    asked = ancestry.is_ancestor("shop", commits[older], commits[newer])
    assert asyncio.run(asked) is is_one


def test_an_application_without_a_repository_has_no_order(
    known: tuple[RepositoryAncestry, dict[str, str]],
) -> None:
    ancestry, commits = known
    asked = ancestry.is_ancestor("bakery", commits["first"], commits["second"])
    assert asyncio.run(asked) is False
