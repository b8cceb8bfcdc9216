"""The event of a folder on this machine, as Git tells of it."""

from pathlib import Path

import pytest

from beeyard.pipelines.event import Author, EventKind
from beeyard.pipelines.local_event import LocalEvent
from beeyard.process import LocalRunner
from beeyard.testing import FakeRunner
from pipelines.repositories import Repository


def local(folder: Path) -> LocalEvent:
    return LocalEvent(folder, LocalRunner())


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def test_what_is_checked_out(repository: Repository) -> None:
    commit = repository.commit(text="first\n\nbody")
    repository.git("checkout", "--quiet", "-b", "feature/x")
    event = local(repository.folder).event("push")
    assert (event.kind, event.commit, event.branch) == ("push", commit, "feature/x")
    assert event.ref == "refs/heads/feature/x"
    assert event.message == "a.txt: first\n\nbody"
    assert event.author == Author("Tests", "Tests", "tests@example.com")
    assert event.repository.slug == "local/shop"


@pytest.mark.parametrize(
    ("kind", "branch", "ref", "got"),
    [
        ("push", "main", "refs/heads/main", "main"),
        ("pull_request", None, "refs/pull/1/head", "main"),
        ("tag", "v1.2", "refs/tags/v1.2", ""),
        ("tag", None, "refs/tags/v0.1", ""),
        ("cron", None, "refs/heads/main", "main"),
    ],
)
def test_events_of_each_kind(
    repository: Repository, kind: EventKind, branch: str | None, ref: str, got: str
) -> None:
    repository.commit()
    repository.git("tag", "v0.1")
    event = local(repository.folder).event(kind, branch)
    assert (event.ref, event.branch) == (ref, got)


@pytest.mark.parametrize(
    ("url", "slug", "clone_url"),
    [
        ("https://example.com/octo/app.git", "octo/app", "https://example.com/octo/app.git"),
        ("https://u:p@example.com/octo/app", "octo/app", "https://example.com/octo/app"),
        ("git@example.com:octo/app.git", "octo/app", "git@example.com:octo/app.git"),
        ("ssh://git@example.com:22/a/octo/app", "octo/app", "ssh://git@example.com:22/a/octo/app"),
        ("../app", "../app", "../app"),
        ("app", "local/shop", "app"),
    ],
)
def test_a_repository_is_named_by_where_it_came_from(
    repository: Repository, url: str, slug: str, clone_url: str
) -> None:
    repository.commit()
    repository.git("remote", "add", "origin", url)
    event = local(repository.folder).event("push")
    assert (event.repository.slug, event.repository.clone_url) == (slug, clone_url)


def test_without_a_repository_or_git_there_is_an_event_all_the_same(tmp_path: Path) -> None:
    plain = local(tmp_path).event("push")
    assert (plain.commit, plain.branch, plain.ref) == ("0" * 40, "main", "refs/heads/main")
    missing = LocalEvent(tmp_path, FakeRunner().expect("git", ..., missing=True, times=9))
    assert missing.event("push") == plain
    assert missing.event("tag").ref == "refs/tags/v0.0.0"
