"""What the tests of the git remote share: a remote for all of them, an application for each."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from beeyard.controller.git import Settings
from controller.git.served import Served, Work, new_work, serving

_numbers = itertools.count()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("repositories")) as remote:
        yield remote


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A remote with little patience, and small limits."""
    settings = Settings(push=1_000_000, fetch=10_000, patience=0.5, keep_alive=0.05)
    with serving(tmp_path_factory.mktemp("strict"), settings) as remote:
        yield remote


@pytest.fixture
def application() -> str:
    """A name that no other test uses."""
    return f"app{next(_numbers)}"


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A working copy without a commit."""
    return new_work(tmp_path / "work")
