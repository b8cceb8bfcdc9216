"""Clones and fetches with Git's own client, in every version of the protocol."""

from dataclasses import replace
from pathlib import Path

import pytest

from beeyard.process import LocalRunner
from controller.git.served import VIEWER, Served, Work, new_work


@pytest.fixture
def history(served: Served, work: Work, application: str) -> list[str]:
    """A branch of three commits on the remote; their ids, oldest first."""
    commits = [work.commit(f"commit {number}", a_txt=str(number)) for number in range(3)]
    work.git("push", "--quiet", served.url(application), "main")
    return commits


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_a_viewer_clones(
    served: Served, work: Work, application: str, history: list[str], tmp_path: Path, version: str
) -> None:
    url = served.url(application, VIEWER)
    work.git("-c", f"protocol.version={version}", "clone", "--quiet", url, str(tmp_path / "copy"))
    copy = Work(tmp_path / "copy")
    assert copy.head() == history[-1]
    assert (copy.folder / "a.txt").read_text() == "2"
    copy.git("fsck", "--strict")


@pytest.mark.parametrize("version", ["0", "2"])
def test_a_shallow_clone_is_deepened(
    served: Served, work: Work, application: str, history: list[str], tmp_path: Path, version: str
) -> None:
    protocol = ("-c", f"protocol.version={version}")
    url = served.url(application)
    work.git(*protocol, "clone", "--quiet", "--depth=1", url, str(tmp_path / "copy"))
    copy = Work(tmp_path / "copy")
    assert copy.git("rev-list", "--count", "HEAD").stdout == "1\n"
    copy.git(*protocol, "fetch", "--quiet", "--unshallow")
    assert copy.git("rev-list", "--count", "HEAD").stdout == "3\n"


@pytest.mark.parametrize("version", ["0", "2"])
def test_a_commit_that_no_branch_has_any_more_can_be_fetched(
    served: Served, work: Work, application: str, history: list[str], tmp_path: Path, version: str
) -> None:
    work.git("push", "--quiet", "--force", served.url(application), f"{history[0]}:main")
    copy = Work(tmp_path)
    copy.git("init", "--quiet", "copy")
    fetch = ("fetch", "--quiet", "--depth=1", served.url(application), history[-1])
    copy.git("-C", "copy", "-c", f"protocol.version={version}", *fetch)
    assert copy.git("-C", "copy", "rev-parse", "FETCH_HEAD").stdout.strip() == history[-1]


@pytest.mark.parametrize("version", ["0", "2"])
def test_a_long_negotiation_comes_compressed(
    served: Served, application: str, history: list[str], tmp_path: Path, version: str
) -> None:
    """A client that has much which we do not have says so at length, and compresses it."""
    stranger = new_work(tmp_path / "stranger")
    stranger.commits(80, "elsewhere")
    protocol = ("-c", f"protocol.version={version}", "-c", "fetch.negotiationAlgorithm=consecutive")
    command = stranger.command(*protocol, "fetch", served.url(application), "main:fetched")
    traced = {"GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1"}
    said = LocalRunner().run(replace(command, env={**command.env, **traced})).stderr
    assert "Content-Encoding: gzip" in said
    assert stranger.head("fetched") == history[-1]


def test_nothing_to_clone_is_said_in_words(served: Served, work: Work, application: str) -> None:
    cloned = work.git("ls-remote", served.url(application), check=False)
    assert cloned.code == 128
    assert f"remote: nothing has been pushed to {application} yet" in cloned.stderr
    assert not served.path(application).exists()


def test_a_repository_without_a_commit_is_cloned(
    served: Served, work: Work, application: str, tmp_path: Path
) -> None:
    work.commit()
    work.git("push", "--dry-run", served.url(application), "main")
    assert served.path(application).is_dir()
    work.git("clone", "--quiet", served.url(application), str(tmp_path / "copy"))
    assert Work(tmp_path / "copy").git("symbolic-ref", "HEAD").stdout == "refs/heads/main\n"
